//! Random tampering: every kind is found, at its place, also by who has the keys.

use super::*;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug, Clone)]
struct Row {
    land: Land,
    application_id: u128,
    at: i64,
    action: String,
    payload: Vec<u8>,
    commitment: Digest,
    link: Link,
}

impl Row {
    fn entry(&self) -> Entry<'_> {
        Entry {
            land: self.land,
            application_id: ApplicationId(Uuid::from_u128(self.application_id)),
            at: Timestamp::from_microsecond(self.at).unwrap(),
            actor: "dunkelwerk",
            action: &self.action,
            payload: &self.payload,
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

const LANDS: [Land; 3] = [Land::NW, Land::SN, Land::BE];

fn store(keys: &Keys, signer: &Signer, count: usize) -> (Vec<Row>, String) {
    let mut last: BTreeMap<Land, Link> = BTreeMap::new();
    let (mut rows, mut sink) = (Vec::new(), Vec::<String>::new());
    let mut new: BTreeMap<Land, (u64, Vec<Digest>)> = BTreeMap::new();
    for i in 0..count {
        let land = LANDS[i % LANDS.len()];
        let mut row = Row {
            land,
            application_id: i as u128,
            at: 1_700_000_000_000_000 + i as i64,
            action: "decided".to_owned(),
            payload: format!("{{\"n\":{i}}}").into_bytes(),
            commitment: Digest::of(b""),
            link: Link { position: 0, head: Digest::of(b"") },
        };
        row.commitment = keys.commitment(&row.entry());
        row.link = keys.link(land, last.get(&land), &row.commitment);
        last.insert(land, row.link);
        new.entry(land).or_insert((row.link.position, Vec::new())).1.push(row.commitment);
        if i % 10 == 9 {
            let line = signer.line(sink.last().map(String::as_str), Timestamp::from_microsecond(row.at).unwrap(), &new);
            sink.push(line);
            new.clear();
        }
        rows.push(row);
    }
    (rows, sink.join("\n"))
}

fn verify(keys: &Keys, witness: &Witness, rows: &[Row]) -> Report {
    let mut verifier = Verifier::new(keys, witness);
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(|row| (row.land, row.link.position));
    for row in sorted {
        verifier.row(&row.entry(), &row.commitment, &row.link);
    }
    verifier.finish()
}

/// Everything behind a place made anew, as somebody with the keys can.
fn relink(keys: &Keys, rows: &mut Vec<Row>, recommit: bool) {
    let mut last: BTreeMap<Land, Link> = BTreeMap::new();
    for row in rows {
        if recommit {
            row.commitment = keys.commitment(&row.entry());
        }
        row.link = keys.link(row.land, last.get(&row.land), &row.commitment);
        last.insert(row.land, row.link);
    }
}

#[test]
fn ten_thousand_tamperings_are_all_found_at_their_place() {
    let secret = Secret::new(b"a master secret of thirty-two bytes");
    let (keys, signer) = (Keys::new(&secret), Signer::new(&secret));
    let thief = Keys::new(&Secret::new(b"what the thief has instead of it"));
    let (rows, sink) = store(&keys, &signer, 120);
    let (witness, error) = Witness::read(&sink, &signer.public_key());
    assert_eq!((error, verify(&keys, &witness, &rows)), (None, Report { entries: 120, ..Report::default() }));
    let mut random = Random(7);
    let mut kinds = [0; 10];
    for _ in 0..10_000 {
        let mut store = rows.clone();
        // Of the same Land as its neighbour three on, and not the last of it.
        let at = random.below(store.len() - 6);
        let (land, mut position) = (store[at].land, store[at].link.position);
        let kind = random.below(kinds.len());
        kinds[kind] += 1;
        match kind {
            0 => {
                let byte = random.below(store[at].payload.len());
                store[at].payload[byte] ^= 1 << random.below(8);
            }
            1 => store[at].at += 1,
            2 => store[at].action.push('!'),
            3 => drop(store.remove(at)),
            4 => {
                let (a, b) = (store[at].link, store[at + 3].link);
                store[at].link = b;
                store[at + 3].link = a;
            }
            5 => {
                let mut copy = store[at].clone();
                copy.application_id += 1_000;
                store.push(copy);
            }
            // Whoever has no key makes commitments and links with another one.
            6 => {
                store[at].payload = b"{}".to_vec();
                relink(&thief, &mut store, true);
            }
            // Whoever has the keys recomputes everything behind; only the checkpoints know better.
            7 => {
                store[at].payload = b"{}".to_vec();
                relink(&keys, &mut store, true);
            }
            8 => {
                store.remove(at);
                relink(&keys, &mut store, false);
            }
            // A genuine entry once more at the end, where the program itself chains it.
            _ => {
                let last =
                    store.iter().filter(|row| row.land == land).map(|row| row.link).max_by_key(|link| link.position);
                let mut copy = store[at].clone();
                copy.link = keys.link(land, last.as_ref(), &copy.commitment);
                position = copy.link.position;
                store.push(copy);
            }
        }
        let faults = verify(&keys, &witness, &store).faults;
        let first = faults.iter().find(|fault| match fault {
            Fault::Changed { land: l, position: p }
            | Fault::Missing { land: l, position: p, .. }
            | Fault::Copied { land: l, position: p }
            | Fault::Doubled { land: l, position: p }
            | Fault::Unlinked { land: l, position: p }
            | Fault::NotAsWitnessed { land: l, position: p } => (*l, *p) == (land, position),
            Fault::Forged { .. } | Fault::Hidden { .. } | Fault::Unreadable { .. } => false,
        });
        assert!(first.is_some(), "kind {kind} at {} {position}: {faults:?}", land.title());
        if kind < 4 {
            assert_eq!(faults.len(), 1, "kind {kind}: nothing else is blamed: {faults:?}");
        }
    }
    println!("{kinds:?} tamperings by kind, all found");
}

#[test]
fn a_cut_tail_and_a_tampered_sink_are_found() {
    let secret = Secret::new(b"a master secret of thirty-two bytes");
    let (keys, signer) = (Keys::new(&secret), Signer::new(&secret));
    let (mut rows, sink) = store(&keys, &signer, 60);
    let key = signer.public_key();
    let (witness, _) = Witness::read(&sink, &key);
    rows.truncate(57);
    let missing: Vec<Fault> = LANDS.iter().map(|land| Fault::Missing { land: *land, position: 20, to: 20 }).collect();
    let mut faults = verify(&keys, &witness, &rows).faults;
    faults.sort();
    let mut expected = missing;
    expected.sort();
    assert_eq!(faults, expected, "the end was cut off");
    let lines: Vec<&str> = sink.lines().collect();
    let without = [&lines[..2], &lines[3..]].concat().join("\n");
    assert_eq!(Witness::read(&without, &key).1, Some(CheckpointError::Order(3)));
    let exchanged = [lines[0], lines[2], lines[1]].join("\n");
    assert_eq!(Witness::read(&exchanged, &key).1, Some(CheckpointError::Order(2)));
    let flipped = sink.replacen("\"first\":1", "\"first\":2", 1);
    assert_eq!(Witness::read(&flipped, &key).1, Some(CheckpointError::Signature(1)));
    let foreign = Signer::new(&Secret::new(b"another")).line(None, Timestamp::UNIX_EPOCH, &BTreeMap::new());
    assert_eq!(Witness::read(&foreign, &key).1, Some(CheckpointError::Signature(1)));
    // Half a line that a crash left between two whole ones.
    let torn = [lines[0], &lines[1][..40], lines[1], lines[2]].join("\n");
    let (read, error) = Witness::read(&torn, &key);
    assert_eq!((read.checkpoints, error), (3, None));
}

#[test]
fn the_tail_is_reported_and_a_forged_entry_in_it_found() {
    let secret = Secret::new(b"a master secret of thirty-two bytes");
    let (keys, signer) = (Keys::new(&secret), Signer::new(&secret));
    let (rows, sink) = store(&keys, &signer, 25);
    let (witness, _) = Witness::read(&sink, &signer.public_key());
    let mut verifier = Verifier::new(&keys, &witness);
    let mut sorted: Vec<&Row> = rows.iter().take(23).collect();
    sorted.sort_by_key(|row| (row.land, row.link.position));
    sorted.iter().for_each(|row| verifier.row(&row.entry(), &row.commitment, &row.link));
    verifier.unchained(24, &rows[23].entry(), &rows[23].commitment, true);
    verifier.unchained(25, &rows[24].entry(), &Digest::of(b"made up"), true);
    verifier.unchained(26, &rows[23].entry(), &rows[23].commitment, true);
    verifier.unchained(27, &rows[22].entry(), &rows[22].commitment, false);
    let report = verifier.finish();
    // Made up, a copy of one that waits, a copy of one that is chained.
    let forged = [(24, 25), (23, 26), (22, 27)].map(|(row, id)| Fault::Forged { land: rows[row].land, id });
    assert!(report.faults.len() == 3 && forged.iter().all(|fault| report.faults.contains(fault)), "{report:?}");
    assert_eq!((report.entries, report.unwitnessed, report.unchained), (23, 3, 1));
    assert_eq!(report.oldest_unchained, Some(rows[23].entry().at));
}
