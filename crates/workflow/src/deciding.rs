//! How a case gets its decisions: by rules, by a person, by a norm; and what goes out with them.

use crate::case::{CaseState, Notice, Standing, Unsigned};
use crate::effects::{Claim, Decided, Document, Effect};
use crate::flow::{Exit, Fiction};
use crate::machine::Machine;
use crate::matter::DRAFT;
use crate::official::{Refusal, Verdict};
use crate::publish::{self, event_id};
use crate::step::{ACTOR, form_violated, now_facts};
use crate::{EarlierClaim, OnceKey, Validated};
use calendar::{Announced, Dispatch, Period, Place};
use domain::{Decision, FormError, Legal, Outcome, Referral, ReferralReason, Trace, berlin_iso};
use rules::{Context, Facts};
use serde_json::{Value, json};
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
        self.set_aside();
        let Ok(valid) = self.matter.form.clone() else {
            // INVARIANT: a loaded workflow decides behind a valid form only.
            self.because.push(ReferralReason::RuleError);
            self.bare_referral();
            return Exit::Referred;
        };
        let (decision, context) = self.evaluate(&valid);
        let outcome = decision.outcome;
        self.keep(decision, Some(context));
        match outcome {
            Outcome::Granted | Outcome::PartlyGranted | Outcome::Refused => Exit::Decided,
            Outcome::Forwarded => Exit::Forwarded,
            Outcome::Referred | Outcome::CorrectionNeeded => Exit::Referred,
        }
    }

    fn evaluate(&mut self, valid: &Validated) -> (Decision, Context) {
        let facts = now_facts(&self.matter.submission, valid, self.case.decisions + 1);
        let context = self.context();
        let decision = self.office.rules.decide(&facts, &context);
        if decision.referral.as_ref().is_some_and(|referral| referral.reasons.contains(&ReferralReason::StopSwitch)) {
            for stop in self.office.stopping(&self.matter.submission, self.surroundings) {
                self.case.hint(stop.hint());
            }
        }
        (decision, context)
    }

    fn context(&self) -> Context {
        let mut context = self.office.context(&self.matter.submission, self.surroundings, self.now);
        let present = self.matter.answers.values().filter(|answer| self.is_asked(answer));
        context.evidence.extend(present.filter_map(|a| Some((a.evidence.clone(), a.answer.clone()?))));
        context.free_text |= self.matter.spoken;
        let bound = self.bound();
        context.person_requested |= bound.contains(&ReferralReason::PersonRequested);
        context.refer = bound.into_iter().filter(|reason| *reason != ReferralReason::PersonRequested).collect();
        context
    }

    /// A person never gets a case without what the machine has to say of it.
    pub fn refer(&mut self) {
        let said = self.last.as_ref().and_then(|decision| decision.referral.as_ref());
        if said.is_some_and(|referral| self.bound().iter().all(|reason| referral.reasons.contains(reason))) {
            self.because.clear();
        } else {
            self.propose();
        }
    }

    /// The data changed while a person is at it: they get what the machine says now, and keep their work.
    pub fn propose_anew(&mut self) {
        self.propose();
        let referral = self.last.as_ref().and_then(|decision| decision.referral.as_ref());
        if let Some((work, referral)) = self.case.work.as_mut().zip(referral) {
            (work.reasons, work.proposal) = (referral.reasons.clone(), referral.proposal);
        }
    }

    /// What the machine has to say where a person decides whatever it says.
    fn propose(&mut self) {
        if self.bound().is_empty() {
            self.because.push(ReferralReason::Rule);
        }
        let evaluated = self.matter.form.clone().ok().map(|valid| self.evaluate(&valid));
        match evaluated.filter(|(decision, _)| decision.outcome == Outcome::Referred) {
            Some((decision, context)) => self.keep(decision, Some(context)),
            None => self.bare_referral(),
        }
        self.because.clear();
    }

    /// A referral where the rules cannot run.
    fn bare_referral(&mut self) {
        let mut decision = self.facts().decision(Outcome::Referred);
        let rules = self.office.rules.rule_set(&self.case.service, &self.case.ars);
        decision.authority = rules.map(|rules| rules.competence.authority.clone());
        decision.referral = Some(Referral {
            reasons: self.bound(),
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
        let automatic = decision.automatic && decision.outcome != Outcome::Referred;
        self.case.standing = Some(Standing { outcome: decision.outcome, automatic });
        // What was granted stays taken until another notice says something else.
        if !self.case.granted || decision.outcome.is_final() {
            if decision.decision_no > 1 {
                self.effects.push(Effect::Release(self.case.application_id));
            }
            self.effects.extend(claims(&decision, &self.surroundings.once).into_iter().map(Effect::Claim));
        }
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
            return Err(Refusal::Invalid("text is missing: the reasons for the notice".into()));
        }
        let mut decision = self.facts().decision(verdict.outcome);
        decision.automatic = false;
        decision.decided_by = Some(by.to_owned());
        let rules = self.office.rules.rule_set(&self.case.service, &self.case.ars);
        let Some(rules) = rules else {
            return Err(Refusal::Invalid("nobody is configured to decide this service there: forward it".into()));
        };
        if let Some(last) = &self.last {
            decision.authority = last.authority.clone();
            decision.reference_dates = last.reference_dates.clone();
            // What the machine computed for another outcome says nothing about this one.
            if last.referral.as_ref().map_or(Some(last.outcome), |r| r.proposal) == Some(verdict.outcome) {
                decision.result = last.result.clone();
                decision.reasons = last.reasons.clone();
            }
        }
        decision.result.extend(verdict.result.clone().unwrap_or_default());
        decision.result.retain(|_, value| !value.is_null());
        decision.grounds = Some(verdict.text.trim().to_owned());
        decision.legal = Some(Legal {
            regime: rules.regime(),
            permitted_by: None,
            decided_at: berlin_iso(self.now),
            remedy: rules.remedy(),
        });
        self.case.unsigned = Some(Box::new(Unsigned { decision, by: by.to_owned(), at: self.now }));
        Ok(())
    }

    /// What was decided and not signed does not go out any more; it stays in the file.
    pub fn set_aside(&mut self) {
        let Some(unsigned) = self.case.unsigned.take() else { return };
        let Unsigned { decision, by, at } = *unsigned;
        let body = json!({ "outcome": decision.outcome, "result": decision.result, "text": decision.grounds });
        self.file(Document {
            application_id: self.case.application_id,
            key: event_id(self.case.application_id, &format!("unsigned/{}", self.version)),
            kind: DRAFT.to_owned(),
            at,
            actor: by,
            body: domain::json::canonical(&body),
        });
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
        self.case.granted = matches!(decision.outcome, Outcome::Granted | Outcome::PartlyGranted);
        self.case.hints.clear();
        self.case.bound.clear();
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
        let instructed = self.last.as_ref().and_then(|decision| decision.legal.as_ref()).map(|l| l.remedy.is_some());
        let months = self.office.rules.periods(&self.case.service, &self.case.ars).and_then(|periods| {
            if instructed == Some(true) { Some(periods.remedy_months) } else { periods.uninstructed_months }
        });
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

    /// Waits until the remedy period is over. Where its end cannot be told, a person sees to it.
    pub fn await_remedy(&mut self) {
        let until = self.case.notice.as_ref().and_then(|notice| notice.remedy_until.or(notice.retrievable));
        match &mut self.case.wait {
            Some(wait) if until.is_some() => wait.until = until,
            _ => self.unannounced(),
        }
    }

    /// A notice has not reached anybody, or nobody can tell until when a remedy is possible.
    pub fn unannounced(&mut self) {
        self.end_control(ACTOR, None);
        let announced = self.case.notice.as_ref().is_some_and(|notice| notice.announced.is_some());
        let hint = if announced {
            "Das Ende der Rechtsbehelfsfrist lässt sich nicht berechnen: Rechtsbehelfsbelehrung und Kalender prüfen"
        } else {
            "Nicht abgerufen, also nicht bekannt gegeben: neu entscheiden und dabei den Weg der Bekanntgabe prüfen"
        };
        self.to_person(ReferralReason::Rule, hint);
    }

    /// How the second look at a decision came out: the same outcome and the same amounts.
    ///
    /// # Errors
    /// Names of amounts that the second look says nothing of.
    pub fn agrees(&self, outcome: Outcome, result: &BTreeMap<String, Value>) -> Result<bool, Refusal> {
        let Some(decision) = &self.last else { return Ok(false) };
        if decision.outcome != outcome {
            return Ok(false);
        }
        let amount = |value: &Value| value.as_str().and_then(domain::json::decimal);
        let amounts = decision.result.iter().filter(|(_, value)| amount(value).is_some());
        let silent: Vec<&str> = amounts.map(|(name, _)| name.as_str()).filter(|n| !result.contains_key(*n)).collect();
        if !silent.is_empty() {
            return Err(Refusal::Invalid(format!("result: say what you come to for {}", silent.join(", "))));
        }
        let same = |(name, value): (&String, &Value)| {
            let own = decision.result.get(name);
            own == Some(value) || own.and_then(amount).is_some_and(|own| amount(value) == Some(own))
        };
        Ok(result.iter().all(same))
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
