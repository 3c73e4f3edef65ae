//! One application through the same step as in production, without storing anything.

use domain::{ApplicationId, Decision, Sender, SenderName};
use jiff::Timestamp;
use rules::EarlierClaim;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;
use workflow::{Effect, Event, Office, Rejection, Surroundings, Taken};

/// Who tries: may claim whatever the envelopes say, and whose evidence counts.
pub fn trusted() -> Arc<Sender> {
    // INVARIANT: a valid name.
    let name = SenderName::new("trial").unwrap_or_else(|_| unreachable!("a valid sender name"));
    Arc::new(Sender::for_trying(name))
}

/// What earlier applications claimed, by the name of a once-only key.
pub type Earlier = BTreeMap<String, Vec<EarlierClaim>>;

/// Decides one envelope at a time; of earlier applications it knows what `earlier` says.
///
/// # Errors
/// What is wrong with the envelope.
pub fn evaluate(
    office: &Office,
    sender: &Arc<Sender>,
    bytes: &[u8],
    at: Timestamp,
    earlier: &Earlier,
) -> Result<Decision, Rejection> {
    let id = ApplicationId(Uuid::new_v5(&Uuid::NAMESPACE_OID, bytes));
    let submission = Arc::new(office.decode(bytes.to_vec(), sender, id, at)?);
    let form = office.validate(&submission);
    let keys = form.as_ref().map(|valid| office.once_keys(&submission, valid)).unwrap_or_default();
    let claims = |name: &str| {
        let earlier = earlier.get(name).cloned().unwrap_or_default();
        Taken { highest: u32::try_from(earlier.len()).unwrap_or(u32::MAX), earlier }
    };
    let once = keys.into_iter().map(|key| (claims(&key.name), key)).map(|(claims, key)| (key, claims)).collect();
    let effects =
        office.step(&Event::Received { submission, form }, &Surroundings { once, ..Surroundings::default() }, at);
    let decided = effects.into_iter().find_map(|effect| match effect {
        Effect::Decide(decided) => Some(Arc::unwrap_or_clone(decided.decision)),
        _ => None,
    });
    // INVARIANT: an application is decided where it waits for no register, and here none can be asked.
    Ok(decided.unwrap_or_else(|| unreachable!("an arriving application is always decided")))
}
