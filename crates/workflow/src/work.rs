//! Work for people: opened where a step needs one, announced, drawn for a second look.

use crate::case::{CaseState, Work, WorkKind};
use crate::effects::{Control, Effect, Judged};
use crate::flow::Step;
use crate::machine::Machine;
use crate::official::Refusal;
use crate::publish;
use domain::{Decision, ReferralReason};
use jiff::Timestamp;
use serde_json::{Value, json};

impl Machine<'_> {
    pub fn open(&mut self, step: &Step, kind: WorkKind, team: Option<String>) {
        let referral = self.last.as_ref().and_then(|decision| decision.referral.as_ref());
        let unsigned = self.case.unsigned.as_ref();
        let proposal = unsigned.map(|u| u.decision.outcome).or(referral.and_then(|referral| referral.proposal));
        let reasons = referral.map(|referral| referral.reasons.clone()).unwrap_or_default();
        self.case.work = Some(Work { team, proposal, ..self.new_work(kind, reasons) });
        if kind == WorkKind::Countersign {
            self.work_news(json!({ "step": step.id }));
        }
    }

    fn new_work(&self, kind: WorkKind, reasons: Vec<ReferralReason>) -> Work {
        let rules = self.office.rules.rule_set(&self.case.service, &self.case.ars);
        let referral = self.last.as_ref().and_then(|decision| decision.referral.as_ref());
        let queue = rules.map(|rules| &rules.competence.queue).or(referral.map(|referral| &referral.queue));
        Work {
            kind,
            queue: queue.cloned().unwrap_or_else(|| self.case.service.to_string()),
            team: None,
            reasons,
            proposal: None,
            opened_at: self.now,
            claim: None,
            assigned_to: None,
            follow_up: None,
        }
    }

    /// Tells the desk's own systems of work that no referral announced.
    pub fn work_news(&mut self, more: Value) {
        let Some(work) = &self.case.work else { return };
        let once = format!("{}/{}", self.version, self.effects.len());
        let message = publish::work(&self.case, work, more, &once, self.now);
        self.effects.push(Effect::Publish(message));
    }

    /// Draws for a second look after the notice. Nobody outside can foresee the draw, and with the key it can be shown.
    pub fn draw(&mut self) {
        let Some(decision) = self.last.clone().filter(|decision| decision.automatic) else { return };
        if !self.office.drawn_after(&self.case, decision.decision_no) || self.case.work.is_some() {
            return;
        }
        self.note_control(&decision, self.now, None);
        self.case.work = Some(self.new_work(WorkKind::Control, vec![ReferralReason::Sample]));
    }

    /// Somebody wants a second look at what the machine decided (the pattern of § 88 Abs. 5 S. 3 Nr. 4 AO).
    pub fn pick(&mut self) -> Result<(), Refusal> {
        let state = self.case.state;
        let decided = state == CaseState::Decided && self.case.work.is_none();
        let Some(decision) = self.last.clone().filter(|decision| decided && decision.automatic) else {
            return Err(Refusal::state(state, "only what the machine decided, and nobody looks at, can be picked"));
        };
        self.note_control(&decision, self.now, None);
        self.case.work = Some(self.new_work(WorkKind::Control, vec![ReferralReason::Sample]));
        self.work_news(json!({ "step": self.case.step }));
        Ok(())
    }

    /// The end of a second look at the newest decision.
    pub fn end_control(&mut self, by: &str, agreed: Option<bool>) {
        if let (true, Some(decision)) = (self.under_control(), self.last.clone()) {
            let drawn_at = self.case.work.take().map_or(self.now, |work| work.opened_at);
            self.note_control(&decision, drawn_at, Some(Judged { by: by.to_owned(), at: self.now, agreed }));
        }
    }

    fn note_control(&mut self, decision: &Decision, drawn_at: Timestamp, judged: Option<Judged>) {
        self.effects.push(Effect::Control(Box::new(Control {
            application_id: self.case.application_id,
            decision_no: decision.decision_no,
            service: self.case.service.clone(),
            ars: self.case.ars.clone(),
            rule_set: decision.rule_set.clone(),
            drawn_at,
            judged,
        })));
    }

    /// Whether a control is open that a person may judge.
    pub fn under_control(&self) -> bool {
        self.case.work.as_ref().is_some_and(|work| work.kind == WorkKind::Control)
    }
}
