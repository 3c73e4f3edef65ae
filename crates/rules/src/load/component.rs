//! Components (Bausteine): what several services have in common, merged into each frame that takes it.

use super::frame::{check_findings, parameter_findings, reason_findings};
use super::*;

impl<'a> Loader<'a> {
    /// Takes the components that a frame names into it; returns their scripts.
    pub(super) fn components(&mut self, file: &File<'_>, frame: &mut Frame, own: &mut Versions) -> Vec<Dated<'a>> {
        let mut scripts = Vec::new();
        let mut needed: BTreeSet<String> = BTreeSet::new();
        for name in frame.bausteine.clone() {
            let folder = component_folder(name.get_ref());
            let path = format!("{folder}baustein.toml");
            if !self.tree.files.contains_key(&path) {
                self.findings.push(file.error("nicht_erklaert", name.span(), "diesen Baustein gibt es nicht"));
                continue;
            }
            let Some(component) = self.parse::<Component>(&path) else { continue };
            let missing = component.normen.iter().filter(|norm| !frame.normen.contains_key(*norm));
            for norm in missing {
                let message = format!("der Baustein braucht die Norm „{norm}“");
                let finding = file.error("norm", name.span(), message);
                self.findings.push(finding.help(format!("im Rahmen: normen = {{ {norm} = \"§ …\" }}")));
            }
            needed.extend(component.normen.iter().cloned());
            self.merge(file, &folder, &path, component, frame, &name, own);
            scripts.push(self.scripts(&folder, Level::Bund));
        }
        for (name, norm) in frame.normen.iter().filter(|(name, _)| !needed.contains(*name)) {
            let message = format!("die Norm „{name}“ braucht kein Baustein");
            self.findings.push(file.error("nicht_erklaert", norm.span(), message));
        }
        scripts
    }

    #[allow(clippy::too_many_arguments, reason = "one call site; a struct would only rename the arguments")]
    fn merge(
        &mut self,
        taker: &File<'_>,
        folder: &str,
        path: &str,
        component: Component,
        frame: &mut Frame,
        name: &Spanned<String>,
        own: &mut Versions,
    ) {
        let file = self.file(path);
        let origin: Arc<str> = path.into();
        if component.baustein.get_ref() != name.get_ref() {
            let message = "baustein muss heißen wie der Ordner";
            self.findings.push(file.error("dienst", component.baustein.span(), message));
        }
        let twice = |what: &str| format!("„{what}“ aus diesem Baustein gibt es im Rahmen schon");
        for mut spanned in component.parameter {
            let parameter = spanned.get_ref();
            if values::find(frame, parameter.name.get_ref()).is_some() {
                let message = twice(parameter.name.get_ref());
                self.findings.push(taker.error("mehrdeutig", name.span(), message));
            }
            if !parameter.oeffnung.is_empty() {
                let message = "ein Baustein öffnet nichts; was Länder und Kommunen regeln, steht im Rahmen";
                self.findings.push(file.error("oeffnung", parameter.name.span(), message));
            }
            self.findings.extend(parameter_findings(&file, frame, parameter));
            for setting in &parameter.wert {
                self.add(&file, folder, parameter, setting.get_ref(), Level::Bund, Vec::new(), own);
            }
            self.finish(own);
            self.findings.extend(values::gaps(&file, parameter, parameter.wert.iter(), own, &[]));
            spanned.get_mut().origin = Some(origin.clone());
            frame.parameter.push(spanned);
        }
        self.findings.extend(reason_findings(&file, &component.anlaesse, &component.pruefung));
        frame.automatik.get_mut().anlaesse.extend(component.anlaesse);
        for mut spanned in component.pruefung {
            let id = spanned.get_ref().id.get_ref();
            if frame.pruefung.iter().any(|c| c.get_ref().id.get_ref() == id) {
                self.findings.push(taker.error("mehrdeutig", name.span(), twice(id)));
            }
            self.findings.extend(fill_norm(&file, spanned.get_mut(), frame, &component.normen));
            self.findings.extend(check_findings(&file, spanned.get_ref()));
            spanned.get_mut().origin = Some(origin.clone());
            frame.pruefung.push(spanned);
        }
    }
}

/// Puts the frame's norms in the places of a check's norm.
fn fill_norm(file: &File<'_>, check: &mut Check, frame: &Frame, names: &[String]) -> Option<Diagnostic> {
    let written = check.norm.get_ref().clone();
    let mut filled = written.clone();
    for name in names {
        if let Some(norm) = frame.normen.get(name) {
            filled = filled.replace(&format!("{{{name}}}"), norm.get_ref());
        }
    }
    let unknown = written.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let unknown = unknown.into_iter().find(|place| !names.iter().any(|name| name == place));
    let finding = unknown.map(|place| {
        file.error("nicht_erklaert", check.norm.span(), format!("„{place}“ steht nicht unter normen des Bausteins"))
    });
    *check.norm.get_mut() = filled;
    finding
}
