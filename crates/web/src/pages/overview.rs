//! `/`: what came in and what became of it.

use super::bar::Bar;
use super::names::{Names, with_names};
use super::task::TaskLine;
use super::{format, message, render, words};
use crate::state::Shared;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{Land, Outcome};
use jiff::Timestamp;
use std::collections::BTreeMap;
use storage::{Overview, OverviewLine, StopRow, StoreError, TaskFilter, TaskRow};
use workflow::Stop;

const TASKS_SHOWN: u32 = 20;

pub(super) async fn page(State(web): State<Shared>) -> Response {
    let now = (web.clock)();
    let read = async {
        let tasks = web.store.tasks(&TaskFilter::default(), 0, TASKS_SHOWN).await?;
        Ok::<_, StoreError>((web.store.overview(now).await?, tasks, web.store.stops().await?.standing))
    };
    match read.await {
        Ok((overview, tasks, stops)) => {
            let office = (web.office)();
            let page = with_names(&office, |names| OverviewPage::new(&overview, (&tasks, &stops), names, now));
            render(StatusCode::OK, &page)
        }
        Err(error) => message::store_failed(&error),
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    as_of: String,
    stops: Vec<StopLine>,
    figures: Vec<Figure>,
    services: Vec<ServiceRow>,
    total: ServiceRow,
    reasons: Vec<ReasonRow>,
    tasks: Vec<TaskLine>,
    open_tasks: String,
}

/// A stop switch that stands.
struct StopLine {
    what: String,
    since: String,
    by: String,
    reason: String,
}

impl StopLine {
    fn new(row: &StopRow, names: &Names<'_>) -> Self {
        let stop: Option<Stop> = serde_json::from_slice(&row.body).ok();
        // One that cannot be read stops everything.
        let reason = stop.as_ref().map_or_else(|| "nicht lesbar".to_owned(), |stop| stop.reason.clone());
        let place = stop.map(|stop| stop.place).unwrap_or_default();
        let service = place.service.map_or_else(|| "alle Dienste".to_owned(), |key| names.service(&key));
        let land = place.land.map(|land| Land::from_short(&land).map_or(land, |land| land.title().to_owned()));
        let there = place.ars.map(|ars| names.place(&ars)).or(land).unwrap_or_else(|| "überall".to_owned());
        let (since, by) = (format::instant(row.since), row.actor.clone());
        Self { what: format!("{service}, {there}"), since, by, reason }
    }
}

struct Figure {
    label: &'static str,
    value: String,
    note: String,
    /// Whether somebody should look.
    warn: bool,
}

struct ServiceRow {
    title: String,
    counts: Vec<String>,
    total: String,
    automatic: String,
    bar: Bar,
}

struct ReasonRow {
    title: String,
    href: String,
    count: String,
    share: String,
}

/// Counts of one service, or of all.
#[derive(Default)]
struct Tally {
    by_outcome: BTreeMap<Outcome, i64>,
    total: i64,
    /// Final decisions without a person. A request for corrections is automatic, but decides nothing.
    automatic: i64,
}

impl Tally {
    fn add(&mut self, line: &OverviewLine) {
        self.total += line.count;
        let Some(outcome) = words::outcome_of(&line.outcome) else { return };
        *self.by_outcome.entry(outcome).or_default() += line.count;
        if line.automatic && outcome.is_final() {
            self.automatic += line.count;
        }
    }

    fn row(&self, title: String) -> ServiceRow {
        let counts = Outcome::ALL.map(|o| (o, self.by_outcome.get(&o).copied().unwrap_or_default()));
        ServiceRow {
            counts: counts.iter().map(|(_, n)| format::count(*n)).collect(),
            total: format::count(self.total),
            automatic: format::share(self.automatic, self.total),
            bar: Bar::new(&title, &counts),
            title,
        }
    }
}

impl OverviewPage {
    fn new(overview: &Overview, (tasks, stops): (&[TaskRow], &[StopRow]), names: &Names<'_>, now: Timestamp) -> Self {
        let mut all = Tally::default();
        let mut services: BTreeMap<&str, Tally> = BTreeMap::new();
        for line in &overview.lines {
            all.add(line);
            services.entry(&line.service).or_default().add(line);
        }
        Self {
            as_of: format::instant(now),
            stops: stops.iter().map(|row| StopLine::new(row, names)).collect(),
            figures: figures(overview, &all),
            services: services.iter().map(|(key, tally)| tally.row(names.service(key))).collect(),
            total: all.row("Alle Dienste".to_owned()),
            reasons: overview.reasons.iter().map(|(word, n)| reason_row(word, *n, overview.open_tasks)).collect(),
            tasks: tasks.iter().map(|task| TaskLine::new(task, names, now)).collect(),
            open_tasks: format::count(overview.open_tasks),
        }
    }

    /// Column heads of the outcome table.
    fn outcomes(&self) -> [(&'static str, &'static str); 6] {
        Outcome::ALL.map(|o| (o.as_str(), words::outcome(o)))
    }
}

fn figures(overview: &Overview, all: &Tally) -> Vec<Figure> {
    let figure = |label, n: i64, note: String, warn| Figure { label, value: format::count(n), note, warn };
    let oldest = overview.oldest_waiting_seconds.map(|s| format!("ältester seit {}", format::seconds(s)));
    vec![
        figure("Anträge", all.total, "mit einem Ergebnis oder beim Menschen".to_owned(), false),
        Figure {
            label: "automatisch entschieden",
            value: format::share(all.automatic, all.total),
            note: format!("{} endgültige Entscheidungen ohne Menschen", format::count(all.automatic)),
            warn: false,
        },
        figure("beim Menschen", overview.open_tasks, "offene Vorgänge".to_owned(), false),
        figure(
            "wartend",
            overview.waiting,
            oldest.unwrap_or_else(|| "in der eingebauten Warteschlange".to_owned()),
            false,
        ),
        figure("Dubletten", overview.duplicates, "derselbe Antrag noch einmal, gleiche Antwort".to_owned(), false),
        figure(
            "doppelte Kennungen",
            overview.conflicts,
            "gleiche Kennung, anderer Inhalt".to_owned(),
            overview.conflicts > 0,
        ),
        figure(
            "nicht angenommen",
            overview.dead_letters,
            "Nachrichten; warum, steht unter Störungen".to_owned(),
            overview.dead_letters > 0,
        ),
    ]
}

fn reason_row(word: &str, n: i64, open: i64) -> ReasonRow {
    ReasonRow {
        title: words::reason(word),
        href: format!("/vorgaenge?grund={word}"),
        count: format::count(n),
        share: format::share(n, open),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::sample;

    fn samples() -> Vec<OverviewPage> {
        let now = sample::now();
        let tasks = [sample::task()];
        vec![
            sample::with_names(|names| OverviewPage::new(&sample::overview(), (&tasks, &stops()), names, now)),
            sample::with_names(|names| OverviewPage::new(&Overview::default(), (&[], &[]), names, now)),
        ]
    }

    #[test]
    fn every_sample_renders_as_a_sound_page() {
        for page in samples() {
            sample::assert_sound(&page.render().unwrap());
        }
    }

    fn stops() -> [StopRow; 2] {
        let row = |body: &str| StopRow {
            stop_id: uuid::Uuid::nil(),
            body: body.as_bytes().to_vec(),
            since: sample::now(),
            actor: "Technik".into(),
            lifted_at: None,
            lifted_by: None,
        };
        [row(r#"{"where":{"service":"bewohnerparkausweis","land":"nw"},"reason":"Satzung <falsch>"}"#), row("{")]
    }

    #[test]
    fn switches_that_stand_are_said_first() {
        let pages = samples();
        let html = pages[0].render().unwrap();
        for part in [
            "Bewohnerparkausweis, Nordrhein-Westfalen",
            "Satzung &#60;falsch&#62;",
            "alle Dienste, überall",
            "nicht lesbar",
            "18.01.2025, 10:00 Uhr",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!pages[1].render().unwrap().contains("Stoppschalter"));
    }

    #[test]
    fn the_share_counts_final_decisions_without_a_person() {
        let pages = samples();
        let full = pages.first().unwrap();
        // 6 granted and 1 refused of 10; the automatic request for corrections decides nothing.
        assert_eq!((full.total.total.as_str(), full.total.automatic.as_str()), ("10", "70,0\u{202f}%"));
        let html = full.render().unwrap();
        assert!(html.contains("/vorgaenge?grund=free_text") && html.contains("Besondere Umstände angegeben"));
        assert!(html.contains("Stadt Musterstadt (053150000000)") && html.contains("Bewohnerparkausweis"));
    }
}
