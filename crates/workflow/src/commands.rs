//! What officials do with a case. A command is carried out whole or refused with the reason.

use crate::case::{CaseState, Claimed, WorkKind};
use crate::effects::Document;
use crate::flow::{Exit, Kind};
use crate::machine::{Machine, days_between};
use crate::matter::{DRAFT, NOTE};
use crate::official::{Command, Official, Refusal, Right, right_for};
use crate::publish::event_id;
use domain::{FormError, ReferralReason, berlin_iso, json};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde_json::{Value, json};

/// How long a claim holds without a sign of life. Long enough for a call, short enough for a forgotten tab.
const LEASE_MINUTES: i64 = 60;

impl Machine<'_> {
    /// Carries out a command of an official who saw the case in version `seen`.
    ///
    /// # Errors
    /// Says why nothing was done.
    pub fn obey(&mut self, command: &Command, by: &Official, (seen, now): (i64, i64)) -> Result<(), Refusal> {
        self.permit(command, by)?;
        if seen != now {
            return Err(Refusal::Stale { seen, now });
        }
        let from = self.case.step.clone();
        let at = self.effects.len();
        let more = self.carry_out(command, by)?;
        self.log_before(at, &by.name, format!("command.{}", command.as_str()), &from, more);
        Ok(())
    }

    /// Rights and who is at it, before anything else: who is refused learns nothing more.
    fn permit(&self, command: &Command, by: &Official) -> Result<(), Refusal> {
        if !by.covers(self.case.service.as_str(), &self.case.ars) {
            return Err(Refusal::Forbidden("this case is not yours to see"));
        }
        let kind = self.case.work.as_ref().map_or(WorkKind::Desk, |work| work.kind);
        let needed = match command {
            Command::Assign { .. } if self.case.holder(self.now).is_some_and(|holder| holder.by == by.name) => {
                right_for(kind)
            }
            Command::Assign { .. } | Command::Pick { .. } => Right::Lead,
            Command::Retry { .. } | Command::Migrate { .. } => Right::Operate,
            Command::Judge { .. } => Right::Control,
            Command::Sign | Command::Return { .. } => Right::Countersign,
            Command::Claim | Command::Release | Command::FollowUp { .. } | Command::Draft { .. } => right_for(kind),
            _ => Right::Decide,
        };
        if !by.may(needed) {
            return Err(Refusal::Forbidden("you do not have the right for this"));
        }
        let works = !matches!(
            command,
            Command::Assign { .. }
                | Command::Note { .. }
                | Command::Migrate { .. }
                | Command::Take { .. }
                | Command::Reopen { .. }
        );
        match self.case.holder(self.now).filter(|holder| holder.by != by.name && works) {
            Some(holder) => Err(Refusal::Taken { by: holder.by.clone(), since: berlin_iso(holder.since) }),
            None => Ok(()),
        }
    }

    fn carry_out(&mut self, command: &Command, by: &Official) -> Result<Value, Refusal> {
        match command {
            Command::Claim => self.claim(by),
            Command::Release => {
                self.work("nobody works on it")?.claim = None;
                Ok(json!({}))
            }
            Command::Assign { to } => {
                let work = self.work("there is no work to assign")?;
                work.claim = None;
                work.assigned_to = Some(to.clone());
                Ok(json!({ "assigned_to": to }))
            }
            Command::FollowUp { on, text } => {
                let today = self.today;
                let work = self.work("there is no work to look at again")?;
                if *on <= today {
                    return Err(Refusal::Invalid("on: must be a day to come".into()));
                }
                work.follow_up = Some(*on);
                Ok(self.attach(NOTE, by, json!({ "text": text, "follow_up": on })))
            }
            Command::Note { text } => Ok(self.attach(NOTE, by, json!({ "text": text }))),
            Command::Draft { content } => {
                self.held_by(by)?;
                let _ = self.claim(by)?;
                Ok(self.attach(DRAFT, by, content.clone()))
            }
            Command::Decide(verdict) => {
                self.desk(by)?;
                self.judge(verdict, &by.name)?;
                self.leave(Exit::Decided);
                self.run();
                Ok(json!({ "outcome": verdict.outcome }))
            }
            Command::Sign => {
                self.countersign(by)?;
                self.leave(Exit::Signed);
                self.run();
                Ok(json!({}))
            }
            Command::Return { text } => {
                self.countersign(by)?;
                said(text)?;
                self.case.hint(format!("Nicht gegengezeichnet von {}: {text}", by.name));
                self.leave(Exit::Returned);
                self.run();
                Ok(self.attach(NOTE, by, json!({ "text": text })))
            }
            Command::RequestCorrection { fields } => self.request_correction(fields, by),
            Command::Hear { text } => {
                self.desk(by)?;
                said(text)?;
                self.exit_exists(Exit::Hearing)?;
                let said = self.attach("hearing", by, json!({ "text": text }));
                self.leave(Exit::Hearing);
                self.run();
                let until = self.case.wait.as_ref().and_then(|wait| wait.until);
                self.news("hearing", json!({ "reply_until": until, "text": text }));
                Ok(said)
            }
            Command::Forward { to, text } => {
                self.desk(by)?;
                said(to)?;
                said(text)?;
                self.leave(Exit::Forwarded);
                self.run();
                self.news("forwarded", json!({ "authority": to }));
                Ok(self.attach(NOTE, by, json!({ "text": text, "forwarded_to": to })))
            }
            Command::Pause { text } => self.pause(text, by),
            Command::Resume => self.go_on(),
            Command::Extend { until, text } => self.extend(*until, text, by),
            Command::ExtendFiction { until, text } => self.extend_fiction(*until, text, by),
            Command::Reopen { text } => self.reopen(text, by),
            Command::Close { text } => self.close(text, by),
            Command::Take { text } => self.take(text, by),
            Command::Pick { text } => {
                said(text)?;
                self.pick()?;
                Ok(self.attach(NOTE, by, json!({ "text": text })))
            }
            Command::Judge { outcome, result, text } => {
                self.held_by(by)?;
                self.control(by, self.agrees(*outcome, result)?, text)
            }
            Command::Retry { text } => self.retry(text, by),
            Command::Migrate { flow, form } => self.migrate(flow.as_deref(), form.as_deref()),
        }
    }

    fn work(&mut self, text: &'static str) -> Result<&mut crate::case::Work, Refusal> {
        let state = self.case.state;
        self.case.work.as_mut().ok_or(Refusal::state(state, text))
    }

    fn claim(&mut self, by: &Official) -> Result<Value, Refusal> {
        let (now, today) = (self.now, self.today);
        let signer = self.case.unsigned.as_ref().map(|unsigned| unsigned.by.clone());
        let work = self.work("there is no work to claim")?;
        if work.kind == WorkKind::Countersign && signer.as_ref() == Some(&by.name) {
            return Err(Refusal::Forbidden("nobody signs what they decided themselves"));
        }
        let team = work.team.clone().filter(|team| !by.teams.contains(team) && !by.may(Right::Lead));
        if team.is_some() && work.assigned_to.as_ref() != Some(&by.name) {
            return Err(Refusal::Forbidden("it is the work of a team that you are not in"));
        }
        let other = work.assigned_to.clone().filter(|name| *name != by.name && !by.may(Right::Lead));
        if let Some(name) = other.filter(|name| !self.office.deputises(&by.name, name, today)) {
            return Err(Refusal::Taken { by: name, since: "it was assigned".into() });
        }
        let until = lease(now);
        let work = self.work("there is no work to claim")?;
        let since =
            work.claim.as_ref().filter(|claim| claim.by == by.name && now < claim.until).map(|claim| claim.since);
        work.claim = Some(Claimed { by: by.name.clone(), since: since.unwrap_or(now), until });
        Ok(json!({ "until": berlin_iso(until) }))
    }

    fn held_by(&self, by: &Official) -> Result<(), Refusal> {
        match self.case.holder(self.now) {
            Some(holder) if holder.by == by.name => Ok(()),
            _ => Err(Refusal::state(self.case.state, "claim it first")),
        }
    }

    fn is_at(&self, wanted: impl Fn(&Kind) -> bool) -> bool {
        self.flow.step(&self.case.step).is_some_and(|step| wanted(&step.kind))
    }

    fn desk(&self, by: &Official) -> Result<(), Refusal> {
        if !self.is_at(|kind| matches!(kind, Kind::Desk { .. })) {
            return Err(Refusal::state(self.case.state, "it is with no person to decide"));
        }
        self.held_by(by)
    }

    fn countersign(&self, by: &Official) -> Result<(), Refusal> {
        if !self.is_at(|kind| matches!(kind, Kind::Countersign { .. })) {
            return Err(Refusal::state(self.case.state, "there is nothing to sign"));
        }
        if self.case.unsigned.as_ref().is_some_and(|unsigned| unsigned.by == by.name) {
            return Err(Refusal::Forbidden("nobody signs what they decided themselves"));
        }
        self.held_by(by)
    }

    fn exit_exists(&self, exit: Exit) -> Result<(), Refusal> {
        let there = self.flow.step(&self.case.step).is_some_and(|step| step.exits.contains_key(&exit));
        if there {
            Ok(())
        } else {
            Err(Refusal::state(self.case.state, "the workflow of this service does not know it"))
        }
    }

    fn request_correction(&mut self, fields: &[FormError], by: &Official) -> Result<Value, Refusal> {
        self.desk(by)?;
        self.exit_exists(Exit::Correction)?;
        let form = self.matter.form.as_ref().map(|valid| valid.form.clone());
        let unknown = |e: &&FormError| form.as_ref().is_ok_and(|form| !form.has_field(&e.pointer));
        if let Some(odd) = fields.iter().find(unknown) {
            return Err(Refusal::Invalid(format!("fields: the form has no field {}", odd.pointer)));
        }
        if fields.is_empty() || fields.iter().any(|field| field.message.trim().is_empty()) {
            return Err(Refusal::Invalid("fields: name at least one field, each with a message".into()));
        }
        self.leave(Exit::Correction);
        self.demand(fields, Some(&by.name));
        self.run();
        Ok(json!({ "fields": fields.iter().map(|field| &field.pointer).collect::<Vec<_>>() }))
    }

    fn pause(&mut self, text: &str, by: &Official) -> Result<Value, Refusal> {
        self.desk(by)?;
        if self.case.clocks.paused_on.is_some() {
            return Err(Refusal::state(self.case.state, "its clocks stand still already"));
        }
        self.case.clocks.paused_on = Some(self.today);
        Ok(self.attach(NOTE, by, json!({ "text": text, "paused_on": self.today })))
    }

    /// The statutory clocks go on, and so does the deadline of the desk itself.
    fn go_on(&mut self) -> Result<Value, Refusal> {
        let Some(since) = self.case.clocks.paused_on.filter(|_| self.case.state == CaseState::Referred) else {
            return Err(Refusal::state(self.case.state, "its clocks are not paused"));
        };
        let days = days_between(since, self.today);
        self.resume();
        if let Some(wait) = &mut self.case.wait {
            wait.until = wait.until.and_then(|day| calendar::plus_days(day, days));
        }
        Ok(json!({ "paused_days": days }))
    }

    fn extend(&mut self, until: Date, text: &str, by: &Official) -> Result<Value, Refusal> {
        let state = self.case.state;
        if self.is_at(Kind::statutory) {
            return Err(Refusal::state(state, "a statutory period cannot be extended"));
        }
        let until = self.working(until).unwrap_or(until);
        let wait = self.case.wait.as_mut().ok_or(Refusal::state(state, "it waits for nothing"))?;
        if wait.until.is_some_and(|now| until <= now) {
            return Err(Refusal::Invalid("until: must lie after the present deadline".into()));
        }
        let before = wait.until.replace(until);
        if matches!(state, CaseState::CorrectionNeeded | CaseState::Hearing) {
            self.news("extended", json!({ "reply_until": until }));
        }
        Ok(self.attach(NOTE, by, json!({ "text": text, "until": until, "before": before })))
    }

    fn extend_fiction(&mut self, until: Date, text: &str, by: &Official) -> Result<Value, Refusal> {
        let state = self.case.state;
        let Some(now) = self.case.clocks.fiction else {
            return Err(Refusal::state(state, "no norm lets it count as granted"));
        };
        if self.case.clocks.fiction_extended.is_some() {
            return Err(Refusal::state(state, "the period was extended once already"));
        }
        if until <= now || text.trim().is_empty() {
            return Err(Refusal::Invalid("until: after the present end; text: the reason, which is told".into()));
        }
        self.case.clocks.fiction_extended = Some(until);
        self.news("extended", json!({ "fiction_until": until, "text": text }));
        Ok(self.attach(NOTE, by, json!({ "text": text, "until": until, "before": now })))
    }

    fn reopen(&mut self, text: &str, by: &Official) -> Result<Value, Refusal> {
        if !matches!(
            self.case.state,
            CaseState::Decided | CaseState::Closed | CaseState::Forwarded | CaseState::Withdrawn
        ) {
            return Err(Refusal::state(self.case.state, "it is not decided yet"));
        }
        said(text)?;
        self.open_again();
        let periods = self.office.rules.periods(&self.case.service, &self.case.ars);
        if let Some(periods) = periods {
            self.case.hint(&periods.reopening);
        }
        let next = self.flow.interrupts.reopening.clone();
        self.jump(&next);
        self.run();
        Ok(self.attach(NOTE, by, json!({ "text": text })))
    }

    /// Nothing new is decided, because what led here is settled or was withdrawn.
    fn close(&mut self, text: &str, by: &Official) -> Result<Value, Refusal> {
        self.desk(by)?;
        said(text)?;
        if !self.case.reopened || self.case.notice.is_none() {
            return Err(Refusal::state(self.case.state, "nothing was decided that could stand"));
        }
        self.case.state = CaseState::Decided;
        let end = self.flow.interrupts.withdrawal.clone();
        self.jump(&end);
        self.run();
        self.news("closed", json!({}));
        Ok(self.attach(NOTE, by, json!({ "text": text })))
    }

    fn take(&mut self, text: &str, by: &Official) -> Result<Value, Refusal> {
        if !matches!(self.case.state, CaseState::Waiting | CaseState::CorrectionNeeded) {
            return Err(Refusal::state(self.case.state, "it is not under way by itself"));
        }
        said(text)?;
        self.bind(ReferralReason::Risk);
        let next = self.flow.interrupts.person.clone();
        self.jump(&next);
        self.run();
        let _ = self.claim(by)?;
        Ok(self.attach(NOTE, by, json!({ "text": text })))
    }

    fn control(&mut self, by: &Official, agreed: bool, text: &str) -> Result<Value, Refusal> {
        if !self.under_control() {
            return Err(Refusal::state(self.case.state, "it was not drawn"));
        }
        self.end_control(&by.name, Some(agreed));
        let said = self.attach("control", by, json!({ "text": text, "agreed": agreed }));
        if !agreed {
            self.open_again();
            self.bind(ReferralReason::RuleConflict);
            self.case.hint("Die Nachkontrolle kam zu einem anderen Ergebnis");
            let next = self.flow.interrupts.reopening.clone();
            self.jump(&next);
            self.run();
        }
        Ok(said)
    }

    /// Puts what an official wrote into the file; the audit gets its key and a digest only.
    pub fn attach(&mut self, kind: &str, by: &Official, body: Value) -> Value {
        // Of one kind, no command writes two over the same version.
        let key = event_id(self.case.application_id, &format!("{kind}/{}", self.version));
        let filed = self.file(Document {
            application_id: self.case.application_id,
            key,
            kind: kind.to_owned(),
            at: self.now,
            actor: by.name.clone(),
            body: json::canonical(&body),
        });
        json!({ "document": key, "content": filed.content })
    }
}

/// What somebody else must be able to follow.
fn said(text: &str) -> Result<(), Refusal> {
    match text.trim().is_empty() {
        true => Err(Refusal::Invalid("text: say why (and to: whom), others will read it".into())),
        false => Ok(()),
    }
}

fn lease(now: Timestamp) -> Timestamp {
    now.checked_add(LEASE_MINUTES.minutes()).unwrap_or(now)
}
