//! A case: everything on which its next step depends. Stored as bytes with a version; see docs/adr/0022.

use crate::Submission;
use crate::flow::{Exit, Flow, StepId};
use domain::{
    ApplicationId, Ars, ClientId, Decision, NoticeId, Outcome, ReferralReason, SenderName, ServiceName, berlin_start,
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident $word:literal $german:literal),* $(,)?) => {
        /// Where a case stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum CaseState { $($(#[$doc])* $name),* }
        impl CaseState {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The word of the API and of the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
            /// For pages.
            pub fn german(self) -> &'static str {
                match self { $(Self::$name => $german),* }
            }
        }
    };
}
states! {
    /// A register has not answered yet.
    Waiting "waiting" "wartet auf ein Register",
    /// A person decides.
    Referred "referred" "in Sachbearbeitung",
    /// A person decided, a second one signs.
    Countersign "countersign" "wartet auf Gegenzeichnung",
    /// The applicant must mend the form.
    CorrectionNeeded "correction_needed" "Nachforderung",
    /// The applicant is heard.
    Hearing "hearing" "Anhörung",
    /// A final decision went out.
    Decided "decided" "entschieden",
    /// Another body is competent.
    Forwarded "forwarded" "weitergeleitet",
    /// The applicant withdrew.
    Withdrawn "withdrawn" "zurückgenommen",
    /// Decided, and the remedy period is over.
    Closed "closed" "abgeschlossen",
    /// Its retention period is over: nothing is left of it but that it was.
    Erased "erased" "gelöscht",
}

impl CaseState {
    /// The word for the applicant: of work inside the house only that a person is at it.
    pub fn outward(self) -> &'static str {
        match self {
            Self::Countersign => Self::Referred.as_str(),
            other => other.as_str(),
        }
    }
}

/// One application on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub application_id: ApplicationId,
    pub service: ServiceName,
    pub ars: Ars,
    pub sender: SenderName,
    /// The sender's key.
    pub id: ClientId,
    /// Version of the workflow that it keeps to.
    pub flow: String,
    pub form_version: String,
    pub state: CaseState,
    /// Where it stands in its workflow.
    pub step: StepId,
    /// Steps that it left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Passed>,
    pub clocks: Clocks,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// What the next person must be told: hints of law, things that came meanwhile. Gone with the next notice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// How many decisions there are; the newest has this number.
    pub decisions: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// What a person decided and a second one has not signed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<Box<Unsigned>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reopened: bool,
    /// Why a person decides it, whatever the rules say. Gone with the next notice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound: Vec<ReferralReason>,
    /// A notice that grants went out, and no later one takes it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub granted: bool,
    /// When everything personal about it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase_on: Option<Date>,
    /// What a newer program wrote and this one does not know; it writes it back.
    #[serde(skip)]
    rest: Map<String, Value>,
}

/// A step that was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub step: StepId,
    pub at: Timestamp,
    /// How; nothing where something from outside took the case away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// The statutory clocks. Days are German calendar days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Clocks {
    pub received: Date,
    /// It was opened again because of what came on this day: what inaction is counted from since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
    /// What made the form valid came on this day: what a fiction is counted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Date>,
    /// Days of pauses before it was complete; they do not move the fiction.
    #[serde(default, skip_serializing_if = "zero")]
    pub paused_before: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_on: Option<Date>,
    #[serde(default, skip_serializing_if = "zero")]
    pub paused_days: i64,
    /// From this day on the applicant may sue for inaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inaction: Option<Date>,
    /// When somebody is told of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<Date>,
    /// Of which days somebody was told already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warned_of: Vec<Date>,
    /// Last day before it counts as granted (Genehmigungsfiktion).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fiction: Option<Date>,
    /// A person extended the period of the fiction, once, to this day; later pauses move it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fiction_extended: Option<Date>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn zero(n: &i64) -> bool {
    *n == 0
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    pub since: Timestamp,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_on: Option<Date>,
    /// The open question to a register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Uuid>,
}

/// What a person has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub kind: WorkKind,
    pub queue: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    pub reasons: Vec<ReferralReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Outcome>,
    pub opened_at: Timestamp,
    /// Who works on it, and until when nobody else may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claimed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Wiedervorlage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<Date>,
}

/// See [`Work::claim`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    pub by: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// What kind of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// Decide.
    Desk,
    /// Sign what another decided.
    Countersign,
    /// Judge again, blind, what the machine decided.
    Control,
}

impl WorkKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Countersign => "countersign",
            Self::Control => "control",
        }
    }
}

/// The newest decision, as far as the next step depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub outcome: Outcome,
    pub automatic: bool,
}

/// See [`Case::unsigned`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsigned {
    pub decision: Decision,
    pub by: String,
    pub at: Timestamp,
}

/// The notice of the newest final decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub id: NoticeId,
    pub sent: Date,
    pub way: String,
    /// First retrieval, where the way of sending knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieved: Option<Date>,
    /// Last day on which it can be retrieved, where nobody has done so yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrievable: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Date>,
    /// Last day of the remedy period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy_until: Option<Date>,
}

impl Case {
    /// The bytes that are stored.
    pub fn bytes(&self) -> Vec<u8> {
        // Our own types always have a JSON form.
        if self.rest.is_empty() {
            return serde_json::to_vec(self).unwrap_or_default();
        }
        let mut whole = self.rest.clone();
        if let Ok(Value::Object(own)) = serde_json::to_value(self) {
            whole.extend(own);
        }
        serde_json::to_vec(&whole).unwrap_or_default()
    }

    /// Reads stored bytes; fields of a newer program are kept.
    ///
    /// # Errors
    /// Bytes that are no case.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let whole: Map<String, Value> = serde_json::from_slice(bytes)?;
        let mut case: Self = serde_json::from_value(Value::Object(whole.clone()))?;
        let own = serde_json::to_value(&case)?;
        case.rest = whole.into_iter().filter(|(name, _)| own.get(name).is_none()).collect();
        Ok(case)
    }

    /// A case that has just arrived, before its first step.
    pub(crate) fn new(submission: &Submission, flow: &Flow, form_version: String, received: Date) -> Self {
        let envelope = &submission.envelope;
        Self {
            application_id: submission.application_id,
            service: envelope.service.clone(),
            ars: envelope.ars.clone(),
            sender: submission.sender.name.clone(),
            id: envelope.id.clone(),
            flow: flow.version.clone(),
            form_version,
            state: CaseState::Waiting,
            step: flow.start.clone(),
            path: Vec::new(),
            clocks: Clocks { received, ..Clocks::default() },
            wait: None,
            work: None,
            hints: Vec::new(),
            decisions: 0,
            standing: None,
            unsigned: None,
            notice: None,
            reopened: false,
            bound: Vec::new(),
            granted: false,
            erase_on: None,
            rest: Map::new(),
        }
    }

    /// The time of its earliest timer: when it must be stepped although nothing happened.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let wait = self.wait.as_ref();
        let after = |day: Date| day.tomorrow().map_or(Timestamp::MAX, berlin_start);
        let open = self.is_open() && self.clocks.paused_on.is_none();
        [
            wait.and_then(|wait| wait.until).map(after),
            wait.and_then(|wait| wait.remind_on).map(berlin_start),
            self.work.as_ref().and_then(|work| work.follow_up).map(berlin_start),
            self.clocks.warn.filter(|_| open).map(berlin_start),
            self.clocks.fiction.filter(|_| open).map(after),
            self.erase_on.map(berlin_start),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether somebody still has to decide.
    pub fn is_open(&self) -> bool {
        matches!(
            self.state,
            CaseState::Waiting
                | CaseState::Referred
                | CaseState::Countersign
                | CaseState::CorrectionNeeded
                | CaseState::Hearing
        )
    }

    /// Notes what the next person must be told, once.
    pub(crate) fn hint(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.hints.contains(&text) {
            self.hints.push(text);
        }
    }

    /// Who holds the work now, where the lease has not run out.
    pub fn holder(&self, now: Timestamp) -> Option<&Claimed> {
        self.work.as_ref()?.claim.as_ref().filter(|claim| now < claim.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_older_program_writes_back_what_a_newer_one_wrote() {
        let newer = json!({
            "application_id": "00000000-0000-0000-0000-000000000001", "service": "hundesteuer", "ars": "147130000000",
            "sender": "portal", "id": "a", "flow": "7", "form_version": "3", "state": "referred", "step": "neu",
            "clocks": { "received": "2026-11-22" }, "decisions": 1, "mediation": { "since": "2026-11-23" }
        });
        let mut case = Case::read(newer.to_string().as_bytes()).unwrap();
        case.hint("gelesen");
        let written: Value = serde_json::from_slice(&case.bytes()).unwrap();
        assert_eq!((&written["mediation"], &written["hints"]), (&newer["mediation"], &json!(["gelesen"])));
        assert_eq!(Case::read(&case.bytes()).unwrap(), case);
        // A state that it does not know is a case that it leaves alone.
        let unknown = newer.to_string().replace("referred", "mediated");
        assert!(Case::read(unknown.as_bytes()).is_err());
    }
}
