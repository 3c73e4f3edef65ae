//! Law and services from the embedded files or from folders, into an [`Office`].

use crate::cli::Sources;
use crate::config::Config;
use crate::failure::Failure;
use crate::{output, pack, rules_check};
use calendar::Calendar;
use domain::{Secret, Sender, ServiceName};
use rules::{RuleBook, SourceTree};
use rust_embed::RustEmbed;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use workflow::{Office, Official, Settings, WorkflowBook};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../rules"]
struct EmbeddedRules;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../workflows"]
struct EmbeddedWorkflows;

/// The rule files: embedded, or of the folders, where a later folder's file replaces an earlier one's.
pub fn rule_files(config: &Config, sources: &Sources) -> Result<SourceTree, Failure> {
    let mut files = BTreeMap::new();
    let folders =
        if sources.rules.is_empty() { config.rules.iter().collect() } else { sources.rules.iter().collect::<Vec<_>>() };
    if folders.is_empty() {
        files = embedded::<EmbeddedRules>();
    }
    for folder in folders {
        files.extend(if folder.is_file() { pack::read(folder)? } else { folder_files(folder)? });
    }
    Ok(SourceTree { files })
}

/// The workflow files.
pub fn workflow_files(config: &Config, sources: &Sources) -> Result<BTreeMap<String, String>, Failure> {
    match sources.workflows.as_ref().or(config.workflows.as_ref()) {
        Some(folder) => folder_files(folder),
        None => Ok(embedded::<EmbeddedWorkflows>()),
    }
}

fn embedded<E: RustEmbed>() -> BTreeMap<String, String> {
    let text = |path: &str| E::get(path).map(|file| String::from_utf8_lossy(&file.data).into_owned());
    E::iter().filter_map(|path| Some((path.to_string(), text(&path)?))).collect()
}

fn folder_files(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    collect(folder, folder, &mut files)
        .map_err(|e| Failure::Unreachable(format!("the folder {} cannot be read: {e}", folder.display())))?;
    Ok(files)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads folders of law")]
fn collect(root: &Path, folder: &Path, into: &mut BTreeMap<String, String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, into)?;
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            into.insert(name, std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// The services. Errors are printed; any ends it.
pub fn workflows(config: &Config, sources: &Sources) -> Result<WorkflowBook, Failure> {
    WorkflowBook::load(&workflow_files(config, sources)?).map_err(|errors| {
        errors.iter().for_each(|e| output::error(&e.to_string()));
        Failure::Findings
    })
}

/// The services, whose notices go out by ways that the rules know: no remedy period would begin otherwise.
pub fn workflows_under(config: &Config, sources: &Sources, tree: &SourceTree) -> Result<WorkflowBook, Failure> {
    let book = workflows(config, sources)?;
    // A calendar that cannot be read is a finding of the rules.
    let calendar = tree.files.get("kalender.toml").and_then(|text| toml::from_str::<Calendar>(text).ok());
    let unknown = calendar.map(|calendar| unknown_ways(&book, &calendar)).unwrap_or_default();
    unknown.iter().for_each(|finding| output::error(finding));
    if unknown.is_empty() { Ok(book) } else { Err(Failure::Findings) }
}

fn unknown_ways(book: &WorkflowBook, calendar: &Calendar) -> Vec<String> {
    let known: BTreeSet<&str> = calendar.announcements.iter().map(|rule| rule.way.as_str()).collect();
    let flows = book.names().filter_map(|name| book.get(name)).flat_map(|service| {
        service.flows().flat_map(move |flow| flow.ways().map(move |way| (&service.service, &flow.version, way)))
    });
    let finding = |(service, version, way)| {
        let known: Vec<&str> = known.iter().copied().collect();
        let known = known.join(", ");
        format!(
            "{service}/workflow.toml: Ablauf {version}: den Weg der Bekanntgabe „{way}“ gibt es in kalender.toml nicht; \
             möglich sind {known}"
        )
    };
    flows.filter(|(_, _, way)| !known.contains(way)).map(finding).collect()
}

/// Officials who are to see services that there are not: their list stays empty, and nobody would know why.
fn strangers(officials: &[Official], known: &dyn Fn(&str) -> bool) -> Vec<String> {
    let odd = |official: &Official| {
        let unknown: Vec<&str> =
            official.services.iter().map(String::as_str).filter(|service| !known(service)).collect();
        (!unknown.is_empty()).then(|| {
            format!(
                "warning: official {}: there is no service {}; is the name right?",
                official.name,
                unknown.join(", ")
            )
        })
    };
    officials.iter().filter_map(odd).collect()
}

/// Everything that decides. Findings are printed; any error ends it.
pub fn office(config: &Config, sources: &Sources, senders: Vec<Sender>, secret: &Secret) -> Result<Office, Failure> {
    let tree = rule_files(config, sources)?;
    let (book, findings) = RuleBook::load(&tree);
    for finding in &findings {
        output::error(&rules_check::text(&tree, finding));
    }
    let Some(book) = book else { return Err(Failure::Findings) };
    let workflows = workflows_under(config, sources, &tree)?;
    let known = |name: &str| ServiceName::new(name).is_ok_and(|name| workflows.get(&name).is_some());
    config.risk.check(&known).map_err(|text| Failure::Usage(format!("risk settings: {text}")))?;
    strangers(&config.officials, &known).iter().for_each(|text| output::error(text));
    let settings = Settings {
        senders: senders.into_iter().map(Arc::new).collect(),
        backdating_days: config.backdating_days,
        risk: config.risk.clone(),
        registers: config.registers.iter().map(|register| register.name.clone()).collect(),
        officials: config.officials.iter().cloned().map(Arc::new).collect(),
    };
    Ok(Office::new(workflows, book, settings, secret))
}
