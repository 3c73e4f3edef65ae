//! Trying failures again, one kind after the other. Trying the same one twice does nothing twice.

use crate::advance::Advanced;
use crate::causes;
use crate::delivery::{Delivery, Disposition};
use crate::failures::{self, again};
use crate::lanes::Pass;
use crate::pipeline::Pipeline;
use crate::reach::Reach;
use domain::{ApplicationId, Decision, Trace, json};
use jiff::Timestamp;
use serde_json::Value;
use storage::{DecisionRow, FailureRow, JobRow, Settled, StoreError};
use uuid::Uuid;
use workflow::{CaseEvent, Command, Official};

/// It helped.
pub(crate) fn done(failure: &FailureRow, word: impl Into<String>) -> Settled {
    settled(failure, "retried", word)
}

/// It did not help.
pub(crate) fn open(failure: &FailureRow, word: impl Into<String>) -> Settled {
    settled(failure, "open", word)
}

pub(crate) fn settled(failure: &FailureRow, state: &str, word: impl Into<String>) -> Settled {
    let (failure_id, times) = (failure.failure_id, failure.times);
    Settled { failure_id, state: state.to_owned(), outcome: word.into(), times, audit: None }
}

/// The id under which a message becomes an application: the one it got when it came, or one that is the same each time it is
/// tried, in the order in which they came.
pub(crate) fn application(failure: &FailureRow) -> ApplicationId {
    let own = failure.application_id.filter(|_| !failures::speaks(&failure.body));
    own.unwrap_or_else(|| {
        let mut random = [0; 10];
        random.iter_mut().zip(failure.failure_id.as_bytes()).for_each(|(to, from)| *to = *from);
        let millis = u64::try_from(failure.first_at.as_millisecond()).unwrap_or_default();
        ApplicationId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    })
}

/// How the newest decision of a case came about.
pub(crate) enum Decided {
    Not,
    Well {
        outcome: String,
        by_person: bool,
    },
    /// A rule failed: the stable word, and why, which may quote what was sent.
    RuleFailed {
        cause: &'static str,
        why: String,
    },
}

pub(crate) fn decided(row: Option<&DecisionRow>) -> Decided {
    let read = |row: &DecisionRow| {
        let mut decision: Decision = serde_json::from_slice(&row.decision).ok()?;
        decision.trace = serde_json::from_slice::<Option<Trace>>(&row.trace).ok()?;
        Some(decision)
    };
    let Some(decision) = row.and_then(read) else { return Decided::Not };
    match failures::rule_trouble(&decision) {
        Some((cause, why)) => Decided::RuleFailed { cause, why },
        None => {
            let by_person = row.is_some_and(|row| row.context.is_empty());
            Decided::Well { outcome: decision.outcome.as_str().to_owned(), by_person }
        }
    }
}

/// Messages: processed again as deliveries of their sender, under the id that they had. With a patch (RFC 7396) they are
/// changed first. Nothing of those that the process ends before.
pub(crate) async fn messages(
    pipeline: &Pipeline,
    job: &JobRow,
    items: &[FailureRow],
    (patch, probe): (Option<&Value>, bool),
) -> Result<Vec<(Settled, Option<Delivery>)>, StoreError> {
    let mut results = Vec::with_capacity(items.len());
    let mut tried = Vec::with_capacity(items.len());
    let reach = Reach::of(job);
    for item in items {
        match body(item, patch) {
            Ok(body) if reach.covers(pipeline, item.sender.as_deref(), &body).await? => {
                tried.push((item, delivery(item, body)));
            }
            Ok(_) => results.push((open(item, format!("it would not belong where {} may order", job.by)), None)),
            Err(why) => results.push((open(item, why), None)),
        }
    }
    let deliveries: Vec<Delivery> = tried.iter().map(|(_, delivery)| delivery.clone()).collect();
    let pass = Pass { job: Some(job.job_id), probe };
    let dispositions = pipeline.careful(&deliveries, pass).await;
    let now = (pipeline.runtime.clock)();
    let mut failed = Vec::new();
    for ((item, delivery), disposition) in tried.into_iter().zip(dispositions) {
        let result = match disposition {
            Disposition::Hold => continue,
            Disposition::Ack if failures::speaks(&delivery.body) => done(item, "heard"),
            Disposition::Ack => done(item, format!("processed as {}", application(item))),
            Disposition::Parked(kept) => {
                // What was changed is not kept so: later it would be tried as it came.
                if patch.is_none() {
                    let place = (Some(kept.service), Some(kept.ars));
                    let row = again(item, causes::PARKED, &kept.why, now);
                    failed.push(FailureRow { service: place.0, ars: place.1, ..row });
                }
                open(item, kept.why)
            }
            Disposition::DeadLetter(cause) => {
                failed.push(again(item, cause.code, &cause.detail, now));
                open(item, format!("{}: {}", cause.code, cause.detail))
            }
        };
        results.push((result, Some(delivery)));
    }
    pipeline.store.fail(&failed).await?;
    Ok(results)
}

fn body(item: &FailureRow, patch: Option<&Value>) -> Result<Vec<u8>, String> {
    if [causes::UNREADABLE_ANSWER, causes::FOREIGN_ANSWER].contains(&item.cause.as_str()) {
        return Err("what a register said is not said again: its question is put again by itself".to_owned());
    }
    if item.body.is_empty() {
        return Err("its body is empty, or was deleted after its time".to_owned());
    }
    let Some(patch) = patch else { return Ok(item.body.clone()) };
    let mut body = json::parse(&item.body).map_err(|error| format!("a patch cannot mend what is no JSON: {error}"))?;
    workflow::merge(&mut body, patch);
    Ok(json::canonical(&body))
}

fn delivery(item: &FailureRow, body: Vec<u8>) -> Delivery {
    Delivery {
        body,
        sender: item.sender.clone(),
        application_id: Some(application(item)),
        redelivered: true,
        traceparent: None,
        foreign_trace: None,
        observed_at: item.first_at,
    }
}

/// The case of a failure that is about one; without one it is about none that is there.
fn about(item: &FailureRow) -> ApplicationId {
    item.application_id.unwrap_or(ApplicationId(item.failure_id))
}

/// Cases: stepped again.
pub(crate) async fn cases(pipeline: &Pipeline, items: &[FailureRow]) -> Result<Vec<Settled>, StoreError> {
    let events: Vec<_> = items.iter().map(|item| (about(item), CaseEvent::Woken)).collect();
    let results = pipeline.advance(&events).await?;
    let now = (pipeline.runtime.clock)();
    let mut failed = Vec::new();
    let mut all = Vec::with_capacity(items.len());
    for (item, result) in items.iter().zip(results) {
        all.push(match (failures::trouble(&result), result) {
            (Some((cause, detail)), _) => {
                failed.push(again(item, cause, &detail, now));
                open(item, detail)
            }
            (None, Advanced::Unknown) => done(item, "there is no such case any more"),
            (None, _) => done(item, "stepped"),
        });
    }
    pipeline.store.fail(&failed).await?;
    Ok(all)
}

/// Questions: put again now.
pub(crate) async fn questions(
    pipeline: &Pipeline,
    items: &[FailureRow],
    now: Timestamp,
) -> Result<Vec<Settled>, StoreError> {
    let ids: Vec<Uuid> = items.iter().map(|item| item.failure_id).collect();
    let open: Vec<Uuid> = pipeline.store.questions(&ids).await?.iter().map(|question| question.question_id).collect();
    pipeline.store.postpone(&open, now, None).await?;
    let word = |item: &FailureRow| if open.contains(&item.failure_id) { "put again" } else { "it is open no more" };
    Ok(items.iter().map(|item| done(item, word(item))).collect())
}

/// Decisions that a rule could not make: made anew by the machine, under the rules of now.
pub(crate) async fn rules(pipeline: &Pipeline, job: &JobRow, items: &[FailureRow]) -> Result<Vec<Settled>, StoreError> {
    let ids: Vec<ApplicationId> = items.iter().map(about).collect();
    let before = pipeline.store.dossiers(&ids).await?;
    let command = Command::Retry { text: format!("Auftrag {} von {}", job.job_id, job.by) };
    let mut events = Vec::new();
    for (item, dossier) in items.iter().zip(&before) {
        let Some(dossier) = dossier else { continue };
        // What failed again since it was queued was tried: a process may have ended before that was noted.
        if item.outcome.is_none() && matches!(decided(dossier.decision.as_ref()), Decided::RuleFailed { .. }) {
            let (by, seen) = (Official::machine(), dossier.case.version);
            let event = CaseEvent::Commanded { command: command.clone(), by, seen };
            events.push((dossier.case.application_id, event));
        }
    }
    let mut results = pipeline.advance(&events).await?.into_iter();
    let mut events = events.iter().peekable();
    let after = pipeline.store.dossiers(&ids).await?;
    let mut all = Vec::with_capacity(items.len());
    for (item, dossier) in items.iter().zip(&after) {
        let own = events.next_if(|(id, _)| *id == about(item)).and_then(|_| results.next());
        let Some(dossier) = dossier else {
            all.push(done(item, "there is no such case any more"));
            continue;
        };
        all.push(match (decided(dossier.decision.as_ref()), own) {
            (Decided::Well { outcome, .. }, _) => done(item, format!("decided anew: {outcome}")),
            (Decided::Not, _) => done(item, "it is decided later"),
            // It waits for a register first; the decision that failed is the newest until then.
            (Decided::RuleFailed { .. }, Some(Advanced::Done { .. })) if dossier.case.state == "waiting" => {
                done(item, "it is decided later")
            }
            (Decided::RuleFailed { .. }, Some(Advanced::Refused(refusal))) => open(item, refusal.to_string()),
            (Decided::RuleFailed { .. }, Some(Advanced::Broken(text) | Advanced::Unstored(text))) => open(item, text),
            (Decided::RuleFailed { why, .. }, _) => open(item, why),
        });
    }
    Ok(all)
}
