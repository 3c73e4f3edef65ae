//! How a case gets its decisions: by rules, by a person, by a norm; and what goes out with them.

use crate::case::{CaseState, Notice, Unsigned};
use crate::effects::{Claim, Decided, Effect};
use crate::flow::{Exit, Fiction};
use crate::machine::Machine;
use crate::official::{Refusal, Verdict};
use crate::publish;
use crate::step::{form_violated, now_facts};
use crate::{EarlierClaim, OnceKey};
use calendar::{Announced, Dispatch, Period, Place};
use domain::{Decision, FormError, Legal, Outcome, Referral, ReferralReason, Trace, berlin_iso};
use rules::{Context, Facts};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What others did with a once-only key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    pub earlier: Vec<EarlierClaim>,
    /// The highest ordinal that anybody has; 0 where nobody has one.
    pub highest: u32,
}

impl Machine<'_> {
    /// Evaluates the rules; how the step is left.
    pub fn decide(&mut self) -> Exit {
        let Ok(valid) = self.matter.form.clone() else {
            // INVARIANT: a loaded workflow decides behind a valid form only.
            self.because.push(ReferralReason::RuleError);
            self.bare_referral();
            return Exit::Referred;
        };
        let facts = now_facts(&self.matter.submission, &valid, self.case.decisions + 1);
        let context = self.context();
        let decision = self.office.rules.decide(&facts, &context);
        let outcome = decision.outcome;
        if decision.referral.as_ref().is_some_and(|referral| referral.reasons.contains(&ReferralReason::StopSwitch)) {
            let hints: Vec<String> = self
                .office
                .stopping(&self.matter.submission, self.surroundings)
                .iter()
                .map(|stop| stop.hint())
                .collect();
            hints.into_iter().for_each(|hint| self.case.hint(hint));
        }
        self.keep(decision, Some(context));
        match outcome {
            Outcome::Granted | Outcome::PartlyGranted | Outcome::Refused => Exit::Decided,
            Outcome::Forwarded => Exit::Forwarded,
            Outcome::Referred | Outcome::CorrectionNeeded => Exit::Referred,
        }
    }

    fn context(&self) -> Context {
        let mut context = self.office.context(&self.matter.submission, self.surroundings, self.now);
        let found = self.matter.answers.values().filter_map(|a| Some((a.evidence.clone(), a.answer.clone()?)));
        context.evidence.extend(found);
        context.free_text |= self.matter.spoken;
        context.person_requested |= self.because.contains(&ReferralReason::PersonRequested);
        context.refer = self.because.iter().copied().filter(|r| *r != ReferralReason::PersonRequested).collect();
        context
    }

    /// A person never gets a case without what the machine has to say of it.
    pub fn refer(&mut self) {
        let referred = self.last.as_ref().is_some_and(|decision| decision.outcome == Outcome::Referred);
        if referred && self.because.is_empty() {
            return;
        }
        if self.because.is_empty() {
            self.because.push(ReferralReason::Rule);
        }
        if self.matter.form.is_ok() {
            self.decide();
        } else {
            self.bare_referral();
        }
        self.because.clear();
    }

    /// A referral where the rules cannot run.
    fn bare_referral(&mut self) {
        let mut decision = self.facts().decision(Outcome::Referred);
        let rules = self.office.rules.rule_set(&self.case.service, &self.case.ars);
        decision.authority = rules.map(|rules| rules.competence.authority.clone());
        decision.referral = Some(Referral {
            reasons: self.because.clone(),
            checks: Vec::new(),
            queue: rules.map_or_else(|| self.case.service.to_string(), |rules| rules.competence.queue.clone()),
            proposal: None,
            gates: Vec::new(),
        });
        decision.trace = Some(Trace::default());
        self.keep(decision, None);
    }

    /// The applicant must mend the form: because it is violated, or because an official says so.
    pub fn demand(&mut self, errors: &[FormError], by: Option<&str>) {
        let mut facts = self.facts();
        if by.is_some() {
            let mut decision = facts.decision(Outcome::CorrectionNeeded);
            decision.errors = errors.to_vec();
            decision.automatic = false;
            decision.decided_by = by.map(str::to_owned);
            self.keep(decision, None);
            return;
        }
        facts.data = Arc::default();
        let decision = form_violated(&facts, errors);
        let context = self.context();
        self.keep(decision, Some(context));
    }

    fn facts(&self) -> Facts {
        self.office.bare_facts(&self.matter.submission, self.case.decisions + 1)
    }

    /// A decision becomes the newest one.
    fn keep(&mut self, decision: Decision, context: Option<Context>) {
        self.case.decisions = decision.decision_no;
        self.stand(
            decision.outcome,
            decision.automatic && decision.outcome != Outcome::Referred,
            decision.decided_by.clone(),
        );
        if decision.decision_no > 1 {
            self.effects.push(Effect::Release(self.case.application_id));
        }
        self.effects.extend(claims(&decision, &self.surroundings.once).into_iter().map(Effect::Claim));
        if !decision.outcome.is_final() {
            self.effects.push(Effect::Publish(publish::result(&decision, self.now)));
            self.effects.extend(publish::task(&decision, self.now).map(Effect::Publish));
        }
        let data = self.matter.amended.then_some(&*self.matter.submission.envelope.data);
        let decided = Decided::new(decision, self.now, context.as_ref(), data);
        let audit = self.office.decided(&decided, self.first.take(), self.now);
        self.effects.push(Effect::Audit(audit));
        self.last = Some(decided.decision.clone());
        self.effects.push(Effect::Decide(Box::new(decided)));
    }

    /// What a person decides; it is not made before it needs no second signature any more.
    ///
    /// # Errors
    /// An outcome that a person cannot decide here, or no reasons.
    pub fn judge(&mut self, verdict: &Verdict, by: &str) -> Result<(), Refusal> {
        if !verdict.outcome.is_final() {
            return Err(Refusal::Invalid("outcome must be granted, partly_granted or refused".into()));
        }
        if verdict.text.trim().is_empty() {
            return Err(Refusal::Invalid("text is missing: the reasons for the notice (§ 39 VwVfG)".into()));
        }
        let mut decision = self.facts().decision(verdict.outcome);
        decision.automatic = false;
        decision.decided_by = Some(by.to_owned());
        if let Some(last) = &self.last {
            decision.authority = last.authority.clone();
            decision.reference_dates = last.reference_dates.clone();
            decision.result = last.result.clone();
            decision.reasons = last.reasons.clone();
        }
        if let Some(result) = &verdict.result {
            decision.result = result.clone();
        }
        decision.grounds = Some(verdict.text.trim().to_owned());
        let rules = self.office.rules.rule_set(&self.case.service, &self.case.ars);
        decision.legal = rules.map(|rules| Legal {
            regime: rules.regime(),
            permitted_by: None,
            decided_at: berlin_iso(self.now),
            remedy: rules.remedy(),
        });
        self.case.unsigned = Some(Box::new(Unsigned { decision, by: by.to_owned(), at: self.now }));
        Ok(())
    }

    /// Counts as granted, because nobody decided in time and a norm says so.
    pub fn grant_by_fiction(&mut self, fiction: &Fiction) {
        let mut decision = self.facts().decision(Outcome::Granted);
        decision.automatic = false;
        decision.grounds = Some(format!("Die Genehmigung gilt als erteilt ({}).", fiction.norm));
        let rules = self.office.rules.rule_set(&self.case.service, &self.case.ars);
        decision.authority = rules.map(|rules| rules.competence.authority.clone());
        decision.legal = rules.map(|rules| Legal {
            regime: rules.regime(),
            permitted_by: Some(fiction.norm.clone()),
            decided_at: berlin_iso(self.now),
            remedy: rules.remedy(),
        });
        self.keep(decision, None);
    }

    /// The decision goes out, and its remedy period begins.
    pub fn notice(&mut self, way: &str) {
        if let Some(unsigned) = self.case.unsigned.take() {
            let mut decision = unsigned.decision;
            decision.decision_no = self.case.decisions + 1;
            decision.notice_id = Some(self.case.application_id.notice(decision.decision_no));
            self.keep(decision, None);
        }
        let Some(decision) = self.last.clone().filter(|decision| decision.outcome.is_final()) else { return };
        self.effects.push(Effect::Publish(publish::result(&decision, self.now)));
        self.case.state = CaseState::Decided;
        self.case.hints.clear();
        let id = decision.notice_id.unwrap_or_else(|| self.case.application_id.notice(decision.decision_no));
        let sent = self.today;
        self.case.notice = Some(Notice {
            id,
            sent,
            way: way.to_owned(),
            retrieved: None,
            announced: None,
            retrievable: None,
            remedy_until: None,
        });
        self.announce();
    }

    /// Finds out whether and when the notice counts as announced, and until when a remedy is possible.
    pub fn announce(&mut self) {
        let Some(calendar) = self.office.rules.calendar() else { return };
        let place = Place::from(&self.case.ars);
        let today = self.today;
        let months = self.office.rules.periods(&self.case.service, &self.case.ars).map(|periods| periods.remedy_months);
        let Some(notice) = &mut self.case.notice else { return };
        let Some(rule) = calendar.announcement(&notice.way, notice.sent) else { return };
        let dispatch = Dispatch { sent: notice.sent, retrieved: notice.retrieved };
        match rule.of(dispatch, today, calendar, &place) {
            Some(Announced::On(day)) => {
                notice.announced = Some(day);
                notice.retrievable = None;
                notice.remedy_until = months.and_then(|n| calendar.deadline(day, Period::Months(n), &place));
            }
            Some(Announced::RetrievableUntil(day)) => notice.retrievable = Some(day),
            Some(Announced::Not) | None => notice.retrievable = None,
        }
    }

    /// How the second look at a decision came out.
    pub fn agrees(&self, outcome: Outcome, result: &BTreeMap<String, Value>) -> bool {
        let Some(decision) = &self.last else { return false };
        let amounts = result.iter().all(|(name, value)| decision.result.get(name) == Some(value));
        decision.outcome == outcome && amounts
    }
}

/// Once-only keys are taken where something was granted, or where a person may still grant it.
fn claims(decision: &Decision, once: &[(OnceKey, Taken)]) -> Vec<Claim> {
    let proposal = decision.referral.as_ref().and_then(|r| r.proposal);
    let taken = matches!(proposal.unwrap_or(decision.outcome), Outcome::Granted | Outcome::PartlyGranted);
    if !taken {
        return Vec::new();
    }
    let day = |field: &Option<String>| {
        let value = field.as_ref().and_then(|name| decision.result.get(name));
        value.and_then(Value::as_str).and_then(|text| text.parse().ok())
    };
    let each = |(key, taken): &(OnceKey, Taken)| {
        let claim = |i: u32| Claim {
            application_id: decision.application_id,
            name: key.name.clone(),
            digest: key.digest,
            ordinal: taken.highest.saturating_add(i),
            from: day(&key.from_field),
            to: day(&key.to_field),
        };
        (1..=key.count).map(claim).collect::<Vec<_>>()
    };
    once.iter().flat_map(each).collect()
}
