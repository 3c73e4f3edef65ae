//! Rule sets as artefacts: the files that a decision was made with, by hash, enough to decide again years later.
//!
//! A manifest names its files by the hash of their text, so that a file which many rule sets share is kept once. Nothing
//! is believed: every text must have its hash, and the loaded rule set must have the hash that was asked for.

use crate::book::{RuleBook, SourceTree};
use crate::decide::ENGINE;
use crate::layers::{RuleSet, component_folder};
use domain::{Ars, Digest, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What stands under the hash of a rule set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub engine: String,
    pub service: ServiceName,
    pub ars: Ars,
    /// Hash of the form schema's text.
    pub form: Digest,
    /// Path in `rules/` → hash of the text; empty where no rule decided (a form that was violated).
    pub files: BTreeMap<String, Digest>,
}

/// One thing to keep: a manifest under the hash of its rule set, or a text under its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    pub hash: String,
    pub body: Vec<u8>,
}

/// Why an archived rule set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("{0} is not in the archive")]
    Missing(String),
    #[error("{0} was changed in the archive: its content has another hash")]
    Changed(String),
    #[error("the archived rules do not load: {0}")]
    Unreadable(String),
}

/// A rule set from the archive, with the text of its form.
#[derive(Debug)]
pub struct Restored {
    pub manifest: Manifest,
    pub rules: RuleBook,
    pub form: String,
}

/// The hash of a decision that no rule made: the form alone said no.
pub fn form_only_hash(form: &Digest) -> String {
    format!("sha256:{}", Digest::of_parts([ENGINE.as_bytes(), &form.0]).hex())
}

fn text(text: &str) -> Archived {
    Archived { hash: Digest::of(text.as_bytes()).hex(), body: text.as_bytes().to_vec() }
}

impl RuleBook {
    /// Everything to keep for decisions under a rule set (or under a form alone): manifest first, then the texts.
    pub fn archive(&self, service: &ServiceName, ars: &Ars, rules: Option<&RuleSet>, form: &str) -> Vec<Archived> {
        let digest = Digest::of(form.as_bytes());
        let paths = rules.map(|set| set.files(&self.tree)).unwrap_or_default();
        let texts: Vec<(&String, &String)> =
            paths.iter().filter_map(|path| self.tree.files.get_key_value(path)).collect();
        let files = texts.iter().map(|(path, text)| ((*path).clone(), Digest::of(text.as_bytes())));
        let manifest = Manifest {
            engine: ENGINE.to_owned(),
            service: service.clone(),
            // Of the application: the key of an office for a Land or Kreis may also be a place of its own.
            ars: ars.clone(),
            form: digest,
            files: files.collect(),
        };
        let hash = rules.map_or_else(|| form_only_hash(&digest), |set| set.hash(&digest));
        let body = serde_json::to_vec(&manifest).unwrap_or_default();
        let own = Archived { hash, body };
        [own, text(form)].into_iter().chain(texts.iter().map(|(_, content)| text(content))).collect()
    }

    /// A rule set from what `fetch` gives for a hash.
    ///
    /// # Errors
    /// Something is missing, changed, or no longer loads.
    pub fn restore(hash: &str, fetch: &mut dyn FnMut(&str) -> Option<Vec<u8>>) -> Result<Restored, ArchiveError> {
        let body = fetch(hash).ok_or_else(|| ArchiveError::Missing(format!("rule set {hash}")))?;
        let manifest: Manifest =
            serde_json::from_slice(&body).map_err(|_| ArchiveError::Changed(format!("rule set {hash}")))?;
        let mut verified = |digest: &Digest, name: &str| {
            let body = fetch(&digest.hex()).ok_or_else(|| ArchiveError::Missing(name.to_owned()))?;
            let fits = Digest::of(&body) == *digest;
            let text = String::from_utf8(body).ok().filter(|_| fits);
            text.ok_or_else(|| ArchiveError::Changed(format!("{name} of rule set {hash}")))
        };
        let form = verified(&manifest.form, "the form")?;
        let mut tree = SourceTree::default();
        for (path, digest) in &manifest.files {
            tree.files.insert(path.clone(), verified(digest, path)?);
        }
        if tree.files.is_empty() {
            let rules = Self::default();
            let fits = form_only_hash(&manifest.form) == hash;
            return if fits { Ok(Restored { manifest, rules, form }) } else { Err(changed(hash)) };
        }
        let (book, findings) = Self::load_archived(&tree);
        let rules = book.ok_or_else(|| {
            let errors: Vec<String> = findings.iter().map(ToString::to_string).collect();
            ArchiveError::Unreadable(errors.join("; "))
        })?;
        let set = rules.rule_set(&manifest.service, &manifest.ars);
        if set.is_none_or(|set| set.hash(&manifest.form) != hash) {
            return Err(changed(hash));
        }
        Ok(Restored { manifest, rules, form })
    }
}

fn changed(hash: &str) -> ArchiveError {
    ArchiveError::Changed(format!("rule set {hash} (or the program's rule engine, now {ENGINE})"))
}

impl RuleSet {
    /// The files that can influence its decisions.
    fn files(&self, tree: &SourceTree) -> Vec<String> {
        let base = &self.base;
        let service = base.frame.dienst.get_ref();
        let frame = base.frame_file.trim_end_matches("rahmen.toml").to_owned();
        let land = base.land.map(|land| format!("land/{}/{service}/", land.short()));
        let components = base.frame.bausteine.iter().map(|name| component_folder(name.get_ref()));
        let folders: BTreeSet<String> = land.into_iter().chain([frame]).chain(components).collect();
        let law = folders.iter().flat_map(|folder| tree.below(folder)).map(|(path, _)| path);
        let law = law.filter(|path| !path.contains("/faelle/")).cloned();
        let own = [format!("kommune/{}/kommune.toml", self.ars), format!("kommune/{}/{service}.toml", self.ars)];
        let own = own.into_iter().filter(|_| !self.wide);
        let competence =
            [format!("land/{}/zustaendigkeit.toml", self.ars.land().short()), "bund/zustaendigkeit.toml".to_owned()];
        let common = ["verfahren.toml".to_owned(), "kalender.toml".to_owned()];
        law.chain(own).chain(competence).chain(common).filter(|path| tree.files.contains_key(path)).collect()
    }
}
