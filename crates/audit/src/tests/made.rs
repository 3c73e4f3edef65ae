//! A made-up store in memory: five tables whose columns are bytes, so that any of them can be flipped, and a walk over it
//! as `cases verify` does it over a database.

use crate::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Columns are bytes: a column without any is null, numbers have eight.
pub type Columns = Vec<Vec<u8>>;

pub const APPLICATIONS: usize = 36;
pub const LANDS: [Land; 3] = [Land::NW, Land::SN, Land::BE];
/// Of the audit, which is table 0.
pub const LAND: usize = 0;
pub const ID: usize = 1;
pub const AT: usize = 2;
pub const PAYLOAD: usize = 5;
pub const COMMITMENT: usize = 6;
pub const POSITION: usize = 7;
pub const HEAD: usize = 8;
/// The store's own number: it means nothing.
pub const SEQ: usize = 9;

#[derive(Clone)]
pub struct Made {
    pub keys: Keys,
    pub signer: std::sync::Arc<Signer>,
    pub sink: Vec<String>,
    pub witness: std::sync::Arc<Witness>,
    /// Audit, applications, cases, decisions, documents.
    pub tables: [Vec<Columns>; 5],
}

/// What a walk over everything found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub entries: u64,
    pub applications: u64,
    pub unwitnessed: u64,
    pub waiting: u64,
    pub faults: Vec<Fault>,
}

pub fn text(column: &[u8]) -> Option<&str> {
    std::str::from_utf8(column).ok()
}
pub fn number(column: &[u8]) -> Option<i64> {
    column.try_into().ok().map(i64::from_be_bytes)
}
pub fn land(row: &Columns) -> Option<Land> {
    Land::from_short(text(&row[LAND])?)
}
fn time(column: &[u8]) -> Option<Timestamp> {
    Timestamp::from_microsecond(number(column)?).ok()
}
pub fn id(row: &Columns, column: usize) -> ApplicationId {
    ApplicationId(Uuid::from_slice(&row[column]).unwrap())
}
fn some(column: &[u8]) -> Option<&[u8]> {
    (!column.is_empty()).then_some(column)
}
pub fn entry(row: &Columns) -> Option<Entry<'_>> {
    Some(Entry {
        land: land(row)?,
        application_id: id(row, ID),
        at: time(&row[AT])?,
        actor: text(&row[3])?,
        action: text(&row[4])?,
        payload: &row[PAYLOAD],
    })
}
fn commitment(row: &Columns) -> Option<Digest> {
    Digest::try_from(row[COMMITMENT].as_slice()).ok()
}
fn application(row: &Columns) -> Option<Application<'_>> {
    Some(Application {
        sender: text(&row[1])?,
        service: text(&row[2])?,
        client_id: text(&row[3])?,
        ars: text(&row[4])?,
        form_version: text(&row[5])?,
        observed_at: time(&row[6])?,
        received_at: time(&row[7])?,
        content: &row[8],
        raw: &row[9],
    })
}
fn case(row: &Columns) -> Option<Case<'_>> {
    let automatic = row[4] != [0];
    // The state is the machine's own; it is not audited.
    Some(Case { service: text(&row[1])?, ars: text(&row[2])?, state: "waiting", outcome: text(&row[3])?, automatic })
}
fn decision(row: &Columns) -> Option<Decision<'_>> {
    Some(Decision {
        number: number(&row[1])?,
        notice_id: some(&row[2]).map(|id| domain::NoticeId(Uuid::from_slice(id).unwrap())),
        rule_set: some(&row[3]).map(text)?,
        decided_at: time(&row[4])?,
        decision: &row[5],
        trace: &row[6],
        context: &row[7],
        data: some(&row[8]),
    })
}
fn document(row: &Columns) -> Option<Document<'_>> {
    let (key, kind, at) = (Uuid::from_slice(&row[1]).unwrap(), text(&row[2])?, time(&row[3])?);
    Some(Document { key, kind, at, actor: text(&row[4])?, body: &row[5] })
}

impl Made {
    /// Three Lands, cases of five kinds, a checkpoint every twelve lines, a dozen lines behind the last one.
    pub fn new() -> Self {
        let secret = Secret::new(b"a master secret of thirty-two bytes");
        let (keys, signer) = (Keys::new(&secret), std::sync::Arc::new(Signer::new(&secret)));
        let mut made = Self { keys, signer, sink: Vec::new(), witness: Default::default(), tables: Default::default() };
        for round in 0..4 {
            (0..APPLICATIONS).for_each(|n| made.happens(n, round));
        }
        made.chain();
        made
    }

    /// What happens to an application in a round; how much depends on its kind.
    fn happens(&mut self, n: usize, round: usize) {
        match (n % 5, round) {
            (0 | 3 | 4, 0) => {
                let intake = self.arrives(n);
                self.decided(n, 1, "granted", intake);
            }
            (1, 0) => {
                let intake = self.arrives(n);
                self.writes(n, "received", intake);
            }
            (2, 0) => {
                let intake = self.arrives(n);
                self.decided(n, 1, "correction_needed", intake);
            }
            (1, 1) => self.files(n, "register.answered"),
            (2, 1) => self.files(n, "message.supplement"),
            (4, 1) => self.writes(n, "duplicate", json!({ "content": self.keys.content(b"x"), "as": "another" })),
            (1 | 2, 2) => self.decided(n, if n % 5 == 1 { 1 } else { 2 }, "granted", json!({})),
            (3, 2) => self.erased(n),
            (_, 3) if n % 3 == 0 => self.writes(n, "read", json!({ "what": "case" })),
            _ => {}
        }
    }

    fn id_of(n: usize) -> Vec<u8> {
        Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n as u128 * 977).as_bytes().to_vec()
    }

    fn arrives(&mut self, n: usize) -> Value {
        let at = 1_780_000_000_000_000 + n as i64;
        let (content, raw) = (Digest::of(&[n as u8]).0.to_vec(), format!("{{\"antrag\":{n}}}").into_bytes());
        let words =
            ["portal", "hundesteuer", &format!("k{n}"), "053150000000", "1"].map(|word| word.as_bytes().to_vec());
        let times = [at, at - 7].map(|at| at.to_be_bytes().to_vec());
        let row = [vec![Self::id_of(n)], words.to_vec(), times.to_vec(), vec![content, raw]].concat();
        let stored = application(&row).unwrap();
        let intake = json!({
            "application": self.keys.application(&stored), "content": self.keys.content(stored.content),
            "sent": self.keys.sent(&stored),
        });
        self.tables[1].push(row);
        let words = ["hundesteuer", "053150000000", "waiting"].map(|word| word.as_bytes().to_vec());
        self.tables[2].push([vec![Self::id_of(n)], words.to_vec(), vec![vec![0]]].concat());
        intake
    }

    fn decided(&mut self, n: usize, no: i64, outcome: &str, mut payload: Value) {
        let notice = if outcome == "granted" { Uuid::from_u128(n as u128).as_bytes().to_vec() } else { Vec::new() };
        let texts = ["{\"decision\":1}", "{\"trace\":[2]}", if n % 2 == 0 { "{}" } else { "" }, "{\"data\":3}"];
        let texts = texts.map(|text| text.as_bytes().to_vec());
        let at = (1_780_000_100_000_000 + n as i64).to_be_bytes().to_vec();
        let known = [Self::id_of(n), no.to_be_bytes().to_vec(), notice, b"abc".to_vec(), at];
        let row = [known.as_slice(), &texts].concat();
        payload["decision_no"] = no.into();
        payload["decision"] = json!(self.keys.decision(&decision(&row).unwrap()));
        payload["outcome"] = outcome.into();
        payload["automatic"] = true.into();
        self.tables[3].push(row);
        let case = &mut self.tables[2][n];
        (case[3], case[4]) = (outcome.as_bytes().to_vec(), vec![1]);
        self.writes(n, "decided", payload);
    }

    fn files(&mut self, n: usize, action: &str) {
        let key = Uuid::from_u128(0x5000 + n as u128).as_bytes().to_vec();
        let at = (1_780_000_050_000_000 + n as i64).to_be_bytes().to_vec();
        let row = vec![Self::id_of(n), key, b"supplement".to_vec(), at, b"portal".to_vec(), b"{\"a\":1}".to_vec()];
        let stored = document(&row).unwrap();
        let payload = json!({ "document": stored.key, "content": self.keys.document(&stored) });
        self.tables[4].push(row);
        self.writes(n, action, payload);
    }

    fn erased(&mut self, n: usize) {
        let tombstone = format!("erased:{n}");
        let row = &mut self.tables[1][n];
        (row[3], row[8], row[9]) = (tombstone.clone().into_bytes(), vec![0; 32], Vec::new());
        self.tables[3].retain(|row| row[0] != Self::id_of(n));
        self.writes(n, "erased", json!({ "sent": self.keys.erased(&tombstone) }));
    }

    fn writes(&mut self, n: usize, action: &str, mut payload: Value) {
        payload["service"] = "hundesteuer".into();
        payload["ars"] = "053150000000".into();
        let seq = self.tables[0].len() as i64;
        let columns = [
            LANDS[n % LANDS.len()].short().as_bytes(),
            &Self::id_of(n),
            &(1_780_000_200_000_000 + seq).to_be_bytes(),
            b"dunkelwerk",
            action.as_bytes(),
            &domain::json::canonical(&payload),
            &[],
            &[],
            &[],
            &seq.to_be_bytes(),
        ];
        let mut row: Columns = columns.map(<[u8]>::to_vec).to_vec();
        row[COMMITMENT] = self.keys.commitment(&entry(&row).unwrap()).0.to_vec();
        self.tables[0].push(row);
    }

    /// Places for all lines but the last two, checkpoints for all but the last dozen.
    fn chain(&mut self) {
        let (mut last, mut witness) = (BTreeMap::<Land, Link>::new(), Witness::default());
        let (mut new, mut end) = (BTreeMap::new(), None);
        let count = self.tables[0].len();
        for (n, row) in self.tables[0].iter_mut().take(count - 2).enumerate() {
            let (land, own) = (land(row).unwrap(), commitment(row).unwrap());
            let link = self.keys.link(land, last.get(&land).unwrap_or(&Link::START), &own);
            (row[POSITION], row[HEAD]) = ((link.position as i64).to_be_bytes().to_vec(), link.head.0.to_vec());
            last.insert(land, link);
            new.entry(land).or_insert((link.position, Vec::new())).1.push(own);
            if n % 12 == 11 && n + 12 < count {
                let at = Timestamp::from_microsecond(1_780_000_300_000_000 + n as i64).unwrap();
                let (line, mark) = self.signer.line(end, at, &std::mem::take(&mut new));
                witness.follow(&line, &self.signer.public_key()).unwrap();
                self.sink.push(line);
                end = Some(mark);
            }
        }
        self.witness = witness.into();
    }

    /// Chained lines.
    pub fn lines(&self) -> usize {
        self.tables[0].iter().filter(|row| !row[POSITION].is_empty()).count()
    }

    /// Removes the last chained lines, as they were written.
    pub fn cut(&mut self, count: usize) {
        let keep = self.lines() - count;
        let mut chained = 0;
        self.tables[0].retain(|row| {
            chained += usize::from(!row[POSITION].is_empty());
            row[POSITION].is_empty() || chained <= keep
        });
    }

    /// The walk of `cases verify`.
    pub fn check(&self) -> Found {
        let mut found = Found::default();
        let place = |row: &&Columns| number(&row[POSITION]);
        for land in Land::ALL {
            let of_land = |row: &&Columns| text(&row[LAND]) == Some(land.short()) && place(row) > Some(0);
            let mut rows: Vec<&Columns> = self.tables[0].iter().filter(of_land).collect();
            rows.sort_by_key(|row| (place(row), number(&row[SEQ])));
            let mut verifier = Verifier::new(&self.keys, &self.witness, *land);
            for row in rows {
                let head = Digest::try_from(row[HEAD].as_slice()).ok();
                let position = number(&row[POSITION]).unwrap() as u64;
                verifier.row(&Row { position, entry: entry(row), commitment: commitment(row), head });
            }
            let report = verifier.finish();
            found.entries += report.entries;
            found.unwitnessed += report.unwitnessed;
            found.faults.extend(report.faults.first().iter().cloned());
        }
        let mut tail = Tail::default();
        for row in &self.tables[0] {
            let (seq, chained) = (number(&row[SEQ]).unwrap(), place(&row) > Some(0));
            match entry(row).zip(commitment(row)) {
                _ if chained && land(row).is_some() => {}
                Some((entry, own)) if !chained => {
                    tail.unchained(&self.keys, seq, &entry, &own, row[POSITION].is_empty());
                }
                _ => tail.unreadable(seq),
            }
        }
        found.waiting = tail.waiting;
        found.faults.extend(tail.faults.first().iter().cloned());
        self.compare(&mut found);
        found
    }

    fn compare(&self, found: &mut Found) {
        let mut comparison = Comparison::new(&self.keys);
        let ids: BTreeSet<ApplicationId> = (0..5)
            .flat_map(|table| self.tables[table].iter().map(move |row| id(row, usize::from(table == 0))))
            .collect();
        for of in ids {
            let mut subject = Subject::default();
            for row in self.tables[1].iter().filter(|row| id(row, 0) == of) {
                subject.application = application(row);
                subject.unreadable.extend(subject.application.is_none().then_some(Thing::Application));
            }
            for row in self.tables[2].iter().filter(|row| id(row, 0) == of) {
                subject.case = case(row);
                subject.unreadable.extend(subject.case.is_none().then_some(Thing::Case));
            }
            for row in self.tables[3].iter().filter(|row| id(row, 0) == of) {
                let number = number(&row[1]).unwrap();
                subject.unreadable.extend(decision(row).is_none().then_some(Thing::Decision(number)));
                subject.decisions.extend(decision(row));
            }
            for row in self.tables[4].iter().filter(|row| id(row, 0) == of) {
                let key = Uuid::from_slice(&row[1]).unwrap();
                subject.unreadable.extend(document(row).is_none().then_some(Thing::Document(key)));
                subject.documents.extend(document(row));
            }
            for row in self.tables[0].iter().filter(|row| id(row, ID) == of) {
                let (seq, position) = (number(&row[SEQ]).unwrap(), number(&row[POSITION]));
                let line = |entry| Line { id: seq, position, entry, commitment: &row[COMMITMENT] };
                subject.lines.extend(entry(row).map(line));
            }
            comparison.take(of, subject);
        }
        let (applications, faults) = comparison.finish();
        found.applications = applications;
        found.faults.extend(faults.first().iter().cloned());
    }
}
