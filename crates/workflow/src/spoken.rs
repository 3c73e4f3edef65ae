//! What the applicant says about a case, and what follows from it. Whatever it is, it is kept in the file.

use crate::case::{Case, CaseState};
use crate::correspondence::{Message, Said};
use crate::effects::Document;
use crate::flow::{Exit, Kind};
use crate::machine::Machine;
use domain::{ReferralReason, berlin_date};
use serde_json::json;

impl Message {
    /// As it lies in the file of a case.
    pub(crate) fn document(&self, case: &Case) -> Document {
        Document {
            application_id: case.application_id,
            key: self.key(),
            kind: self.body.as_str().to_owned(),
            at: self.received_at,
            actor: self.sender.name.as_str().to_owned(),
            body: self.raw.clone(),
        }
    }
}

impl Machine<'_> {
    /// Files a message and does what it asks for. What cannot be done by itself is put before a person.
    pub fn hear(&mut self, message: &Message) {
        let from = self.case.step.clone();
        let filed = self.file(message.document(&self.case));
        let at = self.effects.len();
        if self.case.state != CaseState::Erased {
            self.answer(message);
        }
        let actor = message.sender.name.as_str().to_owned();
        let action = format!("message.{}", message.body.as_str());
        self.log_before(at, &actor, action, &from, json!({ "document": filed.key, "content": filed.content }));
    }

    fn answer(&mut self, message: &Message) {
        match &message.body {
            Said::Supplement { .. } | Said::Amendment { .. } => self.supplied(),
            Said::Withdrawal { .. } => self.withdrawn(),
            Said::Objection { .. } => self.objected(message),
            Said::Person { .. } => self.person_wanted(),
            Said::HearingReply { .. } => self.replied(),
            Said::Retrieved => self.retrieved(message),
        }
    }

    fn kind(&self) -> Option<Kind> {
        self.flow.step(&self.case.step).map(|step| step.kind.clone())
    }

    fn held(&self) -> bool {
        self.case.holder(self.now).is_some()
    }

    /// Puts the case before a person, wherever it is.
    fn to_person(&mut self, reason: ReferralReason, hint: &str) {
        self.case.hint(hint);
        self.because.push(reason);
        let person = self.flow.interrupts.person.clone();
        self.jump(&person);
        self.run();
    }

    fn supplied(&mut self) {
        if self.kind() == Some(Kind::Correction) {
            self.leave(Exit::Supplied);
            return self.run();
        }
        match self.case.state {
            // Nobody takes the case away under the hands of who works on it.
            CaseState::Referred | CaseState::Countersign if self.held() => {
                self.case.hint("Der Antrag wurde inzwischen geändert")
            }
            CaseState::Countersign => self.case.hint("Der Antrag wurde inzwischen geändert"),
            CaseState::Waiting | CaseState::Referred | CaseState::Hearing | CaseState::CorrectionNeeded => {
                let again = self.flow.interrupts.amendment.clone();
                self.jump(&again);
                self.run();
            }
            CaseState::Decided | CaseState::Closed => {
                self.case.reopened = true;
                self.to_person(ReferralReason::Rule, "Nach der Entscheidung wurden neue Angaben gemacht");
            }
            CaseState::Forwarded | CaseState::Withdrawn | CaseState::Erased => {}
        }
    }

    fn withdrawn(&mut self) {
        if self.case.is_open() {
            self.case.unsigned = None;
            let end = self.flow.interrupts.withdrawal.clone();
            self.jump(&end);
            self.run();
        } else if matches!(self.case.state, CaseState::Decided | CaseState::Closed) {
            self.case.reopened = true;
            self.to_person(ReferralReason::Rule, "Der Antrag wurde nach der Entscheidung zurückgenommen");
        }
    }

    fn objected(&mut self, message: &Message) {
        let received = berlin_date(message.received_at);
        let until = self.case.notice.as_ref().and_then(|notice| notice.remedy_until);
        match self.case.state {
            CaseState::Decided if until.is_none_or(|until| received <= until) && self.kind() == Some(Kind::Remedy) => {
                self.case.reopened = true;
                self.because.push(ReferralReason::PersonRequested);
                self.case.hint("Rechtsbehelf gegen die Entscheidung");
                self.leave(Exit::Objection);
                self.run();
            }
            CaseState::Decided | CaseState::Closed => {
                self.case.reopened = true;
                let periods = self.office.rules.periods(&self.case.service, &self.case.ars);
                let late = periods.map(|p| p.late.clone()).unwrap_or_default();
                self.to_person(ReferralReason::PersonRequested, &late);
            }
            CaseState::Forwarded | CaseState::Withdrawn | CaseState::Erased => {}
            _ => self.case.hint("Rechtsbehelf, bevor entschieden ist"),
        }
    }

    fn person_wanted(&mut self) {
        match self.case.state {
            CaseState::Waiting | CaseState::CorrectionNeeded => {
                self.to_person(ReferralReason::PersonRequested, "Ein Mensch ist verlangt (Art. 22 Abs. 3 DSGVO)");
            }
            CaseState::Referred | CaseState::Countersign | CaseState::Hearing => {
                self.case.hint("Ein Mensch ist verlangt (Art. 22 Abs. 3 DSGVO)");
            }
            CaseState::Decided | CaseState::Closed => {
                self.case.reopened = true;
                self.to_person(ReferralReason::PersonRequested, "Ein Mensch ist verlangt (Art. 22 Abs. 3 DSGVO)");
            }
            CaseState::Forwarded | CaseState::Withdrawn | CaseState::Erased => {}
        }
    }

    fn replied(&mut self) {
        if self.kind() == Some(Kind::Hearing) {
            self.because.push(ReferralReason::HearingNeeded);
            self.case.hint("Die Anhörung ist beantwortet");
            self.leave(Exit::Heard);
            self.run();
        } else {
            self.case.hint("Eine Äußerung kam außerhalb der Anhörung");
        }
    }

    fn retrieved(&mut self, message: &Message) {
        let day = berlin_date(message.received_at);
        let Some(notice) = &mut self.case.notice else { return };
        let first = notice.retrieved.map_or(day, |known| known.min(day));
        notice.retrieved = Some(first);
        self.announce();
        let until = self.case.notice.as_ref().and_then(|notice| notice.remedy_until.or(notice.retrievable));
        if self.kind() == Some(Kind::Remedy)
            && let Some(wait) = &mut self.case.wait
        {
            wait.until = until;
        }
    }
}
