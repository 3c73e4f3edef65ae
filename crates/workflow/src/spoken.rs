//! What the applicant says about a case, and what follows from it. Whatever it is, it is kept in the file.

use crate::case::{Case, CaseState};
use crate::correspondence::{Message, Said};
use crate::effects::Document;
use crate::flow::{Exit, Kind};
use crate::machine::Machine;
use domain::ReferralReason;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

impl Message {
    /// As it lies in the file of a case: under the time of filing, which is the order in which documents count. When it
    /// came in, it says itself.
    pub(crate) fn document(&self, case: &Case, at: Timestamp) -> Document {
        Document {
            application_id: case.application_id,
            key: self.key(),
            kind: self.body.as_str().to_owned(),
            at,
            actor: self.sender.name.as_str().to_owned(),
            body: self.raw.clone(),
        }
    }
}

impl Machine<'_> {
    /// Files a message and does what it asks for. What cannot be done by itself is put before a person.
    pub fn hear(&mut self, message: &Message) {
        let from = self.case.step.clone();
        let filed = self.file(message.document(&self.case, self.now));
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
            Said::Objection { .. } => self.objected(),
            Said::Person { .. } => self.person_wanted(),
            Said::HearingReply { .. } => self.replied(),
            Said::Retrieved { notice } => self.retrieved(*notice),
        }
    }

    fn kind(&self) -> Option<Kind> {
        self.flow.step(&self.case.step).map(|step| step.kind.clone())
    }

    fn held(&self) -> bool {
        self.case.holder(self.now).is_some()
    }

    /// Puts the case before a person, wherever it is.
    pub fn put_before_person(&mut self, reason: ReferralReason, hint: &str) {
        self.case.hint(hint);
        self.bind(reason);
        let person = self.flow.interrupts.person.clone();
        self.jump(&person);
        self.run();
    }

    /// The same with a case that was over.
    fn reopened(&mut self, reason: ReferralReason, hint: &str) {
        self.open_again();
        self.put_before_person(reason, hint);
    }

    fn supplied(&mut self) {
        if self.kind() == Some(Kind::Correction) {
            self.leave(Exit::Supplied);
            return self.run();
        }
        match self.case.state {
            // Nobody takes the case away under the hands of who works on it, and no hearing ends before its time.
            CaseState::Referred if self.held() => self.changed(),
            CaseState::Hearing => self.changed(),
            // What was decided on other data is not signed.
            CaseState::Countersign => {
                self.leave(Exit::Returned);
                self.changed();
                self.run();
            }
            CaseState::Waiting | CaseState::Referred | CaseState::CorrectionNeeded => {
                let again = self.flow.interrupts.amendment.clone();
                self.jump(&again);
                self.run();
            }
            CaseState::Decided | CaseState::Closed | CaseState::Forwarded | CaseState::Withdrawn => {
                self.reopened(ReferralReason::Rule, "Nach dem Ende des Vorgangs wurden neue Angaben gemacht");
            }
            CaseState::Erased => {}
        }
    }

    fn changed(&mut self) {
        self.case.hint("Der Antrag wurde inzwischen geändert");
        self.propose_anew();
    }

    fn withdrawn(&mut self) {
        let hint = "Der Antrag oder der Rechtsbehelf wurde zurückgenommen";
        match self.case.state {
            CaseState::Withdrawn | CaseState::Erased => {}
            CaseState::Decided | CaseState::Closed | CaseState::Forwarded => {
                self.reopened(ReferralReason::Rule, hint);
            }
            // A decision stands that a person must look at.
            CaseState::Referred | CaseState::Countersign | CaseState::Hearing if self.case.reopened => {
                self.case.hint(hint);
            }
            _ if self.case.reopened => self.put_before_person(ReferralReason::Rule, hint),
            _ => {
                self.set_aside();
                let end = self.flow.interrupts.withdrawal.clone();
                self.jump(&end);
                self.run();
            }
        }
    }

    fn objected(&mut self) {
        let until = self.case.notice.as_ref().and_then(|notice| notice.remedy_until);
        let late = until.is_some_and(|until| until < self.came);
        match self.case.state {
            CaseState::Erased => {}
            CaseState::Decided if !late && self.kind() == Some(Kind::Remedy) => {
                self.open_again();
                self.bind(ReferralReason::PersonRequested);
                self.case.hint("Rechtsbehelf gegen die Entscheidung");
                self.leave(Exit::Objection);
                self.run();
            }
            CaseState::Decided | CaseState::Closed | CaseState::Forwarded | CaseState::Withdrawn => {
                let periods = self.office.rules.periods(&self.case.service, &self.case.ars);
                let hint = periods.filter(|_| late).map(|periods| periods.late.as_str());
                self.reopened(ReferralReason::PersonRequested, hint.unwrap_or("Rechtsbehelf gegen die Entscheidung"));
            }
            _ => self.case.hint("Rechtsbehelf, bevor entschieden ist"),
        }
    }

    fn person_wanted(&mut self) {
        let hint = "Ein Mensch ist verlangt (Art. 22 Abs. 3 DSGVO)";
        match self.case.state {
            CaseState::Waiting | CaseState::CorrectionNeeded => {
                self.put_before_person(ReferralReason::PersonRequested, hint)
            }
            CaseState::Referred | CaseState::Countersign | CaseState::Hearing => {
                self.bind(ReferralReason::PersonRequested);
                self.case.hint(hint);
            }
            CaseState::Decided | CaseState::Closed | CaseState::Forwarded | CaseState::Withdrawn => {
                self.reopened(ReferralReason::PersonRequested, hint);
            }
            CaseState::Erased => {}
        }
    }

    fn replied(&mut self) {
        match self.case.state {
            CaseState::Hearing => {
                self.bind(ReferralReason::HearingNeeded);
                self.case.hint("Die Anhörung ist beantwortet");
                self.leave(Exit::Heard);
                self.run();
            }
            CaseState::Decided | CaseState::Closed | CaseState::Forwarded | CaseState::Withdrawn => {
                self.reopened(ReferralReason::Rule, "Eine Äußerung kam nach dem Ende des Vorgangs");
            }
            CaseState::Erased => {}
            _ => self.case.hint("Eine Äußerung kam außerhalb der Anhörung"),
        }
    }

    /// The retrieval of another notice, or of one before it was sent, announces nothing.
    fn retrieved(&mut self, of: Option<Uuid>) {
        let day = self.came;
        let Some(notice) = &mut self.case.notice else { return };
        if of.is_some_and(|of| of != notice.id.0) || day < notice.sent {
            return;
        }
        notice.retrieved = Some(notice.retrieved.map_or(day, |known| known.min(day)));
        self.announce();
        if self.kind() == Some(Kind::Remedy) && self.case.state == CaseState::Decided {
            self.await_remedy();
        }
    }
}
