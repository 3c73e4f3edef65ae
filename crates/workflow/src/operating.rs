//! What the machine and operators do beside the steps of a case: who does it, and what the audit says of it.

use crate::case::CaseState;
use crate::effects::AuditEntry;
use crate::machine::Machine;
use crate::matter::NOTE;
use crate::office::Office;
use crate::official::{Official, Refusal, Right};
use crate::step::{ACTOR, entry};
use domain::{ApplicationId, Land};
use jiff::Timestamp;
use serde_json::{Value, json};

impl Official {
    /// The machine itself, where it tries again what went wrong.
    pub fn machine() -> Self {
        Self {
            name: ACTOR.to_owned(),
            token_sha256: None,
            places: Land::ALL.iter().map(|land| land.code().to_owned()).collect(),
            services: Vec::new(),
            rights: vec![Right::Operate],
            teams: Vec::new(),
            deputy: Vec::new(),
        }
    }

    /// Whether nothing is outside their places and services, not even what has none that can be read.
    pub fn is_everywhere(&self) -> bool {
        let whole = |land: &Land| self.places.iter().any(|place| place == land.code());
        self.services.is_empty() && Land::ALL.iter().all(whole)
    }
}

impl Machine<'_> {
    pub fn retry(&mut self, text: &str, by: &Official) -> Result<Value, Refusal> {
        if !matches!(self.case.state, CaseState::Referred | CaseState::Waiting) || self.case.reopened {
            return Err(Refusal::state(self.case.state, "the machine has nothing to do again"));
        }
        let again = self.flow.interrupts.amendment.clone();
        self.jump(&again);
        self.run();
        Ok(self.attach(NOTE, by, json!({ "text": text })))
    }

    /// Other versions: only where the case stands at a step that is the same there, and its data obey the form.
    pub fn migrate(&mut self, flow: Option<&str>, form: Option<&str>) -> Result<Value, Refusal> {
        let before = json!({ "flow": self.case.flow, "form": self.case.form_version });
        let Some(definition) = self.definition().filter(|_| flow.is_some() || form.is_some()) else {
            return Err(Refusal::Invalid("flow, form: name at least one version".into()));
        };
        if let Some(version) = flow {
            let there: Vec<&str> = definition.flow_versions().collect();
            let unknown = || Refusal::Invalid(format!("flow: {version} is not loaded; there are {}", there.join(", ")));
            let next = definition.flow(version).cloned().ok_or_else(unknown)?;
            let same = next.step(&self.case.step).zip(self.flow.step(&self.case.step));
            if same.is_none_or(|(there, here)| there.kind.as_str() != here.kind.as_str()) {
                let text = format!("flow: {version} has no step \"{}\" of the same kind", self.case.step);
                return Err(Refusal::Invalid(text));
            }
            version.clone_into(&mut self.case.flow);
            self.flow = next;
        }
        if let Some(version) = form {
            let there: Vec<&str> = definition.form_versions().collect();
            let unknown = || Refusal::Invalid(format!("form: {version} is not loaded; there are {}", there.join(", ")));
            let next = definition.form(version).ok_or_else(unknown)?;
            let checked = next.validate(&self.matter.submission.envelope.data);
            if let (Err(errors), true) = (checked, self.matter.form.is_ok()) {
                let first = errors.first().map(|error| error.message.as_str()).unwrap_or_default();
                let text =
                    format!("form: the data do not obey {version} ({} violations, first: {first})", errors.len());
                return Err(Refusal::Invalid(text));
            }
            version.clone_into(&mut self.case.form_version);
        }
        Ok(json!({ "flow": self.case.flow, "form": self.case.form_version, "before": before }))
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
