//! The repository as tests see it: its files, its packages, and an office built from `rules/` and `workflows/`.

use cargo_metadata::{Metadata, MetadataCommand};
use domain::Secret;
use rules::{RuleBook, SourceTree};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use workflow::{Office, Settings, WorkflowBook};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All text files below a folder of the repository, by their path relative to it.
pub fn files(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let root = root().join(folder);
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.insert(name, text);
            }
        }
    }
    found
}

/// Rule files of several folders; a later folder's file replaces an earlier one's, as `--rules A --rules B` does.
pub fn overlay(folders: &[&str]) -> SourceTree {
    SourceTree { files: folders.iter().flat_map(|folder| files(folder)).collect() }
}

/// A rule book that must have no errors.
pub fn rule_book(tree: &SourceTree) -> RuleBook {
    let (book, findings) = RuleBook::load(tree);
    let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
    book.unwrap_or_else(|| panic!("the rules have errors:\n{}", text.join("\n")))
}

/// An office as `decide` has it: no sample, receipts long ago are nothing special.
pub fn office() -> Office {
    let workflows = WorkflowBook::load(&files("workflows")).unwrap();
    let settings = Settings { backdating_days: i64::from(i32::MAX), ..Settings::default() };
    Office::new(workflows, rule_book(&overlay(&["rules"])), settings, &Secret::new(b"legal cases"))
}

/// The packages of the workspace and of everything it uses, as Cargo.lock has them.
pub fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    // What this machine builds is there already; other platforms' packages would have to be fetched.
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = vec!["--offline".to_owned(), "--locked".to_owned(), platform];
    command.manifest_path(root().join("Cargo.toml")).other_options(options);
    command.exec().unwrap_or_else(|error| panic!("cargo metadata: {error}"))
}
