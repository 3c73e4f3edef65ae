//! From texts to a checked rule book: every file read, every finding collected, nothing half loaded.

mod component;
mod files;
mod frame;
mod land;
mod mode;
mod place;
mod values;

use crate::book::{Declared, DeclaredKind, RuleBook, SourceTree};
use crate::contract::{self, Setter};
use crate::coverage::Coverage;
use crate::diagnostic::{Diagnostic, File, has_errors};
use crate::german;
use crate::grammar::{
    Check, Component, DateChoice, Deviation, Effect, Frame, FunctionOverride, GeneralCompetence, MunicipalValues,
    Municipality, Office, OpenTo, Opening, Parameter, Permission, Responsibilities, Setting, Status, Support, Type,
};
use crate::layers::{
    AppliesBy, Base, Competence, FunctionSource, Procedure, RuleSet, Version, Versions, component_folder,
};
use crate::lint::{self, Usage};
use crate::program::{Program, Script, compile};
use crate::table::{RawRow, Table};
use crate::value::Value;
use calendar::Calendar;
use domain::{Ars, Digest, Land, Level, ReferralReason, ServiceName};
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::Spanned;

/// Loads and checks a tree; `part` where only the files of one rule set are there.
pub(crate) fn load(
    tree: &SourceTree,
    coverage: Option<&Arc<Coverage>>,
    part: bool,
) -> (Option<RuleBook>, Vec<Diagnostic>) {
    let mut loader = Loader { tree, coverage, part, calendar: None, findings: Vec::new(), usage: BTreeMap::new() };
    let mut book = loader.load();
    let mut findings = loader.findings;
    let place = |f: &Diagnostic| (f.file.clone(), f.line, f.column, f.message.clone());
    findings.sort_by_key(place);
    // A component is read once for every frame that takes it.
    findings.dedup();
    if has_errors(&findings) {
        return (None, findings);
    }
    book.tree = Arc::new(tree.clone());
    (Some(book), findings)
}

struct Loader<'a> {
    tree: &'a SourceTree,
    coverage: Option<&'a Arc<Coverage>>,
    /// Only the files of one rule set are there.
    part: bool,
    /// Holidays, where `kalender.toml` is there.
    calendar: Option<Arc<Calendar>>,
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
    scripts: Dated<'a>,
    /// Scripts of the components that it takes.
    shared: Vec<Dated<'a>>,
    digest: Digest,
}

/// Scripts by the first day they hold.
type Dated<'a> = Vec<(Date, Script<'a>)>;

/// The script in force on a day.
fn on<'a>(scripts: &Dated<'a>, day: Date) -> Option<Script<'a>> {
    scripts.iter().rev().find(|(from, _)| *from <= day).map(|(_, script)| *script)
}

impl Service<'_> {
    fn frame_path(&self) -> String {
        format!("{}rahmen.toml", self.folder)
    }
}

impl<'a> Loader<'a> {
    fn load(&mut self) -> RuleBook {
        let procedures: BTreeMap<String, Procedure> = self.parse("verfahren.toml").unwrap_or_default();
        for (name, _) in procedures.iter().filter(|(_, procedure)| procedure.periods.is_none() && !self.part) {
            let message = format!("[{name}.fristen] fehlt: ohne sie läuft keine gesetzliche Frist");
            let finding = self.file("verfahren.toml").error("fristen", 0..0, message);
            self.findings.push(finding);
        }
        if self.tree.files.contains_key("kalender.toml") {
            self.calendar = self.parse::<Calendar>("kalender.toml").map(Arc::new);
            let faults = self.calendar.iter().flat_map(|calendar| calendar.faults());
            let findings: Vec<Diagnostic> =
                faults.map(|fault| self.file("kalender.toml").error("kalender", 0..0, fault)).collect();
            self.findings.extend(findings);
        }
        let mut book = RuleBook::default();
        let mut bases: BTreeMap<(ServiceName, Option<Land>), Arc<Base>> = BTreeMap::new();
        let mut services = Vec::new();
        for path in self.paths(|parts| matches!(parts, ["bund" | "muster", _, "rahmen.toml"])) {
            if let Some(service) = self.service(&path, &procedures) {
                services.push(service);
            }
        }
        self.replacements(&mut services, &procedures);
        let names: BTreeSet<ServiceName> = services.iter().map(|service| service.name.clone()).collect();
        for name in names {
            for land in std::iter::once(None).chain(Land::ALL.iter().copied().map(Some)) {
                let Some(service) = service_in(&services, name.as_str(), land) else { continue };
                let base = self.base(service, land, &bases);
                bases.insert((name.clone(), land), base);
            }
        }
        self.unknown_files(&services);
        for service in &services {
            let path = service.frame_path();
            book.declared.extend(self.declared(service));
            // Of a script that cannot be read nobody knows what it uses.
            let Some(usage) = self.usage.remove(&service.folder).flatten() else { continue };
            let findings = lint::unused(&service.frame, &self.file(&path), &usage);
            self.findings.extend(findings);
            book.fields.entry(service.name.clone()).or_default().extend(usage.fields);
        }
        let general = self.general_competences(&services);
        let mut places = Vec::new();
        for path in self.paths(|parts| matches!(parts, ["kommune", _, "kommune.toml"])) {
            places.extend(self.parse::<Municipality>(&path).map(|place| (path, place)));
        }
        let law = place::Law { services: &services, general: &general, bases: &bases };
        for named in [true, false] {
            places.iter().for_each(|place| self.municipality(place, named, &law, &mut book));
        }
        self.wide_offices(&law, &mut book);
        book.declared.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        book.declared.dedup();
        book.procedures = procedures;
        book.calendar = self.calendar.clone();
        book
    }

    /// Frames of Länder whose statute takes the place of the federal one.
    fn replacements(&mut self, services: &mut Vec<Service<'a>>, procedures: &BTreeMap<String, Procedure>) {
        for path in self.paths(|parts| matches!(parts, ["land", _, _, "rahmen.toml"])) {
            let Some(own) = self.service(&path, procedures) else { continue };
            // In an archive it stands for itself: federal law cannot influence what it decides.
            if !self.part {
                let federal = service_in(services, own.name.as_str(), None);
                self.findings.extend(mode::replacement(&self.file(&path), &own.frame, federal.map(|s| &*s.frame)));
            }
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

    /// What a service declares, and what of its components it uses.
    fn declared(&self, service: &Service<'_>) -> Vec<Declared> {
        let frame = &service.frame;
        let path = service.frame_path();
        let one = |kind, name: &Spanned<String>, origin: Option<&Arc<str>>| {
            let file = self.file(origin.map_or(&path, |origin| origin));
            Declared {
                // The first frame that takes a component stands for all.
                service: service.name.clone(),
                file: file.name.to_owned(),
                line: file.line(name.span().start),
                kind,
                name: name.get_ref().clone(),
                shared: origin.is_some(),
            }
        };
        let checks = frame.pruefung.iter().map(Spanned::get_ref);
        let mut all: Vec<Declared> = checks.map(|c| one(DeclaredKind::Check, &c.id, c.origin.as_ref())).collect();
        for parameter in frame.parameter.iter().map(Spanned::get_ref) {
            all.push(one(DeclaredKind::Parameter, &parameter.name, parameter.origin.as_ref()));
            let open = parameter.oeffnung.iter().filter(|o| o.status == Status::Geltend);
            all.extend(open.map(|o| match o.ebene {
                OpenTo::Land => one(DeclaredKind::OpenToLand, &parameter.name, None),
                OpenTo::Kommune => one(DeclaredKind::OpenToKommune, &parameter.name, None),
            }));
        }
        all.extend(frame.funktion.iter().map(|f| one(DeclaredKind::Function, &f.get_ref().name, None)));
        all
    }
}

/// The law of a service in a Land: its own statute where it has one, else the common one.
fn service_in<'s, 'a>(services: &'s [Service<'a>], name: &str, land: Option<Land>) -> Option<&'s Service<'a>> {
    let mut named = services.iter().filter(|service| service.name.as_str() == name);
    let common = named.clone().find(|service| service.land.is_none());
    named.find(|service| service.land.is_some() && service.land == land).or(common)
}
