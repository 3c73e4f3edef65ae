//! What legal cases touch and what they do not: branches, checks, parameters and openings, by file.

use domain::{Decision, Level};
use rules::{Coverage, Declared, DeclaredKind, RuleBook};
use std::collections::BTreeMap;

/// Something that no case touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub line: usize,
    pub what: String,
}

/// One file: how much of it the cases touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileCoverage {
    pub touched: usize,
    pub total: usize,
    pub missing: Vec<Missing>,
}

impl FileCoverage {
    fn count(&mut self, touched: bool, line: usize, what: impl FnOnce() -> String) {
        self.total += 1;
        if touched {
            self.touched += 1;
        } else {
            self.missing.push(Missing { line, what: what() });
        }
    }
}

/// Coverage by file, from a book loaded for it and the decisions of all cases.
pub fn coverage(book: &RuleBook, branches: &Coverage, decisions: &[Decision]) -> BTreeMap<String, FileCoverage> {
    let mut files: BTreeMap<String, FileCoverage> = BTreeMap::new();
    for (branch, ran) in branches.report() {
        let file = files.entry(branch.file.clone()).or_default();
        file.count(ran, branch.line, || format!("dieser Zweig (Spalte {}) läuft in keinem Fall", branch.column));
    }
    for declared in book.declared() {
        let mut used = decisions.iter().filter(|d| decided_with(book, d, declared));
        let touched = used.any(|decision| touches(declared, decision));
        files.entry(declared.file.clone()).or_default().count(touched, declared.line, || text(declared));
    }
    files.values_mut().for_each(|file| file.missing.sort_by_key(|missing| missing.line));
    files
}

/// Whether a decision was made under the frame, or with the component, that declares it.
fn decided_with(book: &RuleBook, decision: &Decision, declared: &Declared) -> bool {
    let Some(set) = book.rule_set(&decision.service, &decision.ars) else { return false };
    if declared.shared {
        set.component_files().any(|file| file == declared.file)
    } else {
        decision.service == declared.service && set.frame_file() == declared.file
    }
}

fn touches(declared: &Declared, decision: &Decision) -> bool {
    let Some(trace) = &decision.trace else { return false };
    let name = &declared.name;
    let at_level = |level: Level, passed_on: bool| {
        let fits =
            |p: &domain::ParameterUsed| p.name == *name && p.level == level && (p.through.len() > 1) == passed_on;
        trace.parameters.iter().any(fits)
    };
    match declared.kind {
        DeclaredKind::Check => trace.checks.iter().any(|check| check.check == *name),
        DeclaredKind::Parameter => trace.parameters.iter().any(|parameter| parameter.name == *name),
        DeclaredKind::OpenToKommune => at_level(Level::Kommune, false),
        DeclaredKind::OpenToLand => at_level(Level::Land, false) || at_level(Level::Kommune, true),
        DeclaredKind::Function => trace.functions.iter().any(|f| f.name == *name && f.level == Level::Land),
    }
}

fn text(declared: &Declared) -> String {
    let name = &declared.name;
    match declared.kind {
        DeclaredKind::Check => format!("die Prüfung „{name}“ kommt in keinem Fall vor"),
        DeclaredKind::Parameter => format!("den Parameter „{name}“ liest kein Fall"),
        DeclaredKind::OpenToKommune => format!("die Öffnung von „{name}“ für Kommunen nutzt kein Fall"),
        DeclaredKind::OpenToLand => format!("die Öffnung von „{name}“ für Länder nutzt kein Fall"),
        DeclaredKind::Function => format!("die Öffnung der Funktion {name}() nutzt kein Fall"),
    }
}
