//! One line in a list of referred cases.

use super::format;
use super::names::Names;
use super::words;
use jiff::Timestamp;
use storage::TaskRow;

pub(super) struct TaskLine {
    pub href: String,
    pub opened: String,
    pub waiting: String,
    pub service: String,
    pub place: String,
    pub reasons: Vec<String>,
    pub proposal: Option<String>,
    /// The end of the id: enough to tell lines apart, for a screen reader too.
    pub short_id: String,
}

impl TaskLine {
    pub(super) fn new(task: &TaskRow, names: &Names<'_>, now: Timestamp) -> Self {
        let id = task.application_id.to_string();
        Self {
            href: format!("/vorgaenge/{id}"),
            opened: format::instant(task.opened_at),
            waiting: format::since(task.opened_at, now),
            service: names.service(&task.service),
            place: names.place(&task.ars),
            reasons: task.reasons.iter().map(|word| words::reason(word)).collect(),
            proposal: task.proposal.as_deref().map(words::outcome_word),
            short_id: id.rsplit('-').next().unwrap_or_default().to_owned(),
        }
    }
}
