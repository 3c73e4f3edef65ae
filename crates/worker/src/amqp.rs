//! RabbitMQ: the only place that names lapin. Every broker option is spelled out, none left to a default.
//!
//! Publishing and consuming use separate connections: on a memory or disk alarm the broker stops reading from
//! publishing connections, and acknowledgements must not stall with them.

mod connect;
mod consume;
mod publish;
mod registers;
mod topology;

pub use connect::{AmqpError, AmqpSettings};
pub use publish::{ApplicationPublisher, EventPublisher, Outgoing};
pub use registers::MessageRegister;
pub use topology::{check_topology, declare_topology};

pub(crate) use consume::{Consumer, Drained};
pub(crate) use registers::{Answers, Letter};

/// Header in which our own HTTP intake names the authenticated sender. Believed only from our own user.
pub(crate) const SENDER_HEADER: &str = "x-dunkelwerk-sender";
pub(crate) const TRACE_HEADER: &str = "traceparent";
pub(crate) const APPLICATIONS: &str = "dunkelwerk.applications";
pub(crate) const DEAD: &str = "dunkelwerk.dead";
/// Questions to registers, and their answers.
pub(crate) const QUESTIONS: &str = "dunkelwerk.registers";
pub(crate) const ANSWERS: &str = "dunkelwerk.answers";
