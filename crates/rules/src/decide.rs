//! From a rule set and facts to a decision. Total: whatever goes wrong inside a rule refers to a person.

use crate::evaluation::{Context, Evaluation, Record};
use crate::gate;
use crate::grammar::Effect;
use crate::host::shorten;
use crate::layers::RuleSet;
use crate::program::ENTRY;
use domain::{
    ApplicationId, Ars, ClientId, Decision, Digest, Legal, Outcome, Reason, Referral, ReferralReason, ServiceName,
    Trace, berlin_date, berlin_iso,
};
use jiff::civil::Date;
use rhai::{CallFnOptions, Dynamic, Scope};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which program decided; part of every rule-set hash. What else decides besides rhai: the registry of IBANs.
pub const ENGINE: &str = concat!("dunkelwerk ", env!("CARGO_PKG_VERSION"), ", rhai 1.27, iban_validate 5.0");

/// A valid application as rules see it.
#[derive(Debug, Clone)]
pub struct Facts {
    pub application_id: ApplicationId,
    pub id: ClientId,
    pub service: ServiceName,
    pub ars: Ars,
    pub form_version: String,
    /// Content hash of the form schema that `data` obeys.
    pub form_digest: Digest,
    pub data: Arc<Value>,
    pub decision_no: u32,
}

impl Facts {
    /// A decision about these facts, still empty.
    pub fn decision(&self, outcome: Outcome) -> Decision {
        Decision {
            application_id: self.application_id,
            id: self.id.clone(),
            service: self.service.clone(),
            ars: self.ars.clone(),
            decision_no: self.decision_no,
            outcome,
            automatic: outcome != Outcome::Referred,
            authority: None,
            legal: None,
            result: BTreeMap::new(),
            reasons: Vec::new(),
            referral: None,
            reference_dates: BTreeMap::new(),
            rule_set: None,
            form_version: self.form_version.clone(),
            engine: ENGINE.to_owned(),
            notice_id: outcome.is_final().then(|| self.application_id.notice(self.decision_no)),
            trace: None,
            errors: Vec::new(),
            grounds: None,
            decided_by: None,
        }
    }
}

impl RuleSet {
    /// Decides, or refers with every reason. Never fails, never refuses because of an error.
    pub fn decide(self: &Arc<Self>, facts: &Facts, context: &Context) -> Decision {
        if self.competence.forward {
            let mut decision = facts.decision(Outcome::Forwarded);
            decision.authority = Some(self.competence.authority.clone());
            decision.rule_set = Some(self.hash(&facts.form_digest));
            return decision;
        }
        let dates = self.reference_dates(facts, context);
        let evaluation = Arc::new(Evaluation::new(self.clone(), facts, dates, context));
        let ran = self.run(&evaluation);
        let mut record = std::mem::take(&mut *evaluation.record());
        let (result, error) = match ran {
            Ok(result) => (result, None),
            Err(error) => (BTreeMap::new(), Some(error)),
        };
        let proposal = error.is_none().then(|| self.proposal(&record));
        let case = gate::Case { data: &facts.data, context, record: &record, proposal, result: &result };
        let mut verdict = gate::ask(self, &case);
        match (&error, record.missing.take()) {
            (Some(_), Some((why, text))) => verdict.close(self, why, text),
            (Some(error), None) => verdict.close(self, ReferralReason::RuleError, error.clone()),
            (None, _) => {}
        }
        let outcome = match proposal {
            Some(proposal) if verdict.gates.is_empty() => proposal,
            Some(Outcome::Forwarded) => Outcome::Forwarded,
            Some(_) | None => Outcome::Referred,
        };
        let mut decision = facts.decision(outcome);
        decision.authority = Some(self.competence.authority.clone());
        decision.rule_set = Some(self.hash(&facts.form_digest));
        decision.reference_dates = evaluation.dates.iter().map(|(k, v)| (k.clone(), v.to_string())).collect();
        decision.result = result;
        decision.legal = Some(self.legal(context, outcome, verdict.permitted_by.clone()));
        if outcome == Outcome::Referred {
            decision.referral = Some(Referral {
                reasons: verdict.reasons(),
                checks: verdict.checks,
                queue: self.competence.queue.clone(),
                proposal,
                gates: verdict.gates,
            });
        }
        let checks = self.reasons(&record);
        decision.reasons = checks.clone();
        decision.trace = Some(Trace {
            checks,
            facts: record.facts.into_iter().map(|(pointer, value)| domain::Fact { pointer, value }).collect(),
            tables: record.tables,
            parameters: record.parameters.into_values().collect(),
            functions: record.functions.into_iter().collect(),
            hints: self.checks_with(Effect::Hinweis).map(str::to_owned).collect(),
            error,
        });
        decision
    }

    fn reference_dates(&self, facts: &Facts, context: &Context) -> BTreeMap<String, Date> {
        let mut dates = BTreeMap::from([
            ("antrag".to_owned(), berlin_date(context.received_at)),
            ("entscheidung".to_owned(), berlin_date(context.decided_at)),
        ]);
        for (name, pointer) in &self.base.frame.stichtage {
            let text = facts.data.pointer(pointer.get_ref()).and_then(Value::as_str);
            // A day that is missing or unreadable is noticed where a rule asks for it.
            if let Some(day) = text.and_then(|t| t.parse().ok()) {
                dates.insert(name.clone(), day);
            }
        }
        dates
    }

    fn run(&self, evaluation: &Arc<Evaluation>) -> Result<BTreeMap<String, Value>, String> {
        let day = berlin_day(evaluation);
        let program = self.base.program(day).ok_or_else(|| {
            let text = format!("Am {day} gilt kein Skript.");
            evaluation.record().missing = Some((ReferralReason::NotConfigured, text.clone()));
            text
        })?;
        let options = CallFnOptions::new().with_tag(evaluation.clone()).eval_ast(false);
        let returned: Dynamic =
            program.engine.call_fn_with_options(options, &mut Scope::new(), &program.ast, ENTRY, ()).map_err(|e| {
                let mut text = e.to_string();
                shorten(&mut text);
                text
            })?;
        let map = returned.try_cast::<rhai::Map>().ok_or("entscheide() muss eine Map #{ … } zurückgeben")?;
        let mut room = MAX_RESULT;
        map.into_iter().map(|(name, value)| json(value, 1, &mut room).map(|v| (name.to_string(), v))).collect()
    }

    /// What the recorded checks come to.
    fn proposal(&self, record: &Record) -> Outcome {
        let failed = |effect: Effect| {
            self.checks_with(effect).any(|id| record.checks.iter().any(|c| !c.fulfilled && c.id == id))
        };
        match () {
            () if failed(Effect::Weiterleitung) => Outcome::Forwarded,
            () if failed(Effect::Ablehnung) => Outcome::Refused,
            () if failed(Effect::Teilablehnung) => Outcome::PartlyGranted,
            () => Outcome::Granted,
        }
    }

    /// Ids of the declared checks with an effect.
    fn checks_with(&self, effect: Effect) -> impl Iterator<Item = &str> {
        let declared = self.base.frame.pruefung.iter().map(|c| c.get_ref());
        declared.filter(move |c| c.wirkung == effect).map(|c| c.id.get_ref().as_str())
    }

    fn reasons(&self, record: &Record) -> Vec<Reason> {
        let norm = |id: &str| {
            let declared = self.base.frame.pruefung.iter().map(|c| c.get_ref()).find(|c| c.id.get_ref() == id);
            declared.map(|c| c.norm.get_ref().clone()).unwrap_or_default()
        };
        let reason = |c: &crate::evaluation::Recorded| Reason {
            check: c.id.clone(),
            norm: norm(&c.id),
            fulfilled: c.fulfilled,
            text: c.text.clone(),
        };
        record.checks.iter().map(reason).collect()
    }

    fn legal(&self, context: &Context, outcome: Outcome, permitted_by: Option<String>) -> Legal {
        let automation = self.base.frame.automatik.get_ref();
        Legal {
            regime: automation.regime,
            permitted_by: permitted_by.filter(|_| outcome.is_final()),
            decided_at: berlin_iso(context.decided_at),
            remedy: automation.rechtsbehelf.clone().filter(|_| outcome.is_final()),
        }
    }
}

fn berlin_day(evaluation: &Evaluation) -> Date {
    evaluation.dates.get("antrag").copied().unwrap_or(Date::MIN)
}

/// Values and bytes of text that a result may have, and how deep lists and maps may lie in each other.
const MAX_RESULT: usize = 32 * 1024;
const MAX_DEPTH: usize = 8;

/// Results leave as text where they are exact numbers, so that no reader rounds them.
fn json(value: Dynamic, depth: usize, room: &mut usize) -> Result<Value, String> {
    let size = 1 + value.as_immutable_string_ref().map_or(0, |text| text.len());
    *room = room.checked_sub(size).ok_or("das Ergebnis ist zu groß")?;
    if depth > MAX_DEPTH {
        return Err("das Ergebnis ist zu tief geschachtelt".into());
    }
    if let Some(day) = value.clone().try_cast::<Date>() {
        return Ok(day.to_string().into());
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(amount) = value.as_decimal() {
        return Ok(amount.to_string().into());
    }
    if let Ok(whole) = value.as_int() {
        return Ok(whole.to_string().into());
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(truth.into());
    }
    if value.is_array() {
        let items = value.into_array().map_err(str::to_owned)?;
        return items.into_iter().map(|item| json(item, depth + 1, room)).collect();
    }
    if value.is_map() {
        let map = value.cast::<rhai::Map>();
        let entry = |(key, item): (rhai::Identifier, Dynamic)| Ok((key.to_string(), json(item, depth + 1, room)?));
        return map.into_iter().map(entry).collect();
    }
    let kind = value.type_name();
    let text = value.into_string().map_err(|_| format!("ein Ergebnis vom Typ {kind} gibt es nicht"))?;
    if text.contains('\0') {
        return Err("ein Ergebnis enthält das Zeichen U+0000".into());
    }
    Ok(Value::String(text))
}

/// A decision for a well-formed ARS that nobody configured, or a service without competence there.
pub(crate) fn refer_competence(facts: &Facts, text: String) -> Decision {
    let mut decision = facts.decision(Outcome::Referred);
    let gate = domain::Gate { reason: ReferralReason::Competence, norm: String::new(), text };
    decision.referral = Some(Referral {
        reasons: vec![ReferralReason::Competence],
        checks: Vec::new(),
        queue: "zustaendigkeit".to_owned(),
        proposal: None,
        gates: vec![gate],
    });
    decision.trace = Some(Trace::default());
    decision
}
