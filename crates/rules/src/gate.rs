//! The legal gate: whether a machine may make this decision final, and if not, every reason why not.
//!
//! Conditions are data (frame, `verfahren.toml`, Land deviation, context); the gate only combines them. It looks at the
//! decision date. All gates are asked, so that a referral names every one that closed (guarantee 11).

use crate::evaluation::{Context, Record};
use crate::grammar::{ApplicationNorm, Check, Effect, Permission, Scope, Status};
use crate::layers::RuleSet;
use domain::{Gate, Outcome, ReferralReason as Why, berlin_date, german, json};
use jiff::civil::Date;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the gate says to a proposed outcome.
pub(crate) struct Verdict {
    pub gates: Vec<Gate>,
    /// Ids of checks that asked for a person.
    pub checks: Vec<String>,
    pub permitted_by: Option<String>,
}

/// What the gate looks at.
pub(crate) struct Case<'a> {
    pub data: &'a Value,
    pub context: &'a Context,
    pub record: &'a Record,
    /// What the checks came to, where the script ran to its end.
    pub proposal: Option<Outcome>,
    pub result: &'a BTreeMap<String, Value>,
}

/// Asks every gate. The order is that of the contract's list only in [`Verdict::reasons`].
pub(crate) fn ask(rules: &RuleSet, case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict { gates: Vec::new(), checks: Vec::new(), permitted_by: None };
    let context = case.context;
    let automation = rules.base.frame.automatik.get_ref();
    permission(rules, case.proposal, berlin_date(context.decided_at), &mut verdict);
    for (closed, why) in [
        (!automation.gebunden, Why::Discretion),
        (context.free_text, Why::FreeText),
        (context.unexpected_attachments, Why::Attachment),
        (context.trust_level < automation.vertrauensniveau.0, Why::TrustLevel),
        (context.person_requested, Why::PersonRequested),
        (context.backdated, Why::Backdated),
        (context.sample, Why::Sample),
        (context.risk, Why::Risk),
        (context.stopped || stopped_by_amount(case), Why::StopSwitch),
    ] {
        if closed {
            verdict.close(rules, why, why.german().to_owned());
        }
    }
    for why in &context.refer {
        verdict.close(rules, *why, why.german().to_owned());
    }
    for kind in rules.required_evidence().iter().filter(|kind| !context.evidence.contains_key(*kind)) {
        verdict.close(rules, Why::EvidenceMissing, format!("Der Nachweis „{kind}“ fehlt."));
    }
    if rules.competence.unverified {
        let text = format!("Nicht geprüft ist, ob „{}“ zuständig ist.", rules.competence.authority);
        verdict.close(rules, Why::Competence, text);
    }
    for text in &case.record.unverified {
        verdict.close(rules, Why::NotConfigured, text.clone());
    }
    for special in automation.besondere_daten.iter().filter(|special| special.norm.is_none()) {
        if any_filled(case.data, &special.feld) {
            let text = format!("Das Feld {} enthält besondere Kategorien personenbezogener Daten.", special.feld);
            verdict.close(rules, Why::SpecialCategoryData, text);
        }
    }
    checks(rules, case, &mut verdict);
    verdict
}

/// Whether any of the fields that a pointer names says anything; `*` stands for every element of a list.
fn any_filled(data: &Value, pointer: &str) -> bool {
    match pointer.split_once("/*") {
        None => data.pointer(pointer).is_some_and(filled),
        Some((list, rest)) => {
            let items = data.pointer(list).and_then(Value::as_array);
            items.is_some_and(|items| items.iter().any(|item| any_filled(item, rest)))
        }
    }
}

/// Whether a field says anything; a degree or amount of nothing does not.
fn filled(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(filled),
        Value::Number(number) => json::decimal(&number.to_string()).is_none_or(|number| !number.is_zero()),
        Value::Bool(true) => true,
    }
}

/// An amount that is not there or cannot be read stops too: what should be looked at must not slip through.
fn stopped_by_amount(case: &Case<'_>) -> bool {
    let amount = |name: &str| case.result.get(name).and_then(Value::as_str).and_then(json::decimal);
    let granted = matches!(case.proposal, Some(Outcome::Granted | Outcome::PartlyGranted));
    granted && case.context.stopped_over.iter().any(|stop| amount(&stop.result).is_none_or(|value| value > stop.above))
}

/// The regime's own condition, and that the norm covers *this* outcome.
fn permission(rules: &RuleSet, proposal: Option<Outcome>, today: Date, verdict: &mut Verdict) {
    let frame = &rules.base.frame;
    let automation = frame.automatik.get_ref();
    let in_force =
        |p: &&Permission| p.status == Status::Geltend && p.ab.0 <= today && p.bis.is_none_or(|end| today <= end.0);
    let permissions = automation.erlaubt_durch.iter().chain(&rules.base.permissions);
    let permissions: Vec<_> = permissions.filter(in_force).collect();
    if frame.status == Status::Entwurf {
        return verdict.close(rules, Why::NoPermittingNorm, "Entwurf: noch kein geltendes Recht.".into());
    }
    let applies_by = match automation.anwendungsnorm {
        None => None,
        Some(ApplicationNorm::Land) => match &rules.base.applies_by {
            Some(land) if land.from <= today => Some(land.norm.as_str()),
            Some(_) | None => {
                let text = format!(
                    "Für {} ist keine Norm eingetragen, nach der {} gilt.",
                    rules.ars.land().title(),
                    rules.base.procedure.title
                );
                return verdict.close(rules, Why::NoPermittingNorm, text);
            }
        },
    };
    if permissions.is_empty() {
        let text = format!("Am {} erlaubt keine Norm die automatische Entscheidung.", german::day(today));
        return verdict.close(rules, Why::NoPermittingNorm, text);
    }
    let scope = match proposal {
        Some(Outcome::Granted) => Scope::Erteilung,
        Some(Outcome::PartlyGranted) => Scope::Teilweise,
        Some(Outcome::Refused) => Scope::Ablehnung,
        Some(Outcome::Referred | Outcome::CorrectionNeeded | Outcome::Forwarded) | None => return,
    };
    match permissions.iter().find(|p| p.umfang.contains(&scope)) {
        Some(permission) => {
            let through = applies_by.map_or(String::new(), |norm| format!(" in Verbindung mit {norm}"));
            verdict.permitted_by = Some(format!("{}{through}", permission.norm));
        }
        None => {
            let why = if scope == Scope::Ablehnung { Why::RefusalNeedsPerson } else { Why::NoPermittingNorm };
            let norms: Vec<&str> = permissions.iter().map(|p| p.norm.as_str()).collect();
            verdict.close(rules, why, format!("{} deckt dieses Ergebnis nicht.", norms.join(", ")));
        }
    }
}

/// Checks that ask for a person, steps of discretion, hearings, and reasons for an official that the script must have
/// looked at.
fn checks(rules: &RuleSet, case: &Case<'_>, verdict: &mut Verdict) {
    let frame = &rules.base.frame;
    let record = case.record;
    let burdens = matches!(case.proposal, Some(Outcome::Refused | Outcome::PartlyGranted));
    for declared in frame.pruefung.iter().map(|c| c.get_ref()) {
        for recorded in record.checks.iter().filter(|c| c.id == *declared.id.get_ref()) {
            if declared.ermessen {
                verdict.close_by(declared, Why::Discretion, &recorded.text);
            }
            if recorded.fulfilled {
                continue;
            }
            if declared.wirkung == Effect::Vorlage {
                let word = declared.grund.as_ref().map_or("rule", |g| g.get_ref().as_str());
                // INVARIANT: the loader accepted only words of the closed list.
                verdict.close_by(declared, Why::from_word(word).unwrap_or(Why::Rule), &recorded.text);
            }
            if declared.abweichung && burdens {
                let text = format!("Anhörung vor der Entscheidung: {}", recorded.text);
                verdict.close(rules, Why::HearingNeeded, text);
            }
        }
    }
    if record.missing.is_some() || case.proposal.is_none() {
        return;
    }
    if record.checks.is_empty() {
        verdict.close(rules, Why::RuleError, "Die Regel hat nichts geprüft.".into());
    }
    for reason in &frame.automatik.get_ref().anlaesse {
        let id = reason.get_ref();
        if !record.checks.iter().any(|c| c.id == *id) {
            let text =
                format!("Die Regel hat „{id}“ nicht geprüft, obwohl es ein Anlass für einen Menschen sein kann.");
            verdict.close(rules, Why::RuleError, text);
        }
    }
}

impl Verdict {
    pub fn close(&mut self, rules: &RuleSet, reason: Why, text: String) {
        let norm = rules.base.procedure.norms.get(reason.as_str()).cloned().unwrap_or_default();
        self.gates.push(Gate { reason, norm, text });
    }
    /// Closed by a check, under the check's own norm.
    fn close_by(&mut self, check: &Check, reason: Why, text: &str) {
        self.gates.push(Gate { reason, norm: check.norm.get_ref().clone(), text: text.to_owned() });
        if !self.checks.contains(check.id.get_ref()) {
            self.checks.push(check.id.get_ref().clone());
        }
    }
    /// The reasons without repetition, in the order of the contract's list.
    pub fn reasons(&self) -> Vec<Why> {
        let mut reasons: Vec<Why> = self.gates.iter().map(|g| g.reason).collect();
        reasons.sort();
        reasons.dedup();
        reasons
    }
}
