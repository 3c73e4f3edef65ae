//! The vocabulary every other crate speaks: ids, keys, applications, decisions, legal basis, exact JSON.
//!
//! Never does input or output, reads no clock, knows no broker, database or rule language.
//! Start with [`Decision`] (what comes out) and [`Envelope`] (what comes in).

mod ars;
pub mod decimal_text;
mod decision;
mod digest;
mod envelope;
pub mod german;
mod ids;
pub mod json;
mod time;
mod trace;

pub use ars::{Ars, ArsError, Land, Level};
pub use decision::{Decision, FormError, Gate, Legal, Outcome, Reason, Referral, ReferralReason, Regime};
pub use digest::{Digest, Secret};
pub use envelope::{Attachment, Channel, Envelope, Evidence, Sender, TrustLevel};
pub use ids::{ApplicationId, ClientId, IdError, NoticeId, SenderName, ServiceName};
pub use rust_decimal::Decimal;
pub use time::{berlin_date, berlin_iso, berlin_start};
pub use trace::{Fact, FunctionUsed, LayerNorm, ParameterUsed, TableUsed, Trace};
