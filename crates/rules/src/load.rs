//! From texts to a checked rule book: every file read, every finding collected, nothing half loaded.

use crate::contract::{self, Setter};
use crate::diagnostic::{Diagnostic, File, has_errors};
use crate::grammar::{Deviation, Effect, Frame, Mode, MunicipalValues, Municipality, Parameter, Setting, Type};
use crate::layers::{Base, Competence, Procedure, RuleSet, Version, Versions};
use crate::program::{Program, Script, compile};
use crate::table::{RawRow, Table};
use crate::value::Value;
use crate::{Context, Facts};
use domain::{Ars, Decision, Digest, Land, Level, ReferralReason, ServiceName};
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
}

impl RuleBook {
    /// Loads and checks everything. No book where there is an error; the findings say all that is wrong.
    pub fn load(tree: &SourceTree) -> (Option<Self>, Vec<Diagnostic>) {
        let mut loader = Loader { tree, findings: Vec::new() };
        let book = loader.load();
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
            None => {
                let place = self.names.get(&facts.ars).map_or_else(|| facts.ars.to_string(), Clone::clone);
                crate::decide::refer_competence(facts, format!("Für {place} ist keine zuständige Stelle eingetragen."))
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
    /// The name of a configured place.
    pub fn place_name(&self, ars: &Ars) -> Option<&str> {
        self.names.get(ars).map(String::as_str)
    }
}

struct Loader<'a> {
    tree: &'a SourceTree,
    findings: Vec<Diagnostic>,
}

/// A service's own level, parsed and compiled.
struct Service<'a> {
    name: ServiceName,
    folder: String,
    frame: Arc<Frame>,
    procedure: Arc<Procedure>,
    level: Level,
    own: Arc<Versions>,
    scripts: Vec<(Date, Script<'a>)>,
    digest: Digest,
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
        for service in &services {
            for land in std::iter::once(None).chain(Land::ALL.iter().copied().map(Some)) {
                let base = self.base(service, land, &bases);
                bases.insert((service.name.clone(), land), base);
            }
        }
        self.unknown_files(&services);
        for path in self.paths(|parts| matches!(parts, ["kommune", _, "kommune.toml"])) {
            self.municipality(&path, &services, &bases, &mut book);
        }
        book
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
                self.findings.push(self.file(path).error("form", span, german(e.message())));
            })
            .ok()
    }

    fn service(&mut self, path: &str, procedures: &BTreeMap<String, Procedure>) -> Option<Service<'a>> {
        let frame: Frame = self.parse(path)?;
        let folder = path.trim_end_matches("rahmen.toml").to_owned();
        let level = if folder.starts_with("bund/") { Level::Bund } else { Level::Muster };
        let file = self.file(path);
        let named = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let mut findings = frame_findings(&file, &frame, named, level);
        let Ok(name) = ServiceName::new(named) else {
            findings.push(file.error("dienst", frame.dienst.span(), "Dienste heißen wie Ordner: a-z, 0-9, -"));
            self.findings.extend(findings);
            return None;
        };
        let regime = serde_json::to_value(frame.automatik.get_ref().regime).unwrap_or_default();
        let procedure = procedures.get(regime.as_str().unwrap_or_default()).cloned();
        if procedure.is_none() {
            let span = frame.automatik.span();
            findings.push(file.error(
                "automatik",
                span,
                format!("das Verfahren {regime} steht nicht in verfahren.toml"),
            ));
        }
        self.findings.extend(findings);
        let frame = Arc::new(frame);
        let mut own = Versions::default();
        for parameter in frame.parameter.iter().map(Spanned::get_ref) {
            for setting in &parameter.wert {
                let file = self.file(path);
                self.add(&file, &folder, parameter, setting.get_ref(), level, Vec::new(), &mut own);
            }
        }
        self.finish(path, &mut own);
        let scripts = self.scripts(&folder, level);
        if scripts.is_empty() {
            self.findings.push(self.file(path).error("skript", 0..0, "es gibt kein Skript <JJJJ-MM-TT>.rhai"));
        }
        let digest =
            Digest::of_parts([self.folder_digest(&folder).0.as_slice(), &self.text_digest("verfahren.toml").0]);
        let procedure = Arc::new(procedure?);
        Some(Service { name, folder, frame, procedure, level, own: Arc::new(own), scripts, digest })
    }

    fn scripts(&mut self, folder: &str, level: Level) -> Vec<(Date, Script<'a>)> {
        let tree = self.tree;
        let mut scripts = Vec::new();
        for (path, text) in tree.files.iter().filter(|(path, _)| path.starts_with(folder) && path.ends_with(".rhai")) {
            let day = path.trim_start_matches(folder).trim_end_matches(".rhai").parse();
            match day {
                Ok(day) => scripts.push((day, Script { file: path, text, level })),
                Err(_) => {
                    let message = "Skripte heißen nach dem ersten Tag, an dem sie gelten: JJJJ-MM-TT.rhai";
                    self.findings.push(File { name: path, text }.error("skript", 0..0, message));
                }
            }
        }
        scripts
    }

    /// What a Land makes of a service. Without files of its own it shares the programs of the base.
    fn base(
        &mut self,
        service: &Service<'a>,
        land: Option<Land>,
        done: &BTreeMap<(ServiceName, Option<Land>), Arc<Base>>,
    ) -> Arc<Base> {
        let folder = land.map(|l| format!("land/{}/{}/", l.short(), service.name));
        let mut base = Base {
            service: service.name.clone(),
            land,
            frame: service.frame.clone(),
            procedure: service.procedure.clone(),
            land_automation: None,
            own: service.own.clone(),
            of_land: Versions::default(),
            programs: Vec::new(),
            digest: service.digest,
        };
        let mut scripts = Vec::new();
        if let Some(folder) = &folder {
            let path = format!("{folder}abweichung.toml");
            if self.tree.files.contains_key(&path) {
                self.deviation(&path, folder, service, &mut base);
            }
            scripts = self.scripts(folder, Level::Land);
            if self.tree.files.keys().any(|p| p.starts_with(folder.as_str())) {
                base.digest = Digest::of_parts([&service.digest.0[..], &self.folder_digest(folder).0]);
            }
        }
        base.programs = match done.get(&(service.name.clone(), None)) {
            Some(shared) if scripts.is_empty() => shared.programs.clone(),
            Some(_) | None => self.programs(service, &scripts),
        };
        Arc::new(base)
    }

    fn programs(&mut self, service: &Service<'a>, land: &[(Date, Script<'a>)]) -> Vec<(Date, Arc<Program>)> {
        let days: BTreeSet<Date> = service.scripts.iter().chain(land).map(|(day, _)| *day).collect();
        let on = |scripts: &[(Date, Script<'a>)], day: Date| {
            scripts.iter().rev().find(|(from, _)| *from <= day).map(|(_, script)| *script)
        };
        let mut programs = Vec::new();
        for day in days {
            let Some(base) = on(&service.scripts, day) else { continue };
            match compile(&service.frame, base, on(land, day)) {
                Ok(program) => programs.push((day, Arc::new(program))),
                Err(findings) => self.findings.extend(findings),
            }
        }
        programs
    }

    fn deviation(&mut self, path: &str, folder: &str, service: &Service<'a>, base: &mut Base) {
        let Some(deviation) = self.parse::<Deviation>(path) else { return };
        let file = self.file(path);
        let land_name = base.land.map_or("", Land::title);
        if deviation.dienst.get_ref() != service.name.as_str() {
            self.findings.push(file.error("dienst", deviation.dienst.span(), "dienst muss heißen wie der Ordner"));
        }
        if base.land != Land::from_short(deviation.land.get_ref()) {
            self.findings.push(file.error("land", deviation.land.span(), "land muss heißen wie der Ordner"));
        }
        for function in deviation.funktion.iter().map(Spanned::get_ref) {
            self.findings.extend(function_findings(&file, service, function));
        }
        for delegation in deviation.delegation.iter().map(Spanned::get_ref) {
            match find(&service.frame, delegation.parameter.get_ref()) {
                Some(parameter) => self.findings.extend(contract::check_delegation(&file, parameter, delegation)),
                None => self.findings.push(unknown_parameter(&file, &delegation.parameter, &service.frame)),
            }
        }
        let setter =
            Setter { level: Level::Land, name: land_name, base_level: service.level, land_name, delegations: &[] };
        let mut of_land = Versions::default();
        self.settings(&file, folder, &setter, &service.frame, &deviation.wert, &mut of_land);
        self.finish(path, &mut of_land);
        base.of_land = of_land;
        base.land_automation = deviation.automatik;
    }

    /// Values of a Land or Kommune: each must keep the contract.
    fn settings(
        &mut self,
        file: &File<'_>,
        folder: &str,
        setter: &Setter<'_>,
        frame: &Frame,
        settings: &[Spanned<Setting>],
        into: &mut Versions,
    ) {
        for spanned in settings {
            let setting = spanned.get_ref();
            let Some(name) = &setting.parameter else {
                self.findings.push(file.error("form", spanned.span(), "parameter = \"…\" fehlt"));
                continue;
            };
            let Some(parameter) = find(frame, name.get_ref()) else {
                self.findings.push(unknown_parameter(file, name, frame));
                continue;
            };
            let Some(value) = self.read(file, folder, parameter, setting) else { continue };
            match contract::check(file, setter, parameter, setting, &value) {
                Ok(through) => self.insert(file, parameter, setting, setter.level, through, value, into),
                Err(finding) => self.findings.push(*finding),
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call site each; a struct would only rename the arguments")]
    fn add(
        &mut self,
        file: &File<'_>,
        folder: &str,
        parameter: &Parameter,
        setting: &Setting,
        level: Level,
        through: Vec<domain::LayerNorm>,
        into: &mut Versions,
    ) {
        if let Some(value) = self.read(file, folder, parameter, setting) {
            self.insert(file, parameter, setting, level, through, value, into);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call site each; a struct would only rename the arguments")]
    fn insert(
        &mut self,
        file: &File<'_>,
        parameter: &Parameter,
        setting: &Setting,
        level: Level,
        through: Vec<domain::LayerNorm>,
        value: Value,
        into: &mut Versions,
    ) {
        let versions = into.0.entry(parameter.name.get_ref().clone()).or_default();
        let from = setting.ab.get_ref().0;
        let to = setting.bis.map(|d| d.0);
        if to.is_some_and(|to| to < from) {
            self.findings.push(file.error("geltung", setting.ab.span(), "bis liegt vor ab"));
        }
        let clash = versions.iter().find(|v| {
            let other_ends_before = v.to.is_some_and(|end| end < from);
            let this_ends_before = to.is_some_and(|end| end < v.from);
            v.from == from
                || (v.to.is_some() && !other_ends_before && v.from < from)
                || (to.is_some() && !this_ends_before && from < v.from)
        });
        if let Some(other) = clash {
            let message = format!(
                "„{}“ ist mehrdeutig: für {} gilt auf derselben Ebene schon ein Wert ab {}",
                parameter.name.get_ref(),
                from,
                other.from
            );
            let finding = file.error("mehrdeutig", setting.ab.span(), message);
            self.findings.push(finding.help("je Ebene und Tag genau ein Wert; beenden Sie den früheren mit bis = …"));
        }
        versions.push(Version {
            from,
            to,
            value,
            level,
            norm: setting.norm.get_ref().clone(),
            source: setting.quelle.clone(),
            through,
        });
    }

    fn read(&mut self, file: &File<'_>, folder: &str, parameter: &Parameter, setting: &Setting) -> Option<Value> {
        let here = setting.parameter.as_ref().map_or(setting.norm.span(), Spanned::span);
        if parameter.typ == Type::Tabelle {
            let rows: Vec<RawRow> = match (&setting.zeilen, &setting.datei) {
                (Some(rows), None) => {
                    let at = |row: &Spanned<_>| format!("{}:{}", file.name, file.line(row.span().start));
                    rows.iter().map(|row| (row.get_ref().clone(), at(row))).collect()
                }
                (None, Some(name)) => self.csv(file, folder, name)?,
                (Some(_), Some(_)) | (None, None) => {
                    let message = "eine Tabelle braucht zeilen = [ … ] oder datei = \"tabellen/….csv\"";
                    self.findings.push(file.error("wert", here, message));
                    return None;
                }
            };
            return Table::read(parameter, &rows)
                .map_err(|(row, message)| {
                    let span = setting.zeilen.as_ref().and_then(|z| z.get(row)).map_or(here, Spanned::span);
                    self.findings.push(file.error("tabelle", span, message));
                })
                .ok()
                .map(|table| Value::Table(Arc::new(table)));
        }
        let Some(value) = &setting.wert else {
            self.findings.push(file.error("wert", here, "wert = … fehlt"));
            return None;
        };
        Value::read(parameter, value.get_ref())
            .map_err(|message| self.findings.push(file.error("typ", value.span(), message)))
            .ok()
    }

    fn csv(&mut self, file: &File<'_>, folder: &str, name: &Spanned<String>) -> Option<Vec<RawRow>> {
        let path = format!("{folder}{}", name.get_ref());
        let Some(text) = self.tree.files.get(&path) else {
            self.findings.push(file.error("datei", name.span(), format!("{path} fehlt")));
            return None;
        };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let records: Result<Vec<BTreeMap<String, String>>, _> = reader.deserialize().collect();
        let records = records
            .map_err(|e| {
                let line = e.position().map_or(1, |p| usize::try_from(p.line()).unwrap_or(1));
                let csv = File { name: &path, text };
                self.findings.push(csv.error_at("tabelle", line, 1, "diese Zeile passt nicht zur Kopfzeile"));
            })
            .ok()?;
        let cells = |row: BTreeMap<String, String>| row.into_iter().map(|(k, v)| (k, toml::Value::String(v))).collect();
        Some(records.into_iter().enumerate().map(|(i, row)| (cells(row), format!("{path}:{}", i + 2))).collect())
    }

    fn municipality(
        &mut self,
        path: &str,
        services: &[Service<'a>],
        bases: &BTreeMap<(ServiceName, Option<Land>), Arc<Base>>,
        book: &mut RuleBook,
    ) {
        let Some(place) = self.parse::<Municipality>(path) else { return };
        let file = self.file(path);
        let folder = path.trim_end_matches("kommune.toml").to_owned();
        let Ok(ars) = Ars::new(place.ars.get_ref().clone()) else {
            self.findings.push(file.error("ars", place.ars.span(), "das ist kein zwölfstelliger Regionalschlüssel"));
            return;
        };
        if folder != format!("kommune/{ars}/") {
            self.findings.push(file.error("ars", place.ars.span(), "ars muss heißen wie der Ordner"));
        }
        let mut served = vec![ars.clone()];
        for other in &place.gemeinden {
            match Ars::new(other.get_ref().clone()) {
                Ok(ars) => served.push(ars),
                Err(e) => self.findings.push(file.error("ars", other.span(), e.to_string())),
            }
        }
        book.ags.insert(ars.ags(), ars.clone());
        book.names.insert(ars.clone(), place.name.clone());
        for responsibility in &place.zustaendigkeit {
            let Some(service) = services.iter().find(|s| s.name.as_str() == responsibility.dienst.get_ref()) else {
                self.findings.push(file.error("dienst", responsibility.dienst.span(), "diesen Dienst gibt es nicht"));
                continue;
            };
            let Some(base) = bases.get(&(service.name.clone(), Some(ars.land()))) else { continue };
            let values_path = format!("{folder}{}.toml", service.name);
            let mut of_kommune = Versions::default();
            if self.tree.files.contains_key(&values_path) {
                self.municipal_values(&values_path, &folder, &place.name, service, ars.land(), &mut of_kommune);
            }
            let values = self.tree.files.get(&values_path).map_or("", String::as_str);
            let parts = [responsibility.behoerde.as_str(), &responsibility.team, values, ars.as_str()];
            let competence = Competence {
                authority: responsibility.behoerde.clone(),
                queue: responsibility.team.clone(),
                forward: responsibility.weiterleiten,
            };
            let digest =
                Digest::of_parts(parts.map(str::as_bytes).into_iter().chain([&[u8::from(competence.forward)][..]]));
            let set = RuleSet { ars: ars.clone(), competence, base: base.clone(), of_kommune, digest };
            let set = Arc::new(set);
            let places = book.sets.entry(service.name.clone()).or_default();
            for ars in &served {
                if places.insert(ars.clone(), set.clone()).is_some() {
                    let message = format!("für {} und {ars} sind zwei Stellen zuständig", service.name);
                    self.findings.push(file.error("mehrdeutig", responsibility.dienst.span(), message));
                }
            }
        }
    }

    fn municipal_values(
        &mut self,
        path: &str,
        folder: &str,
        place: &str,
        service: &Service<'a>,
        land: Land,
        into: &mut Versions,
    ) {
        let Some(values) = self.parse::<MunicipalValues>(path) else { return };
        let file = self.file(path);
        if values.dienst.get_ref() != service.name.as_str() {
            self.findings.push(file.error("dienst", values.dienst.span(), "dienst muss heißen wie die Datei"));
        }
        // Parsed again where it is needed: a Land's findings are reported once, in `deviation`.
        let deviation_path = format!("land/{}/{}/abweichung.toml", land.short(), service.name);
        let deviation = self.tree.files.get(&deviation_path).and_then(|t| toml::from_str::<Deviation>(t).ok());
        let delegations = deviation.map(|d| d.delegation).unwrap_or_default();
        let setter = Setter {
            level: Level::Kommune,
            name: place,
            base_level: service.level,
            land_name: land.title(),
            delegations: &delegations,
        };
        self.settings(&file, folder, &setter, &service.frame, &values.wert, into);
        self.finish(path, into);
    }

    /// Sorts versions by their start.
    fn finish(&mut self, _path: &str, versions: &mut Versions) {
        for list in versions.0.values_mut() {
            list.sort_by_key(|v| v.from);
        }
    }

    fn unknown_files(&mut self, services: &[Service<'a>]) {
        let known_service = |name: &str| services.iter().any(|s| s.name.as_str() == name);
        let known_folder = |folder: &str| services.iter().any(|s| s.folder == folder);
        for (path, text) in &self.tree.files {
            let parts: Vec<&str> = path.split('/').collect();
            let inner = |rest: &[&str]| match rest {
                [name] => name.ends_with(".rhai") || matches!(*name, "rahmen.toml" | "abweichung.toml"),
                ["tabellen", name] => name.ends_with(".csv"),
                ["faelle", name] => name.ends_with(".yaml"),
                _ => false,
            };
            let fits = match parts.as_slice() {
                ["verfahren.toml" | "README.md"] => true,
                [level @ ("bund" | "muster"), service, rest @ ..] => {
                    known_folder(&format!("{level}/{service}/")) && inner(rest)
                }
                ["land", land, service, rest @ ..] => {
                    Land::from_short(land).is_some() && known_service(service) && inner(rest)
                }
                ["kommune", ars, "kommune.toml"] => Ars::new(*ars).is_ok(),
                ["kommune", ars, name] => {
                    let place = format!("kommune/{ars}/kommune.toml");
                    name.strip_suffix(".toml").is_some_and(known_service) && self.tree.files.contains_key(&place)
                }
                _ => false,
            };
            if !fits {
                let message = "diese Datei gehört zu keiner Ebene und keinem Dienst";
                let finding = File { name: path, text }.error("datei", 0..0, message);
                self.findings
                    .push(finding.help("Aufbau: bund|muster/<dienst>/…, land/<land>/<dienst>/…, kommune/<ars>/…"));
            }
        }
    }

    fn text_digest(&self, path: &str) -> Digest {
        Digest::of(self.tree.files.get(path).map_or(&[], |t| t.as_bytes()))
    }

    /// Over everything in a folder that can influence a decision; legal cases cannot.
    fn folder_digest(&self, folder: &str) -> Digest {
        let counts = |path: &str| path.starts_with(folder) && !path.contains("/faelle/");
        let files = self.tree.files.iter().filter(|(path, _)| counts(path));
        Digest::of_parts(files.flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()]))
    }
}

fn find<'f>(frame: &'f Frame, name: &str) -> Option<&'f Parameter> {
    frame.parameter.iter().map(Spanned::get_ref).find(|p| p.name.get_ref() == name)
}

fn unknown_parameter(file: &File<'_>, name: &Spanned<String>, frame: &Frame) -> Diagnostic {
    let known: Vec<&str> = frame.parameter.iter().map(|p| p.get_ref().name.get_ref().as_str()).collect();
    let message = format!("den Parameter „{}“ kennt der Rahmen nicht", name.get_ref());
    file.error("nicht_erklaert", name.span(), message).help(format!("erklärt sind: {}", known.join(", ")))
}

/// What must be right inside a frame itself.
fn frame_findings(file: &File<'_>, frame: &Frame, folder: &str, level: Level) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let automation = frame.automatik.get_ref();
    if frame.dienst.get_ref() != folder {
        findings.push(file.error("dienst", frame.dienst.span(), "dienst muss heißen wie der Ordner"));
    }
    if (frame.modus == Mode::LandKommuneSatzung) != (level == Level::Muster) {
        let message = "modus land_kommune_satzung steht unter muster/, alles andere unter bund/";
        findings.push(file.error("modus", frame.dienst.span(), message));
    }
    let mut names = BTreeSet::new();
    for parameter in frame.parameter.iter().map(Spanned::get_ref) {
        if !names.insert(parameter.name.get_ref()) {
            findings.push(file.error("mehrdeutig", parameter.name.span(), "diesen Parameter gibt es schon"));
        }
        if frame.modus == Mode::BundAbschliessend && !parameter.oeffnung.is_empty() {
            let message = "modus bund_abschliessend: hier darf niemand abweichen";
            findings.push(file.error("modus", parameter.name.span(), message));
        }
        if let Some(date) = &parameter.stichtag {
            let known = matches!(date.get_ref().as_str(), "antrag" | "entscheidung");
            if !known && !frame.stichtage.contains_key(date.get_ref()) {
                findings.push(file.error("nicht_erklaert", date.span(), "diesen Stichtag gibt es nicht"));
            }
        }
    }
    let mut ids = BTreeSet::new();
    for check in frame.pruefung.iter().map(Spanned::get_ref) {
        if !ids.insert(check.id.get_ref()) {
            findings.push(file.error("mehrdeutig", check.id.span(), "diese Prüfung gibt es schon"));
        }
        if check.norm.get_ref().trim().is_empty() {
            findings.push(file.error("norm", check.norm.span(), "jede Prüfung braucht ihre Norm"));
        }
        if let Some(reason) = check.grund.as_ref().filter(|g| ReferralReason::from_word(g.get_ref()).is_none()) {
            findings.push(file.error("grund", reason.span(), "diesen Grund gibt es nicht"));
        }
    }
    for reason in &automation.anlaesse {
        let is_referral = |c: &&Spanned<crate::grammar::Check>| {
            c.get_ref().id.get_ref() == reason.get_ref() && c.get_ref().wirkung == Effect::Vorlage
        };
        if !frame.pruefung.iter().any(|c| is_referral(&c)) {
            let message = "ein Anlass ist eine Prüfung mit wirkung = \"vorlage\"";
            findings.push(file.error("anlass", reason.span(), message));
        }
    }
    for permission in &automation.erlaubt_durch {
        if permission.norm.trim().is_empty() || permission.umfang.is_empty() {
            let message = "wer automatisch entscheiden will, nennt Norm und Umfang";
            findings.push(file.error("automatik", frame.automatik.span(), message));
        }
    }
    findings
}

fn function_findings(
    file: &File<'_>,
    service: &Service<'_>,
    function: &crate::grammar::FunctionOverride,
) -> Vec<Diagnostic> {
    let declared =
        service.frame.funktion.iter().map(Spanned::get_ref).find(|f| f.name.get_ref() == function.name.get_ref());
    let span = function.name.span();
    let Some(declared) = declared else {
        return vec![file.error("oeffnung", span, "diese Funktion hat niemand geöffnet")];
    };
    let opening = declared.oeffnung.iter().find(|o| o.ebene == crate::grammar::OpenTo::Land);
    match opening {
        None => vec![file.error("oeffnung", span, "diese Funktion ist den Ländern nicht geöffnet")],
        Some(o) if !o.instrument.contains(&function.instrument) => {
            let allowed: Vec<&str> = o.instrument.iter().map(|i| i.title()).collect();
            let message = format!("nur durch {} (nach {})", allowed.join(" oder "), o.norm);
            vec![file.error("instrument", span, message)]
        }
        Some(_) => Vec::new(),
    }
}

/// The parts of toml's messages that authors meet most, in German.
fn german(message: &str) -> String {
    message
        .replace("unknown field", "unbekannter Schlüssel")
        .replace("missing field", "es fehlt der Schlüssel")
        .replace("unknown variant", "unbekanntes Wort")
        .replace("expected one of", "möglich sind")
        .replace("duplicate key", "doppelter Schlüssel")
        .replace("invalid type:", "falscher Typ:")
        .replace(", expected ", ", erwartet: ")
}
