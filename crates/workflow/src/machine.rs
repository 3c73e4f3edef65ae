//! The machine that takes a case through its workflow until it waits or ends. Every way into it ends in [`Machine::finish`].

use crate::case::{Case, CaseState, Clocks, Passed, Wait, WorkKind};
use crate::effects::{AuditEntry, Document, Effect, Kept};
use crate::flow::{Condition, Exit, Flow, Kind, Step, StepId};
use crate::matter::Matter;
use crate::publish::{self, News};
use crate::step::{ACTOR, Surroundings};
use crate::{Definition, Office};
use calendar::{Period, Place};
use domain::{Decision, Digest, ReferralReason, berlin_date, json};
use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};
use std::sync::Arc;

/// One step of one case under way.
pub(crate) struct Machine<'o> {
    pub office: &'o Office,
    pub flow: Arc<Flow>,
    pub case: Case,
    pub version: i64,
    pub matter: Matter,
    pub surroundings: &'o Surroundings,
    pub now: Timestamp,
    pub today: Date,
    /// The day on which what is handled now came in, as far as the sender may say; never later than today.
    pub came: Date,
    pub effects: Vec<Effect>,
    /// What the audit is told of a new application by its first line.
    pub first: Option<Value>,
    /// The newest decision.
    pub last: Option<Arc<Decision>>,
    /// Why a person gets it this time, where no rule says so; what holds longer is [`Case::bound`].
    pub because: Vec<ReferralReason>,
}

/// A document in the file as the audit names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filed {
    pub key: uuid::Uuid,
    /// Keyed digest, see [`audit::Keys::document`].
    pub content: Digest,
}

impl<'o> Machine<'o> {
    pub fn new(
        office: &'o Office,
        flow: Arc<Flow>,
        (case, version): (Case, i64),
        matter: Matter,
        last: Option<Arc<Decision>>,
        surroundings: &'o Surroundings,
        now: Timestamp,
    ) -> Self {
        let today = berlin_date(now);
        let effects = Vec::with_capacity(8);
        let (first, because) = (None, Vec::new());
        let came = today;
        Self { office, flow, case, version, matter, surroundings, now, today, came, effects, first, last, because }
    }

    /// Takes the case on until it waits or ends.
    pub fn run(&mut self) {
        // INVARIANT: every circle of a workflow that was loaded contains a wait (flow/check.rs).
        for _ in 0..=self.flow.steps.len() {
            let flow = self.flow.clone();
            let Some(step) = flow.step(&self.case.step) else { return };
            if !step.when.is_empty() && !step.when.iter().any(|condition| self.holds(condition)) {
                self.leave(Exit::Otherwise);
                continue;
            }
            match self.visit(step) {
                Some(exit) => self.leave(exit),
                None => return,
            }
        }
    }

    /// Does what a step does; where it goes on at once, or nothing where it waits or ends.
    fn visit(&mut self, step: &Step) -> Option<Exit> {
        match &step.kind {
            Kind::Form => Some(self.form()),
            Kind::Register(lookup) => self.ask(step, lookup),
            Kind::Decide => Some(self.decide()),
            Kind::Desk { team } => {
                self.refer();
                self.open(step, WorkKind::Desk, team.clone());
                self.wait(step, CaseState::Referred);
                // A referral tells of its work itself.
                if !self.effects.iter().any(|effect| matches!(effect, Effect::Decide(_))) {
                    self.work_news(json!({ "step": step.id }));
                }
                None
            }
            Kind::Countersign { team } => {
                self.open(step, WorkKind::Countersign, team.clone());
                self.wait(step, CaseState::Countersign);
                None
            }
            Kind::Correction => {
                self.wait(step, CaseState::CorrectionNeeded);
                None
            }
            Kind::Hearing => {
                self.wait(step, CaseState::Hearing);
                None
            }
            Kind::Notice { way } => {
                self.notice(way);
                Some(Exit::Next)
            }
            Kind::Publish { topic } => {
                let outward = self.last.as_deref().map(Decision::outward);
                self.news(topic, json!({ "decision": outward }));
                Some(Exit::Next)
            }
            Kind::Control => {
                self.draw();
                Some(Exit::Next)
            }
            Kind::Remedy => {
                self.wait(step, CaseState::Decided);
                self.await_remedy();
                None
            }
            Kind::Forward => {
                self.end(CaseState::Forwarded);
                None
            }
            Kind::End => {
                let withdrawn = step.id == self.flow.interrupts.withdrawal && self.case.state != CaseState::Decided;
                self.end(if withdrawn { CaseState::Withdrawn } else { CaseState::Closed });
                None
            }
        }
    }

    /// Leaves the step by one of its exits.
    pub fn leave(&mut self, exit: Exit) {
        let flow = self.flow.clone();
        let Some(step) = flow.step(&self.case.step) else { return };
        // INVARIANT: a loaded workflow has a step behind each exit that a kind can take; a person is always right.
        let next = step.exits.get(&exit).unwrap_or(&flow.interrupts.person).clone();
        self.depart(step, Some(exit), next);
    }

    /// Takes the case away from where it waits.
    pub fn jump(&mut self, next: &StepId) {
        let flow = self.flow.clone();
        if let Some(step) = flow.step(&self.case.step) {
            self.depart(step, None, next.clone());
        }
    }

    fn depart(&mut self, step: &Step, exit: Option<Exit>, next: StepId) {
        self.resume();
        let signed = matches!(exit, Some(Exit::Signed | Exit::Otherwise));
        if matches!(step.kind, Kind::Countersign { .. }) && !signed {
            self.set_aside();
        }
        if let Some(question) = self.case.wait.take().and_then(|wait| wait.question) {
            self.effects.push(Effect::Answered(question));
        }
        if self.case.work.as_ref().is_some_and(|work| work.kind != WorkKind::Control) && step.kind.waits() {
            self.case.work = None;
        }
        self.case.path.push(Passed { step: step.id.clone(), at: self.now, exit });
        self.case.step = next;
    }

    pub fn wait(&mut self, step: &Step, state: CaseState) {
        self.case.state = state;
        if step.pauses && self.case.clocks.paused_on.is_none() {
            self.case.clocks.paused_on = Some(self.today);
        }
        let until = step.deadline.and_then(|period| self.last_day(self.today, period));
        let remind_on = step.reminder.and_then(|period| period.last_day(self.today));
        self.case.wait = Some(Wait { since: self.now, until, remind_on, question: None });
    }

    /// Statutory clocks go on.
    pub fn resume(&mut self) {
        let clocks = &mut self.case.clocks;
        if let Some(since) = clocks.paused_on.take() {
            let days = days_between(since, self.today);
            clocks.paused_days += days;
            clocks.fiction_extended = clocks.fiction_extended.and_then(|day| calendar::plus_days(day, days));
        }
    }

    /// A case that was over is open again: nothing is deleted, and its clocks begin with what opened it.
    pub fn open_again(&mut self) {
        self.end_control(ACTOR, None);
        let Clocks { received, complete, .. } = self.case.clocks;
        self.case.reopened = true;
        self.case.clocks = Clocks { received, complete, since: Some(self.came), ..Clocks::default() };
    }

    /// From now until the next notice a person decides.
    pub fn bind(&mut self, reason: ReferralReason) {
        if !self.case.bound.contains(&reason) {
            self.case.bound.push(reason);
        }
    }

    /// Why a person decides whatever the rules say: this time, until the next notice, and after every notice.
    pub fn bound(&self) -> Vec<ReferralReason> {
        let reopened = self.case.reopened.then_some(ReferralReason::Rule);
        let mut all = self.because.clone();
        all.extend(self.case.bound.iter().copied().chain(reopened));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The last day of a period from a day on, at the place of the authority.
    pub fn last_day(&self, event: Date, period: Period) -> Option<Date> {
        match self.office.rules.calendar() {
            Some(calendar) => calendar.deadline(event, period, &Place::from(&self.case.ars)),
            None => period.last_day(event),
        }
    }

    fn form(&mut self) -> Exit {
        match &self.matter.form {
            Ok(_) => {
                let clocks = &mut self.case.clocks;
                if clocks.complete.is_none() {
                    (clocks.complete, clocks.paused_before) = (Some(self.came), clocks.paused_days);
                }
                Exit::Valid
            }
            Err(errors) => {
                let errors = errors.clone();
                self.demand(&errors, None);
                Exit::Invalid
            }
        }
    }

    fn end(&mut self, state: CaseState) {
        self.case.state = state;
        self.case.wait = None;
        self.case.hints.clear();
        if !self.under_control() {
            self.case.work = None;
        }
        if matches!(state, CaseState::Withdrawn | CaseState::Forwarded) && !self.case.granted {
            self.effects.push(Effect::Release(self.case.application_id));
        }
        if state == CaseState::Withdrawn {
            self.news("withdrawn", Value::Null);
        }
        let years = self.definition().and_then(|definition| definition.retention.as_ref());
        self.case.erase_on = years.and_then(|r| calendar::plus_months(self.today, r.years * 12));
    }

    /// Tells the sender.
    pub fn news(&mut self, word: &str, more: Value) {
        let case = &self.case;
        let news = News {
            application_id: case.application_id,
            id: case.id.as_str(),
            service: &case.service,
            ars: &case.ars,
            word,
            once: format!("{word}/{}/{}", self.version, self.effects.len()),
            more,
        };
        self.effects.push(Effect::Publish(publish::news(news, self.now)));
    }

    fn holds(&self, condition: &Condition) -> bool {
        let unsigned = self.case.unsigned.as_deref().map(|unsigned| &unsigned.decision);
        let decision = unsigned.or(self.last.as_deref());
        let amount = |name: &String| decision?.result.get(name)?.as_str().and_then(json::decimal);
        let filled = |pointer: &String| match self.matter.submission.envelope.data.pointer(pointer) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(_) => true,
        };
        (condition.outcome.is_empty() || decision.is_some_and(|d| condition.outcome.contains(&d.outcome)))
            && condition.automatic.is_none_or(|wanted| decision.is_some_and(|d| d.automatic == wanted))
            && condition.reopened.is_none_or(|wanted| self.case.reopened == wanted)
            // An amount that cannot be read is looked at, too.
            && condition.above.as_ref().is_none_or(|(name, limit)| amount(name).is_none_or(|value| value > *limit))
            && condition.field.as_ref().is_none_or(filled)
    }

    pub fn definition(&self) -> Option<&'o Definition> {
        self.office.workflows.get(&self.case.service)
    }

    /// Puts a document into the file.
    pub fn file(&mut self, document: Document) -> Filed {
        let filed = Filed { key: document.key, content: self.office.audit_keys.document(&document.audited()) };
        self.effects.push(Effect::File(Box::new(document)));
        filed
    }

    /// Writes what happened.
    pub fn log(&mut self, actor: &str, action: impl Into<String>, more: Value) {
        let mut payload = json!({ "service": self.case.service, "ars": self.case.ars });
        if let (Value::Object(all), Value::Object(more)) = (&mut payload, more) {
            all.extend(more);
        }
        let (id, land) = (self.case.application_id, self.case.ars.land());
        let entry: AuditEntry = self.office.entry(id, land, self.now, actor, action.into(), &payload);
        self.effects.push(Effect::Audit(entry));
    }

    /// The same with where the case stood before.
    pub fn log_way(&mut self, actor: &str, action: impl Into<String>, from: &str, mut more: Value) {
        if let Value::Object(all) = &mut more {
            all.insert("step".into(), from.into());
            if self.case.step != from {
                all.insert("to".into(), self.case.step.clone().into());
            }
        }
        self.log(actor, action, more);
    }

    /// The same before what has been done since `at`: the history reads in the order in which it happened.
    pub fn log_before(&mut self, at: usize, actor: &str, action: impl Into<String>, from: &str, more: Value) {
        let mut after = self.effects.split_off(at);
        self.log_way(actor, action, from, more);
        self.effects.append(&mut after);
    }

    /// Everything that is to be done.
    pub fn finish(mut self) -> Vec<Effect> {
        self.reckon();
        let kept = Kept { case: self.case, version: self.version, at: self.now };
        self.effects.push(Effect::Keep(Box::new(kept)));
        self.effects
    }
}

/// Days from one to a later day; none backwards.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days())).max(0)
}
