//! Decodes and validates a submission and steps a case: (office, event, surroundings, now) → effects.
//!
//! Pure: it is handed texts, times and what the store knows, and answers with [`Effect`]s as data. It never reads a
//! clock, a file, a database or a message. The way of an application is a chain of types:
//! bytes → [`Submission`] → [`Validated`] → decision inside [`Office::step`].

mod case;
mod commands;
mod correspondence;
mod deciding;
mod decode;
mod definition;
mod effects;
pub mod flow;
mod lookups;
mod machine;
mod matter;
mod messages;
mod office;
mod official;
mod once;
mod operating;
mod publish;
mod quality;
mod replay;
mod risk;
mod spoken;
mod step;
mod texts;
mod timers;
mod validate;
mod work;

pub use case::{Case, CaseState, Claimed, Clocks, Notice, Passed, Standing, Unsigned, Wait, Work, WorkKind};
pub use correspondence::{About, Message as CaseMessage, Said, merge, same_message};
pub use deciding::Taken;
pub use decode::{Rejection, Submission};
pub use definition::{Definition, Retention, WorkflowBook, WorkflowError};
pub use effects::{
    Alias, AuditEntry, Claim, Conflict, Control, Decided, Document, Effect, Erased, Judged, Kept, Message, Question,
    Registered, Stored,
};
pub use matter::{AnswerOnFile, Dossier, Kept as KeptApplication, Unreadable};
pub use office::{Office, Settings};
pub use official::{Command, Deputy, Official, Refusal, Right, Verdict};
pub use once::OnceKey;
pub use operating::{edit_fault, operated};
pub use quality::{Rate, rate};
pub use replay::{Replay, ReplayError, Replayer};
pub use risk::{Condition, Draw, DrawTime, Flag, Place, Risk, Stop};
pub use rules::EarlierClaim;
pub use step::{CaseEvent, Event, Surroundings, looked_at};
pub use texts::Texts;
pub use validate::{Form, Validated};
