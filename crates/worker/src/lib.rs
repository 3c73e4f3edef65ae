//! Consumes applications, runs the pipeline, carries out effects, relays the outbox, settles every delivery explicitly.
//!
//! A thin shell around `workflow` (which decides) and `storage` (which keeps). Two sources have one interface: RabbitMQ
//! and the queue embedded in the store. Start with [`Pipeline`]: it says what happens to a batch, and in which order.

mod advance;
mod amqp;
mod batch;
mod carry_out;
mod causes;
mod delivery;
mod embedded;
mod failures;
mod figures;
mod health;
mod hearing;
mod jobs;
mod lanes;
mod metrics;
mod notary;
mod parking;
mod patience;
mod pipeline;
mod probe;
mod reach;
mod registers;
mod relay;
mod retry;
mod run;
mod sequencer;
mod spans;
mod storm;
mod switches;
mod timer;

pub use advance::{Advanced, dossier};
pub use amqp::{
    AmqpError, AmqpSettings, ApplicationPublisher, EventPublisher, MessageRegister, Outgoing, check_topology,
    declare_topology,
};
pub use carry_out::batch;
pub use causes::CAUSES;
pub use delivery::{Delivery, Disposition, Kept, Publish, PublishError};
pub use embedded::NoBroker;
pub use figures::watch as watch_figures;
pub use health::{Health, Registers, Trouble};
pub use jobs::{Action, begin as begin_job, words as filter_words, work_jobs, work_jobs_once};
pub use metrics::Metrics;
pub use notary::{OpenSink, Sink, mark as audit_mark};
pub use parking::{lift, park};
pub use pipeline::{Clock, FAILURE_DAYS, Pipeline, Runtime};
pub use registers::{
    Answer, Asked, HttpRegister, HttpSettings, Register, Round, ask_once, ask_registers, hear_registers,
    watch_registers,
};
pub use relay::{housekeeping, keep_house, relay};
pub use run::{run_amqp, run_embedded};
pub use sequencer::{entry as audit_entry, sequence};
pub use storm::StormSettings;
pub use switches::{lift_stop, stop};
pub use timer::{tick, tick_once};
