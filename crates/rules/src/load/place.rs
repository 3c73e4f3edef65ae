//! Kommunen: who is competent, and which values they set.

use super::*;

impl<'a> Loader<'a> {
    pub(super) fn municipality(
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
        for ars in &served {
            book.ags.insert(ars.ags(), ars.clone());
        }
        book.names.insert(ars.clone(), place.name.clone());
        for responsibility in &place.zustaendigkeit {
            let Some(service) = service_in(services, responsibility.dienst.get_ref(), Some(ars.land())) else {
                if self.part {
                    continue;
                }
                self.findings.push(file.error("dienst", responsibility.dienst.span(), "diesen Dienst gibt es nicht"));
                continue;
            };
            let Some(base) = bases.get(&(service.name.clone(), Some(ars.land()))) else { continue };
            let values_path = format!("{folder}{}.toml", service.name);
            let mut of_kommune = Versions::default();
            if self.tree.files.contains_key(&values_path) {
                self.municipal_values(&values_path, &folder, &place.name, service, base, &mut of_kommune);
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

    pub(super) fn municipal_values(
        &mut self,
        path: &str,
        folder: &str,
        place: &str,
        service: &Service<'a>,
        base: &Base,
        into: &mut Versions,
    ) {
        let Some(values) = self.parse::<MunicipalValues>(path) else { return };
        let file = self.file(path);
        if values.dienst.get_ref() != service.name.as_str() {
            self.findings.push(file.error("dienst", values.dienst.span(), "dienst muss heißen wie die Datei"));
        }
        let below = [&base.of_land, &*base.own];
        let setter = Setter {
            level: Level::Kommune,
            name: place,
            base_level: service.level,
            land_name: base.land.map_or("", Land::title),
            delegations: &base.delegations,
            below: &below,
        };
        self.settings(&file, folder, &setter, &service.frame, &values.wert, into);
    }
}
