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
use domain::Outcome;
use jiff::Timestamp;
use std::collections::BTreeMap;
use storage::{Overview, OverviewLine, TaskFilter, TaskRow};

const TASKS_SHOWN: u32 = 20;

pub(super) async fn page(State(web): State<Shared>) -> Response {
    let now = (web.clock)();
    let read =
        async { Ok((web.store.overview(now).await?, web.store.tasks(&TaskFilter::default(), 0, TASKS_SHOWN).await?)) };
    match read.await {
        Ok((overview, tasks)) => {
            let office = (web.office)();
            let page = with_names(&office, |names| OverviewPage::new(&overview, &tasks, names, now));
            render(StatusCode::OK, &page)
        }
        Err(error) => message::store_failed(&error),
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    as_of: String,
    figures: Vec<Figure>,
    services: Vec<ServiceRow>,
    total: ServiceRow,
    reasons: Vec<ReasonRow>,
    tasks: Vec<TaskLine>,
    open_tasks: String,
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
    fn new(overview: &Overview, tasks: &[TaskRow], names: &Names<'_>, now: Timestamp) -> Self {
        let mut all = Tally::default();
        let mut services: BTreeMap<&str, Tally> = BTreeMap::new();
        for line in &overview.lines {
            all.add(line);
            services.entry(&line.service).or_default().add(line);
        }
        Self {
            as_of: format::instant(now),
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
        figure("nicht lesbar", overview.dead_letters, "Dead-Letter mit Ursache".to_owned(), overview.dead_letters > 0),
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
            sample::with_names(|names| OverviewPage::new(&sample::overview(), &tasks, names, now)),
            sample::with_names(|names| OverviewPage::new(&Overview::default(), &[], names, now)),
        ]
    }

    #[test]
    fn every_sample_renders_as_a_sound_page() {
        for page in samples() {
            sample::assert_sound(&page.render().unwrap());
        }
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
