//! The house stands as ARCHITECTURE.md draws it: arrows point down, the core stays pure, files stay small.

use crate::repository::{files, metadata, read, root};
use cargo_metadata::{DependencyKind, Metadata, PackageId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Which own crate may use which: the table of the architecture. `testkit` and `tests` are exempt.
const ARROWS: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("calendar", &["domain"]),
    ("audit", &["domain"]),
    ("rules", &["domain", "calendar"]),
    ("workflow", &["domain", "calendar", "rules", "audit"]),
    ("authoring", &["domain", "rules", "workflow"]),
    ("storage", &["domain"]),
    ("worker", &["domain", "audit", "workflow", "storage"]),
    ("web", &["domain", "workflow", "storage"]),
    ("dunkelwerk", &["domain", "calendar", "audit", "rules", "workflow", "authoring", "storage", "worker", "web"]),
];
const EXEMPT: [&str; 2] = ["testkit", "tests"];
const PURE: [&str; 6] = ["domain", "calendar", "audit", "rules", "workflow", "authoring"];
const IMPURE: [&str; 5] = ["tokio", "sqlx", "lapin", "axum", "reqwest"];
/// A library that only one own crate names, so that it can be exchanged there.
const OWNED: [(&str, &str); 4] =
    [("lapin", "worker"), ("sqlx", "storage"), ("rhai", "rules"), ("jsonschema", "workflow")];
/// German nouns of the law that Rust may use, as ASCII.
const LEGAL_NOUNS: [&str; 7] =
    ["Bescheid", "Ermessen", "Bekanntgabe", "Anhoerung", "Genehmigungsfiktion", "Fachverfahren", "Satzung"];

/// Own crates with their direct normal dependencies.
fn direct(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let normal = |dependency: &&cargo_metadata::Dependency| dependency.kind == DependencyKind::Normal;
    let package = |package: &&cargo_metadata::Package| {
        let names = package.dependencies.iter().filter(normal).map(|dependency| dependency.name.clone());
        (package.name.to_string(), names.collect())
    };
    metadata.workspace_packages().iter().map(package).filter(|(name, _)| !EXEMPT.contains(&name.as_str())).collect()
}

#[test]
fn arrows_between_own_crates_point_down_only() {
    let crates = direct(&metadata());
    let own: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        crates.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        own,
        "a crate the architecture does not know"
    );
    for (name, may_use) in ARROWS {
        for used in crates[name].iter().filter(|used| own.contains(used.as_str()) || EXEMPT.contains(&used.as_str())) {
            assert!(may_use.contains(&used.as_str()), "{name} must not use {used}");
        }
    }
}

#[test]
fn the_pure_crates_reach_no_runtime_database_broker_or_network() {
    let metadata = metadata();
    let nodes: HashMap<&PackageId, _> =
        metadata.resolve.as_ref().unwrap().nodes.iter().map(|node| (&node.id, node)).collect();
    for pure in PURE {
        let start = metadata.workspace_packages().into_iter().find(|package| package.name == pure).unwrap();
        let (mut open, mut seen) = (vec![&start.id], HashSet::new());
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let normal = nodes[id]
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            open.extend(normal.map(|dependency| &dependency.pkg));
        }
        assert!(seen.len() > 3, "the graph of {pure} was not read");
        let names: BTreeSet<&str> = seen.iter().map(|id| metadata[*id].name.as_str()).collect();
        let found: Vec<&&str> = IMPURE.iter().filter(|impure| names.contains(*impure)).collect();
        assert!(found.is_empty(), "{pure} depends on {found:?}");
    }
}

#[test]
fn broker_database_rule_language_and_schema_library_have_one_owner_each() {
    let crates = direct(&metadata());
    for (library, owner) in OWNED {
        let users: Vec<&String> =
            crates.iter().filter(|(_, uses)| uses.contains(library)).map(|(name, _)| name).collect();
        assert_eq!(users, [owner], "who names {library}");
    }
}

#[test]
fn no_file_is_large_and_the_median_is_small() {
    let mut sizes: Vec<(usize, String)> = files("crates")
        .into_iter()
        .filter(|(path, _)| path.ends_with(".rs"))
        .map(|(path, text)| (text.lines().count(), path))
        .collect();
    sizes.sort();
    let large: Vec<&(usize, String)> = sizes.iter().filter(|(lines, _)| *lines > 400).collect();
    let median = sizes[sizes.len() / 2].0;
    println!("{} files, median {median} lines, largest {:?}", sizes.len(), sizes.last());
    assert!(median <= 150, "the median file has {median} lines");
    assert!(large.is_empty(), "over 400 lines: {large:?}");
}

#[test]
fn nothing_is_left_to_do() {
    let macros = ["todo!", "unimplemented!"];
    for (path, text) in files("crates").into_iter().filter(|(path, _)| path.ends_with(".rs")) {
        let code = code_only(&text);
        assert!(macros.iter().all(|name| !code.contains(name)), "{path} has an unfinished place");
    }
}

#[test]
fn every_cause_of_a_failure_stands_in_the_list() {
    for (path, text) in files("crates/worker/src") {
        let literal = text.lines().find(|line| line.contains("code: \"") || line.contains("Some((\""));
        assert_eq!(literal, None, "{path} names a cause beside worker::CAUSES");
    }
}

#[test]
fn every_crate_inherits_the_workspace_lints() {
    let members = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut manifests: Vec<_> = members.map(|path| path.join("Cargo.toml")).collect();
    manifests.push(root().join("tests/Cargo.toml"));
    for path in manifests {
        let manifest: toml::Table = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(inherits, Some(true), "{}", path.display());
    }
}

#[test]
fn the_glossary_lists_every_legal_noun_that_the_code_uses() {
    let mut used: BTreeMap<&str, String> = BTreeMap::new();
    for (path, text) in files("crates").into_iter().filter(|(path, _)| path.ends_with(".rs")) {
        let code = code_only(&text);
        for word in identifiers(&code) {
            assert!(word.is_ascii(), "{path}: the identifier {word} is not ASCII");
            let lower = word.to_lowercase();
            for noun in LEGAL_NOUNS.into_iter().filter(|noun| lower.contains(&noun.to_lowercase())) {
                used.entry(noun).or_insert_with(|| format!("{path}: {word}"));
            }
        }
    }
    let glossary = read("docs/glossary.md");
    let rows = glossary.lines().filter_map(|line| line.strip_prefix('|'));
    let cells = rows.filter_map(|row| row.split('|').next());
    let terms: BTreeSet<String> = cells.map(|cell| cell.trim().trim_matches(['`', '*']).to_lowercase()).collect();
    for (noun, place) in used {
        assert!(terms.contains(&noun.to_lowercase()), "docs/glossary.md does not list {noun} ({place})");
    }
}

fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Rust text without comments, strings and characters.
fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        let raw =
            c == 'r' && matches!(next, '"' | '#') && !at.checked_sub(1).is_some_and(|i| chars[i].is_alphanumeric());
        if c == '/' && next == '/' {
            at += chars[at..].iter().position(|c| *c == '\n').unwrap_or(chars.len() - at);
        } else if raw && let Some(end) = raw_string(&chars, at) {
            at = end;
        } else if c == '"' {
            at += 1;
            while chars.get(at).is_some_and(|c| *c != '"') {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' && (next == '\\' || chars.get(at + 2) == Some(&'\'')) {
            at += if next == '\\' { 3 } else { 2 };
            at += chars[at.min(chars.len())..].iter().position(|c| *c == '\'').unwrap_or(0) + 1;
        } else {
            code.push(c);
            at += 1;
        }
    }
    code
}

/// The end of a raw string that begins here.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let body = at + 1 + hashes;
    if chars.get(body) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let offset = chars[body + 1..].windows(end.len()).position(|window| window == end)?;
    Some(body + 1 + offset + end.len())
}

#[test]
fn comments_and_strings_are_no_code() {
    let text = r##"let a = "Bescheid \" x"; // Satzung
let b = r#"Ermessen"#; let c = '"'; let d: &'static str = b; let e = '\''; f(e)"##;
    assert_eq!(
        identifiers(&code_only(text)).collect::<Vec<_>>().join(" "),
        "let a let b let c let d static str b let e f e"
    );
}
