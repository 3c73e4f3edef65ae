//! The checked rule book: what it decides, and what it tells those who write and release law.

use crate::coverage::Coverage;
use crate::diagnostic::{Diagnostic, File};
use crate::grammar::{Permission, Status};
use crate::layers::{Base, Periods, Procedure, RuleSet};
use crate::lint::FieldRead;
use crate::load::load;
use crate::value::Value;
use crate::{Context, Facts};
use calendar::Calendar;
use domain::{Ars, Decision, Land, Regime, ServiceName};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Texts of `rules/` by path relative to it, such as `bund/wohngeld/rahmen.toml`.
#[derive(Debug, Clone, Default)]
pub struct SourceTree {
    pub files: BTreeMap<String, String>,
}

impl SourceTree {
    /// The files below a folder such as `bund/wohngeld/`, without looking at any other.
    pub(crate) fn below<'t, 'f>(
        &'t self,
        folder: &'f str,
    ) -> impl Iterator<Item = (&'t String, &'t String)> + use<'t, 'f> {
        let from = self.files.range::<str, _>((Bound::Included(folder), Bound::Unbounded));
        from.take_while(move |(path, _)| path.starts_with(folder))
    }
}

/// All rule sets, compiled. Load a new one to change law; the old one stays valid for whoever holds it.
#[derive(Debug, Default)]
pub struct RuleBook {
    pub(crate) sets: BTreeMap<ServiceName, Places>,
    pub(crate) ags: BTreeMap<String, Ars>,
    pub(crate) names: BTreeMap<Ars, String>,
    pub(crate) procedures: BTreeMap<String, Procedure>,
    pub(crate) fields: BTreeMap<ServiceName, BTreeSet<FieldRead>>,
    pub(crate) declared: Vec<Declared>,
    pub(crate) tree: Arc<SourceTree>,
    pub(crate) calendar: Option<Arc<Calendar>>,
}

/// Who decides for a service: by place, and by how a key begins where one office serves a whole Land or a part of it.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub by_ars: BTreeMap<Ars, Arc<RuleSet>>,
    pub by_prefix: BTreeMap<String, Arc<RuleSet>>,
}

impl Places {
    /// The most particular that covers a place: Gemeinde, then Verband, Kreis, Regierungsbezirk, Land.
    fn get(&self, ars: &Ars) -> Option<&Arc<RuleSet>> {
        let prefix = |len: usize| self.by_prefix.get(ars.as_str().get(..len)?);
        self.by_ars.get(ars).or_else(|| (2..12).rev().find_map(prefix))
    }
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<RuleSet>> {
        self.by_ars.values().chain(self.by_prefix.values())
    }
}

/// Something that a frame declares, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub service: ServiceName,
    pub file: String,
    pub line: usize,
    pub kind: DeclaredKind,
    pub name: String,
    /// Of a component, which other services may take, too.
    pub shared: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredKind {
    Check,
    Parameter,
    OpenToLand,
    OpenToKommune,
    Function,
}

impl RuleBook {
    /// Loads and checks everything. No book where there is an error; the findings say all that is wrong.
    pub fn load(tree: &SourceTree) -> (Option<Self>, Vec<Diagnostic>) {
        load(tree, None, false)
    }

    /// Files of one rule set out of an archive: what they say of other services is not there.
    pub(crate) fn load_archived(tree: &SourceTree) -> (Option<Self>, Vec<Diagnostic>) {
        load(tree, None, true)
    }

    /// The same with markers in every branch of the scripts; slower, for authors of legal cases.
    pub fn load_for_coverage(tree: &SourceTree) -> (Option<Self>, Vec<Diagnostic>, Arc<Coverage>) {
        let coverage = Arc::new(Coverage::default());
        let (book, findings) = load(tree, Some(&coverage), false);
        (book, findings, coverage)
    }

    /// The rule set of a service for a place, where somebody there is competent.
    pub fn rule_set(&self, service: &ServiceName, ars: &Ars) -> Option<&Arc<RuleSet>> {
        self.sets.get(service)?.get(ars)
    }

    /// Decides under the rule set of the application's place, or refers for competence.
    pub fn decide(&self, facts: &Facts, context: &Context) -> Decision {
        match self.rule_set(&facts.service, &facts.ars) {
            Some(rules) => rules.decide(facts, context),
            // Says nothing that hangs on other files, so that it can be replayed without any.
            None => {
                let text = format!("Für {} ist keine zuständige Stelle eingetragen.", facts.ars);
                crate::decide::refer_competence(facts, text)
            }
        }
    }

    /// The ARS of a configured municipality by its eight-digit AGS.
    pub fn ars_of_ags(&self, ags: &str) -> Option<&Ars> {
        self.ags.get(ags)
    }
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.sets.keys()
    }
    /// Configured places where somebody is competent for a service.
    pub fn places(&self, service: &ServiceName) -> BTreeSet<&Ars> {
        let Some(places) = self.sets.get(service) else { return BTreeSet::new() };
        let served = self.names.keys().filter(|ars| places.get(ars).is_some());
        served.chain(places.by_ars.keys()).collect()
    }
    /// How many rule sets there are.
    pub fn rule_sets(&self) -> usize {
        let distinct = |places: &Places| places.all().map(Arc::as_ptr).collect::<BTreeSet<_>>().len();
        self.sets.values().map(distinct).sum()
    }
    /// Everything that opens automatic decisions, with its source: the norms of the frames, and those by which a Land
    /// makes a code apply.
    pub fn automation(&self) -> BTreeMap<String, Option<String>> {
        let mut opens = BTreeMap::new();
        for (service, places) in &self.sets {
            for base in places.all().map(|set| &set.base) {
                let frame = &base.frame;
                let in_force = frame.status == Status::Geltend;
                let norms = frame.automatik.get_ref().erlaubt_durch.iter().chain(&base.permissions);
                for norm in norms.filter(|n| in_force && n.status == Status::Geltend) {
                    // A Land's own norm opens its Land only.
                    let own = base.permissions.iter().any(|p| std::ptr::eq(p, norm)) || base.own_frame;
                    let land = base.land.filter(|_| own).map_or(String::new(), |land| format!("{}: ", land.title()));
                    let (ab, bis) = (norm.ab.0, norm.bis.map_or(String::new(), |bis| format!(" bis {}", bis.0)));
                    let what = format!("{service}: {land}{} ab {ab}{bis} für {:?}", norm.norm, norm.umfang);
                    opens.insert(what, norm.quelle.clone());
                }
                if let Some(land) = &base.applies_by {
                    let name = base.land.map_or("", Land::title);
                    let what = format!("{service}: {name} durch {} ab {}", land.norm, land.from);
                    opens.insert(what, land.source.clone());
                }
            }
        }
        opens
    }

    /// Values and rows by what they are, and whether somebody verified them: what is no longer unverified opens
    /// automatic decisions, too.
    pub fn verified(&self) -> BTreeMap<String, bool> {
        let mut all = BTreeMap::new();
        for (service, places) in &self.sets {
            for set in places.all() {
                let land = set.base.land.map_or("", Land::title);
                let place = self.names.get(&set.ars).map_or("", String::as_str);
                for (whom, versions) in
                    [(set.frame_file(), &*set.base.own), (land, &set.base.of_land), (place, &set.of_kommune)]
                {
                    for (parameter, version) in
                        versions.0.iter().flat_map(|(name, list)| list.iter().map(move |v| (name, v)))
                    {
                        let rows = match &version.value {
                            Value::Table(table) => table.rows.as_slice(),
                            _ => &[],
                        };
                        let verified = !version.unverified() && !rows.iter().any(|row| row.unverified);
                        all.insert(format!("{service}: {whom}: {parameter} ab {}", version.from), verified);
                    }
                }
            }
        }
        all
    }

    /// Norms of automation that are no longer in force on a day and have no successor: warnings.
    pub fn expired_norms(&self, tree: &SourceTree, day: Date) -> Vec<Diagnostic> {
        let frames: BTreeMap<&str, &Base> =
            self.sets.values().flat_map(Places::all).map(|set| (set.frame_file(), &*set.base)).collect();
        let mut findings = Vec::new();
        for (name, base) in frames {
            let file = File { name, text: tree.files.get(name).map_or("", String::as_str) };
            let automation = &base.frame.automatik;
            let norms = &automation.get_ref().erlaubt_durch;
            let ended = |norm: &Permission| norm.bis.is_some_and(|end| end.0 < day);
            if !norms.is_empty() && norms.iter().all(ended) {
                let names: Vec<&str> = norms.iter().map(|norm| norm.norm.as_str()).collect();
                let message = format!("am {day} erlaubt keine Norm mehr die Automatik ({})", names.join(", "));
                findings.push(file.error("abgelaufen", automation.span(), message).warning());
            }
        }
        findings
    }

    /// What the frames declare: checks, parameters, openings.
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }
    /// Form fields that the scripts of a service read.
    pub fn fields_read(&self, service: &ServiceName) -> impl Iterator<Item = &FieldRead> {
        self.fields.get(service).into_iter().flatten()
    }
    /// What `rules/verfahren.toml` calls a regime.
    pub fn procedure_title(&self, regime: Regime) -> Option<&str> {
        self.procedures.get(regime.as_str()).map(|procedure| procedure.title.as_str())
    }
    /// The statutory periods under which a service's cases run in a place; nothing where nobody is competent.
    pub fn periods(&self, service: &ServiceName, ars: &Ars) -> Option<&Periods> {
        self.rule_set(service, ars)?.base.procedure.periods.as_ref()
    }
    /// `rules/kalender.toml`, where there is one.
    pub fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_deref()
    }
    /// The name of a configured place.
    pub fn place_name(&self, ars: &Ars) -> Option<&str> {
        self.names.get(ars).map(String::as_str)
    }
}
