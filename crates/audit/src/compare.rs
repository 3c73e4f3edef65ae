//! Compares what is stored with what the audit says of it, application by application.
//!
//! A line's payload names what was stored with it: `application` and `decision` (with `decision_no`) are keyed digests,
//! `outcome` and its neighbours are words of the case. Whatever is stored must be named by a genuine line, whatever a
//! line names must be stored so; the newest line that names a thing counts. A line with the action `erased` says that
//! bodies were deleted after their time: then they may be missing, but not different.

use crate::{Entry, Fault, Faults, Keys, Thing, Wrong};
use domain::{ApplicationId, Digest};
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A stored application: what a line's `application` stands for.
#[derive(Debug, Clone, Copy)]
pub struct Application<'a> {
    pub sender: &'a str,
    pub service: &'a str,
    pub client_id: &'a str,
    pub ars: &'a str,
    pub form_version: &'a str,
    pub content: &'a [u8],
    pub raw: &'a [u8],
    /// Microseconds count, as with every time here.
    pub observed_at: Timestamp,
    pub received_at: Timestamp,
}

/// The words of a stored case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case<'a> {
    pub service: &'a str,
    pub ars: &'a str,
    pub outcome: &'a str,
    pub automatic: bool,
}

/// A stored decision: what a line's `decision` stands for.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    pub number: u32,
    pub decision: &'a [u8],
    pub trace: &'a [u8],
    pub context: &'a [u8],
}

/// A line of the audit with its place: `position` as stored, nothing where it is not chained yet, 0 from before the chain.
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
    pub lines: Vec<Line<'a>>,
}

/// What a payload may say of what is stored.
#[derive(Debug, Deserialize)]
struct Payload<'a> {
    application: Option<Digest>,
    decision_no: Option<u32>,
    decision: Option<Digest>,
    #[serde(borrow)]
    service: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ars: Option<Cow<'a, str>>,
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    automatic: Option<bool>,
}

/// What all genuine lines about an application say together.
#[derive(Debug, Default)]
struct Said<'a> {
    application: Option<Digest>,
    decisions: BTreeMap<u32, Digest>,
    /// The newest line that names an outcome.
    case: Option<Payload<'a>>,
    erased: bool,
    /// Lines from before the chain: they prove nothing, and nothing can be expected of them.
    before: bool,
    /// Genuine lines.
    lines: usize,
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
        let mut wrong = |thing, wrong| self.faults.push(Fault::Stored { id, thing, wrong });
        let unaudited = |thing| (!said.before).then_some((thing, Wrong::Unaudited));
        let application = match (&subject.application, said.application) {
            (None, None) => None,
            (None, Some(_)) => (!said.erased).then_some((Thing::Application, Wrong::Missing)),
            (Some(_), None) => unaudited(Thing::Application),
            (Some(row), Some(digest)) => {
                let right = said.erased && row.raw.is_empty() || self.keys.application(row) == digest;
                (!right).then_some((Thing::Application, Wrong::Changed))
            }
        };
        let case = match (&subject.case, &said.case) {
            (None, None) => None,
            (None, Some(_)) => (!said.erased).then_some((Thing::Case, Wrong::Missing)),
            (Some(_), None) if said.lines > 0 => None,
            (Some(_), None) => unaudited(Thing::Case),
            (Some(row), Some(payload)) => (!payload.is(row)).then_some((Thing::Case, Wrong::Changed)),
        };
        application.into_iter().chain(case).for_each(|(thing, how)| wrong(thing, how));
        for row in &subject.decisions {
            let thing = Thing::Decision(row.number);
            match said.decisions.get(&row.number) {
                None => unaudited(thing).into_iter().for_each(|(thing, how)| wrong(thing, how)),
                Some(_) if said.erased && row.is_erased() => {}
                Some(digest) if self.keys.decision(row) == *digest => {}
                Some(_) => wrong(thing, Wrong::Changed),
            }
        }
        let stored = |number: &u32| subject.decisions.iter().any(|row| row.number == *number);
        for number in said.decisions.keys().filter(|number| !said.erased && !stored(number)) {
            wrong(Thing::Decision(*number), Wrong::Missing);
        }
    }

    /// Removes lines that say nothing, because they are copies or not genuine, and brings the others into their order.
    /// A copy has the commitment of its original, and is about the same application.
    fn copies(&mut self, lines: &mut Vec<Line<'_>>) {
        let place = |line: &Line<'_>| (line.position.unwrap_or(i64::MAX), line.id);
        lines.sort_by(|a, b| a.commitment.cmp(b.commitment).then_with(|| place(a).cmp(&place(b))));
        lines.dedup_by(|copy, original| {
            let copied = copy.commitment == original.commitment && !copy.is_before();
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
            if line.is_before() {
                said.before = true;
                continue;
            }
            // What is not genuine is a fault of its own, and says nothing.
            if self.keys.commitment(&line.entry).0 != line.commitment {
                continue;
            }
            said.lines += 1;
            said.erased |= line.entry.action == "erased";
            let Ok(payload) = serde_json::from_slice::<Payload<'a>>(line.entry.payload) else { continue };
            said.application = payload.application.or(said.application);
            if let (Some(number), Some(digest)) = (payload.decision_no, payload.decision) {
                said.decisions.insert(number, digest);
            }
            if payload.outcome.is_some() {
                said.case = Some(payload);
            }
        }
        said
    }
}

impl Line<'_> {
    fn is_before(&self) -> bool {
        self.position == Some(0) && self.commitment.is_empty()
    }
}

impl Payload<'_> {
    /// Whether the case is what this line says; what it does not say may be anything.
    fn is(&self, case: &Case<'_>) -> bool {
        let word = |said: &Option<Cow<'_, str>>, stored: &str| said.as_deref().is_none_or(|said| said == stored);
        word(&self.service, case.service)
            && word(&self.ars, case.ars)
            && word(&self.outcome, case.outcome)
            && self.automatic.is_none_or(|automatic| automatic == case.automatic)
    }
}

impl Decision<'_> {
    fn is_erased(&self) -> bool {
        [self.decision, self.trace, self.context].iter().any(|body| body.is_empty())
    }
}
