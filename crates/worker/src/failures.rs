//! What could not be done becomes a row that operators see: messages, steps of cases, questions, decisions. The same again is the
//! same row; what works after all ends it.

use crate::advance::Advanced;
use crate::causes;
use crate::delivery::{Cause, Delivery, Disposition, Kept};
use crate::metrics::Word;
use crate::pipeline::Pipeline;
use domain::{ApplicationId, Ars, ClientId, Decision, Digest, ReferralReason, ServiceName};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;
use storage::{FailureRow, Identity, QuestionRow, StoreError};
use uuid::Uuid;
use workflow::Office;

/// Rows in one statement: each may have a body as large as a message can be.
const AT_ONCE: usize = 32;
/// Pause while the broker does not take a dead letter.
const PAUSE: Duration = Duration::from_secs(5);

/// The failure of a case that cannot be stepped.
pub(crate) fn case_id(id: ApplicationId) -> Uuid {
    FailureRow::id("case", id.0.as_bytes())
}

/// The failure of a question that is refused: known under the question's own id, so that it can be put again.
pub(crate) fn question_id(question: Uuid) -> Uuid {
    question
}

/// The failure of a case that a rule could not decide.
pub(crate) fn rule_id(id: ApplicationId) -> Uuid {
    FailureRow::id("rule", id.0.as_bytes())
}

/// A failure that happens now, once.
fn row(failure_id: Uuid, kind: &str, cause: &str, detail: &str, now: Timestamp) -> FailureRow {
    FailureRow {
        failure_id,
        kind: kind.to_owned(),
        cause: cause.to_owned(),
        detail: detail.to_owned(),
        application_id: None,
        sender: None,
        service: None,
        ars: None,
        body: Vec::new(),
        first_at: now,
        last_at: now,
        times: 1,
        state: "open".to_owned(),
        job: None,
        settled_at: None,
        outcome: None,
    }
}

/// What a decision says of a rule that failed, by a stable word and in the engine's own words.
pub(crate) fn rule_trouble(decision: &Decision) -> Option<(&'static str, String)> {
    let referral = decision.referral.as_ref()?;
    if !referral.reasons.contains(&ReferralReason::RuleError) {
        return None;
    }
    if let Some(error) = decision.trace.as_ref().and_then(|trace| trace.error.clone()) {
        return Some((causes::RULE_ERROR, error));
    }
    let gate = referral.gates.iter().find(|gate| gate.reason == ReferralReason::RuleError);
    Some((causes::RULE_INCOMPLETE, gate.map_or_else(String::new, |gate| gate.text.clone())))
}

/// The failure of a decision that a rule could not make.
pub(crate) fn rule(decision: &Decision, now: Timestamp) -> Option<FailureRow> {
    let (cause, detail) = rule_trouble(decision)?;
    Some(FailureRow {
        application_id: Some(decision.application_id),
        service: Some(decision.service.as_str().to_owned()),
        ars: Some(decision.ars.as_str().to_owned()),
        ..row(rule_id(decision.application_id), "rule", cause, &detail, now)
    })
}

/// The failure of a question that a register refuses; `why` in its own words.
pub(crate) fn question(question: &QuestionRow, why: &str, now: Timestamp) -> FailureRow {
    let detail = format!("{}: {why}", question.register);
    FailureRow {
        application_id: Some(question.application_id),
        service: Some(question.service.clone()),
        ars: Some(question.ars.clone()),
        ..row(question_id(question.question_id), "question", causes::QUESTION_REFUSED, &detail, now)
    }
}

/// Why a case could not be stepped, by a stable word and in words.
pub(crate) fn trouble(advanced: &Advanced) -> Option<(&'static str, String)> {
    match advanced {
        Advanced::Done { .. } | Advanced::Unknown => None,
        Advanced::Refused(refusal) => Some((refusal.code(), refusal.to_string())),
        Advanced::Broken(text) => Some((causes::BROKEN_CASE, text.clone())),
        Advanced::Unstored(text) => Some((causes::STORE_REFUSED, text.clone())),
    }
}

/// The same failure once more.
pub(crate) fn again(failure: &FailureRow, cause: &str, detail: &str, now: Timestamp) -> FailureRow {
    let (cause, detail) = (cause.to_owned(), detail.to_owned());
    FailureRow { cause, detail, last_at: now, times: 1, ..failure.clone() }
}

/// Notes cases that could not be stepped.
pub(crate) async fn stuck(pipeline: &Pipeline, results: &[(ApplicationId, Advanced)]) -> Result<(), StoreError> {
    let stuck: Vec<_> = results.iter().filter_map(|(id, result)| Some((*id, trouble(result)?))).collect();
    if stuck.is_empty() {
        return Ok(());
    }
    let ids: Vec<ApplicationId> = stuck.iter().map(|(id, _)| *id).collect();
    let dossiers = match pipeline.store.dossiers(&ids).await {
        // What cannot be read is a failure all the same, without its place.
        Err(StoreError::Refused(_)) => vec![None; ids.len()],
        dossiers => dossiers?,
    };
    let now = (pipeline.runtime.clock)();
    let row = |((id, (cause, detail)), dossier): ((ApplicationId, (&str, String)), Option<storage::Dossier>)| {
        tracing::error!(application.id = %id, cause, "a case cannot be stepped");
        let case = dossier.map(|dossier| dossier.case);
        FailureRow {
            application_id: Some(id),
            service: case.as_ref().map(|case| case.service.clone()),
            ars: case.map(|case| case.ars),
            ..row(case_id(id), "case", cause, &detail, now)
        }
    };
    let rows: Vec<FailureRow> = stuck.into_iter().zip(dossiers).map(row).collect();
    pipeline.store.fail(&rows).await
}

/// What a message says of itself, where that can be read.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub service: Option<String>,
    pub ars: Option<String>,
    /// It is no application but speaks about a case.
    pub speaks: bool,
    /// About this one.
    pub about: Option<Case>,
}

#[derive(Debug)]
pub(crate) enum Case {
    Id(ApplicationId),
    Key(Identity),
}

impl Named {
    /// Leniently: whatever is wrong with a message, who and where may be readable.
    pub fn read(office: &Office, sender: Option<&str>, body: &[u8]) -> Self {
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else { return Self::default() };
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let service = text("service").and_then(|name| ServiceName::new(name).ok());
        let ars = text("ars").and_then(|text| Ars::new(text).ok().or_else(|| office.rules.ars_of_ags(text).cloned()));
        let speaks = object.contains_key("kind");
        let about = speaks.then(|| {
            let key = |service: &ServiceName| {
                let client_id = ClientId::new(text("application")?).ok()?.as_str().to_owned();
                Some(Identity { sender: sender?.to_owned(), service: service.as_str().to_owned(), client_id })
            };
            let id = text("application_id").and_then(|id| id.parse().ok()).map(Case::Id);
            id.or_else(|| service.as_ref().and_then(key).map(Case::Key))
        });
        Self { service: service.map(String::from), ars: ars.map(String::from), speaks, about: about.flatten() }
    }
}

/// Whether a body speaks about a case instead of being an application.
pub(crate) fn speaks(body: &[u8]) -> bool {
    matches!(serde_json::from_slice(body), Ok(Value::Object(object)) if object.contains_key("kind"))
}

/// Where an application belongs, as far as its body says so.
pub(crate) fn place(office: &Office, body: &[u8]) -> Option<(String, String)> {
    let named = Named::read(office, None, body);
    named.service.zip(named.ars)
}

/// A message, why it is kept, and what parks it, if that is why.
pub(crate) type Letter<'l> = (&'l Delivery, &'l Cause, Option<&'l Kept>);

/// Messages as failures. The same message of the same sender is the same failure; one that got an id from us is that one's
/// alone: somebody asks for its status. Ids come from keyed digests: they stay in the audit, and nobody can guess from one
/// what was sent.
pub(crate) async fn messages(pipeline: &Pipeline, letters: &[Letter<'_>]) -> Result<Vec<FailureRow>, StoreError> {
    let office = (pipeline.office)();
    let now = (pipeline.runtime.clock)();
    let mut rows = Vec::with_capacity(letters.len());
    for (delivery, cause, kept) in letters {
        let (sender, id) = (delivery.sender.as_deref(), delivery.application_id);
        let named = Named::read(&office, sender, &delivery.body);
        let own = id.map_or_else(String::new, |id| id.to_string());
        let parts = Digest::of_parts([sender.unwrap_or_default().as_bytes(), own.as_bytes(), &delivery.body]);
        let key = office.audit_keys().content(&parts.0);
        let mut row = FailureRow {
            application_id: id,
            sender: sender.map(str::to_owned),
            service: named.service,
            ars: named.ars,
            body: delivery.body.clone(),
            // When it legally came in, should it be heard after all.
            first_at: delivery.observed_at.min(now),
            ..row(FailureRow::id("message", &key.0), "message", cause.code, &cause.detail, now)
        };
        if speaks(&delivery.body) {
            row.application_id = None;
            if let Some(case) = named.about {
                belongs(pipeline, &mut row, case).await?;
            }
        }
        // It is tried again when nothing parks that any more, wherever else it may say that it belongs.
        if let Some(kept) = kept {
            (row.service, row.ars) = (Some(kept.service.clone()), Some(kept.ars.clone()));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The id of the application that is meant, where there is one.
pub(crate) async fn meant(pipeline: &Pipeline, case: Case) -> Result<Option<ApplicationId>, StoreError> {
    Ok(match case {
        Case::Id(id) => Some(id),
        Case::Key(identity) => {
            pipeline.store.look_up(&[identity]).await?.pop().flatten().map(|known| known.application_id)
        }
    })
}

/// Of which case of its sender a message speaks.
async fn belongs(pipeline: &Pipeline, row: &mut FailureRow, case: Case) -> Result<(), StoreError> {
    let Some(id) = meant(pipeline, case).await? else { return Ok(()) };
    let Some(Some(dossier)) = pipeline.store.dossiers(&[id]).await?.pop() else { return Ok(()) };
    if row.sender.as_deref() == Some(dossier.application.identity.sender.as_str()) {
        row.application_id = Some(dossier.application.application_id);
        (row.service, row.ars) = (Some(dossier.case.service), Some(dossier.case.ars));
    }
    Ok(())
}

impl Pipeline {
    /// Processes what a source drained and puts away what is hopeless or parked; says for every delivery, in order, how to
    /// settle it. Nothing where the process ends before that is durable.
    pub async fn take(&self, deliveries: &[Delivery]) -> Option<Vec<Disposition>> {
        let dispositions = self.process(deliveries).await;
        self.put_away(deliveries, &dispositions).await.then_some(dispositions)
    }

    /// Keeps hopeless messages with the source and in the store, parked ones in the store; tries until they are durable there.
    pub(crate) async fn put_away(&self, deliveries: &[Delivery], dispositions: &[Disposition]) -> bool {
        let mut letters: Vec<(&Delivery, Cause, Option<&Kept>)> = Vec::new();
        for (delivery, disposition) in deliveries.iter().zip(dispositions) {
            match disposition {
                Disposition::Ack | Disposition::Hold => {}
                Disposition::Parked(kept) => {
                    self.metrics.parked.inc();
                    letters.push((delivery, Cause { code: causes::PARKED, detail: kept.why.clone() }, Some(kept)));
                }
                Disposition::DeadLetter(cause) => {
                    if !self.bury(delivery, cause).await {
                        return false;
                    }
                    letters.push((delivery, cause.clone(), None));
                }
            }
        }
        for some in letters.chunks(AT_ONCE) {
            let some: Vec<Letter<'_>> = some.iter().map(|(delivery, cause, kept)| (*delivery, cause, *kept)).collect();
            let kept = self.held(|| async { self.store.fail(&messages(self, &some).await?).await }).await;
            if kept.is_none() {
                return false;
            }
        }
        true
    }

    /// Puts a hopeless message to where its source keeps such; false where the process ends before.
    async fn bury(&self, delivery: &Delivery, cause: &Cause) -> bool {
        let trace_id = delivery.traceparent.as_deref().and_then(|t| t.split('-').nth(1)).unwrap_or_default();
        // The detail may quote what was sent: it goes with the letter, never into the log.
        tracing::warn!(cause = cause.code, trace_id, "dead letter");
        self.metrics.dead_letters.get_or_create(&Word { reason: cause.code.to_owned() }).inc();
        while let Err(error) = self.publisher.bury(delivery, cause).await {
            tracing::warn!(%error, "a dead letter waits for its place");
            tokio::select! {
                () = self.runtime.shutdown.cancelled() => return false,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        true
    }
}
