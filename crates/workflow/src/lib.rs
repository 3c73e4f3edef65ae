//! Decodes and validates a submission and steps a case: (office, event, surroundings, now) → effects.
//!
//! Pure: it is handed texts, times and what the store knows, and answers with [`Effect`]s as data. It never reads a
//! clock, a file, a database or a message. The way of an application is a chain of types:
//! bytes → [`Submission`] → [`Validated`] → decision inside [`Office::step`].

mod decode;
mod definition;
mod effects;
pub mod flow;
mod messages;
mod office;
mod once;
mod replay;
mod risk;
mod step;
mod texts;
mod validate;

pub use decode::{Rejection, Submission};
pub use definition::{Definition, WorkflowBook, WorkflowError};
pub use rules::EarlierClaim;

pub use effects::{Alias, AuditEntry, Claim, Conflict, Decided, Effect, Message, Registered, Stored, Task};
pub use office::{Office, Settings};
pub use once::OnceKey;
pub use replay::{Replay, ReplayError, Replayer};
pub use risk::{Condition, Draw, Flag, Place, Risk, Stop};
pub use step::{CaseState, Event, Surroundings};
pub use texts::Texts;
pub use validate::{Form, Validated};
