//! A bounded fuzzer: mutated scripts, frames and files never panic, and what loads decides without panic.
//!
//! Seeded, so that a failure comes again. Times are not judged here; a hang would be one of the operation limits failing.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

const ROUNDS: u64 = 10_000;

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
}

/// Pieces that scripts and frames are made of, and some that they should not be; a space between them.
const PIECES: &str = "pruefe( \"alt_genug\" antrag .alter parameter.gebuehr stichtag.beginn nachschlagen( #{ } ( ) [ ] ; , >= \
    < == () 9223372036854775807 -1 0.1 \"\" \"ä{x}\" euro( runde_cent( datum( plus_monate( alter_am( anzahl( enthaelt( \
    normal( if return bund::betrag( ab=2020-13-01 wert= [[parameter]] typ=\"tabelle\" \u{0} ''' instrument=[";

/// One text with a few pieces taken out, doubled or put in.
fn mutate(random: &mut Random, text: &str) -> String {
    let pieces: Vec<&str> = PIECES.split(' ').collect();
    let mut chars: Vec<char> = text.chars().collect();
    let edits = if random.below(4) == 0 { 1 + random.below(4) } else { 1 };
    for _ in 0..edits {
        let at = random.below(chars.len());
        match random.below(4) {
            0 => _ = chars.drain(at..(at + 1 + random.below(12)).min(chars.len())),
            1 => _ = chars.splice(at..at, pieces[random.below(pieces.len())].chars().collect::<Vec<_>>()),
            2 => {
                let end = (at + 1 + random.below(40)).min(chars.len());
                let copy: Vec<char> = chars[at..end].to_vec();
                let to = random.below(chars.len());
                chars.splice(to..to, copy);
            }
            _ => {
                if let Some(c) = chars.get_mut(at) {
                    *c = char::from(u8::try_from(32 + random.below(95)).unwrap());
                }
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn mutated_law_never_panics() {
    let land = format!("{HEAD}[[funktion]]\nname = \"betrag\"\nnorm = \"n\"\ninstrument = \"rechtsverordnung\"\n");
    let values = kommune(&wert("2024-01-01", "12.00", "festsetzung"));
    let whole = tree(&[(LAND, &land), (LAND_SCRIPT, "fn betrag(x) { bund::betrag(x) + 1 }"), (VALUES, &values)]);
    let paths: Vec<String> = whole.files.keys().cloned().collect();
    let (mut loaded, mut refused) = (0, 0);
    for seed in 1..=ROUNDS {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut tree = whole.clone();
        let path = &paths[random.below(paths.len())];
        let text = mutate(&mut random, &tree.files[path]);
        tree.files.insert(path.clone(), text.clone());
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let book = RuleBook::load(&tree).0?;
            Some(decide_in(&book, applicant(), |_| ()))
        }));
        match ran {
            Ok(Some(_)) => loaded += 1,
            Ok(None) => refused += 1,
            Err(_) => panic!("seed {seed}: {path} panics:\n{text}"),
        }
    }
    println!("{loaded} mutations loaded and decided, {refused} refused");
    assert!(loaded > 300 && refused > 500, "{loaded} {refused}");
}

const CALENDAR: &str = include_str!("../../../../rules/kalender.toml");

/// Host functions with every kind of value in every place.
#[test]
fn host_functions_take_whatever_they_are_given() {
    let values = [
        "()",
        "true",
        "0",
        "-9223372036854775807",
        "9223372036854775807",
        "0.5",
        "79228162514264337593543950335.0",
        "\"\"",
        "\"2026-02-30\"",
        "\"ß{alter}\"",
        "[]",
        "[1, \"a\", ()]",
        "#{}",
        "#{ alter: 1 }",
        "datum(\"9999-12-31\")",
        "datum(\"-009999-01-01\")",
        "antrag",
        "nachweise",
        "parameter",
        "stichtag.antrag",
        "antrag.fehlt",
    ];
    let names: BTreeSet<String> = {
        let signatures = crate::engine::engine(None).gen_fn_signatures(false);
        let name = |s: &String| s.split('(').next().map(|n| n.trim().to_owned());
        let word = |n: &String| n.chars().all(|c| c.is_alphanumeric() || c == '_');
        signatures.iter().filter_map(name).filter(word).collect()
    };
    assert!(names.contains("plus_monate") && names.contains("nachschlagen"), "{names:?}");
    let mut calls = 0;
    for name in names.iter().filter(|name| *name != crate::program::MARKER) {
        for a in values {
            let mut bodies = vec![format!("{name}({a})")];
            bodies.extend(values.iter().map(|b| format!("{name}({a}, {b})")));
            bodies.extend(values.iter().map(|b| format!("{name}(\"alt_genug\", {a}, {b})")));
            for body in bodies {
                calls += 1;
                let mut tree = tree(&[]);
                let script = format!("fn entscheide() {{ {body}; #{{ x: {body} }} }}");
                tree.files.insert("bund/probe/2020-01-01.rhai".into(), script);
                tree.files.insert("kalender.toml".into(), CALENDAR.into());
                let ran = catch_unwind(AssertUnwindSafe(|| {
                    RuleBook::load(&tree).0.map(|book| decide_in(&book, applicant(), |_| ()))
                }));
                let Ok(decision) = ran else { panic!("{body} panics") };
                // A wrong argument is no reason to refuse anybody.
                assert_ne!(decision.map(|d| d.outcome), Some(Outcome::Refused), "{body}");
            }
        }
    }
    println!("{calls} calls of {} functions", names.len());
}
