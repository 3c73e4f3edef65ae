//! A service at its own level: frame, own values, scripts.

use super::*;

impl<'a> Loader<'a> {
    pub(super) fn service(&mut self, path: &str, procedures: &BTreeMap<String, Procedure>) -> Option<Service<'a>> {
        let mut frame: Frame = self.parse(path)?;
        let folder = path.trim_end_matches("rahmen.toml").to_owned();
        let level = match folder.split('/').next() {
            Some("bund") => Level::Bund,
            Some("land") => Level::Land,
            Some(_) | None => Level::Muster,
        };
        let land = folder.strip_prefix("land/").and_then(|rest| Land::from_short(rest.split('/').next()?));
        let file = self.file(path);
        let named = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let mut findings = frame_findings(&file, &frame, named, level);
        let Ok(name) = ServiceName::new(named) else {
            findings.push(file.error("dienst", frame.dienst.span(), "Dienste heißen wie Ordner: a-z, 0-9, -"));
            self.findings.extend(findings);
            return None;
        };
        let regime = frame.automatik.get_ref().regime.as_str();
        let procedure = procedures.get(regime).cloned();
        if procedure.is_none() {
            let span = frame.automatik.span();
            findings.push(file.error(
                "automatik",
                span,
                format!("das Verfahren {regime} steht nicht in verfahren.toml"),
            ));
        }
        self.findings.extend(findings);
        let mut own = Versions::default();
        for parameter in frame.parameter.iter().map(Spanned::get_ref) {
            for setting in &parameter.wert {
                let file = self.file(path);
                self.add(&file, &folder, parameter, setting.get_ref(), level, Vec::new(), &mut own);
            }
        }
        self.finish(&mut own);
        for parameter in frame.parameter.iter().map(Spanned::get_ref) {
            let file = self.file(path);
            self.findings.extend(values::gaps(&file, parameter, parameter.wert.iter(), &own, &[]));
        }
        let file = self.file(path);
        let own_reasons = frame.automatik.get_ref().anlaesse.clone();
        let shared = self.components(&file, &mut frame, &mut own);
        self.findings.extend(reason_findings(&file, &own_reasons, &frame.pruefung));
        let frame = Arc::new(frame);
        let scripts = self.scripts(&folder, level);
        if scripts.is_empty() {
            self.findings.push(self.file(path).error("skript", 0..0, "es gibt kein Skript <JJJJ-MM-TT>.rhai"));
        }
        let first = |scripts: &Dated<'a>| scripts.iter().map(|(day, _)| *day).min();
        for (name, component) in frame.bausteine.iter().zip(&shared) {
            if let (Some(own), Some(later)) = (first(&scripts), first(component))
                && own < later
            {
                let message = format!("der Baustein hat erst ab {later} ein Skript, der Dienst schon ab {own}");
                self.findings.push(self.file(path).error("luecke", name.span(), message));
            }
        }
        let components = frame.bausteine.iter().map(|name| component_folder(name.get_ref()));
        let folders = [folder.clone()].into_iter().chain(components).map(|folder| self.folder_digest(&folder));
        let files = ["verfahren.toml", "kalender.toml"].map(|file| self.text_digest(file));
        let parts: Vec<Digest> = folders.chain(files).collect();
        let digest = Digest::of_parts(parts.iter().map(|part| part.0.as_slice()));
        let procedure = Arc::new(procedure?);
        Some(Service { name, land, folder, frame, procedure, level, own: Arc::new(own), scripts, shared, digest })
    }

    pub(super) fn scripts(&mut self, folder: &str, level: Level) -> Dated<'a> {
        let tree = self.tree;
        let mut scripts = Vec::new();
        for (path, text) in tree.below(folder).filter(|(path, _)| path.ends_with(".rhai")) {
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
}

/// What must be right inside a frame itself.
pub(super) fn frame_findings(file: &File<'_>, frame: &Frame, folder: &str, level: Level) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let automation = frame.automatik.get_ref();
    if frame.dienst.get_ref() != folder {
        findings.push(file.error("dienst", frame.dienst.span(), "dienst muss heißen wie der Ordner"));
    }
    findings.extend(mode::findings(file, frame, level));
    findings.extend(duplicate_functions(file, frame));
    let mut names = BTreeSet::new();
    for parameter in frame.parameter.iter().map(Spanned::get_ref) {
        if !names.insert(parameter.name.get_ref()) {
            findings.push(file.error("mehrdeutig", parameter.name.span(), "diesen Parameter gibt es schon"));
        }
        findings.extend(parameter_findings(file, frame, parameter));
    }
    let mut ids = BTreeSet::new();
    for check in frame.pruefung.iter().map(Spanned::get_ref) {
        if !ids.insert(check.id.get_ref()) {
            findings.push(file.error("mehrdeutig", check.id.span(), "diese Prüfung gibt es schon"));
        }
        findings.extend(check_findings(file, check));
    }
    for permission in &automation.erlaubt_durch {
        findings.extend(permission_findings(file, frame.automatik.span(), permission));
    }
    findings
}

pub(super) fn permission_findings(
    file: &File<'_>,
    span: std::ops::Range<usize>,
    permission: &Permission,
) -> Option<Diagnostic> {
    let says_nothing = permission.norm.trim().is_empty() || permission.umfang.is_empty();
    says_nothing.then(|| file.error("automatik", span, "wer automatisch entscheiden will, nennt Norm und Umfang"))
}

pub(super) fn check_findings(file: &File<'_>, check: &Check) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if check.norm.get_ref().trim().is_empty() {
        findings.push(file.error("norm", check.norm.span(), "jede Prüfung braucht ihre Norm"));
    }
    if let Some(reason) = check.grund.as_ref().filter(|g| ReferralReason::from_word(g.get_ref()).is_none()) {
        findings.push(file.error("grund", reason.span(), "diesen Grund gibt es nicht"));
    }
    findings
}

/// Reasons for an official are checks that ask for a person.
pub(super) fn reason_findings(
    file: &File<'_>,
    reasons: &[Spanned<String>],
    checks: &[Spanned<Check>],
) -> Vec<Diagnostic> {
    let is_referral = |id: &str| {
        let mut checks = checks.iter().map(Spanned::get_ref);
        checks.any(|c| c.id.get_ref() == id && c.wirkung == Effect::Vorlage)
    };
    let wrong = reasons.iter().filter(|reason| !is_referral(reason.get_ref()));
    wrong
        .map(|reason| file.error("anlass", reason.span(), "ein Anlass ist eine Prüfung mit wirkung = \"vorlage\""))
        .collect()
}

fn duplicate_functions(file: &File<'_>, frame: &Frame) -> Vec<Diagnostic> {
    let mut names = BTreeSet::new();
    let again = frame.funktion.iter().map(Spanned::get_ref).filter(|f| !names.insert(f.name.get_ref()));
    again.map(|f| file.error("mehrdeutig", f.name.span(), "diese Funktion ist schon geöffnet")).collect()
}

pub(super) fn parameter_findings(file: &File<'_>, frame: &Frame, parameter: &Parameter) -> Vec<Diagnostic> {
    let here = parameter.name.span();
    let mut findings = Vec::new();
    for date in parameter.stichtag.iter().chain(parameter.oeffnung.iter().flat_map(|o| &o.stichtage)) {
        let known = matches!(date.get_ref().as_str(), "antrag" | "entscheidung");
        if !known && !frame.stichtage.contains_key(date.get_ref()) {
            findings.push(file.error("nicht_erklaert", date.span(), "diesen Stichtag gibt es nicht"));
        }
    }
    if parameter.pflicht && parameter.wert.is_empty() && parameter.oeffnung.is_empty() {
        let message = "dieser Wert ist Pflicht, aber der Rahmen setzt ihn nicht und öffnet ihn niemandem";
        findings.push(file.error("luecke", here.clone(), message));
    }
    for opening in &parameter.oeffnung {
        if opening.norm.trim().is_empty() || opening.instrument.is_empty() {
            let message = "eine Öffnung nennt ihre Norm und wenigstens ein instrument";
            findings.push(file.error("norm", here.clone(), message));
        }
        let number = matches!(parameter.typ, Type::Euro | Type::Zahl | Type::Ganzzahl | Type::Anteil);
        if opening.nur_guenstiger && (parameter.guenstiger.is_none() || !number) {
            let message = "nur_guenstiger braucht eine Zahl und guenstiger = \"niedriger\" oder \"hoeher\"";
            findings.push(file.error("richtung", here.clone(), message));
        }
        for bound in [&opening.minimum, &opening.maximum].into_iter().flatten() {
            if domain::json::decimal(bound).is_none() {
                let message = format!("„{bound}“ ist keine Dezimalzahl");
                findings.push(file.error("wert", here.clone(), message));
            }
        }
    }
    findings
}
