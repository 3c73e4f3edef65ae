//! Drift between forms and rules: a rule that reads a field which a form version lacks, or as another type.

use domain::ServiceName;
use rules::{Diagnostic, RuleBook, SourceTree, UsedAs};
use std::collections::BTreeSet;
use workflow::WorkflowBook;

/// Findings for every form version of every service.
pub fn drift(tree: &SourceTree, rules: &RuleBook, workflows: &WorkflowBook) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for service in rules.services() {
        findings.extend(service_drift(tree, rules, workflows, service));
    }
    findings
}

fn service_drift(
    tree: &SourceTree,
    rules: &RuleBook,
    workflows: &WorkflowBook,
    service: &ServiceName,
) -> Vec<Diagnostic> {
    let Some(definition) = workflows.get(service) else {
        let message =
            format!("workflows/{service}/workflow.toml fehlt: für diesen Dienst kann niemand etwas beantragen");
        let frames = tree.files.keys().filter(|path| path.ends_with(&format!("/{service}/rahmen.toml")));
        return frames.map(|frame| Diagnostic::at(tree, "workflow", frame, 1, 1, message.clone(), None)).collect();
    };
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for read in rules.fields_read(service) {
        for version in definition.form_versions() {
            let Some(form) = definition.form(version) else { continue };
            let (code, message) = match form.field_types(&read.pointer) {
                None => {
                    let message = format!("das Feld {} gibt es in Formular {version} nicht", read.pointer);
                    ("feld", message)
                }
                Some(types) if !fits(read.used_as, &types) => {
                    let wanted = german(read.used_as);
                    let types: Vec<&str> = types.iter().map(String::as_str).collect();
                    let is = types.join(" oder ");
                    (
                        "feldtyp",
                        format!("{} ist in Formular {version} {is}; hier wird {wanted} gebraucht", read.pointer),
                    )
                }
                Some(_) => continue,
            };
            if seen.insert((read.file.clone(), read.line, read.column, code)) {
                let help = (code == "feld").then(|| siblings(form, &read.pointer));
                findings.push(Diagnostic::at(tree, code, &read.file, read.line, read.column, message, help));
            }
        }
    }
    findings
}

fn siblings(form: &workflow::Form, pointer: &str) -> String {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    let names = form.field_names(parent);
    let meant = rules::nearest(name, names.iter().map(String::as_str)).map(|word| format!("meinten Sie „{word}“? "));
    let there = if names.is_empty() { "keine".to_owned() } else { names.join(", ") };
    format!("{}Felder auf dieser Ebene: {there}", meant.unwrap_or_default())
}

/// Whether a JSON Schema type can be used as a script uses it. Where the form leaves the type open, anything fits.
fn fits(used_as: UsedAs, types: &[String]) -> bool {
    let one_of = |allowed: &[&str]| types.is_empty() || types.iter().any(|t| allowed.contains(&t.as_str()));
    match used_as {
        UsedAs::Anything => true,
        UsedAs::Number => one_of(&["integer", "number"]),
        UsedAs::Text => one_of(&["string"]),
        UsedAs::Truth => one_of(&["boolean"]),
        UsedAs::List => one_of(&["array"]),
    }
}

fn german(used_as: UsedAs) -> &'static str {
    match used_as {
        UsedAs::Anything => "etwas",
        UsedAs::Number => "eine Zahl",
        UsedAs::Text => "ein Text",
        UsedAs::Truth => "ein Wahrheitswert",
        UsedAs::List => "eine Liste",
    }
}
