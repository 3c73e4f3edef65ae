//! `/stoerungen`: what could not be done, by cause; what is parked; orders over failures and how far they are.

use super::names::{Names, with_names};
use super::{format, message, render, words};
use crate::state::Shared;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use storage::{FailureFilter, IncidentRow, JobRow, ParkRow, StoreError};

const JOBS_SHOWN: u32 = 20;

pub(super) async fn page(State(web): State<Shared>) -> Response {
    let read = async {
        let incidents = web.store.incidents(&FailureFilter::default()).await?;
        Ok::<_, StoreError>((incidents, web.store.parked().await?, web.store.jobs(None, None, JOBS_SHOWN).await?))
    };
    match read.await {
        Ok((incidents, parked, jobs)) => {
            let (office, now) = ((web.office)(), (web.clock)());
            let page = with_names(&office, |names| IncidentsPage::new(&incidents, &parked, &jobs, names, now));
            render(StatusCode::OK, &page)
        }
        Err(error) => message::store_failed(&error),
    }
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct IncidentsPage {
    as_of: String,
    open: String,
    parked: Vec<ParkedLine>,
    incidents: Vec<IncidentLine>,
    jobs: Vec<JobLine>,
}

struct ParkedLine {
    what: String,
    since: String,
    waiting: String,
    until: String,
    by: String,
    cause: String,
}

struct IncidentLine {
    kind: String,
    title: String,
    /// The word of the interface, for the order that mends it.
    cause: String,
    service: String,
    open: String,
    /// Whether somebody has to do something.
    is_open: bool,
    count: String,
    cases: String,
    first: String,
    last: String,
    reason: String,
}

struct JobLine {
    action: String,
    by: String,
    begun: String,
    state: String,
    total: i64,
    tried: i64,
    done: String,
    failed: String,
    short_id: String,
}

impl IncidentsPage {
    fn new(incidents: &[IncidentRow], parked: &[ParkRow], jobs: &[JobRow], names: &Names<'_>, now: Timestamp) -> Self {
        Self {
            as_of: format::instant(now),
            open: format::count(incidents.iter().map(|row| row.open).sum()),
            parked: parked.iter().map(|row| ParkedLine::new(row, names, now)).collect(),
            incidents: incidents.iter().map(|row| IncidentLine::new(row, names)).collect(),
            jobs: jobs.iter().map(JobLine::new).collect(),
        }
    }
}

impl ParkedLine {
    fn new(row: &ParkRow, names: &Names<'_>, now: Timestamp) -> Self {
        let service = row.service.as_ref().map_or_else(|| "alle Dienste".to_owned(), |key| names.service(key));
        let place = row.ars.as_ref().map_or_else(|| "überall".to_owned(), |ars| names.place(ars));
        let storm = row.by == "storm";
        let until = match (row.until, storm) {
            (None, _) => "bis jemand es freigibt".to_owned(),
            (Some(at), true) if at <= now => "jetzt wird ein einzelner Antrag versucht".to_owned(),
            (Some(at), true) => format!("{}; dann wird ein einzelner Antrag versucht", format::instant(at)),
            (Some(at), false) => format::instant(at),
        };
        Self {
            what: format!("{service}, {place}"),
            since: format::instant(row.since),
            waiting: format::since(row.since, now),
            until,
            by: if storm { "selbsttätig, nach gehäuften Fehlern".to_owned() } else { row.by.clone() },
            cause: if storm { words::storm(&row.cause) } else { row.cause.clone() },
        }
    }
}

impl IncidentLine {
    fn new(row: &IncidentRow, names: &Names<'_>) -> Self {
        Self {
            kind: words::failure_kind(&row.kind),
            title: words::cause(&row.cause),
            cause: row.cause.clone(),
            service: row.service.as_ref().map_or_else(|| "–".to_owned(), |key| names.service(key)),
            open: format::count(row.open),
            is_open: row.open > 0,
            count: format::count(row.count),
            cases: format::count(row.cases),
            first: format::instant(row.first_at),
            last: format::instant(row.last_at),
            reason: row.told(),
        }
    }
}

impl JobLine {
    fn new(row: &JobRow) -> Self {
        let id = row.job_id.to_string();
        Self {
            action: words::job_action(&row.action),
            by: row.by.clone(),
            begun: format::instant(row.begun_at),
            state: row.ended_at.map_or_else(|| "läuft".to_owned(), |at| format!("beendet {}", format::instant(at))),
            total: row.total,
            tried: row.done + row.failed,
            done: format::count(row.done),
            failed: format::count(row.failed),
            short_id: id.split('-').next().unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::sample;
    use storage::FailureRow;

    fn incident(failure: &FailureRow, kind: &str, open: i64) -> IncidentRow {
        IncidentRow {
            kind: kind.to_owned(),
            cause: failure.cause.clone(),
            service: failure.service.clone(),
            count: 1_200,
            open,
            first_at: failure.first_at,
            last_at: failure.last_at,
            cases: 1_100,
            detail: format!("not found in {kind}: <b>gebuehr</b> of \"Zwiebelfische\" (line 4)"),
        }
    }

    fn park(by: &str, until: Option<&str>) -> ParkRow {
        ParkRow {
            service: Some("bewohnerparkausweis".into()),
            ars: Some("053150000000".into()),
            since: "2025-01-18T08:00:00Z".parse().unwrap(),
            until: until.map(|at| at.parse().unwrap()),
            cause: "24 of 26 applications failed within 60 s".into(),
            by: by.into(),
            lifted_at: None,
        }
    }

    fn job(number: u128, done: i64, ended: bool) -> JobRow {
        JobRow {
            job_id: uuid::Uuid::from_u128(number << 96),
            action: "edit".into(),
            filter: b"{}".to_vec(),
            patch: None,
            by: "Technik".into(),
            begun_at: sample::now(),
            total: 1_000,
            done,
            failed: 3,
            ended_at: ended.then(sample::now),
        }
    }

    fn html(incidents: &[IncidentRow], parked: &[ParkRow], jobs: &[JobRow]) -> String {
        let page = |names: &Names<'_>| IncidentsPage::new(incidents, parked, jobs, names, sample::now());
        let html = sample::with_names(page).render().unwrap();
        sample::assert_sound(&html);
        html
    }

    #[test]
    fn the_page_says_what_is_wrong_what_is_parked_and_how_far_orders_are() {
        let failure = sample::failure();
        let parked = [park("storm", Some("2025-01-18T08:15:00Z")), park("Technik", None)];
        let empty = JobRow { total: 0, done: 0, failed: 0, ..job(3, 0, true) };
        let incidents = [incident(&failure, "message", 7), incident(&failure, "case", 0)];
        let text = html(&incidents, &parked, &[job(1, 500, false), job(2, 997, true), empty]);
        for part in [
            "Bewohnerparkausweis",
            "Stadt Musterstadt (053150000000)",
            "jetzt wird ein einzelner Antrag versucht",
            "bis jemand es freigibt",
            "not found in message: &#60;b&#62;gebuehr",
            "24 von 26 Anträgen sind binnen 60 Sekunden gescheitert",
            "<progress value=\"503\" max=\"1000\" aria-label=\"Fortschritt des Auftrags 00000001\"",
            "Fortschritt des Auftrags 00000002",
            "läuft",
            "1.100",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("max=\"0\"") && text.contains("0 von 0"), "{text}");
        assert!(!text.contains("Zwiebel"), "nothing of what was sent");
        let verbatim = html(&[incident(&failure, "rule", 1)], &[], &[]);
        assert!(verbatim.contains("Zwiebelfische"), "what a rule says is verbatim: {verbatim}");
    }

    #[test]
    fn where_nothing_is_wrong_the_page_says_so() {
        let text = html(&[], &[], &[]);
        assert!(text.contains("Nichts ist angehalten") && text.contains("Keine Störung"), "{text}");
    }
}
