//! What a Land makes of a service: delegations, values, functions.

use super::values::{find, unknown_parameter};
use super::*;

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
            frame: service.frame.clone(),
            procedure: service.procedure.clone(),
            land_automation: None,
            own: service.own.clone(),
            of_land: Versions::default(),
            programs: Vec::new(),
            digest: service.digest,
        };
        let mut scripts = Vec::new();
        let mut declared = Vec::new();
        if let Some(folder) = &folder {
            let path = format!("{folder}abweichung.toml");
            if self.tree.files.contains_key(&path) {
                declared = self.deviation(&path, folder, service, &mut base);
            }
            scripts = self.scripts(folder, Level::Land);
            if self.tree.files.keys().any(|p| p.starts_with(folder.as_str())) {
                base.digest = Digest::of_parts([&service.digest.0[..], &self.folder_digest(folder).0]);
            }
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
        land: &[(Date, Script<'a>)],
        declared: &[String],
    ) -> Vec<(Date, Arc<Program>)> {
        let days: BTreeSet<Date> = service.scripts.iter().chain(land).map(|(day, _)| *day).collect();
        let on = |scripts: &[(Date, Script<'a>)], day: Date| {
            scripts.iter().rev().find(|(from, _)| *from <= day).map(|(_, script)| *script)
        };
        let mut programs = Vec::new();
        for day in days {
            let Some(base) = on(&service.scripts, day) else { continue };
            match compile(&service.frame, base, on(land, day), declared) {
                Ok(program) => programs.push((day, Arc::new(program))),
                Err(findings) => self.findings.extend(findings),
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
        deviation.funktion.iter().map(|f| f.get_ref().name.get_ref().clone()).collect()
    }
}

pub(super) fn function_findings(
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
