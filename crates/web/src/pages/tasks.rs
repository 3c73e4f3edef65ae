//! `/vorgaenge?grund=…&seite=…`: referred cases, oldest first.

use super::names::with_names;
use super::task::TaskLine;
use super::{format, message, render};
use crate::state::Shared;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::ReferralReason;
use std::collections::HashMap;
use storage::{Overview, StoreError, TaskFilter};

const PAGE_SIZE: u32 = 50;
/// Deeper pages than this are a mistake or a probe, not reading.
const LAST_PAGE: u32 = 20_000;

/// A map, because it takes every query: a mistyped link still shows a list.
pub(super) async fn page(State(web): State<Shared>, Query(query): Query<HashMap<String, String>>) -> Response {
    let reason = query.get("grund").and_then(|word| ReferralReason::from_word(word));
    let page = query.get("seite").and_then(|n| n.parse().ok()).unwrap_or(1).clamp(1, LAST_PAGE);
    let now = (web.clock)();
    let offset = (page - 1) * PAGE_SIZE;
    let read = async {
        let filter = TaskFilter { reason: reason.map(|r| r.as_str().to_owned()), ..TaskFilter::default() };
        let rows = web.store.tasks(&filter, offset, PAGE_SIZE).await?;
        Ok::<_, StoreError>((web.store.overview(now).await?, rows))
    };
    match read.await {
        Ok((overview, rows)) => {
            let office = (web.office)();
            let lines = with_names(&office, |names| rows.iter().map(|row| TaskLine::new(row, names, now)).collect());
            render(StatusCode::OK, &TasksPage::new(reason, page, &overview, lines))
        }
        Err(error) => message::store_failed(&error),
    }
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage {
    filter: Option<&'static str>,
    options: Vec<Choice>,
    all: String,
    range: String,
    tasks: Vec<TaskLine>,
    previous: Option<String>,
    next: Option<String>,
}

/// One reason to filter by.
struct Choice {
    word: &'static str,
    title: &'static str,
    count: String,
    selected: bool,
}

impl TasksPage {
    fn new(reason: Option<ReferralReason>, page: u32, overview: &Overview, tasks: Vec<TaskLine>) -> Self {
        let count_of = |r: ReferralReason| {
            let found = overview.reasons.iter().find(|(word, _)| word == r.as_str());
            found.map(|(_, n)| *n).unwrap_or_default()
        };
        let total = reason.map_or(overview.open_tasks, count_of);
        let first = i64::from((page - 1) * PAGE_SIZE);
        let last = first + i64::try_from(tasks.len()).unwrap_or_default();
        let choice = |r: &ReferralReason| Choice {
            word: r.as_str(),
            title: r.german(),
            count: format::count(count_of(*r)),
            selected: Some(*r) == reason,
        };
        let wanted = |r: &&ReferralReason| count_of(**r) > 0 || Some(**r) == reason;
        Self {
            filter: reason.map(ReferralReason::german),
            options: ReferralReason::ALL.iter().filter(wanted).map(choice).collect(),
            all: format::count(overview.open_tasks),
            range: match tasks.len() {
                0 => "Keine Vorgänge auf dieser Seite".to_owned(),
                _ => format!("Vorgänge {} bis {} von {}", first + 1, format::count(last), format::count(total)),
            },
            previous: (page > 1).then(|| href(reason, page - 1)),
            next: (last < total && !tasks.is_empty()).then(|| href(reason, page + 1)),
            tasks,
        }
    }
}

fn href(reason: Option<ReferralReason>, page: u32) -> String {
    match reason {
        Some(reason) => format!("/vorgaenge?grund={}&seite={page}", reason.as_str()),
        None => format!("/vorgaenge?seite={page}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::sample;

    fn lines() -> Vec<TaskLine> {
        sample::with_names(|names| vec![TaskLine::new(&sample::task(), names, sample::now())])
    }

    fn samples() -> Vec<TasksPage> {
        vec![
            TasksPage::new(None, 1, &sample::overview(), lines()),
            TasksPage::new(Some(ReferralReason::FreeText), 2, &sample::overview(), lines()),
            TasksPage::new(Some(ReferralReason::Risk), 3, &sample::overview(), Vec::new()),
        ]
    }

    #[test]
    fn every_sample_renders_as_a_sound_page() {
        for page in samples() {
            sample::assert_sound(&page.render().unwrap());
        }
    }

    #[test]
    fn a_control_is_listed_without_reasons_and_proposal() {
        let line = |kind: &str| {
            let task = storage::TaskRow { kind: kind.into(), ..sample::task() };
            sample::with_names(|names| TaskLine::new(&task, names, sample::now()))
        };
        let (desk, control) = (line("desk"), line("control"));
        assert!(desk.reasons.len() == 2 && desk.proposal.is_some());
        assert!(control.reasons.is_empty() && control.proposal.is_none());
    }

    #[test]
    fn paging_keeps_the_filter_and_ends() {
        let pages = samples();
        let links: Vec<_> = pages.iter().map(|p| (p.previous.as_deref(), p.next.as_deref())).collect();
        assert_eq!(
            links,
            [
                (None, Some("/vorgaenge?seite=2")),
                (Some("/vorgaenge?grund=free_text&seite=1"), None),
                (Some("/vorgaenge?grund=risk&seite=2"), None),
            ]
        );
        assert!(pages[1].options.iter().any(|o| o.selected && o.word == "free_text"));
    }
}
