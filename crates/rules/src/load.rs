//! From texts to a checked rule book: every file read, every finding collected, nothing half loaded.

mod files;
mod frame;
mod land;
mod mode;
mod place;
mod values;

use crate::contract::{self, Setter};
use crate::coverage::Coverage;
use crate::diagnostic::{Diagnostic, File, has_errors};
use crate::german;
use crate::grammar::{Deviation, Effect, Frame, MunicipalValues, Municipality, Parameter, Setting, Type};
use crate::layers::{Base, Competence, FunctionSource, Procedure, RuleSet, Version, Versions};
use crate::lint::{self, FieldRead, Usage};
use crate::program::{Program, Script, compile};
use crate::table::{RawRow, Table};
use crate::value::Value;
use crate::{Context, Facts};
use domain::{Ars, Decision, Digest, Land, Level, ReferralReason, Regime, ServiceName};
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::Spanned;

/// Texts of `rules/` by path relative to it, such as `bund/wohngeld/rahmen.toml`.
#[derive(Debug, Clone, Default)]
pub struct SourceTree {
    pub files: BTreeMap<String, String>,
}

/// All rule sets, compiled. Load a new one to change law; the old one stays valid for whoever holds it.
#[derive(Debug, Default)]
pub struct RuleBook {
    sets: BTreeMap<ServiceName, BTreeMap<Ars, Arc<RuleSet>>>,
    ags: BTreeMap<String, Ars>,
    names: BTreeMap<Ars, String>,
    procedures: BTreeMap<String, Procedure>,
    fields: BTreeMap<ServiceName, BTreeSet<FieldRead>>,
    declared: Vec<Declared>,
    pub(crate) tree: Arc<SourceTree>,
}

/// Something that a frame declares, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub service: ServiceName,
    pub file: String,
    pub line: usize,
    pub kind: DeclaredKind,
    pub name: String,
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
        Self::load_with(tree, None, false)
    }

    /// Files of one rule set out of an archive: what they say of other services is not there.
    pub(crate) fn load_archived(tree: &SourceTree) -> (Option<Self>, Vec<Diagnostic>) {
        Self::load_with(tree, None, true)
    }

    /// The same with markers in every branch of the scripts; slower, for authors of legal cases.
    pub fn load_for_coverage(tree: &SourceTree) -> (Option<Self>, Vec<Diagnostic>, Arc<Coverage>) {
        let coverage = Arc::new(Coverage::default());
        let (book, findings) = Self::load_with(tree, Some(&coverage), false);
        (book, findings, coverage)
    }

    fn load_with(tree: &SourceTree, coverage: Option<&Arc<Coverage>>, part: bool) -> (Option<Self>, Vec<Diagnostic>) {
        let mut loader = Loader { tree, coverage, part, findings: Vec::new(), usage: BTreeMap::new() };
        let mut book = loader.load();
        book.tree = Arc::new(tree.clone());
        let mut findings = loader.findings;
        findings.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        let book = (!has_errors(&findings)).then_some(book);
        (book, findings)
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
    /// Places where a service is configured.
    pub fn places(&self, service: &ServiceName) -> impl Iterator<Item = &Ars> {
        self.sets.get(service).into_iter().flat_map(BTreeMap::keys)
    }
    /// Everything that opens automatic decisions, with its source: the norms of the frames, and those by which a Land
    /// makes a code apply.
    pub fn automation(&self) -> BTreeMap<String, Option<String>> {
        let mut opens = BTreeMap::new();
        for (service, places) in &self.sets {
            for base in places.values().map(|set| &set.base) {
                let frame = &base.frame;
                let in_force = frame.status == crate::grammar::Status::Geltend;
                let norms = frame.automatik.get_ref().erlaubt_durch.iter();
                for norm in norms.filter(|n| in_force && n.status == crate::grammar::Status::Geltend) {
                    let what = format!("{service}: {} ab {} für {:?}", norm.norm, norm.ab.0, norm.umfang);
                    opens.insert(what, norm.quelle.clone());
                }
                if let Some(land) = &base.land_automation {
                    let name = base.land.map_or("", Land::title);
                    let what = format!("{service}: {name} durch {} ab {}", land.anwendungsnorm, land.ab.0);
                    opens.insert(what, land.quelle.clone());
                }
            }
        }
        opens
    }

    /// Norms of automation that are no longer in force on a day and have no successor: warnings.
    pub fn expired_norms(&self, tree: &SourceTree, day: Date) -> Vec<Diagnostic> {
        let frames: BTreeMap<&str, &Base> =
            self.sets.values().flat_map(BTreeMap::values).map(|set| (set.frame_file(), &*set.base)).collect();
        let mut findings = Vec::new();
        for (name, base) in frames {
            let file = File { name, text: tree.files.get(name).map_or("", String::as_str) };
            let automation = &base.frame.automatik;
            let norms = &automation.get_ref().erlaubt_durch;
            let ended = |norm: &crate::grammar::Permission| norm.bis.is_some_and(|end| end.0 < day);
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
    /// The name of a configured place.
    pub fn place_name(&self, ars: &Ars) -> Option<&str> {
        self.names.get(ars).map(String::as_str)
    }
}

struct Loader<'a> {
    tree: &'a SourceTree,
    coverage: Option<&'a Arc<Coverage>>,
    /// Only the files of one rule set are there.
    part: bool,
    findings: Vec<Diagnostic>,
    /// What the scripts of a service use, by its folder; nothing where one of them cannot be read.
    usage: BTreeMap<String, Option<Usage>>,
}

/// A service's own level, parsed and compiled.
struct Service<'a> {
    name: ServiceName,
    /// Set where a Land's statute takes the place of the federal one.
    land: Option<Land>,
    folder: String,
    frame: Arc<Frame>,
    procedure: Arc<Procedure>,
    level: Level,
    own: Arc<Versions>,
    scripts: Vec<(Date, Script<'a>)>,
    digest: Digest,
}

impl Service<'_> {
    fn frame_path(&self) -> String {
        format!("{}rahmen.toml", self.folder)
    }
}

impl<'a> Loader<'a> {
    fn load(&mut self) -> RuleBook {
        let procedures: BTreeMap<String, Procedure> = self.parse("verfahren.toml").unwrap_or_default();
        let mut book = RuleBook::default();
        let mut bases: BTreeMap<(ServiceName, Option<Land>), Arc<Base>> = BTreeMap::new();
        let mut services = Vec::new();
        for path in self.paths(|parts| matches!(parts, ["bund" | "muster", _, "rahmen.toml"])) {
            if let Some(service) = self.service(&path, &procedures) {
                services.push(service);
            }
        }
        self.replacements(&mut services, &procedures);
        for service in services.iter().filter(|service| service.land.is_none()) {
            for land in std::iter::once(None).chain(Land::ALL.iter().copied().map(Some)) {
                let service = service_in(&services, service.name.as_str(), land).unwrap_or(service);
                let base = self.base(service, land, &bases);
                bases.insert((service.name.clone(), land), base);
            }
        }
        self.unknown_files(&services);
        for service in &services {
            let path = service.frame_path();
            book.declared.extend(declared(service, &self.file(&path)));
            // Of a script that cannot be read nobody knows what it uses.
            let Some(usage) = self.usage.remove(&service.folder).flatten() else { continue };
            let findings = lint::unused(&service.frame, &self.file(&path), &usage);
            self.findings.extend(findings);
            book.fields.entry(service.name.clone()).or_default().extend(usage.fields);
        }
        for path in self.paths(|parts| matches!(parts, ["kommune", _, "kommune.toml"])) {
            self.municipality(&path, &services, &bases, &mut book);
        }
        book.procedures = procedures;
        book
    }

    /// Frames of Länder whose statute takes the place of the federal one.
    fn replacements(&mut self, services: &mut Vec<Service<'a>>, procedures: &BTreeMap<String, Procedure>) {
        for path in self.paths(|parts| matches!(parts, ["land", _, _, "rahmen.toml"])) {
            let Some(own) = self.service(&path, procedures) else { continue };
            let federal = service_in(services, own.name.as_str(), None);
            self.findings.extend(mode::replacement(&self.file(&path), &own.frame, federal.map(|s| &*s.frame)));
            services.push(own);
        }
    }

    fn paths(&self, wanted: impl Fn(&[&str]) -> bool) -> Vec<String> {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let fits = |path: &&String| wanted(&parts(path).iter().map(String::as_str).collect::<Vec<_>>());
        self.tree.files.keys().filter(fits).cloned().collect()
    }

    fn file<'p>(&self, path: &'p str) -> File<'p>
    where
        'a: 'p,
    {
        File { name: path, text: self.tree.files.get(path).map_or("", String::as_str) }
    }

    fn parse<T: DeserializeOwned>(&mut self, path: &str) -> Option<T> {
        let Some(text) = self.tree.files.get(path) else {
            self.findings.push(File { name: path, text: "" }.error("datei", 0..0, "diese Datei fehlt"));
            return None;
        };
        toml::from_str(text)
            .map_err(|e| {
                let span = e.span().unwrap_or(0..0);
                self.findings.push(self.file(path).error("form", span, german::toml(e.message())));
            })
            .ok()
    }
}

fn declared(service: &Service<'_>, file: &File<'_>) -> Vec<Declared> {
    let frame = &service.frame;
    let one = |kind, name: &Spanned<String>| Declared {
        service: service.name.clone(),
        file: file.name.to_owned(),
        line: file.line(name.span().start),
        kind,
        name: name.get_ref().clone(),
    };
    let mut all: Vec<Declared> = frame.pruefung.iter().map(|c| one(DeclaredKind::Check, &c.get_ref().id)).collect();
    for parameter in frame.parameter.iter().map(Spanned::get_ref) {
        all.push(one(DeclaredKind::Parameter, &parameter.name));
        let open = parameter.oeffnung.iter().filter(|o| o.status == crate::grammar::Status::Geltend);
        all.extend(open.map(|o| match o.ebene {
            crate::grammar::OpenTo::Land => one(DeclaredKind::OpenToLand, &parameter.name),
            crate::grammar::OpenTo::Kommune => one(DeclaredKind::OpenToKommune, &parameter.name),
        }));
    }
    all.extend(frame.funktion.iter().map(|f| one(DeclaredKind::Function, &f.get_ref().name)));
    all
}

/// The law of a service in a Land: its own statute where it has one, else the common one.
fn service_in<'s, 'a>(services: &'s [Service<'a>], name: &str, land: Option<Land>) -> Option<&'s Service<'a>> {
    let mut named = services.iter().filter(|service| service.name.as_str() == name);
    let common = named.clone().find(|service| service.land.is_none());
    named.find(|service| service.land.is_some() && service.land == land).or(common)
}
