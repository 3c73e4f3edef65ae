//! Work for people: opened where a step needs one, announced, drawn for a second look.

use crate::case::{Work, WorkKind};
use crate::effects::{Control, Effect};
use crate::flow::Step;
use crate::machine::Machine;
use crate::publish;
use domain::ReferralReason;
use serde_json::{Value, json};

impl Machine<'_> {
    pub fn open(&mut self, step: &Step, kind: WorkKind, team: Option<String>) {
        let referral = self.last.as_ref().and_then(|decision| decision.referral.as_ref());
        let rules = self.office.rules.rule_set(&self.case.service, &self.case.ars);
        let queue = rules.map(|rules| rules.competence.queue.clone());
        let queue = queue.or(referral.map(|r| r.queue.clone())).unwrap_or_else(|| self.case.service.to_string());
        let unsigned = self.case.unsigned.as_ref();
        self.case.work = Some(Work {
            kind,
            queue,
            team,
            reasons: referral.map(|referral| referral.reasons.clone()).unwrap_or_default(),
            proposal: unsigned.map(|u| u.decision.outcome).or(referral.and_then(|referral| referral.proposal)),
            opened_at: self.now,
            claim: None,
            assigned_to: None,
            follow_up: None,
        });
        if kind == WorkKind::Countersign {
            let more = json!({ "step": step.id, "kind": kind.as_str() });
            self.work_news(&more);
        }
    }

    /// Tells the desk's own systems of work that no referral announced.
    pub fn work_news(&mut self, more: &Value) {
        let Some(work) = &self.case.work else { return };
        let message = publish::work(&self.case, work, more, self.now);
        self.effects.push(Effect::Publish(message));
    }

    /// Draws for a second look after the notice. Nobody outside can foresee the draw, and with the key it can be shown.
    pub fn draw(&mut self) {
        let Some(decision) = self.last.clone().filter(|decision| decision.automatic) else { return };
        if !self.office.drawn_after(&self.case, decision.decision_no) || self.case.work.is_some() {
            return;
        }
        self.effects.push(Effect::Control(Box::new(Control {
            application_id: self.case.application_id,
            decision_no: decision.decision_no,
            service: self.case.service.clone(),
            ars: self.case.ars.clone(),
            rule_set: decision.rule_set.clone(),
            drawn_at: self.now,
            judged: None,
        })));
        let rules = self.office.rules.rule_set(&self.case.service, &self.case.ars);
        self.case.work = Some(Work {
            kind: WorkKind::Control,
            queue: rules.map_or_else(|| self.case.service.to_string(), |rules| rules.competence.queue.clone()),
            team: None,
            reasons: vec![ReferralReason::Sample],
            proposal: None,
            opened_at: self.now,
            claim: None,
            assigned_to: None,
            follow_up: None,
        });
    }

    /// Whether a control is open that a person may judge.
    pub fn under_control(&self) -> bool {
        self.case.work.as_ref().is_some_and(|work| work.kind == WorkKind::Control)
    }
}
