//! Asking registers (Once-Only): every open question again and again until it is answered. While a register is down only
//! one question at a time looks whether it is back.

use crate::advance::Advanced;
use crate::failures;
use crate::pipeline::Pipeline;
use async_trait::async_trait;
use domain::ApplicationId;
use futures::StreamExt;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use storage::{QuestionRow, StoreError};
use workflow::{AnswerOnFile, CaseEvent};

/// How a register may be asked: over HTTP, or by message.
#[async_trait]
pub trait Register: Send + Sync {
    /// The name that workflows use.
    fn name(&self) -> &str;
    /// Puts one question.
    async fn ask(&self, question: &QuestionRow) -> Asked;
}

/// What became of putting a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Answered(Answer),
    /// The answer comes later, by itself.
    Sent,
    /// It works, but not with this question; an operator has to look.
    Refused(String),
    /// It does not work now.
    Unreachable(String),
}

/// What a register says.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Nothing where it knows nobody.
    pub data: Option<Value>,
    /// Who says so.
    pub source: String,
    pub at: Timestamp,
}

/// Questions that are put side by side, and that one round takes.
const SIDE_BY_SIDE: usize = 8;
const AT_ONCE: u32 = 128;
/// How long a question that was put is left alone.
const PATIENCE_SECONDS: i64 = 60;
/// How long one that was refused is left alone.
const REFUSED_HOURS: i64 = 1;
const IDLE: Duration = Duration::from_millis(200);
/// Shortest and longest pause while a register is down.
const DOWN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

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
            Ok(Round::Idle) => IDLE,
            Ok(Round::Worked) => {
                if down {
                    tracing::info!(register = register.name(), "the register answers again");
                    pipeline.health.registers.clear(register.name());
                }
                (down, pause) = (false, DOWN.0);
                Duration::ZERO
            }
            Ok(Round::Down(why)) => {
                if !down {
                    tracing::warn!(register = register.name(), error = %why, "the register does not answer; decisions wait");
                }
                pipeline.health.registers.set(register.name(), why);
                down = true;
                pause = (pause * 2).min(DOWN.1);
                pause
            }
            Err(error) => {
                tracing::warn!(%error, "questions wait for the store");
                DOWN.1
            }
        };
        tokio::select! {
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
    let questions = pipeline.store.open_questions(register.name(), now, limit).await?;
    if questions.is_empty() {
        return Ok(Round::Idle);
    }
    // Before they are put, so that another process leaves them alone.
    let ids: Vec<_> = questions.iter().map(|question| question.question_id).collect();
    pipeline.store.postpone(&ids, later(now, PATIENCE_SECONDS), None).await?;
    let asked = futures::stream::iter(questions.iter().map(|question| async move { register.ask(question).await }));
    let asked: Vec<Asked> = asked.buffered(SIDE_BY_SIDE).collect().await;
    let mut events = Vec::with_capacity(asked.len());
    let (mut unreached, mut why, mut worked) = (Vec::new(), None, false);
    for (question, asked) in questions.iter().zip(asked) {
        match asked {
            Asked::Answered(answer) => events.push(event(question, answer)),
            Asked::Sent => worked = true,
            Asked::Refused(text) => {
                tracing::error!(register = register.name(), question.id = %question.question_id, error = %text, "a question is refused");
                let again = later(now, REFUSED_HOURS * 3_600);
                pipeline.store.postpone(&[question.question_id], again, Some(&text)).await?;
                pipeline.store.fail(&[failures::question(question, &text, now)]).await?;
                worked = true;
            }
            Asked::Unreachable(text) => {
                unreached.push(question.question_id);
                why = Some(text);
            }
        }
    }
    if let Some(text) = &why {
        // At once again, as soon as it answers.
        pipeline.store.postpone(&unreached, now, Some(text)).await?;
    }
    answer(pipeline, &events).await?;
    Ok(match why {
        Some(text) => Round::Down(text),
        None if worked || !events.is_empty() => Round::Worked,
        None => Round::Idle,
    })
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(seconds.seconds()).unwrap_or(now)
}

type Event = (ApplicationId, CaseEvent);

/// An answer as what happened to its case.
pub(crate) fn event(question: &QuestionRow, answer: Answer) -> Event {
    let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = AnswerOnFile {
        register: question.register.clone(),
        evidence: text("evidence"),
        question: body.get("question").cloned().unwrap_or_default(),
        answer: answer.data,
        source: answer.source,
        at: answer.at,
    };
    (question.application_id, CaseEvent::Answered { question: question.question_id, answer })
}

/// Steps the cases that got answers.
pub(crate) async fn answer(pipeline: &Pipeline, events: &[Event]) -> Result<(), StoreError> {
    let results = pipeline.advance(events).await?;
    let results: Vec<(ApplicationId, Advanced)> = events.iter().map(|(id, _)| *id).zip(results).collect();
    for (id, result) in results.iter().filter(|(_, result)| !matches!(result, Advanced::Done { .. })) {
        tracing::error!(application.id = %id, ?result, "an answer could not be used; its question stays open");
    }
    failures::stuck(pipeline, &results).await
}
