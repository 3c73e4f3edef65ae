//! `rules pack`: all rule files as one file with its own hash, which production loads instead of a folder.
//!
//! Lines of JSON: a head with format, hash and number of files, then `[path, text]` in the order of paths. The same
//! rules give the same bytes.

use crate::cli::RulesPack;
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, output};
use domain::Digest;
use rules::{RuleBook, has_errors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    dunkelwerk_rules: u32,
    sha256: Digest,
    files: usize,
}

const FORMAT: u32 = 1;

/// Packs rules that have no errors.
pub fn pack(config: &Config, arguments: &RulesPack) -> Result<(), Failure> {
    let tree = load::rule_files(config, &arguments.sources)?;
    let (_, findings) = RuleBook::load(&tree);
    if has_errors(&findings) {
        output::error("dunkelwerk: rules with errors are not packed; see rules check");
        return Err(Failure::Findings);
    }
    let file_line = |entry: (&String, &String)| serde_json::to_string(&entry).unwrap_or_default();
    let lines: Vec<String> = tree.files.iter().map(file_line).collect();
    let sha256 = Digest::of_parts(lines.iter().map(|line| line.as_bytes()));
    let head = Head { dunkelwerk_rules: FORMAT, sha256, files: lines.len() };
    let head = serde_json::to_string(&head).unwrap_or_default();
    let all: Vec<String> = [head].into_iter().chain(lines).collect();
    output::write(&arguments.out, &all)
        .map_err(|e| Failure::Unreachable(format!("{} cannot be written: {e}", arguments.out)))?;
    if arguments.out != "-" {
        output::line(&format!("{}: {} files, sha256:{}", arguments.out, tree.files.len(), sha256.hex()));
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
