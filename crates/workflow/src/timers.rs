//! Timers and statutory clocks: what happens because a day has come, and which day that will be.

use crate::case::{CaseState, Clocks};
use crate::effects::{Effect, Erased};
use crate::flow::{Exit, Kind};
use crate::machine::Machine;
use crate::step::ACTOR;
use calendar::{Period, Place, plus_days};
use domain::{ReferralReason, german};
use jiff::civil::Date;
use serde_json::json;

/// A day that somebody must see before it comes.
struct Alarm {
    day: Date,
    /// When they are told.
    on: Date,
    norm: String,
}

impl Machine<'_> {
    /// Does everything that is due.
    pub fn woken(&mut self) {
        self.retention();
        if self.case.state == CaseState::Erased {
            return;
        }
        self.reminder();
        self.follow_up();
        self.warning();
        if self.fiction() {
            return;
        }
        self.deadline();
    }

    /// Before anything else happens: what counts as granted since a day that is over is granted.
    pub fn overdue(&mut self) {
        if self.fiction() {
            self.reckon();
        }
    }

    fn reminder(&mut self) {
        let due = self.case.wait.as_ref().and_then(|wait| wait.remind_on).is_some_and(|day| day <= self.today);
        if !due {
            return;
        }
        if let Some(wait) = &mut self.case.wait {
            wait.remind_on = None;
        }
        let until = self.case.wait.as_ref().and_then(|wait| wait.until);
        match self.case.state {
            CaseState::CorrectionNeeded | CaseState::Hearing => self.news("reminder", json!({ "reply_until": until })),
            _ => self.work_news(json!({ "reminder": true, "due": until })),
        }
        let step = self.case.step.clone();
        self.log_way(ACTOR, "timer.reminder", &step, json!({ "due": until }));
    }

    fn follow_up(&mut self) {
        let Some(work) = &mut self.case.work else { return };
        let Some(day) = work.follow_up.filter(|day| *day <= self.today) else { return };
        work.follow_up = None;
        self.case.hint(format!("Wiedervorlage vom {}", german::day(day)));
        self.work_news(json!({ "follow_up": day }));
        self.log(ACTOR, "timer.follow_up", json!({ "day": day }));
    }

    /// The applicant may soon sue because nothing happened, or it will soon count as granted.
    fn warning(&mut self) {
        let (today, told) = (self.today, self.case.clocks.warned_of.clone());
        let due = |alarm: &Alarm| alarm.on <= today && !told.contains(&alarm.day);
        for Alarm { day, on, norm } in self.alarms().into_iter().filter(due) {
            self.case.clocks.warned_of.push(day);
            self.case.hint(format!("Frist läuft ab am {} ({norm})", german::day(day)));
            self.work_news(json!({ "escalation": day, "norm": norm }));
            self.log(ACTOR, "timer.escalation", json!({ "warned_on": on, "day": day, "norm": norm }));
        }
    }

    /// Counts as granted where nobody decided in time; true where it did.
    pub fn fiction(&mut self) -> bool {
        let passed = self.case.clocks.fiction.is_some_and(|day| day < self.today);
        let Some(fiction) = self.flow.fiction.clone() else { return false };
        if !passed || !self.case.is_open() || self.case.clocks.paused_on.is_some() {
            return false;
        }
        let from = self.case.step.clone();
        self.set_aside();
        self.grant_by_fiction(&fiction);
        self.jump(&fiction.next);
        self.log_way(ACTOR, "timer.fiction", &from, json!({ "norm": fiction.norm, "day": self.case.clocks.fiction }));
        self.run();
        true
    }

    /// What it waited for did not come in time.
    fn deadline(&mut self) {
        let passed = self.case.wait.as_ref().and_then(|wait| wait.until).filter(|day| *day < self.today);
        let Some(day) = passed else { return };
        let flow = self.flow.clone();
        let Some(step) = flow.step(&self.case.step) else { return };
        if self.case.clocks.paused_on.is_some() && !step.pauses {
            return self.still_paused(step.deadline);
        }
        let from = step.id.clone();
        match &step.kind {
            Kind::Register(_) => self.because.push(ReferralReason::RegisterUnavailable),
            Kind::Correction => self.because.push(ReferralReason::EvidenceMissing),
            Kind::Countersign { .. } => {
                let by = self.case.unsigned.as_ref().map(|unsigned| unsigned.by.clone()).unwrap_or_default();
                self.case.hint(format!("{by} hatte entschieden; gegengezeichnet wurde nicht"));
            }
            _ => {}
        }
        let at = self.effects.len();
        if step.kind == Kind::Remedy && self.case.notice.as_ref().is_some_and(|notice| notice.announced.is_none()) {
            self.unannounced();
        } else {
            self.leave(Exit::Deadline);
            self.run();
        }
        self.log_before(at, ACTOR, "timer.deadline", &from, json!({ "day": day }));
    }

    /// What an official paused is not taken away from them; it is not forgotten either.
    fn still_paused(&mut self, period: Option<Period>) {
        let until = period.and_then(|period| self.last_day(self.today, period));
        if let Some(wait) = &mut self.case.wait {
            wait.until = until;
        }
        let since = self.case.clocks.paused_on;
        self.case.hint(format!("Die Fristen ruhen seit {}", since.map(german::day).unwrap_or_default()));
        self.work_news(json!({ "paused_since": since, "due": until }));
        self.log(ACTOR, "timer.paused", json!({ "paused_on": since, "until": until }));
    }

    /// Nothing personal is kept longer than the retention period.
    fn retention(&mut self) {
        if self.case.erase_on.is_none_or(|day| day > self.today) || self.case.is_open() {
            return;
        }
        self.case.state = CaseState::Erased;
        self.case.erase_on = None;
        self.case.wait = None;
        self.case.work = None;
        self.case.hints.clear();
        self.case.unsigned = None;
        self.case.bound.clear();
        let norm = self.definition().and_then(|d| d.retention.as_ref()).map(|r| r.norm.clone());
        let tombstone = self.office.tombstone(&self.case.sender, &self.case.service, &self.case.id);
        self.case.id = tombstone.clone();
        let (application_id, tombstone) = (self.case.application_id, tombstone.as_str().to_owned());
        let sent = self.office.audit_keys.erased(&tombstone);
        self.effects.push(Effect::Erase(Erased { application_id, tombstone }));
        self.log(ACTOR, "erased", json!({ "norm": norm, "decisions": self.case.decisions, "sent": sent }));
    }

    /// Computes the statutory days anew: they depend on pauses and extensions.
    pub fn reckon(&mut self) {
        if self.case.is_open() {
            self.case.erase_on = None;
            let (inaction, fiction) = (self.inaction(), self.fiction_day());
            let clocks = &mut self.case.clocks;
            (clocks.inaction, clocks.fiction) = (inaction, fiction);
            let alarms = self.alarms();
            let clocks = &mut self.case.clocks;
            clocks.warned_of.retain(|day| alarms.iter().any(|alarm| alarm.day == *day));
            clocks.warn = alarms.iter().filter(|a| !clocks.warned_of.contains(&a.day)).map(|alarm| alarm.on).min();
        } else {
            let clocks = &mut self.case.clocks;
            *clocks = Clocks { inaction: None, warn: None, fiction: None, warned_of: Vec::new(), ..clocks.clone() };
        }
    }

    /// From when on the applicant may sue for inaction.
    fn inaction(&self) -> Option<Date> {
        let periods = self.office.rules.periods(&self.case.service, &self.case.ars)?;
        let clocks = &self.case.clocks;
        self.moved(clocks.since.unwrap_or(clocks.received), Period::Months(periods.inaction_months), clocks.paused_days)
    }

    /// The last day before it counts as granted: never where there was a notice in time.
    fn fiction_day(&self) -> Option<Date> {
        let clocks = &self.case.clocks;
        let (fiction, complete) = self.flow.fiction.as_ref().zip(clocks.complete)?;
        if self.case.reopened || self.case.notice.is_some() {
            return None;
        }
        let days = clocks.paused_days - clocks.paused_before;
        clocks.fiction_extended.or_else(|| self.moved(complete, Period::Months(fiction.months), days))
    }

    fn alarms(&self) -> Vec<Alarm> {
        let clocks = &self.case.clocks;
        let alarm = |day: Option<Date>, days: i64, norm: &str| {
            let on = plus_days(day?, -days)?;
            Some(Alarm { day: day?, on, norm: norm.to_owned() })
        };
        let periods = self.office.rules.periods(&self.case.service, &self.case.ars);
        let inaction = periods.and_then(|p| alarm(clocks.inaction, p.warning_weeks * 7, &p.inaction_norm));
        let fiction = self
            .flow
            .fiction
            .as_ref()
            .and_then(|f| alarm(clocks.fiction, f.warning_days, &format!("Genehmigungsfiktion, {}", f.norm)));
        inaction.into_iter().chain(fiction).collect()
    }

    /// The last day of a statutory period that stood still for some days.
    fn moved(&self, event: Date, period: Period, days: i64) -> Option<Date> {
        self.working(plus_days(period.last_day(event)?, days)?)
    }

    /// A day, or the next working day at the place of the authority.
    pub fn working(&self, day: Date) -> Option<Date> {
        match self.office.rules.calendar() {
            Some(calendar) => calendar.next_working_day(day, &Place::from(&self.case.ars)),
            None => Some(day),
        }
    }
}
