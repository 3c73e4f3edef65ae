//! Who works on cases, and what they may ask of one.

use crate::case::{CaseState, WorkKind};
use crate::definition::day;
use domain::{Ars, FormError, Outcome};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A person of an authority, as configured. Identity comes from the credential alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Official {
    /// Stands in the audit.
    pub name: String,
    /// SHA-256 (hex) of the bearer token.
    #[serde(default)]
    pub token_sha256: Option<String>,
    /// Beginnings of the ARS of whose cases they may see; none: of nobody.
    pub places: Vec<String>,
    /// Services; none: all.
    #[serde(default)]
    pub services: Vec<String>,
    pub rights: Vec<Right>,
    /// Teams whose work they take on; who leads needs none.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Who stands in while they are away.
    #[serde(default)]
    pub deputy: Vec<Deputy>,
}

/// What an official may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Decide cases.
    Decide,
    /// Sign what others decided.
    Countersign,
    /// Assign work, take it from others, pick decisions for a second look.
    Lead,
    /// Judge drawn decisions a second time.
    Control,
    /// Retry and move cases; sees no content.
    Operate,
}

/// A deputy, first and last day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deputy {
    pub name: String,
    #[serde(deserialize_with = "day")]
    pub from: Date,
    #[serde(deserialize_with = "day")]
    pub to: Date,
}

/// The lengths that an ARS is cut at: Land, Regierungsbezirk, Kreis, Verband, Gemeinde.
const CUTS: [usize; 5] = [2, 3, 5, 9, 12];

impl Official {
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }
    /// Whether a case of a service and a place is theirs to see.
    pub fn covers(&self, service: &str, ars: &Ars) -> bool {
        let place = |place: &String| CUTS.contains(&place.len()) && ars.as_str().starts_with(place.as_str());
        self.places.iter().any(place) && (self.services.is_empty() || self.services.iter().any(|s| s == service))
    }
    /// Whether `other` stands in for them on a day.
    pub fn is_deputised_by(&self, other: &str, today: Date) -> bool {
        self.deputy.iter().any(|deputy| deputy.name == other && deputy.from <= today && today <= deputy.to)
    }
    /// A place that is none.
    pub fn fault(&self) -> Option<String> {
        let odd =
            self.places.iter().find(|place| !CUTS.contains(&place.len()) || !place.bytes().all(|b| b.is_ascii_digit()));
        let odd = odd.map(|place| format!("place \"{place}\": write 2, 3, 5, 9 or 12 digits of an ARS"));
        odd.or_else(|| {
            (self.name.trim().is_empty() || self.name.len() > 64).then(|| "name: 1-64 characters".to_owned())
        })
    }
}

/// What an official asks of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Work on it; again: hold it longer.
    Claim,
    /// Give it back.
    Release,
    /// Hand it over to a colleague: who leads gives any work, who holds it their own.
    Assign {
        to: String,
    },
    /// Look at it again on a day.
    FollowUp {
        on: Date,
        #[serde(default)]
        text: String,
    },
    /// A note in the file.
    Note {
        text: String,
    },
    /// What is not finished yet; replaced by the next one.
    Draft {
        content: Value,
    },
    Decide(Verdict),
    /// Second signature.
    Sign,
    /// No second signature: back with a reason.
    Return {
        text: String,
    },
    /// The applicant must mend fields.
    RequestCorrection {
        fields: Vec<FormError>,
    },
    /// The applicant is to be heard on what is intended.
    Hear {
        text: String,
    },
    Forward {
        to: String,
        text: String,
    },
    /// Statutory clocks stand still from today.
    Pause {
        text: String,
    },
    Resume,
    /// The deadline of what it waits for becomes this day.
    Extend {
        until: Date,
        text: String,
    },
    /// The period of the fiction becomes this day, once.
    ExtendFiction {
        until: Date,
        text: String,
    },
    /// A decided case is opened again.
    Reopen {
        text: String,
    },
    /// A case that was opened again ends with the decision that stands.
    Close {
        text: String,
    },
    /// An official picks it out of the automatic flow.
    Take {
        text: String,
    },
    /// Picks what the machine decided for a second look, beside the sample.
    Pick {
        text: String,
    },
    /// Judges a drawn decision without having seen it.
    Judge {
        outcome: Outcome,
        #[serde(default)]
        result: BTreeMap<String, Value>,
        text: String,
    },
    /// Let the machine look at it again, from the form on.
    Retry {
        text: String,
    },
    /// Go on by another version of the workflow, of the form, or of both.
    Migrate {
        #[serde(default)]
        flow: Option<String>,
        #[serde(default)]
        form: Option<String>,
    },
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    pub outcome: Outcome,
    /// What differs from what the machine computed for this outcome; `null` takes something out. Nothing: as computed.
    #[serde(default)]
    pub result: Option<BTreeMap<String, Value>>,
    /// Reasons for the notice.
    pub text: String,
}

impl Command {
    /// The word of the API and of the audit.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Release => "release",
            Self::Assign { .. } => "assign",
            Self::FollowUp { .. } => "follow_up",
            Self::Note { .. } => "note",
            Self::Draft { .. } => "draft",
            Self::Decide(_) => "decide",
            Self::Sign => "sign",
            Self::Return { .. } => "return",
            Self::RequestCorrection { .. } => "request_correction",
            Self::Hear { .. } => "hear",
            Self::Forward { .. } => "forward",
            Self::Pause { .. } => "pause",
            Self::Resume => "resume",
            Self::Extend { .. } => "extend",
            Self::ExtendFiction { .. } => "extend_fiction",
            Self::Reopen { .. } => "reopen",
            Self::Close { .. } => "close",
            Self::Take { .. } => "take",
            Self::Pick { .. } => "pick",
            Self::Judge { .. } => "judge",
            Self::Retry { .. } => "retry",
            Self::Migrate { .. } => "migrate",
        }
    }
}

/// Why a command or message changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the case has changed since you looked at it (version {seen}, now {now}); look again")]
    Stale { seen: i64, now: i64 },
    #[error("{by} has been working on it since {since}")]
    Taken { by: String, since: String },
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("not possible while the case is {state}: {text}")]
    State { state: &'static str, text: &'static str },
    #[error("{0}")]
    Invalid(String),
    #[error("a message with this id and other content is in the file; use a new id for a new message")]
    MessageConflict,
    #[error("the workflow version {0} of this case is not loaded; load it again or move its cases")]
    NoFlow(String),
}

impl Refusal {
    pub(crate) fn state(state: CaseState, text: &'static str) -> Self {
        Self::State { state: state.as_str(), text }
    }
    /// A stable word for problems.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "stale",
            Self::Taken { .. } => "taken",
            Self::Forbidden(_) => "forbidden",
            Self::State { .. } => "wrong_state",
            Self::Invalid(_) => "invalid_command",
            Self::MessageConflict => "message_conflict",
            Self::NoFlow(_) => "no_flow",
        }
    }
}

/// The right that a kind of work asks for.
pub(crate) fn right_for(kind: WorkKind) -> Right {
    match kind {
        WorkKind::Desk => Right::Decide,
        WorkKind::Countersign => Right::Countersign,
        WorkKind::Control => Right::Control,
    }
}
