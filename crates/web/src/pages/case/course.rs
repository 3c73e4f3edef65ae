//! How a case runs: who is at it, what it waits for, until when, and the way that it took.

use crate::pages::explanation::{Row, row};
use crate::pages::{format, words};
use domain::german;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeMap;
use workflow::flow::{Exit, Flow, Kind, Visit};
use workflow::{Case, WorkKind};

/// What a case does now.
#[derive(Default)]
pub(super) struct Course {
    /// Where it stands, and who has it.
    pub work: Vec<Row>,
    pub hints: Vec<String>,
    pub deadlines: Vec<Row>,
    pub way: Vec<Passed>,
    /// An `<svg>` of our own making.
    pub diagram: Option<String>,
    /// Drawn for a second look: nothing is shown that may tell what was decided, not even the way.
    pub blind: bool,
    /// Titles of the steps, by their names.
    titles: BTreeMap<String, String>,
}

/// A step that was left.
pub(super) struct Passed {
    pub at: String,
    pub step: String,
    pub exit: &'static str,
}

impl Course {
    /// How many steps it left.
    pub(super) fn steps(&self) -> String {
        format::number(i64::try_from(self.way.len()).unwrap_or(i64::MAX), "Schritt", "Schritte")
    }

    pub(super) fn new(case: &Case, flow: Option<&Flow>, now: Timestamp) -> Self {
        let blind = case.work.as_ref().is_some_and(|work| work.kind == WorkKind::Control);
        let steps = flow.map(|flow| flow.steps.as_slice()).unwrap_or_default();
        let titles: BTreeMap<_, _> = steps.iter().map(|step| (step.id.clone(), step.title.clone())).collect();
        let passed = case.path.iter().filter(|_| !blind);
        let visits: Vec<Visit> = passed.clone().map(|p| Visit { step: p.step.clone(), exit: p.exit }).collect();
        let line = |p: &workflow::Passed| Passed {
            at: format::instant(p.at),
            step: title(&titles, &p.step),
            exit: p.exit.map_or("von außen", Exit::german),
        };
        Self {
            work: work(case, flow, (title(&titles, &case.step), blind), now),
            hints: if blind { Vec::new() } else { case.hints.clone() },
            deadlines: deadlines(case, blind),
            way: passed.map(line).collect(),
            diagram: flow.map(|flow| flow.svg(&visits, Some(&case.step))),
            blind,
            titles,
        }
    }

    /// The title of a step, or its name where the workflow does not have it.
    pub(super) fn title(&self, step: &str) -> String {
        title(&self.titles, step)
    }
}

fn title(titles: &BTreeMap<String, String>, step: &str) -> String {
    titles.get(step).cloned().unwrap_or_else(|| step.to_owned())
}

fn work(case: &Case, flow: Option<&Flow>, (step, blind): (String, bool), now: Timestamp) -> Vec<Row> {
    let mut rows = vec![row("Schritt", step)];
    if let Some(wait) = case.wait.as_ref().filter(|_| !blind) {
        let since = format!("{} ({})", format::instant(wait.since), format::since(wait.since, now));
        rows.push(match flow.and_then(|flow| flow.step(&case.step)).map(|step| &step.kind) {
            Some(Kind::Register(lookup)) => row("Wartet auf", format!("Register {} seit {since}", lookup.register)),
            _ => row("Wartet seit", since),
        });
    }
    let Some(work) = &case.work else { return rows };
    rows.push(row("Zu tun", words::work(work.kind.as_str())));
    let team = work.team.as_ref().map(|team| format!("{}, Team {team}", work.queue));
    rows.push(row("Arbeitsliste", team.unwrap_or_else(|| work.queue.clone())));
    rows.push(row("Offen seit", format::instant(work.opened_at)));
    let holder = case.holder(now).map(|claim| {
        format!("{} seit {}, bis {}", claim.by, format::instant(claim.since), format::instant(claim.until))
    });
    rows.push(row("In Bearbeitung bei", holder.unwrap_or_else(|| "niemandem".to_owned())));
    rows.extend(work.assigned_to.clone().map(|name| row("Zugewiesen an", name)));
    rows.extend(work.follow_up.map(|day| row("Wiedervorlage", german::day(day))));
    rows
}

/// While it is blind: the clocks of the application, nothing that counts from a decision.
fn deadlines(case: &Case, blind: bool) -> Vec<Row> {
    let clocks = &case.clocks;
    let wait = case.wait.as_ref().filter(|_| !blind);
    let notice = case.notice.as_ref().filter(|_| !blind);
    let day = |label: &'static str, day: Option<Date>| day.map(|day| row(label, german::day(day)));
    [
        day("Frist dieses Schritts", wait.and_then(|wait| wait.until)),
        day("Erinnerung", wait.and_then(|wait| wait.remind_on)),
        day("Vollständig seit", clocks.complete),
        day("Fristen pausiert seit", clocks.paused_on),
        (clocks.paused_days > 0).then(|| row("Bisher pausiert", format::number(clocks.paused_days, "Tag", "Tage"))),
        day("Untätigkeitsklage möglich ab", clocks.inaction),
        day("Gilt als erteilt nach dem", clocks.fiction),
        day("Bescheid abgesandt", notice.map(|notice| notice.sent)),
        day("Bescheid abgerufen", notice.and_then(|notice| notice.retrieved)),
        day("Abrufbar bis", notice.and_then(|notice| notice.retrievable)),
        day("Bekannt gegeben", notice.and_then(|notice| notice.announced)),
        day("Rechtsbehelf bis", notice.and_then(|notice| notice.remedy_until)),
        day("Wird gelöscht", case.erase_on.filter(|_| !blind)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
