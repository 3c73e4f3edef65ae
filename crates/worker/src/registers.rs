//! Asking registers (Once-Only): every open question again and again until it is answered. While a register is down only
//! one question at a time looks whether it is back.
//!
//! Who puts a question has it for a while, so two processes never put it at once. After a crash a register may get the same
//! question twice, under the same id.

mod answer;
mod hear;
mod http;
mod watch;

pub use hear::hear_registers;
pub use http::{HttpRegister, HttpSettings};
pub use watch::watch_registers;

use crate::advance::Advanced;
use crate::metrics::Answered;
use crate::pipeline::Pipeline;
use crate::{causes, failures};
use async_trait::async_trait;
use domain::ApplicationId;
use futures::StreamExt;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use storage::{QuestionRow, StoreError};
use uuid::Uuid;
use workflow::{AnswerOnFile, CaseEvent};

/// How a register may be asked: over HTTP, or by message.
#[async_trait]
pub trait Register: Send + Sync {
    /// The name that workflows use.
    fn name(&self) -> &str;
    /// Puts one question.
    async fn ask(&self, question: &QuestionRow) -> Asked;
}

/// What became of putting a question. What the texts quote may be personal: they are kept, never logged.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Answered(Answer),
    /// The answer comes later, by itself.
    Sent,
    /// It works, but not with this question; an operator has to look.
    Refused(String),
    /// It does not work now. This text is our own and may be logged.
    Unreachable(String),
}

/// What a register says.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Nothing where it knows nobody.
    pub data: Option<Value>,
    /// Who says so; empty: the register itself.
    pub source: String,
    pub at: Timestamp,
}

/// Questions that are put side by side, and that one round takes.
const SIDE_BY_SIDE: usize = 8;
const AT_ONCE: u32 = 128;
/// How long a question that was put is left alone; one that was sent by message longer each time, so that the queue of a
/// register that is away does not fill with copies.
const PATIENCE_SECONDS: i64 = 60;
/// How often that time doubles at most: about four hours.
const DOUBLED: i32 = 8;
/// How long one that was refused is left alone.
const REFUSED_HOURS: i64 = 1;
const IDLE: Duration = Duration::from_millis(200);
/// The same while something is parked: looking past many questions that are costs something.
const PARKED: Duration = Duration::from_secs(2);
/// Shortest and longest pause while a register is down.
const DOWN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Pause while the store does not answer.
const STORE: Duration = Duration::from_secs(2);

/// Asks all registers until shutdown.
pub async fn ask_registers(pipeline: Arc<Pipeline>, registers: Vec<Arc<dyn Register>>) {
    let loops = registers.into_iter().map(|register| one(pipeline.clone(), register));
    futures::future::join_all(loops).await;
}

async fn one(pipeline: Arc<Pipeline>, register: Arc<dyn Register>) {
    let mut pause = DOWN.0;
    let mut down = false;
    loop {
        let wait = match ask_once(&pipeline, &*register, if down { 1 } else { AT_ONCE }).await {
            Ok(Round::Idle) if pipeline.parked().await.is_empty() => IDLE,
            Ok(Round::Idle) => PARKED,
            Ok(Round::Worked) => {
                if down {
                    tracing::info!(register = register.name(), "the register answers again");
                    pipeline.health.registers.up(register.name());
                }
                (down, pause) = (false, DOWN.0);
                Duration::ZERO
            }
            Ok(Round::Down(why)) => {
                if !down {
                    tracing::warn!(register = register.name(), error = %why, "the register does not answer; decisions wait");
                }
                pipeline.health.registers.down(register.name(), (pipeline.runtime.clock)(), why);
                down = true;
                pause = (pause * 2).min(DOWN.1);
                pause
            }
            Err(error) => {
                tracing::warn!(%error, "questions wait for the store");
                STORE
            }
        };
        tokio::select! {
            biased;
            () = pipeline.runtime.shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// How a round of asking went.
#[derive(Debug, PartialEq, Eq)]
pub enum Round {
    /// There was nothing to ask.
    Idle,
    Worked,
    /// The register does not answer, and why.
    Down(String),
}

/// Puts up to `limit` questions that are due to a register, and steps the cases that got answers.
///
/// # Errors
/// The store does not answer; what was asked is asked again.
pub async fn ask_once(pipeline: &Pipeline, register: &dyn Register, limit: u32) -> Result<Round, StoreError> {
    let now = (pipeline.runtime.clock)();
    let until = later(now, PATIENCE_SECONDS);
    let questions = pipeline.store.take_questions(register.name(), now, until, limit).await?;
    if questions.is_empty() {
        return Ok(Round::Idle);
    }
    let put = put(pipeline, register, &questions).await;
    answer(pipeline, &put.events).await?;
    let now = (pipeline.runtime.clock)();
    let mut patience: BTreeMap<i64, Vec<Uuid>> = BTreeMap::new();
    for question in put.sent {
        // Counted twice each time: before it is put and after.
        let doubled = (question.attempts / 2).clamp(0, DOUBLED);
        patience.entry(PATIENCE_SECONDS << doubled).or_default().push(question.question_id);
    }
    for (seconds, ids) in patience {
        pipeline.store.postpone(&ids, later(now, seconds), None).await?;
    }
    for (id, text) in put.refused {
        refuse(pipeline, register.name(), id, &text).await?;
    }
    let Some((first, behind)) = questions.get(put.done..).unwrap_or_default().split_first() else {
        return Ok(Round::Worked);
    };
    // Who is behind gets its turn as soon as it answers again, and before the one that it did not answer.
    pipeline.store.postpone(&ids(behind), now, put.unreachable.as_deref()).await?;
    let seconds = ((1_i64 << first.attempts.clamp(0, DOUBLED)) - 1).min(DOWN.1.as_secs().cast_signed());
    pipeline.store.postpone(&[first.question_id], later(now, seconds), put.unreachable.as_deref()).await?;
    Ok(match put.unreachable {
        Some(why) if put.done == 0 => Round::Down(why),
        _ => Round::Worked,
    })
}

/// What became of the questions of one round.
#[derive(Default)]
struct Put<'q> {
    /// So many from the first on were put.
    done: usize,
    events: Vec<Event>,
    sent: Vec<&'q QuestionRow>,
    refused: Vec<(Uuid, String)>,
    /// Why the next one was not.
    unreachable: Option<String>,
}

/// Puts questions until one is not taken: the others would wait for it just as long.
async fn put<'q>(pipeline: &Pipeline, register: &dyn Register, questions: &'q [QuestionRow]) -> Put<'q> {
    let mut put = Put::default();
    let each: Vec<_> = questions.iter().map(|question| register.ask(question)).collect();
    let mut asked = futures::stream::iter(each).buffered(SIDE_BY_SIDE);
    for question in questions {
        let next = tokio::select! {
            biased;
            () = pipeline.runtime.shutdown.cancelled() => None,
            next = asked.next() => next,
        };
        match next {
            Some(Asked::Answered(answer)) => put.events.push(event(question, answer)),
            Some(Asked::Sent) => put.sent.push(question),
            Some(Asked::Refused(text)) => put.refused.push((question.question_id, text)),
            Some(Asked::Unreachable(text)) => {
                put.unreachable = Some(text);
                break;
            }
            None => break,
        }
        put.done += 1;
    }
    put
}

fn ids(questions: &[QuestionRow]) -> Vec<Uuid> {
    questions.iter().map(|question| question.question_id).collect()
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(seconds.seconds()).unwrap_or(now)
}

/// Leaves a refused question alone for a while, with what the register says of it.
async fn refuse(pipeline: &Pipeline, register: &str, id: Uuid, text: &str) -> Result<(), StoreError> {
    tracing::error!(register, question.id = %id, "a question is refused; the reason stands beside it");
    pipeline.metrics.questions_refused.get_or_create(&register.into()).inc();
    let again = later((pipeline.runtime.clock)(), REFUSED_HOURS * 3_600);
    pipeline.store.postpone(&[id], again, Some(text)).await?;
    let now = (pipeline.runtime.clock)();
    let rows: Vec<_> =
        pipeline.store.questions(&[id]).await?.iter().map(|q| failures::question(q, text, now)).collect();
    pipeline.store.fail(&rows).await
}

type Event = (ApplicationId, CaseEvent);

/// An answer as what happened to its case.
fn event(question: &QuestionRow, answer: Answer) -> Event {
    let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = AnswerOnFile {
        register: question.register.clone(),
        evidence: text("evidence"),
        question: body.get("question").cloned().unwrap_or_default(),
        answer: answer.data,
        source: if answer.source.is_empty() { question.register.clone() } else { answer.source },
        at: answer.at,
    };
    (question.application_id, CaseEvent::Answered { question: question.question_id, answer })
}

/// Steps the cases that got answers.
async fn answer(pipeline: &Pipeline, events: &[Event]) -> Result<(), StoreError> {
    let results = pipeline.advance(events).await?;
    let mut stuck: Vec<(ApplicationId, Advanced)> = Vec::new();
    for ((id, event), result) in events.iter().zip(results) {
        match (result, event) {
            (Advanced::Done { .. }, CaseEvent::Answered { answer, .. }) => {
                let found = answer.answer.is_some().to_string();
                let labels = Answered { register: answer.register.clone(), found };
                pipeline.metrics.answers.get_or_create(&labels).inc();
            }
            (result, _) => {
                let cause = failures::trouble(&result).map_or(causes::UNKNOWN_CASE, |(cause, _)| cause);
                tracing::error!(application.id = %id, cause, "an answer could not be used; its question stays open");
                stuck.push((*id, result));
            }
        }
    }
    failures::stuck(pipeline, &stuck).await
}
