//! Every package of the dependency graph has a licence that `deny.toml` allows. The same as `cargo deny check licenses`,
//! without that tool.

use crate::repository::{self, read};
use std::collections::BTreeSet;

fn allowed() -> BTreeSet<String> {
    let deny: toml::Table = toml::from_str(&read("deny.toml")).unwrap();
    deny["licenses"]["allow"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Evaluates an SPDX expression: AND binds stronger than OR, `WITH` makes one name of two, `/` is an old OR.
fn permitted(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut place = 0;
    let answer = alternatives(&words, &mut place, allowed);
    assert_eq!(place, words.len(), "{expression}: not an SPDX expression");
    answer
}

fn alternatives(words: &[&str], place: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut answer = all_of(words, place, allowed);
    while words.get(*place) == Some(&"OR") {
        *place += 1;
        answer |= all_of(words, place, allowed);
    }
    answer
}

fn all_of(words: &[&str], place: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut answer = one(words, place, allowed);
    while words.get(*place) == Some(&"AND") {
        *place += 1;
        answer &= one(words, place, allowed);
    }
    answer
}

fn one(words: &[&str], place: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let word = words[*place];
    *place += 1;
    if word == "(" {
        let answer = alternatives(words, place, allowed);
        assert_eq!(words.get(*place), Some(&")"));
        *place += 1;
        return answer;
    }
    // "2.0+" and "2.0-or-later" include 2.0 itself.
    let name = word.trim_end_matches('+').trim_end_matches("-or-later");
    if words.get(*place) == Some(&"WITH") {
        *place += 2;
        return allowed.contains(&format!("{name} WITH {}", words[*place - 1]));
    }
    allowed.contains(name)
}

#[test]
fn every_package_has_an_allowed_licence() {
    let allowed = allowed();
    let metadata = repository::metadata();
    let refused: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| !package.license.as_ref().is_some_and(|licence| permitted(licence, &allowed)))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert!(metadata.packages.len() > 100, "the dependency graph was not read");
    assert!(refused.is_empty(), "licences that deny.toml does not allow:\n{}", refused.join("\n"));
}

#[test]
fn an_expression_is_read_as_spdx_means_it() {
    let allowed: BTreeSet<String> = ["MIT", "MPL-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for (expression, answer) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR GPL-2.0-only) AND MPL-2.0+", true),
        ("GPL-2.0/MIT", true),
        ("Apache-2.0", false),
        ("Apache-2.0 WITH LLVM-exception OR ISC", true),
        ("MIT OR ISC AND BSD-3-Clause", true),
    ] {
        assert_eq!(permitted(expression, &allowed), answer, "{expression}");
    }
}
