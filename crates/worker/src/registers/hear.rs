//! Answers that registers give by message: heard, checked, stepped, acknowledged once they are committed.

use super::answer::by_message;
use super::{Answer, answer, event, refuse};
use crate::amqp::{AmqpSettings, Answers, Letter};
use crate::delivery::{Cause, Delivery, Disposition};
use crate::patience::GivenUp;
use crate::pipeline::Pipeline;
use crate::run::BACKOFF;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// RabbitMQ user by the name of the register that it answers for.
type Users = Arc<BTreeMap<String, String>>;

/// Hears answers until shutdown; reconnects with growing pauses.
pub async fn hear_registers(pipeline: Arc<Pipeline>, settings: AmqpSettings, users: BTreeMap<String, String>) {
    let users = Arc::new(users);
    let mut pause = BACKOFF.0;
    while !pipeline.runtime.shutdown.is_cancelled() {
        match Answers::start(&settings).await {
            Ok(answers) => {
                tracing::info!("hearing registers");
                pipeline.health.answers.clear();
                pause = BACKOFF.0;
                if let Some(reason) = listen(&pipeline, answers, &users).await {
                    tracing::warn!(%reason, "registers are not heard; beginning anew");
                    pipeline.health.answers.set(reason);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "waiting for RabbitMQ to hear registers");
                pipeline.health.answers.set(error.to_string());
            }
        }
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(BACKOFF.1),
        }
    }
}

/// One life of a consumer. Returns why it ended, or nothing on shutdown.
async fn listen(pipeline: &Arc<Pipeline>, mut answers: Answers, users: &Users) -> Option<String> {
    loop {
        let mut letters = tokio::select! {
            biased;
            () = pipeline.runtime.shutdown.cancelled() => return None,
            next = answers.next() => match next {
                Ok(letters) => letters,
                Err(error) => return Some(error.to_string()),
            },
        };
        // What came a second time is heard alone: should it be what broke us, its neighbours get through.
        let size = if letters.iter().any(|letter| letter.redelivered) { 1 } else { letters.len() };
        let mut broken = None;
        while !letters.is_empty() {
            let rest = letters.split_off(size.min(letters.len()));
            let group = std::mem::replace(&mut letters, rest);
            let (own, users) = (pipeline.clone(), users.clone());
            match tokio::spawn(async move { hear(&own, &users, &group).await.then_some(group) }).await {
                Ok(Some(group)) => {
                    for letter in group {
                        if !letter.acknowledge().await {
                            return Some("an answer could not be acknowledged".into());
                        }
                    }
                }
                Ok(None) if pipeline.runtime.shutdown.is_cancelled() => return None,
                Ok(None) => return Some("the store refuses what an answer brings".into()),
                // A panic in our own code loses nothing: it stays unacknowledged and comes again.
                Err(error) => broken = Some(error.to_string()),
            }
        }
        if broken.is_some() {
            return broken;
        }
    }
}

/// Steps the cases that got answers; true once everything about them is durable, false on shutdown or where the store
/// refuses it: then each is heard alone, and put away where it is refused again.
async fn hear(pipeline: &Pipeline, users: &Users, letters: &[Letter]) -> bool {
    let now = (pipeline.runtime.clock)();
    let mut read = Vec::with_capacity(letters.len());
    for letter in letters {
        match by_message(&letter.body, now) {
            Ok((id, said)) => read.push((letter, id, said)),
            Err(text) if put_away(pipeline, letter, Cause::unreadable_answer(text)).await => {}
            Err(_) => return false,
        }
    }
    match (take(pipeline, users, read).await, letters) {
        (Ok(durable), _) => durable,
        (Err(GivenUp::Refused(why)), [letter]) => {
            let cause = Cause::unreadable_answer(&format!("the store refuses what it brings: {why}"));
            put_away(pipeline, letter, cause).await
        }
        (Err(GivenUp::Refused(_) | GivenUp::Shutdown), _) => false,
    }
}

/// An answer by message: its question, and what is said of it.
type Said<'l> = (&'l Letter, Uuid, Result<Answer, String>);

async fn take(pipeline: &Pipeline, users: &Users, read: Vec<Said<'_>>) -> Result<bool, GivenUp> {
    let ids: Vec<Uuid> = read.iter().map(|(_, id, _)| *id).collect();
    let open = pipeline.insist(|| pipeline.store.questions(&ids)).await?;
    let mut open: HashMap<Uuid, _> = open.into_iter().map(|question| (question.question_id, question)).collect();
    let mut events = Vec::with_capacity(read.len());
    for (letter, id, said) in read {
        let Some(question) = open.get(&id) else {
            // Answered before, or the case went on without it.
            pipeline.metrics.late_answers.inc();
            continue;
        };
        if users.get(&question.register) != Some(&letter.user) {
            let cause = Cause::foreign_answer(&question.register, &letter.user);
            if put_away(pipeline, letter, cause).await {
                continue;
            }
            return Ok(false);
        }
        match said {
            Ok(said) => events.push(event(question, said)),
            Err(text) => pipeline.insist(|| refuse(pipeline, &question.register, id, &text)).await?,
        }
        open.remove(&id);
    }
    pipeline.insist(|| answer(pipeline, &events)).await?;
    Ok(true)
}

async fn put_away(pipeline: &Pipeline, letter: &Letter, cause: Cause) -> bool {
    let delivery = Delivery {
        body: letter.body.clone(),
        sender: Some(letter.user.clone()).filter(|user| !user.is_empty()),
        application_id: None,
        redelivered: letter.redelivered,
        traceparent: None,
        foreign_trace: None,
        observed_at: (pipeline.runtime.clock)(),
    };
    pipeline.put_away(&[delivery], &[Disposition::DeadLetter(cause)]).await
}
