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
