//! Asking registers (Once-Only): the question as it is put, the answer as it is kept.

use crate::case::CaseState;
use crate::effects::{Document, Effect, Question};
use crate::flow::{Exit, Kind, Lookup, Step};
use crate::machine::Machine;
use crate::matter::AnswerOnFile;
use crate::publish::event_id;
use domain::{berlin_iso, json};
use serde_json::{Value, json};
use uuid::Uuid;

impl Machine<'_> {
    pub fn ask(&mut self, step: &Step, lookup: &Lookup) -> Option<Exit> {
        let submission = &self.matter.submission;
        let known =
            submission.envelope.evidence.iter().any(|e| e.kind == lookup.evidence && submission.sender.trusts(&e.kind));
        // Without the register the rules say what is missing, and a person decides.
        if known || !self.office.settings.registers.contains(&lookup.register) {
            return Some(Exit::Answered);
        }
        let asked = self.question(lookup);
        // The same question is not put twice; another one is, where the applicant changed what it asks for.
        if self
            .matter
            .answers
            .get(&lookup.evidence)
            .is_some_and(|known| known.question == asked && known.answer.is_some())
        {
            return Some(Exit::Answered);
        }
        let id = event_id(self.case.application_id, &format!("question/{}/{}", step.id, self.case.path.len()));
        let body = json!({
            "question_id": id, "register": lookup.register, "service": self.case.service, "ars": self.case.ars,
            "evidence": lookup.evidence, "asked_at": berlin_iso(self.now), "question": asked,
        });
        self.wait(step, CaseState::Waiting);
        if let Some(wait) = &mut self.case.wait {
            wait.question = Some(id);
        }
        self.effects.push(Effect::Ask(Box::new(Question {
            id,
            application_id: self.case.application_id,
            register: lookup.register.clone(),
            service: self.case.service.clone(),
            ars: self.case.ars.clone(),
            at: self.now,
            body: json::canonical(&body),
        })));
        None
    }

    fn question(&self, lookup: &Lookup) -> Value {
        let data = &self.matter.submission.envelope.data;
        let field = |pointer: &String| data.pointer(pointer).cloned().unwrap_or_default();
        lookup.question.iter().map(|(name, pointer)| (name.clone(), field(pointer))).collect()
    }

    /// Whether an answer is to what would be asked now: the data may have changed since.
    pub fn is_asked(&self, answer: &AnswerOnFile) -> bool {
        let mut asked = self.flow.steps.iter().filter_map(|step| match &step.kind {
            Kind::Register(lookup) if lookup.evidence == answer.evidence => Some(self.question(lookup)),
            _ => None,
        });
        asked.any(|question| question == answer.question)
    }

    /// A register answered; late answers are only kept.
    pub fn answered(&mut self, question: Uuid, answer: &AnswerOnFile, document: Option<Document>) {
        let from = self.case.step.clone();
        let filed = document.map(|document| self.file(document));
        let awaited = self.case.wait.as_ref().and_then(|wait| wait.question) == Some(question);
        let at = self.effects.len();
        if awaited {
            self.leave(Exit::Answered);
            self.run();
        } else {
            self.effects.push(Effect::Answered(question));
        }
        let more = json!({
            "register": answer.register, "source": answer.source, "found": answer.answer.is_some(), "awaited": awaited,
            "document": filed.map(|filed| filed.key), "content": filed.map(|filed| filed.content),
        });
        self.log_before(at, &answer.register, "register.answered", &from, more);
    }
}
