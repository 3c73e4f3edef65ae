//! One application through the same step as in production, without storing anything.

use domain::{ApplicationId, Decision, Sender, SenderName};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;
use workflow::{Effect, Event, Office, Rejection, Surroundings};

/// A sender that may claim whatever the envelopes say, and whose evidence counts: for trying, never for intake.
pub fn trusted<'v>(envelopes: impl Iterator<Item = &'v Value>) -> Arc<Sender> {
    let kinds = envelopes.flat_map(|envelope| envelope.get("evidence").and_then(Value::as_array).into_iter().flatten());
    let mut trusted: Vec<String> = kinds.filter_map(|e| Some(e.get("kind")?.as_str()?.to_owned())).collect();
    trusted.sort();
    trusted.dedup();
    Arc::new(Sender {
        // INVARIANT: a valid name.
        name: SenderName::new("trial").unwrap_or_else(|_| unreachable!("a valid sender name")),
        token_sha256: None,
        amqp_user: None,
        trusted_evidence: trusted,
        may_claim: ["received_at", "channel", "trust_level"].map(str::to_owned).to_vec(),
    })
}

/// Decides one envelope at a time. No earlier application is known.
///
/// # Errors
/// What is wrong with the envelope.
pub fn evaluate(office: &Office, sender: &Arc<Sender>, bytes: &[u8], at: Timestamp) -> Result<Decision, Rejection> {
    let id = ApplicationId(Uuid::new_v5(&Uuid::NAMESPACE_OID, bytes));
    let submission = office.decode(bytes.to_vec(), sender, id, at)?;
    let form = office.validate(&submission);
    let keys = form.as_ref().map(|valid| office.once_keys(&submission, valid)).unwrap_or_default();
    let once = keys.into_iter().map(|key| (key, Vec::new())).collect();
    let effects = office.step(&Event::Received { submission, form }, &Surroundings { once }, at);
    let decided = effects.into_iter().find_map(|effect| match effect {
        Effect::Decide(decided) => Some(decided.decision),
        _ => None,
    });
    // INVARIANT: an application that arrives is always decided; see `Office::step`.
    Ok(decided.unwrap_or_else(|| unreachable!("an arriving application is always decided")))
}
