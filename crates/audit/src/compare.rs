//! Compares what is stored with what the audit says of it, application by application.
//!
//! A line's payload names what was stored with it by keyed digests: `application` and `sent` what came, `decision` with
//! `decision_no` a decision, `content` with `document` a document; `outcome` and its neighbours are words of the case.
//! Whatever is stored must be named by a genuine line, whatever a line names must be stored so; the newest line counts. A
//! line with the action `erased` says that bodies were deleted after their time: it names what is left of what came, and
//! decisions and documents that were named before may be missing then, but not different.

use crate::{Entry, Fault, Faults, Keys, Thing, Wrong};
use domain::{ApplicationId, Digest, NoticeId};
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A stored application. Of times, here and below, microseconds count.
#[derive(Debug, Clone, Copy)]
pub struct Application<'a> {
    pub sender: &'a str,
    pub service: &'a str,
    pub client_id: &'a str,
    pub ars: &'a str,
    pub form_version: &'a str,
    pub observed_at: Timestamp,
    pub received_at: Timestamp,
    pub content: &'a [u8],
    pub raw: &'a [u8],
}

/// The words of a stored case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case<'a> {
    pub service: &'a str,
    pub ars: &'a str,
    pub state: &'a str,
    /// The state where nothing is decided.
    pub outcome: &'a str,
    pub automatic: bool,
}

/// A stored decision.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    pub number: i64,
    pub notice_id: Option<NoticeId>,
    pub rule_set: Option<&'a str>,
    pub decided_at: Timestamp,
    pub decision: &'a [u8],
    pub trace: &'a [u8],
    pub context: &'a [u8],
    pub data: Option<&'a [u8]>,
}

/// A document in the file.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    pub key: Uuid,
    pub kind: &'a str,
    pub at: Timestamp,
    pub actor: &'a str,
    pub body: &'a [u8],
}

/// A line of the audit with its place: `position` as stored, nothing where it is not chained yet.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub id: i64,
    pub position: Option<i64>,
    pub entry: Entry<'a>,
    pub commitment: &'a [u8],
}

/// Everything that is stored of one application, and all lines about it.
#[derive(Debug, Clone, Default)]
pub struct Subject<'a> {
    pub application: Option<Application<'a>>,
    pub case: Option<Case<'a>>,
    pub decisions: Vec<Decision<'a>>,
    pub documents: Vec<Document<'a>>,
    pub lines: Vec<Line<'a>>,
    /// What is there, but not as this program writes it.
    pub unreadable: Vec<Thing>,
}

/// What a payload may say of what is stored.
#[derive(Debug, Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    service: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ars: Option<Cow<'a, str>>,
    application: Option<Digest>,
    sent: Option<Digest>,
    content: Option<Digest>,
    decision_no: Option<i64>,
    decision: Option<Digest>,
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    automatic: Option<bool>,
    document: Option<Uuid>,
}

/// What all genuine lines about an application say together.
#[derive(Debug, Default)]
struct Said<'a> {
    intake: Option<Intake<'a>>,
    sent: Option<Digest>,
    /// That of the newest decision, and whether a machine made it.
    outcome: Option<Cow<'a, str>>,
    automatic: bool,
    named: BTreeMap<Thing, Named>,
}

/// What the first line of a case says.
#[derive(Debug)]
struct Intake<'a> {
    application: Digest,
    service: Option<Cow<'a, str>>,
    ars: Option<Cow<'a, str>>,
}

#[derive(Debug)]
struct Named {
    digest: Digest,
    /// Its body was deleted after its time.
    erased: bool,
}

/// Takes applications one after the other.
#[derive(Debug)]
pub struct Comparison<'k> {
    keys: &'k Keys,
    compared: u64,
    faults: Faults,
}

impl<'k> Comparison<'k> {
    pub fn new(keys: &'k Keys) -> Self {
        Self { keys, compared: 0, faults: Faults::default() }
    }

    /// How many applications were compared, and what is wrong with them.
    pub fn finish(self) -> (u64, Faults) {
        (self.compared, self.faults)
    }

    /// The next application.
    pub fn take(&mut self, id: ApplicationId, mut subject: Subject<'_>) {
        self.compared += u64::from(subject.application.is_some());
        self.copies(&mut subject.lines);
        let said = self.said(&subject.lines);
        let mut wrong = Vec::new();
        wrong.extend(self.application(subject.application.as_ref(), &said).map(|how| (Thing::Application, how)));
        wrong.extend(said.case(subject.case.as_ref()).map(|how| (Thing::Case, how)));
        let decisions = subject.decisions.iter().map(|row| (Thing::Decision(row.number), self.keys.decision(row)));
        let documents = subject.documents.iter().map(|row| (Thing::Document(row.key), self.keys.document(row)));
        let mut named = said.named;
        for (thing, digest) in decisions.chain(documents) {
            match named.remove(&thing) {
                None => wrong.push((thing, Wrong::Unaudited)),
                Some(said) if said.digest != digest => wrong.push((thing, Wrong::Changed)),
                Some(_) => {}
            }
        }
        wrong.extend(named.into_iter().filter(|(_, said)| !said.erased).map(|(thing, _)| (thing, Wrong::Missing)));
        wrong.retain(|(thing, _)| !subject.unreadable.contains(thing));
        wrong.extend(subject.unreadable.into_iter().map(|thing| (thing, Wrong::Unreadable)));
        wrong.into_iter().for_each(|(thing, wrong)| self.faults.push(Fault::Stored { id, thing, wrong }));
    }

    /// What is wrong with the application; a part of it stays for ever.
    fn application(&self, row: Option<&Application<'_>>, said: &Said<'_>) -> Option<Wrong> {
        let (row, intake) = match (row, &said.intake) {
            (None, None) => return None,
            (None, Some(_)) => return Some(Wrong::Missing),
            (Some(_), None) => return Some(Wrong::Unaudited),
            (Some(row), Some(intake)) => (row, intake),
        };
        let right = intake.application == self.keys.application(row) && said.sent == Some(self.keys.sent(row));
        (!right).then_some(Wrong::Changed)
    }

    /// Removes copies, and brings the others into their order. A copy has the commitment of its original, and is about
    /// the same application.
    fn copies(&mut self, lines: &mut Vec<Line<'_>>) {
        let place = |line: &Line<'_>| (line.position.filter(|at| *at > 0).unwrap_or(i64::MAX), line.id);
        lines.sort_by(|a, b| a.commitment.cmp(b.commitment).then_with(|| place(a).cmp(&place(b))));
        lines.dedup_by(|copy, original| {
            let copied = copy.commitment == original.commitment;
            if copied {
                let (land, id) = (copy.entry.land, copy.id);
                let position = copy.position.and_then(|position| u64::try_from(position).ok());
                self.faults.push(match position {
                    Some(position) => Fault::Copied { land, position },
                    None => Fault::Forged { land, id },
                });
            }
            copied
        });
        lines.sort_by_key(place);
    }

    fn said<'a>(&self, lines: &[Line<'a>]) -> Said<'a> {
        let mut said = Said::default();
        for line in lines {
            // What is not genuine is a fault of its own, and says nothing.
            if self.keys.commitment(&line.entry).0 != line.commitment {
                continue;
            }
            if line.entry.action == "erased" {
                said.named.values_mut().for_each(|named| named.erased = true);
            }
            let Ok(payload) = serde_json::from_slice::<Payload<'a>>(line.entry.payload) else { continue };
            said.add(payload);
        }
        said
    }
}

impl<'a> Said<'a> {
    fn add(&mut self, payload: Payload<'a>) {
        let decision = payload.decision_no.map(Thing::Decision).zip(payload.decision);
        if decision.is_some() {
            (self.outcome, self.automatic) = (payload.outcome, payload.automatic.unwrap_or_default());
        }
        let document = payload.document.map(Thing::Document).zip(payload.content);
        for (thing, digest) in decision.into_iter().chain(document) {
            self.named.insert(thing, Named { digest, erased: false });
        }
        self.sent = payload.sent.or(self.sent);
        if let Some(application) = payload.application {
            self.intake = Some(Intake { application, service: payload.service, ars: payload.ars });
        }
    }

    /// What is wrong with the case: it stays when bodies go.
    fn case(&self, row: Option<&Case<'_>>) -> Option<Wrong> {
        let (row, intake) = match (row, &self.intake) {
            (None, None) => return None,
            (None, Some(_)) => return Some(Wrong::Missing),
            (Some(_), None) => return Some(Wrong::Unaudited),
            (Some(row), Some(intake)) => (row, intake),
        };
        let right = intake.service.as_deref() == Some(row.service)
            && intake.ars.as_deref() == Some(row.ars)
            && self.outcome.as_deref().unwrap_or(row.state) == row.outcome
            && self.automatic == row.automatic;
        (!right).then_some(Wrong::Changed)
    }
}
