//! The combining rule: which level's value holds on which day.
//!
//! A value set by the Kommune goes before the Land's, the Land's before the Bund's or the model ordinance's. Whether a
//! level may set it at all was settled by `contract` at load, so that nothing here can let "the last layer" win.

use crate::grammar::{Delegation, Frame, Parameter, Permission, Support};
use crate::program::Program;
use crate::value::Value;
use calendar::Calendar;
use domain::{Ars, Digest, Land, LayerNorm, Level, Regime};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;

/// One dated value with where it comes from and which norms let its level set it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub from: Date,
    pub to: Option<Date>,
    pub value: Value,
    pub level: Level,
    pub norm: String,
    pub source: String,
    pub through: Vec<LayerNorm>,
    /// How well it is supported, where its author says so.
    pub support: Option<Support>,
}

impl Version {
    /// Nobody has verified it: whoever needs it is referred.
    pub fn unverified(&self) -> bool {
        self.support == Some(Support::Ungeprueft)
    }
}

/// Dated values of one level, by parameter; sorted by start, never overlapping.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions(pub BTreeMap<String, Vec<Version>>);

impl Versions {
    /// The version in force on a day.
    pub fn on(&self, parameter: &str, day: Date) -> Option<&Version> {
        let versions = self.0.get(parameter)?;
        let candidate = versions.iter().rev().find(|v| v.from <= day)?;
        candidate.to.is_none_or(|to| day <= to).then_some(candidate)
    }
}

/// Everything of one service that is the same for all Kommunen of a Land.
#[derive(Debug)]
pub(crate) struct Base {
    pub land: Option<Land>,
    pub frame: Arc<Frame>,
    pub procedure: Arc<Procedure>,
    /// Holidays; not there where `rules/kalender.toml` is missing.
    pub calendar: Option<Arc<Calendar>>,
    /// The norm by which the Land makes a code apply.
    pub applies_by: Option<AppliesBy>,
    /// Norms of the Land that permit automatic decisions.
    pub permissions: Vec<Permission>,
    /// What the Land passed on to its Kommunen.
    pub delegations: Vec<Spanned<Delegation>>,
    /// The frame's file, and whether it is the Land's own.
    pub frame_file: Arc<str>,
    pub own_frame: bool,
    /// The text of every function, for comparing two books.
    pub sources: Vec<FunctionSource>,
    /// Reference dates that the Land chose, by parameter.
    pub reference: BTreeMap<String, String>,
    pub own: Arc<Versions>,
    pub of_land: Versions,
    /// Scripts merged over the levels, by the first day they hold.
    pub programs: Vec<(Date, Arc<Program>)>,
    pub digest: Digest,
}

/// A norm of a Land (such as its KAG) by which a code applies.
#[derive(Debug, Clone)]
pub(crate) struct AppliesBy {
    pub norm: String,
    pub from: Date,
    pub source: Option<String>,
}

/// A function as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionSource {
    pub level: Level,
    pub from: Date,
    pub function: String,
    pub text: String,
}

impl Base {
    pub fn program(&self, day: Date) -> Option<&Arc<Program>> {
        self.programs.iter().rev().find(|(from, _)| *from <= day).map(|(_, program)| program)
    }
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.frame.parameter.iter().map(|p| p.get_ref()).find(|p| p.name.get_ref() == name)
    }
    /// The reference date that picks a parameter's version: the Land's choice, else the frame's, else `antrag`.
    pub fn reference_date<'s>(&'s self, declared: &'s Parameter) -> &'s str {
        let chosen = self.reference.get(declared.name.get_ref()).map(String::as_str);
        chosen.or(declared.stichtag.as_ref().map(|s| s.get_ref().as_str())).unwrap_or("antrag")
    }
}

/// How one of the three regimes works: from `rules/verfahren.toml`, so that no norm stands in the program.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Procedure {
    #[serde(rename = "titel")]
    pub title: String,
    /// The norm behind each gate, by the word of the referral reason.
    #[serde(rename = "normen")]
    pub norms: BTreeMap<String, String>,
    #[serde(default, rename = "quelle")]
    pub _source: Option<String>,
    /// Rule sets that were archived before there were periods have none.
    #[serde(default, rename = "fristen")]
    pub periods: Option<Periods>,
}

/// The statutory periods of a regime and what to think of when a case is opened again; from `rules/verfahren.toml`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Periods {
    /// Months after which the applicant may sue for inaction.
    #[serde(rename = "untaetigkeit_monate")]
    pub inaction_months: i64,
    #[serde(rename = "untaetigkeit_norm")]
    pub inaction_norm: String,
    /// Weeks before that when somebody must see it.
    #[serde(rename = "vorwarnung_wochen")]
    pub warning_weeks: i64,
    /// Months for a remedy from announcement on.
    #[serde(rename = "rechtsbehelf_monate")]
    pub remedy_months: i64,
    #[serde(rename = "rechtsbehelf_norm")]
    pub remedy_norm: String,
    /// The same where the notice does not instruct about the remedy; nothing where no source says it.
    #[serde(default, rename = "ohne_belehrung_monate")]
    pub uninstructed_months: Option<i64>,
    #[serde(default, rename = "ohne_belehrung_norm")]
    pub _uninstructed_norm: Option<String>,
    /// A sentence for the official who opens a decided case again.
    #[serde(rename = "wiederaufnahme")]
    pub reopening: String,
    /// A sentence for the official who gets a remedy after its period.
    #[serde(rename = "verspaetet")]
    pub late: String,
    #[serde(default, rename = "hinweis")]
    pub _note: Option<String>,
}

/// Who decides for a service in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Competence {
    pub authority: String,
    pub queue: String,
    /// Another body decides: the application is passed on, never refused.
    pub forward: bool,
    /// Nobody knows for certain that this authority is competent: a person decides.
    pub unverified: bool,
}

/// The law of one service for one Kommune: compiled once, shared by all who decide.
#[derive(Debug)]
pub struct RuleSet {
    /// The office's place; of an office for a Land or a part of it the beginning of the keys, filled with zeros.
    pub ars: Ars,
    /// One office for all keys that begin so, not for one place.
    pub(crate) wide: bool,
    pub competence: Competence,
    pub(crate) base: Arc<Base>,
    pub(crate) of_kommune: Versions,
    pub(crate) digest: Digest,
}

impl RuleSet {
    /// The law under which its cases run.
    pub fn regime(&self) -> Regime {
        self.base.frame.automatik.get_ref().regime
    }
    /// The remedy against its decisions, in words.
    pub fn remedy(&self) -> Option<String> {
        self.base.frame.automatik.get_ref().rechtsbehelf.clone()
    }
    /// Content hash over exactly what can influence a decision under this rule set and form.
    pub fn hash(&self, form: &Digest) -> String {
        let parts = [crate::decide::ENGINE.as_bytes(), &self.base.digest.0, &self.digest.0, &form.0];
        format!("sha256:{}", Digest::of_parts(parts).hex())
    }

    /// The value in force on a day: the highest level that set one.
    pub(crate) fn value(&self, parameter: &str, day: Date) -> Option<&Version> {
        self.of_kommune
            .on(parameter, day)
            .or_else(|| self.base.of_land.on(parameter, day))
            .or_else(|| self.base.own.on(parameter, day))
    }

    /// The frame that it stands under, such as `bund/wohngeld/rahmen.toml`.
    pub fn frame_file(&self) -> &str {
        &self.base.frame_file
    }

    /// Whether the same compiled scripts decide in both places.
    pub fn shares_scripts(&self, other: &Self) -> bool {
        let (own, others) = (&self.base.programs, &other.base.programs);
        own.len() == others.len() && own.iter().zip(others).all(|((_, a), (_, b))| Arc::ptr_eq(a, b))
    }

    /// What a parameter is, in the words of its frame.
    pub fn description(&self, parameter: &str) -> Option<&str> {
        self.base.parameter(parameter)?.description.as_deref()
    }

    /// Files of the components that it takes.
    pub fn component_files(&self) -> impl Iterator<Item = String> {
        self.base.frame.bausteine.iter().map(|name| format!("{}baustein.toml", component_folder(name.get_ref())))
    }

    /// Names of the evidence without which no automatic act happens.
    pub fn required_evidence(&self) -> &[String] {
        &self.base.frame.automatik.get_ref().nachweise
    }
}

/// Where a component stands.
pub(crate) fn component_folder(name: &str) -> String {
    format!("bausteine/{name}/")
}
