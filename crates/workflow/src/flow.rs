//! The workflow of a service (Ablauf): steps, their ways out, deadlines. Read from `ablauf/<version>.toml`.
//!
//! A step has a kind, and a kind has named exits. What no step says cannot happen: [`check`] refuses a workflow in which a
//! path does not end or a wait has no deadline.

mod check;
mod diagram;
mod paths;
mod period;
mod read;
#[cfg(test)]
mod tests;

pub use diagram::Visit;
pub use read::FlowError;

use calendar::Period;
use domain::{Decimal, Outcome};
use std::collections::BTreeMap;

/// The name of a step within its workflow.
pub type StepId = String;

/// One version of the workflow of a service. A case keeps to the version that it began with.
#[derive(Debug, Clone)]
pub struct Flow {
    pub version: String,
    pub title: String,
    pub start: StepId,
    /// In the order of the file.
    pub steps: Vec<Step>,
    pub interrupts: Interrupts,
    pub fiction: Option<Fiction>,
}

impl Flow {
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Says by which way notices go out where their steps do not say it.
    ///
    /// # Errors
    /// The first step that still has none.
    pub(crate) fn announce(&mut self, by: &str) -> Result<(), StepId> {
        for step in &mut self.steps {
            match &mut step.kind {
                Kind::Notice { way } if way.is_empty() && by.is_empty() => return Err(step.id.clone()),
                Kind::Notice { way } if way.is_empty() => *way = by.to_owned(),
                _ => (),
            }
        }
        Ok(())
    }

    /// The ways by which its notices go out.
    pub fn ways(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match &step.kind {
            Kind::Notice { way } => Some(way.as_str()),
            _ => None,
        })
    }
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    pub id: StepId,
    /// For people, German.
    pub title: String,
    /// Where it stands in its file, from 1.
    pub line: usize,
    pub kind: Kind,
    /// Where it goes on, by what happened.
    pub exits: BTreeMap<Exit, StepId>,
    /// Taken only where one of these holds; else it is left by [`Exit::Otherwise`]. Empty: always taken.
    pub when: Vec<Condition>,
    /// How long it may wait; ends by [`Exit::Deadline`].
    pub deadline: Option<Period>,
    /// When it reminds, counted from its beginning.
    pub reminder: Option<Period>,
    /// Statutory clocks stand still while it waits.
    pub pauses: bool,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Validates the form.
    Form,
    /// Asks a register; the answer becomes evidence of a kind.
    Register(Lookup),
    /// Evaluates the rules.
    Decide,
    /// A person works on it, in a team of the competent authority.
    Desk { team: Option<String> },
    /// A second person signs.
    Countersign { team: Option<String> },
    /// The applicant supplements.
    Correction,
    /// The applicant is heard (§ 28 VwVfG, § 24 SGB X).
    Hearing,
    /// The decision goes out; `way` is one of `rules/kalender.toml` and tells when it counts as announced.
    Notice { way: String },
    /// Tells other procedures, on a topic of its own.
    Publish { topic: String },
    /// Draws for a second look after the notice.
    Control,
    /// Waits until the remedy period of the decision is over.
    Remedy,
    /// Another body is competent: ends here.
    Forward,
    /// Ends.
    End,
}

/// A question to a register (Once-Only).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    pub register: String,
    /// Name in the question → JSON pointer into the form.
    pub question: BTreeMap<String, String>,
    /// Kind of evidence under which rules find the answer.
    pub evidence: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$item:meta])* $name:ident $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $type { $($(#[$item])* #[serde(rename = $word)] $name),* }
        impl $type {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The word of the workflow files.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
        }
    };
}
words! {
    /// How a step is left.
    Exit {
        /// The form is valid.
        Valid "gueltig",
        /// The form is violated.
        Invalid "ungueltig",
        /// The register answered.
        Answered "beantwortet",
        /// Decided: by the machine, or by a person.
        Decided "entschieden",
        /// The machine refers.
        Referred "vorgelegt",
        /// Another body is competent.
        Forwarded "abgegeben",
        /// A person asks for a correction.
        Correction "nachforderung",
        /// A person hears the applicant.
        Hearing "anhoerung",
        /// The applicant supplemented.
        Supplied "ergaenzt",
        /// The applicant spoke in the hearing.
        Heard "geaeussert",
        /// The second person signed.
        Signed "gezeichnet",
        /// The second person gave it back.
        Returned "zurueck",
        /// An objection came in time.
        Objection "widerspruch",
        /// The deadline passed.
        Deadline "frist",
        /// Done.
        Next "weiter",
        /// No condition of the step holds.
        Otherwise "sonst",
    }
}

/// A condition of a step; all that it names must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// The decision is one of these.
    pub outcome: Vec<Outcome>,
    /// The decision was (not) made by the machine.
    pub automatic: Option<bool>,
    /// The case was (not) reopened.
    pub reopened: Option<bool>,
    /// A result of the decision lies above an amount.
    pub above: Option<(String, Decimal)>,
    /// A field of the form says something: its JSON pointer.
    pub field: Option<String>,
}

/// Where a case goes from wherever it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupts {
    /// The applicant withdraws.
    pub withdrawal: StepId,
    /// The applicant changes the application.
    pub amendment: StepId,
    /// The applicant wants a person (Art. 22 Abs. 3 GDPR), or an official takes the case.
    pub person: StepId,
    /// A closed case is reopened.
    pub reopening: StepId,
}

/// Genehmigungsfiktion (§ 42a VwVfG): only where a norm orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fiction {
    /// From the day on which the application is complete.
    pub months: i64,
    pub norm: String,
    pub source: String,
    /// How many days before somebody is told.
    pub warning_days: i64,
    /// The step at which a case goes on that counts as granted.
    pub next: StepId,
}

impl Kind {
    /// The word of the workflow files.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Form => "formular",
            Self::Register(_) => "register",
            Self::Decide => "entscheidung",
            Self::Desk { .. } => "sachbearbeitung",
            Self::Countersign { .. } => "gegenzeichnung",
            Self::Correction => "nachforderung",
            Self::Hearing => "anhoerung",
            Self::Notice { .. } => "bescheid",
            Self::Publish { .. } => "veroeffentlichung",
            Self::Control => "nachkontrolle",
            Self::Remedy => "rechtsbehelf",
            Self::Forward => "abgabe",
            Self::End => "ende",
        }
    }

    /// Exits that it must have, and exits that it may have.
    pub fn exits(&self) -> (&'static [Exit], &'static [Exit]) {
        match self {
            Self::Form => (&[Exit::Valid, Exit::Invalid], &[]),
            Self::Register(_) => (&[Exit::Answered, Exit::Deadline], &[]),
            Self::Decide => (&[Exit::Decided, Exit::Referred, Exit::Forwarded], &[]),
            Self::Desk { .. } => {
                (&[Exit::Decided, Exit::Forwarded, Exit::Deadline], &[Exit::Correction, Exit::Hearing])
            }
            Self::Countersign { .. } => (&[Exit::Signed, Exit::Returned, Exit::Deadline], &[]),
            Self::Correction => (&[Exit::Supplied, Exit::Deadline], &[]),
            Self::Hearing => (&[Exit::Heard, Exit::Deadline], &[]),
            Self::Notice { .. } | Self::Publish { .. } | Self::Control => (&[Exit::Next], &[]),
            Self::Remedy => (&[Exit::Objection, Exit::Deadline], &[]),
            Self::Forward | Self::End => (&[], &[]),
        }
    }

    /// Whether a case can stand here for a while.
    pub fn waits(&self) -> bool {
        matches!(
            self,
            Self::Register(_)
                | Self::Desk { .. }
                | Self::Countersign { .. }
                | Self::Correction
                | Self::Hearing
                | Self::Remedy
        )
    }

    /// Whether a case ends here.
    pub fn ends(&self) -> bool {
        matches!(self, Self::Forward | Self::End)
    }

    /// Whether its deadline is the law's, not the file's.
    pub fn statutory(&self) -> bool {
        matches!(self, Self::Remedy)
    }
}
