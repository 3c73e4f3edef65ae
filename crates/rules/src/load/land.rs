//! What a Land makes of a service: delegations, values, functions.

use super::values::{find, unknown_parameter};
use super::*;
use crate::grammar::{AutomationOpening, LandAutomation};

impl<'a> Loader<'a> {
    /// What a Land makes of a service. Without files of its own it shares the programs of the base.
    pub(super) fn base(
        &mut self,
        service: &Service<'a>,
        land: Option<Land>,
        done: &BTreeMap<(ServiceName, Option<Land>), Arc<Base>>,
    ) -> Arc<Base> {
        let folder = land.map(|l| format!("land/{}/{}/", l.short(), service.name));
        let mut base = Base {
            land,
            reference: BTreeMap::new(),
            delegations: Vec::new(),
            frame_file: service.frame_path().into(),
            own_frame: service.land.is_some(),
            sources: service.shared.iter().chain([&service.scripts]).flat_map(|s| function_sources(s)).collect(),
            frame: service.frame.clone(),
            procedure: service.procedure.clone(),
            calendar: self.calendar.clone(),
            applies_by: None,
            permissions: Vec::new(),
            own: service.own.clone(),
            of_land: Versions::default(),
            programs: Vec::new(),
            digest: service.digest,
        };
        let mut scripts = Vec::new();
        let mut declared = Vec::new();
        if let Some(folder) = &folder {
            let path = format!("{folder}abweichung.toml");
            if service.land.is_some() && self.tree.files.contains_key(&path) {
                let message = "ein Land hat entweder einen eigenen Rahmen oder eine Abweichung, nicht beides";
                self.findings.push(self.file(&path).error("mehrdeutig", 0..0, message));
            } else if self.tree.files.contains_key(&path) {
                declared = self.deviation(&path, folder, service, &mut base);
            }
            if service.land.is_none() {
                scripts = self.scripts(folder, Level::Land);
                base.sources.extend(function_sources(&scripts));
            }
            if service.land.is_none() && self.tree.below(folder).next().is_some() {
                base.digest = Digest::of_parts([&service.digest.0[..], &self.folder_digest(folder).0]);
            }
        }
        if service.land.is_some() {
            // The Land's own frame and scripts are the law here; there is nothing below to deviate from.
            base.programs = self.programs(service, &Vec::new(), &[]);
            return Arc::new(base);
        }
        base.programs = match done.get(&(service.name.clone(), None)) {
            Some(shared) if scripts.is_empty() => shared.programs.clone(),
            Some(_) | None => self.programs(service, &scripts, &declared),
        };
        Arc::new(base)
    }

    pub(super) fn programs(
        &mut self,
        service: &Service<'a>,
        land: &Dated<'a>,
        declared: &[String],
    ) -> Vec<(Date, Arc<Program>)> {
        let all = service.shared.iter().flatten().chain(&service.scripts).chain(land);
        let days: BTreeSet<Date> = all.map(|(day, _)| *day).collect();
        let mut programs = Vec::new();
        for day in days {
            let Some(base) = on(&service.scripts, day) else { continue };
            let shared: Vec<Script<'a>> = service.shared.iter().filter_map(|scripts| on(scripts, day)).collect();
            match compile(&service.frame, &shared, base, on(land, day), declared, self.coverage) {
                Ok(compiled) => {
                    programs.push((day, Arc::new(compiled.program)));
                    let usage = self.usage.entry(service.folder.clone()).or_insert_with(|| Some(Usage::default()));
                    if let Some(usage) = usage {
                        usage.extend(compiled.usage);
                    }
                    // The base's own warnings come again with every Land.
                    let new = compiled.warnings.into_iter().filter(|w| !self.findings.contains(w));
                    let new: Vec<Diagnostic> = new.collect();
                    self.findings.extend(new);
                }
                Err(findings) => {
                    self.usage.insert(service.folder.clone(), None);
                    self.findings.extend(findings);
                }
            }
        }
        programs
    }

    pub(super) fn deviation(
        &mut self,
        path: &str,
        folder: &str,
        service: &Service<'a>,
        base: &mut Base,
    ) -> Vec<String> {
        let Some(deviation) = self.parse::<Deviation>(path) else { return Vec::new() };
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
        let unknown = |name: &Spanned<String>| unknown_parameter(&file, name, &service.frame);
        let declared = |name: &str| find(&service.frame, name);
        self.findings.extend(contract::check_delegations(&file, &deviation.delegation, declared, unknown));
        for choice in deviation.stichtag.iter().map(Spanned::get_ref) {
            match find(&service.frame, choice.parameter.get_ref()) {
                Some(parameter) => self.findings.extend(date_findings(&file, parameter, choice)),
                None => self.findings.push(unknown(&choice.parameter)),
            }
            base.reference.insert(choice.parameter.get_ref().clone(), choice.stichtag.get_ref().clone());
        }
        let below = [&*service.own];
        let setter = Setter {
            level: Level::Land,
            name: land_name,
            base_level: service.level,
            land_name,
            delegations: &[],
            below: &below,
        };
        let mut of_land = Versions::default();
        self.settings(&file, folder, &setter, &service.frame, &deviation.wert, &mut of_land);
        base.of_land = of_land;
        base.delegations = deviation.delegation;
        if let Some(automation) = deviation.automatik {
            self.land_automation(&file, &service.frame, automation, base);
        }
        deviation.funktion.iter().map(|f| f.get_ref().name.get_ref().clone()).collect()
    }
}

impl Loader<'_> {
    /// The norm by which a code applies in the Land, and norms of the Land that permit automatic decisions.
    fn land_automation(&mut self, file: &File<'_>, frame: &Frame, land: LandAutomation, base: &mut Base) {
        let draft = land.status == Status::Entwurf;
        match (land.anwendungsnorm, land.ab) {
            (Some(norm), Some(from)) if !draft => {
                let (norm, from, source) = (norm.into_inner(), from.0, land.quelle);
                base.applies_by = Some(AppliesBy { norm, from, source });
            }
            (Some(norm), None) => {
                let message = "zur anwendungsnorm gehört ab = JJJJ-MM-TT";
                self.findings.push(file.error("geltung", norm.span(), message));
            }
            (Some(_), Some(_)) | (None, _) => {}
        }
        let opening = frame.automatik.get_ref().oeffnung.as_ref();
        for permission in land.erlaubt_durch {
            let span = permission.span();
            let allowed =
                |o: &AutomationOpening| permission.get_ref().instrument.is_some_and(|i| o.instrument.contains(&i));
            self.findings.extend(frame::permission_findings(file, span.clone(), permission.get_ref()));
            match opening {
                None => {
                    let message =
                        "der Rahmen lässt die Länder keine Norm nennen, die erlaubt ([automatik] oeffnung fehlt)";
                    self.findings.push(file.error("oeffnung", span, message));
                }
                Some(o) if !allowed(o) => {
                    let forms: Vec<&str> = o.instrument.iter().map(|i| i.title()).collect();
                    let message = format!("nur durch {} (nach {})", forms.join(" oder "), o.norm);
                    self.findings.push(file.error("instrument", span, message));
                }
                Some(_) if draft => {}
                Some(_) => base.permissions.push(permission.into_inner()),
            }
        }
    }
}

pub(super) fn function_findings(
    file: &File<'_>,
    service: &Service<'_>,
    function: &FunctionOverride,
) -> Vec<Diagnostic> {
    let declared =
        service.frame.funktion.iter().map(Spanned::get_ref).find(|f| f.name.get_ref() == function.name.get_ref());
    let span = function.name.span();
    let Some(declared) = declared else {
        return vec![file.error("oeffnung", span, "diese Funktion hat niemand geöffnet")];
    };
    let opening = declared.oeffnung.iter().find(|o| o.ebene == OpenTo::Land);
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

/// Another reference date needs an opening that names it, in a form that the opening allows.
fn date_findings(file: &File<'_>, parameter: &Parameter, choice: &DateChoice) -> Option<Diagnostic> {
    let wanted = choice.stichtag.get_ref();
    let opened = |o: &&Opening| o.ebene == OpenTo::Land && !o.stichtage.is_empty();
    let Some(opening) = parameter.oeffnung.iter().find(opened) else {
        let message = format!("den Stichtag von „{}“ hat niemand geöffnet", parameter.name.get_ref());
        return Some(file.error("oeffnung", choice.stichtag.span(), message));
    };
    let allowed: Vec<&str> = opening.stichtage.iter().map(|s| s.get_ref().as_str()).collect();
    if !allowed.contains(&wanted.as_str()) {
        let message = format!("„{wanted}“ ist kein zulässiger Stichtag");
        let help = format!("zulässig: {} nach {}", allowed.join(", "), opening.norm);
        return Some(file.error("grenze", choice.stichtag.span(), message).help(help));
    }
    if !opening.instrument.contains(choice.instrument.get_ref()) {
        let forms: Vec<&str> = opening.instrument.iter().map(|i| i.title()).collect();
        let message = format!("nur durch {} (nach {})", forms.join(" oder "), opening.norm);
        return Some(file.error("instrument", choice.instrument.span(), message));
    }
    None
}

/// The text of every function of scripts, from one `fn` to the next.
fn function_sources(scripts: &[(Date, Script<'_>)]) -> Vec<FunctionSource> {
    let mut sources = Vec::new();
    for (from, script) in scripts {
        let starts = |line: &&str| line.starts_with("fn ") || line.starts_with("private fn ");
        let mut current: Option<FunctionSource> = None;
        for line in script.text.lines() {
            if starts(&line) {
                let function = line.trim_start_matches("private ").trim_start_matches("fn ");
                let function = function.split('(').next().unwrap_or_default().trim().to_owned();
                sources.extend(current.take());
                current = Some(FunctionSource { level: script.level, from: *from, function, text: String::new() });
            }
            if let Some(source) = current.as_mut().filter(|_| !line.trim_start().starts_with("//")) {
                source.text.push_str(line.trim());
                source.text.push('\n');
            }
        }
        sources.extend(current);
    }
    sources
}
