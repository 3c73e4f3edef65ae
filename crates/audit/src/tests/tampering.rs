//! Ten thousand random tamperings with a store: each is found, exactly where it was done, and nothing else is blamed.

use super::made::{AT, COMMITMENT, Columns, HEAD, ID, LAND, LANDS, Made, PAYLOAD, POSITION, SEQ, id, land, number};
use crate::*;
use std::collections::{BTreeMap, BTreeSet};

/// Who tampers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Attacker {
    /// Leaves the rest as it is.
    Plain,
    /// Numbers and links everything behind anew, without the keys.
    Relinking,
    /// Has even the keys, and makes every digest anew; but the sink is elsewhere.
    Insider,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Flip,
    Insertion,
    Copy,
    Deletion,
    Swap,
    Fork,
    Truncation,
}

const KINDS: [Kind; 7] =
    [Kind::Flip, Kind::Insertion, Kind::Copy, Kind::Deletion, Kind::Swap, Kind::Fork, Kind::Truncation];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

/// Where it was done.
#[derive(Debug, Default)]
struct Done {
    places: BTreeSet<(Land, u64)>,
    /// They hang on a link that went elsewhere.
    followers: BTreeSet<(Land, u64)>,
    /// Behind these everything was made anew, and may be blamed, too.
    from: BTreeMap<Land, u64>,
    /// Numbers of rows without a place.
    rows: BTreeSet<i64>,
    applications: BTreeSet<ApplicationId>,
}

impl Done {
    /// An audit row was touched, as it is before or after that.
    fn at(&mut self, row: &Columns) {
        self.applications.insert(id(row, ID));
        self.rows.insert(number(&row[SEQ]).unwrap());
        if let (Some(land), Some(position @ 1..)) = (land(row), number(&row[POSITION])) {
            self.places.insert((land, position as u64));
        }
    }

    /// Whether a fault names a place where something was done, and whether it may be blamed at all.
    fn names(&self, fault: &Fault) -> (bool, bool) {
        let (land, position) = match *fault {
            Fault::Forged { id, .. } | Fault::Hidden { id, .. } | Fault::Unreadable { id } => {
                return (self.rows.contains(&id), self.rows.contains(&id));
            }
            Fault::Stored { id, .. } => {
                let beside = self.rows.is_empty();
                return (beside && self.applications.contains(&id), self.applications.contains(&id));
            }
            Fault::Changed { land, position }
            | Fault::Missing { land, position, .. }
            | Fault::Copied { land, position }
            | Fault::Doubled { land, position }
            | Fault::Unlinked { land, position }
            | Fault::NotAsWitnessed { land, position } => (land, position),
        };
        let exact = self.places.contains(&(land, position));
        (
            exact,
            exact
                || self.followers.contains(&(land, position))
                || self.from.get(&land).is_some_and(|from| *from <= position),
        )
    }
}

/// The rows of a Land in their order, as indices of the audit.
fn chain(made: &Made, of: Land) -> Vec<usize> {
    let audit = &made.tables[0];
    let mut rows: Vec<usize> =
        (0..audit.len()).filter(|i| land(&audit[*i]) == Some(of) && number(&audit[*i][POSITION]) > Some(0)).collect();
    rows.sort_by_key(|i| (number(&audit[*i][POSITION]), number(&audit[*i][SEQ])));
    rows
}

/// Everything of a Land from a position on gets a number and a link, the Insider's also a commitment, anew.
fn again(made: &mut Made, of: Land, from: u64, attacker: Attacker) {
    let thief = Keys::new(&Secret::new(b"what the thief has instead of it"));
    let keys = if attacker == Attacker::Insider { made.keys.clone() } else { thief };
    let mut last = Link::START;
    for i in chain(made, of) {
        let row = &mut made.tables[0][i];
        let known = last.position + 1 < from;
        if !known && attacker == Attacker::Insider {
            row[COMMITMENT] = keys.commitment(&super::made::entry(row).unwrap()).0.to_vec();
        }
        let commitment = Digest::try_from(row[COMMITMENT].as_slice()).unwrap();
        let link = keys.link(of, &last, &commitment);
        let head = if known { Digest::try_from(row[HEAD].as_slice()).unwrap() } else { link.head };
        last = Link { position: link.position, head };
        (row[POSITION], row[HEAD]) = ((last.position as i64).to_be_bytes().to_vec(), head.0.to_vec());
    }
}

/// Changes at least one bit of one byte.
fn flip(random: &mut Random, column: &mut [u8]) {
    let byte = random.below(column.len());
    column[byte] ^= 1 + random.below(255) as u8;
}

/// Tampers with the store; nothing where this attacker does nothing of the kind.
fn tamper(made: &mut Made, kind: Kind, attacker: Attacker, random: &mut Random) -> Option<Done> {
    let mut done = Done::default();
    if attacker == Attacker::Plain
        && matches!(kind, Kind::Flip | Kind::Insertion | Kind::Deletion)
        && random.below(3) == 0
    {
        return beside(made, kind, random);
    }
    let of = *random.of(&LANDS);
    let rows = chain(made, of);
    // Whoever has the keys is found where the sink knows better; behind it is the tail.
    let known = made.witness.length(of) as usize;
    let at = random.below(if attacker == Attacker::Insider { known } else { rows.len() });
    let (row, from) = (rows[at], at as u64 + 1);
    let forged = |made: &Made, random: &mut Random| {
        let mut forged = made.tables[0][row].clone();
        (forged[ID], forged[PAYLOAD]) = (random.bytes(16), b"{\"outcome\":\"granted\"}".to_vec());
        (forged[COMMITMENT], forged[SEQ]) =
            (random.bytes(32), (1_000 + random.below(1_000) as i64).to_be_bytes().to_vec());
        forged
    };
    match kind {
        Kind::Flip => {
            let columns: &[usize] =
                if attacker == Attacker::Plain { &[0, 1, 2, 3, 4, 5, 6, 7, 8] } else { &[1, 2, 3, 4, 5] };
            let column = *random.of(columns);
            done.at(&made.tables[0][row]);
            flip(random, &mut made.tables[0][row][column]);
            if column == AT && super::made::entry(&made.tables[0][row]).is_none()
                || column != LAND && attacker == Attacker::Insider && super::made::entry(&made.tables[0][row]).is_none()
            {
                // What cannot be read gives the Insider nothing to commit to.
                return (attacker != Attacker::Insider).then_some(done);
            }
            done.at(&made.tables[0][row]);
            if let Some(new) = land(&made.tables[0][row]).filter(|_| column == LAND || column == POSITION) {
                // Where it stands now, there may be a gap before it.
                let rest = chain(made, new).into_iter().filter(|i| *i != row);
                let before = rest.map(|i| number(&made.tables[0][i][POSITION]).unwrap() as u64);
                let own = number(&made.tables[0][row][POSITION]).unwrap();
                done.places.insert((new, before.filter(|at| (*at as i64) < own).max().unwrap_or(0) + 1));
            }
        }
        Kind::Insertion | Kind::Copy => {
            let mut new = made.tables[0][row].clone();
            new[SEQ] = 1_000_i64.to_be_bytes().to_vec();
            if kind == Kind::Insertion {
                new = forged(made, random);
            }
            let end = (rows.len() as i64 + 1).to_be_bytes().to_vec();
            match random.below(4) {
                // Takes the place; what stood there moves on.
                _ if attacker != Attacker::Plain => new[SEQ] = (-1_i64).to_be_bytes().to_vec(),
                0 => {}
                1 => (new[POSITION], new[HEAD]) = (end, random.bytes(32)),
                2 => (new[POSITION], new[HEAD]) = (Vec::new(), Vec::new()),
                _ => new[POSITION] = (-1_i64).to_be_bytes().to_vec(),
            }
            done.at(&made.tables[0][row]);
            done.at(&new);
            if kind == Kind::Copy && attacker != Attacker::Plain {
                done.places.insert((of, from + 1));
            }
            made.tables[0].push(new);
        }
        Kind::Deletion => {
            done.at(&made.tables[0][row]);
            made.tables[0].remove(row);
            if at + 1 == rows.len() && at >= known {
                return None;
            }
        }
        Kind::Swap => {
            let bound = if attacker == Attacker::Insider { known } else { rows.len() };
            let other = rows[(at + 1 + random.below(bound - 1)) % bound];
            // All of the rows but their places; or the places without the links.
            let columns: &[usize] = if attacker != Attacker::Plain || random.below(2) == 0 {
                &[ID, AT, 3, 4, PAYLOAD, COMMITMENT]
            } else {
                &[POSITION]
            };
            for i in [row, other] {
                done.at(&made.tables[0][i]);
                let next = number(&made.tables[0][i][POSITION]).unwrap() as u64 + 1;
                done.followers.extend((columns == [POSITION]).then_some((of, next)));
            }
            for column in columns {
                let taken = std::mem::take(&mut made.tables[0][row][*column]);
                let given = std::mem::replace(&mut made.tables[0][other][*column], taken);
                made.tables[0][row][*column] = given;
            }
            let first = number(&made.tables[0][row][POSITION]).min(number(&made.tables[0][other][POSITION]));
            if attacker != Attacker::Plain {
                again(made, of, first.unwrap() as u64, attacker);
                done.from.insert(of, first.unwrap() as u64);
                return Some(done);
            }
        }
        Kind::Fork => {
            // Another branch from there on, beside the true one or in its place.
            let beside = attacker == Attacker::Plain;
            for i in &rows[at..] {
                let mut new = forged(made, random);
                (new[POSITION], new[HEAD]) = (made.tables[0][*i][POSITION].clone(), random.bytes(32));
                new[SEQ] = (1_000 + *i as i64).to_be_bytes().to_vec();
                done.at(&made.tables[0][*i]);
                done.at(&new);
                if beside {
                    made.tables[0].push(new);
                } else {
                    made.tables[0][*i] = new;
                }
            }
        }
        Kind::Truncation => {
            let gone: BTreeSet<usize> = rows[at..].iter().copied().collect();
            gone.iter().for_each(|i| done.at(&made.tables[0][*i]));
            let mut i = 0;
            made.tables[0].retain(|_| {
                i += 1;
                !gone.contains(&(i - 1))
            });
            if at >= known {
                return None;
            }
        }
    }
    if attacker != Attacker::Plain {
        again(made, of, from, attacker);
        done.from.insert(of, from);
        chain(made, of).iter().skip(at).for_each(|i| done.applications.extend([id(&made.tables[0][*i], ID)]));
    }
    Some(done)
}

/// Tampers with what the audit speaks of.
fn beside(made: &mut Made, kind: Kind, random: &mut Random) -> Option<Done> {
    let mut done = Done::default();
    let table = 1 + random.below(4);
    let at = random.below(made.tables[table].len());
    let rows = &mut made.tables[table];
    done.applications.insert(id(&rows[at], 0));
    match kind {
        Kind::Flip => {
            let columns: Vec<usize> = (0..rows[at].len()).filter(|column| !rows[at][*column].is_empty()).collect();
            let column = *random.of(&columns);
            match (table, column) {
                // True or false, whatever the byte.
                (2, 4) => rows[at][4][0] ^= 1,
                _ => flip(random, &mut rows[at][column]),
            }
            done.applications.insert(id(&rows[at], 0));
        }
        Kind::Deletion => drop(rows.remove(at)),
        _ => {
            let mut new = rows[at].clone();
            // A second row of the same application where the table has such, else one of another.
            let key = if table < 3 { 0 } else { random.below(2) };
            flip(random, &mut new[key]);
            done.applications.insert(id(&new, 0));
            rows.push(new);
        }
    }
    Some(done)
}

#[test]
fn ten_thousand_tamperings_are_found_exactly_where_they_were_done() {
    let made = Made::new();
    let mut random = Random(42);
    let mut counts: BTreeMap<(Kind, Attacker), u32> = BTreeMap::new();
    let mut total = 0;
    while total < 10_000 {
        let (kind, attacker) =
            (*random.of(&KINDS), *random.of(&[Attacker::Plain, Attacker::Relinking, Attacker::Insider]));
        let mut store = made.clone();
        let before = random.0;
        let Some(done) = tamper(&mut store, kind, attacker, &mut random) else { continue };
        let what = || format!("{kind:?} by {attacker:?}, number {total} (seed {before}): {done:?}");
        let faults = store.check().faults;
        assert!(faults.iter().any(|fault| done.names(fault).0), "not found at its place: {}\n{faults:?}", what());
        let blamed = faults.iter().find(|fault| !done.names(fault).1);
        assert_eq!(blamed, None, "blames what nobody touched: {}\n{faults:?}", what());
        // Whoever made everything behind anew is found at the first place.
        for (land, from) in &done.from {
            let first = faults.iter().find(|fault| fault.to_string().starts_with(land.title()));
            assert!(first.is_some_and(|fault| done.names(fault).0), "first of {from}: {}\n{faults:?}", what());
        }
        *counts.entry((kind, attacker)).or_default() += 1;
        total += 1;
    }
    println!("{counts:?}");
}
