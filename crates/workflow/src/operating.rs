//! What the machine and operators do beside the steps of a case: who does it, and what the audit says of it.

use crate::effects::AuditEntry;
use crate::office::Office;
use crate::official::{Official, Right};
use crate::step::{ACTOR, entry};
use domain::{ApplicationId, Land};
use jiff::Timestamp;
use serde_json::Value;

impl Official {
    /// The machine itself, where it tries again what went wrong.
    pub fn machine() -> Self {
        Self {
            name: ACTOR.to_owned(),
            token_sha256: None,
            places: Land::ALL.iter().map(|land| land.code().to_owned()).collect(),
            services: Vec::new(),
            rights: vec![Right::Operate],
            deputy: Vec::new(),
        }
    }

    /// Whether nothing is outside their places and services, not even what has none that can be read.
    pub fn is_everywhere(&self) -> bool {
        let whole = |land: &Land| self.places.iter().any(|place| place == land.code());
        self.services.is_empty() && Land::ALL.iter().all(whole)
    }
}

impl Office {
    /// For lines of the audit that no step writes.
    pub fn audit_keys(&self) -> &audit::Keys {
        &self.audit_keys
    }
}

/// Fields by which a message says what it is and about which case: another one would be another message.
const FIXED: [&str; 3] = ["application_id", "application", "kind"];

/// Why failures of a kind cannot be changed by a patch; nothing where they can. Nothing but a message has anything to change.
pub fn edit_fault(kind: Option<&str>, patch: &Value) -> Option<String> {
    if kind.is_some_and(|kind| kind != "message") {
        return Some("kind: only messages can be changed".to_owned());
    }
    let Value::Object(patch) = patch else { return Some("patch: a JSON object, the fields that change".to_owned()) };
    let fixed = FIXED.into_iter().find(|field| patch.contains_key(*field))?;
    Some(format!("patch: {fixed} cannot be changed; it would be a message about something else"))
}

/// A line of the audit about what somebody did who operates; `about` is an application, a failure, a job or what is parked.
pub fn operated(
    keys: &audit::Keys,
    (about, land): (ApplicationId, Land),
    by: &str,
    action: &str,
    payload: &Value,
    now: Timestamp,
) -> AuditEntry {
    entry(keys, (about, land), now, by, action.to_owned(), payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Ars;

    #[test]
    fn a_message_stays_what_it_is_and_about_what_it_is() {
        let fault = |kind, patch: Value| edit_fault(kind, &patch);
        assert_eq!(fault(None, serde_json::json!({ "service": "wohngeld", "data": { "kind": 1 } })), None);
        assert_eq!(fault(Some("message"), serde_json::json!({ "id": "x" })), None);
        for field in FIXED {
            for value in [Value::Null, "x".into()] {
                assert!(fault(None, serde_json::json!({ field: value })).is_some_and(|text| text.contains(field)));
            }
        }
        assert!(fault(Some("rule"), serde_json::json!({})).is_some() && fault(None, Value::Null).is_some());
    }

    #[test]
    fn the_machine_operates_everywhere_and_decides_nothing() {
        let machine = Official::machine();
        assert!(machine.is_everywhere() && machine.may(Right::Operate) && !machine.may(Right::Decide));
        for land in Land::ALL {
            assert!(machine.covers("wohngeld", &Ars::new(format!("{}0000000000", land.code())).unwrap()));
        }
        let mut one = machine.clone();
        one.places.pop();
        assert!(!one.is_everywhere());
        assert!(!Official { services: vec!["wohngeld".into()], ..machine }.is_everywhere());
    }
}
