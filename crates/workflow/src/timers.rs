//! Timers and statutory clocks: what happens because a day has come, and which day that will be.

use crate::case::CaseState;
use crate::effects::{Effect, Erased};
use crate::flow::{Exit, Kind};
use crate::machine::Machine;
use calendar::{Period, Place, plus_days};
use domain::{ReferralReason, german};
use jiff::civil::Date;
use serde_json::json;

/// How long before a fiction somebody is told, in days (R-52: alarm at T-14).
const FICTION_ALARM_DAYS: i64 = 14;

impl Machine<'_> {
    /// Does everything that is due; a case that slept for long catches up in the order of its days.
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
            _ => self.work_news(&json!({ "reminder": true, "due": until })),
        }
        let step = self.case.step.clone();
        self.log_way(self.actor(), "timer.reminder", &step, json!({ "due": until }));
    }

    fn follow_up(&mut self) {
        let Some(work) = &mut self.case.work else { return };
        let Some(day) = work.follow_up.filter(|day| *day <= self.today) else { return };
        work.follow_up = None;
        self.case.hint(format!("Wiedervorlage vom {}", german::day(day)));
        self.work_news(&json!({ "follow_up": day }));
        self.log(self.actor(), "timer.follow_up", json!({ "day": day }));
    }

    /// The applicant may soon sue because nothing happened, or it will soon count as granted.
    fn warning(&mut self) {
        let Some(warn) = self.case.clocks.warn.filter(|day| *day <= self.today) else { return };
        let clocks = &mut self.case.clocks;
        let day = [clocks.inaction, clocks.fiction].into_iter().flatten().min();
        clocks.warned_of = day;
        clocks.warn = None;
        let norm = self.office.rules.periods(&self.case.service, &self.case.ars).map(|p| p.inaction_norm.clone());
        let text = format!(
            "Frist läuft ab am {} ({})",
            day.map(german::day).unwrap_or_default(),
            if day == self.case.clocks.fiction { "Genehmigungsfiktion" } else { norm.as_deref().unwrap_or_default() }
        );
        self.case.hint(text);
        self.work_news(&json!({ "escalation": day, "norm": norm }));
        self.log(self.actor(), "timer.escalation", json!({ "warned_on": warn, "day": day, "norm": norm }));
    }

    /// Counts as granted where nobody decided in time; true where it did.
    fn fiction(&mut self) -> bool {
        let passed = self.case.clocks.fiction.is_some_and(|day| day < self.today);
        let Some(fiction) = self.flow.fiction.clone() else { return false };
        if !passed || !self.case.is_open() || self.case.clocks.paused_on.is_some() {
            return false;
        }
        let from = self.case.step.clone();
        self.case.unsigned = None;
        self.grant_by_fiction(&fiction);
        self.jump(&fiction.next);
        self.log_way(
            self.actor(),
            "timer.fiction",
            &from,
            json!({ "norm": fiction.norm, "day": self.case.clocks.fiction }),
        );
        self.run();
        true
    }

    /// What it waited for did not come in time.
    fn deadline(&mut self) {
        let passed = self.case.wait.as_ref().and_then(|wait| wait.until).filter(|day| *day < self.today);
        let Some(day) = passed else { return };
        let flow = self.flow.clone();
        let Some(step) = flow.step(&self.case.step) else { return };
        let from = step.id.clone();
        let unannounced = step.kind == Kind::Remedy && self.case.notice.as_ref().is_some_and(|n| n.announced.is_none());
        match &step.kind {
            Kind::Register(_) => self.because.push(ReferralReason::RegisterUnavailable),
            Kind::Correction => self.because.push(ReferralReason::EvidenceMissing),
            _ => {}
        }
        if unannounced {
            self.because.push(ReferralReason::Rule);
            self.case
                .hint("Nicht abgerufen, also nicht bekannt gegeben: erneut bereitstellen oder mit der Post senden");
            self.jump(&flow.interrupts.person);
        } else {
            self.leave(Exit::Deadline);
        }
        let at = self.effects.len();
        self.run();
        self.log_before(at, self.actor(), "timer.deadline", &from, json!({ "day": day }));
    }

    /// Nothing personal is kept longer than the retention period.
    fn retention(&mut self) {
        if self.case.erase_on.is_none_or(|day| day > self.today) {
            return;
        }
        self.case.state = CaseState::Erased;
        self.case.erase_on = None;
        self.case.wait = None;
        self.case.work = None;
        self.case.hints.clear();
        self.case.unsigned = None;
        let norm = self.definition().and_then(|d| d.retention.as_ref()).map(|r| r.norm.clone());
        let tombstone = self.office.tombstone(&self.case.sender, &self.case.service, &self.case.id);
        self.case.id = tombstone.clone();
        let (application_id, tombstone) = (self.case.application_id, tombstone.as_str().to_owned());
        let sent = self.office.audit_keys.erased(&tombstone);
        self.effects.push(Effect::Erase(Erased { application_id, tombstone }));
        self.log(self.actor(), "erased", json!({ "norm": norm, "decisions": self.case.decisions, "sent": sent }));
    }

    /// Computes the statutory days anew: they depend on pauses and extensions.
    pub fn reckon(&mut self) {
        let clocks = &self.case.clocks;
        if !self.case.is_open() {
            let clocks = &mut self.case.clocks;
            (clocks.inaction, clocks.warn, clocks.fiction, clocks.warned_of) = (None, None, None, None);
            return;
        }
        let periods = self.office.rules.periods(&self.case.service, &self.case.ars);
        let inaction = periods.and_then(|p| self.moved(clocks.received, Period::Months(p.inaction_months)));
        let fiction = self.flow.fiction.as_ref().zip(clocks.complete);
        let fiction = fiction.and_then(|(fiction, day)| self.moved(day, Period::Months(fiction.months)));
        let fiction = clocks.fiction_extended.or(fiction);
        let before = |day: Option<Date>, days: i64| day.and_then(|day| plus_days(day, -days));
        let warn = [before(inaction, periods.map_or(0, |p| p.warning_weeks) * 7), before(fiction, FICTION_ALARM_DAYS)];
        let next = [inaction, fiction].into_iter().flatten().min();
        let clocks = &mut self.case.clocks;
        clocks.inaction = inaction;
        clocks.fiction = fiction;
        clocks.warn = warn.into_iter().flatten().min().filter(|_| clocks.warned_of != next);
    }

    /// The last day of a statutory period that stood still for a while.
    fn moved(&self, event: Date, period: Period) -> Option<Date> {
        let end = plus_days(period.last_day(event)?, self.case.clocks.paused_days)?;
        match self.office.rules.calendar() {
            Some(calendar) => calendar.next_working_day(end, &Place::from(&self.case.ars)),
            None => Some(end),
        }
    }
}
