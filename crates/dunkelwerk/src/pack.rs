//! `rules pack`: all rule files as one file with its own hash, which production loads instead of a folder.
//!
//! Lines of JSON: a head with format, hash and number of files, then `[path, text]` in the order of paths. The same
//! rules give the same bytes.

use crate::cli::RulesPack;
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, output};
use domain::Digest;
use rules::{RuleBook, SourceTree};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    dunkelwerk_rules: u32,
    sha256: Digest,
    files: usize,
    /// Who released what newly opens automatic decisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    approved_by: Vec<String>,
}

const FORMAT: u32 = 1;

/// Packs rules that have no errors.
pub fn pack(config: &Config, arguments: &RulesPack) -> Result<(), Failure> {
    let tree = load::rule_files(config, &arguments.sources)?;
    let Some(book) = RuleBook::load(&tree).0 else {
        output::error("dunkelwerk: rules with errors are not packed; see rules check");
        return Err(Failure::Findings);
    };
    released(&book, arguments)?;
    let file_line = |entry: (&String, &String)| serde_json::to_string(&entry).unwrap_or_default();
    let lines: Vec<String> = tree.files.iter().map(file_line).collect();
    let sha256 = Digest::of_parts(lines.iter().map(|line| line.as_bytes()));
    let head =
        Head { dunkelwerk_rules: FORMAT, sha256, files: lines.len(), approved_by: arguments.approved_by.clone() };
    let head = serde_json::to_string(&head).unwrap_or_default();
    let all: Vec<String> = [head].into_iter().chain(lines).collect();
    output::write(&arguments.out, &all)
        .map_err(|e| Failure::Unreachable(format!("{} cannot be written: {e}", arguments.out)))?;
    if arguments.out != "-" {
        output::line(&format!("{}: {} files, sha256:{}", arguments.out, tree.files.len(), sha256.hex()));
    }
    Ok(())
}

/// What opens automatic decisions for the first time needs a norm, its source and two persons.
fn released(book: &RuleBook, arguments: &RulesPack) -> Result<(), Failure> {
    let (before, known) = match &arguments.previous {
        None => Default::default(),
        Some(path) => {
            let tree = SourceTree { files: read(path)? };
            RuleBook::load(&tree).0.map(|book| (book.automation(), book.verified())).unwrap_or_default()
        }
    };
    let mut new: Vec<(String, Option<String>)> =
        book.automation().into_iter().filter(|(what, _)| !before.contains_key(what)).collect();
    let verified = book.verified().into_iter().filter(|(what, verified)| *verified && known.get(what) == Some(&false));
    new.extend(verified.map(|(what, _)| (what, Some("nicht mehr ungeprüft".to_owned()))));
    let mut persons: Vec<&String> = arguments.approved_by.iter().filter(|name| !name.trim().is_empty()).collect();
    persons.sort();
    persons.dedup();
    let unsourced = new.iter().find(|(_, source)| source.as_ref().is_none_or(|source| source.trim().is_empty()));
    if let Some((what, _)) = unsourced {
        return Err(Failure::Usage(format!("„{what}“ opens automatic decisions without a source; add quelle = \"…\"")));
    }
    if !new.is_empty() && persons.len() < 2 {
        output::error("newly opened for automatic decisions:");
        new.iter().for_each(|(what, source)| {
            output::error(&format!("  {what} ({})", source.as_deref().unwrap_or_default()));
        });
        let text = "two persons release this: --approved-by NAME --approved-by NAME (or --previous PACK that had it)";
        return Err(Failure::Usage(text.into()));
    }
    Ok(())
}

/// Reads a packed file and checks its hash.
#[expect(clippy::disallowed_methods, reason = "the packed form of a folder of law")]
pub fn read(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let broken = |what: &str| Failure::Unreachable(format!("{} is no intact pack of rules: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| broken(&e.to_string()))?;
    let (head, rest) = text.split_once('\n').ok_or_else(|| broken("it has no head"))?;
    let head: Head = serde_json::from_str(head).map_err(|_| broken("its head is not one of `rules pack`"))?;
    if head.dunkelwerk_rules != FORMAT {
        return Err(broken("its format is of another version; pack again"));
    }
    let lines: Vec<&str> = rest.lines().collect();
    if lines.len() != head.files || Digest::of_parts(lines.iter().map(|line| line.as_bytes())) != head.sha256 {
        return Err(broken("its content does not have the hash of its head"));
    }
    let file = |line: &&str| serde_json::from_str::<(String, String)>(line).map_err(|_| broken("a line is no file"));
    lines.iter().map(file).collect()
}
