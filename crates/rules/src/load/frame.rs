//! A service at its own level: frame, own values, scripts.

use super::*;

impl<'a> Loader<'a> {
    pub(super) fn service(&mut self, path: &str, procedures: &BTreeMap<String, Procedure>) -> Option<Service<'a>> {
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

    pub(super) fn scripts(&mut self, folder: &str, level: Level) -> Vec<(Date, Script<'a>)> {
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
}

/// What must be right inside a frame itself.
pub(super) fn frame_findings(file: &File<'_>, frame: &Frame, folder: &str, level: Level) -> Vec<Diagnostic> {
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
