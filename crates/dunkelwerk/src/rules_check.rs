//! `rules check`: every finding, with the place, what is allowed and by which norm.

use crate::cli::{Format, RulesCheck};
use crate::config::Config;
use crate::decide::instant;
use crate::failure::Failure;
use crate::{load, output};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use domain::berlin_date;
use rules::{Diagnostic, RuleBook, Severity, SourceTree, has_errors};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Runs the check; exit status 1 on any error.
pub fn check(config: &Config, arguments: &RulesCheck) -> Result<(), Failure> {
    let tree = load::rule_files(config, &arguments.sources)?;
    let (book, mut findings) = RuleBook::load(&tree);
    if let Some(book) = &book {
        let today = berlin_date(instant(arguments.at.as_deref())?);
        findings.extend(book.expired_norms(&tree, today));
        let workflows = load::workflows_under(config, &arguments.sources, &tree)?;
        findings.extend(authoring::drift(&tree, book, &workflows));
    }
    match arguments.format {
        Format::Json => output::line(&serde_json::to_string_pretty(&findings).unwrap_or_default()),
        Format::Sarif => output::line(&serde_json::to_string_pretty(&sarif(&findings)).unwrap_or_default()),
        Format::Text => {
            findings.iter().for_each(|finding| output::line(&text(&tree, finding)));
            let summary = book.filter(|_| !has_errors(&findings)).map(|book| {
                let sets = book.rule_sets();
                format!(
                    "{} Dateien, {} Dienste, {sets} Regelwerke: in Ordnung",
                    tree.files.len(),
                    book.services().count()
                )
            });
            output::line(&summary.unwrap_or_else(|| match findings.len() {
                1 => "1 Beanstandung".to_owned(),
                n => format!("{n} Beanstandungen"),
            }));
        }
    }
    if has_errors(&findings) { Err(Failure::Findings) } else { Ok(()) }
}

/// A finding as text: first `file:line:column`, then the offending text underlined.
pub fn text(tree: &SourceTree, finding: &Diagnostic) -> String {
    let head = format!("{}:{}:{}: {}", finding.file, finding.line, finding.column, finding.message);
    let level = match finding.severity {
        Severity::Error => Level::ERROR.with_name("Fehler"),
        Severity::Warning => Level::WARNING.with_name("Warnung"),
    };
    let source = tree.files.get(&finding.file).map_or("", String::as_str);
    let title = level.primary_title(head.as_str()).id(finding.code);
    let mut group: Group<'_> = title.elements(std::iter::empty::<annotate_snippets::Message<'_>>());
    if !source.is_empty() && finding.span.end <= source.len() {
        let annotation = AnnotationKind::Primary.span(finding.span.clone());
        group = group.element(Snippet::source(source).path(finding.file.as_str()).annotation(annotation));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.with_name("Hilfe").message(help.as_str()));
    }
    Renderer::plain().render(&[group])
}

/// The findings as SARIF 2.1.0 (OASIS); columns count characters, as ours do.
fn sarif(findings: &[Diagnostic]) -> Value {
    let result = |finding: &Diagnostic| {
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let help = finding.help.iter().map(|help| format!(" – {help}")).collect::<String>();
        json!({
            "ruleId": finding.code,
            "level": level,
            "message": { "text": format!("{}{help}", finding.message) },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": finding.file },
                "region": { "startLine": finding.line, "startColumn": finding.column },
            }}],
        })
    };
    let codes: BTreeSet<&str> = findings.iter().map(|finding| finding.code).collect();
    let driver = json!({
        "name": "dunkelwerk",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": codes.into_iter().map(|code| json!({ "id": code })).collect::<Vec<_>>(),
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}
