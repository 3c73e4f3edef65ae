//! One line in a list of referred cases.

use super::format;
use super::names::Names;
use super::words;
use domain::{berlin_date, german};
use jiff::Timestamp;
use storage::TaskRow;
use workflow::WorkKind;

pub(super) struct TaskLine {
    pub href: String,
    pub opened: String,
    pub waiting: String,
    pub service: String,
    pub place: String,
    /// What there is to do.
    pub kind: String,
    /// The list of the authority that it is in, with the team.
    pub team: String,
    /// Not of a control, which is blind.
    pub reasons: Vec<String>,
    pub proposal: Option<String>,
    /// Who works on it, or is to.
    pub holder: Option<String>,
    pub due: Option<String>,
    pub overdue: bool,
    /// The end of the id: enough to tell lines apart, for a screen reader too.
    pub short_id: String,
}

impl TaskLine {
    pub(super) fn new(task: &TaskRow, names: &Names<'_>, now: Timestamp) -> Self {
        let id = task.application_id.to_string();
        let blind = task.kind == WorkKind::Control.as_str();
        Self {
            href: format!("/vorgaenge/{id}"),
            opened: format::instant(task.opened_at),
            waiting: format::since(task.opened_at, now),
            service: names.service(&task.service),
            place: names.place(&task.ars),
            kind: words::work(&task.kind),
            team: task.team.as_ref().map_or_else(|| task.queue.clone(), |team| format!("{}, {team}", task.queue)),
            reasons: task.reasons.iter().filter(|_| !blind).map(|word| words::reason(word)).collect(),
            proposal: task.proposal.as_deref().filter(|_| !blind).map(words::outcome_word),
            holder: holder(task, now),
            due: task.due_at.map(|at| german::day(berlin_date(at))),
            overdue: task.due_at.is_some_and(|at| at <= now),
            short_id: id.rsplit('-').next().unwrap_or_default().to_owned(),
        }
    }
}

fn holder(task: &TaskRow, now: Timestamp) -> Option<String> {
    let holds = task.claimed_until.is_some_and(|until| now < until);
    let assigned = || task.assigned_to.as_ref().map(|name| format!("zugewiesen an {name}"));
    task.claimed_by.clone().filter(|_| holds).or_else(assigned)
}
