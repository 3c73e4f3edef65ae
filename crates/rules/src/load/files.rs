//! Files as a whole: unknown ones are findings, known ones are hashed.

use super::*;

impl<'a> Loader<'a> {
    pub(super) fn unknown_files(&mut self, services: &[Service<'a>]) {
        let known_service = |name: &str| services.iter().any(|s| s.name.as_str() == name);
        let known_folder = |folder: &str| services.iter().any(|s| s.folder == folder);
        let taken: BTreeSet<&str> =
            services.iter().flat_map(|s| &s.frame.bausteine).map(|name| name.get_ref().as_str()).collect();
        for (path, text) in &self.tree.files {
            let parts: Vec<&str> = path.split('/').collect();
            let inner = |rest: &[&str]| match rest {
                [name] => {
                    name.ends_with(".rhai") || matches!(*name, "rahmen.toml" | "abweichung.toml" | "baustein.toml")
                }
                ["tabellen", name] => name.ends_with(".csv"),
                ["faelle", name] => name.ends_with(".yaml"),
                _ => false,
            };
            let fits = match parts.as_slice() {
                ["verfahren.toml" | "kalender.toml" | "README.md"] | ["bund", "zustaendigkeit.toml"] => true,
                ["land", land, "zustaendigkeit.toml"] => Land::from_short(land).is_some(),
                ["bausteine", name, rest @ ..] => {
                    self.tree.files.contains_key(&format!("{}baustein.toml", component_folder(name))) && inner(rest)
                }
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
            if let ["bausteine", name, "baustein.toml"] = parts.as_slice()
                && !taken.contains(name)
            {
                let file = File { name: path, text };
                self.findings.push(file.error("nie_gelesen", 0..0, "diesen Baustein nimmt kein Rahmen").warning());
            }
            if !fits {
                let message = "diese Datei gehört zu keiner Ebene und keinem Dienst";
                let finding = File { name: path, text }.error("datei", 0..0, message);
                self.findings.push(finding.help(
                    "Aufbau: bund|muster/<dienst>/…, land/<land>/<dienst>/…, kommune/<ars>/…, bausteine/<name>/…",
                ));
            }
        }
    }

    pub(super) fn text_digest(&self, path: &str) -> Digest {
        Digest::of(self.tree.files.get(path).map_or(&[], |t| t.as_bytes()))
    }

    /// Over everything in a folder that can influence a decision; legal cases cannot.
    pub(super) fn folder_digest(&self, folder: &str) -> Digest {
        let files = self.tree.below(folder).filter(|(path, _)| !path.contains("/faelle/"));
        Digest::of_parts(files.flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()]))
    }
}
