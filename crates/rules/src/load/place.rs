//! Who is competent where, and which values Kommunen set.

use super::*;

/// An entry of `bund/zustaendigkeit.toml` or of a Land's.
pub(super) struct General {
    path: String,
    /// Nothing: of the Bund.
    land: Option<Land>,
    entry: GeneralCompetence,
}

impl General {
    /// How the keys begin that it covers within a Land.
    fn prefix(&self, land: Land) -> String {
        self.entry.schluessel.as_ref().map_or_else(|| land.code().to_owned(), |key| key.get_ref().clone())
    }

    fn competence(&self, place: &str, land: Land) -> Competence {
        let named = self.entry.behoerde.replace("{kommune}", place).replace("{land}", land.title());
        let unverified = self.entry.beleg == Some(Support::Ungeprueft);
        Competence { authority: named, queue: self.entry.team.clone(), forward: self.entry.weiterleiten, unverified }
    }
}

/// Entries of a level for a service.
fn of_level<'g>(
    general: &'g [General],
    service: &'g ServiceName,
    level: Option<Land>,
) -> impl Iterator<Item = &'g General> + Clone {
    general.iter().filter(move |g| g.land == level && g.entry.dienst.get_ref() == service.as_str())
}

/// Offices for a whole Land or a part of it: its own, and the Bund's for what they leave.
fn wide<'g>(general: &'g [General], service: &'g ServiceName, land: Land) -> Vec<&'g General> {
    let is_wide = |g: &&General| *g.entry.stelle.get_ref() != Office::Kommune;
    let own: Vec<&General> = of_level(general, service, Some(land)).collect();
    let whole_land = |g: &&&General| g.prefix(land) == land.code();
    let rest = own.iter().find(whole_land).is_none();
    let of_bund = of_level(general, service, None).filter(|_| rest);
    own.iter().copied().chain(of_bund).filter(is_wide).collect()
}

/// What stands for the office of every Kommune of a Land, for a key that no office of the Land covers.
fn of_every_kommune<'g>(general: &'g [General], service: &'g ServiceName, ars: &Ars) -> Option<&'g General> {
    let land = ars.land();
    let each = |g: &&General| *g.entry.stelle.get_ref() == Office::Kommune;
    let own = of_level(general, service, Some(land));
    let covered = own.clone().any(|g| !each(&g) && ars.as_str().starts_with(&g.prefix(land)));
    own.clone().find(each).or_else(|| of_level(general, service, None).find(each).filter(|_| !covered))
}

/// What offices are seated in: services, who stands for all, and what is the same for all Kommunen of a Land.
pub(super) struct Law<'l, 'a> {
    pub services: &'l [Service<'a>],
    pub general: &'l [General],
    pub bases: &'l Bases,
}

/// Rule sets that are the same for all Kommunen of a Land, by service.
pub(super) type Bases = BTreeMap<(ServiceName, Option<Land>), Arc<Base>>;

/// Who decides in a Kommune, where it says so, and whether the Kommune itself does.
struct Seated {
    competence: Competence,
    span: std::ops::Range<usize>,
    explicit: bool,
}

/// A place with its files.
struct Seat<'p> {
    ars: &'p Ars,
    name: &'p str,
    /// `kommune/<ars>/`, where the place has one.
    folder: Option<&'p str>,
}

impl<'a> Loader<'a> {
    /// Who is competent without being named place by place.
    pub(super) fn general_competences(&mut self, services: &[Service<'a>]) -> Vec<General> {
        let mut general: Vec<General> = Vec::new();
        let wanted =
            |parts: &[&str]| matches!(parts, ["bund", "zustaendigkeit.toml"] | ["land", _, "zustaendigkeit.toml"]);
        for path in self.paths(wanted) {
            let land = path.strip_prefix("land/").and_then(|rest| Land::from_short(rest.split('/').next()?));
            for entry in self.parse::<Responsibilities>(&path).unwrap_or_default().zustaendigkeit {
                let entry = entry.into_inner();
                // In an archive the service may be there in a Land's own form only.
                let known = services.iter().any(|service| service.name.as_str() == entry.dienst.get_ref());
                if !known && self.part {
                    continue;
                }
                let file = self.file(&path);
                let mut refuse = |code, span, message: &str| self.findings.push(file.error(code, span, message));
                if !known {
                    refuse("dienst", entry.dienst.span(), "diesen Dienst gibt es nicht");
                }
                let office = *entry.stelle.get_ref();
                if (office == Office::Bund) != land.is_none() && office != Office::Kommune {
                    refuse("form", entry.stelle.span(), "stelle ist hier die eigene Ebene oder \"kommune\"");
                }
                if let Some(key) = &entry.schluessel {
                    let digits = key.get_ref().bytes().all(|b| b.is_ascii_digit()) && key.get_ref().len() < 12;
                    if office != Office::Land || !digits || land.is_none_or(|l| !key.get_ref().starts_with(l.code())) {
                        refuse(
                            "form",
                            key.span(),
                            "schluessel: Ziffern, die mit denen des Landes beginnen, bei stelle = \"land\"",
                        );
                    }
                }
                let new = General { path: path.clone(), land, entry };
                let key = |g: &General| land.map(|land| g.prefix(land));
                let same = |g: &General| {
                    g.path == new.path && g.entry.dienst.get_ref() == new.entry.dienst.get_ref() && key(g) == key(&new)
                };
                if general.iter().any(same) {
                    let message = "für diesen Dienst ist hier schon eine Stelle eingetragen";
                    refuse("mehrdeutig", new.entry.dienst.span(), message);
                }
                general.push(new);
            }
        }
        general
    }

    /// Offices that serve a whole Land or a part of it, also places that nobody configured.
    pub(super) fn wide_offices(&mut self, law: &Law<'_, 'a>, book: &mut RuleBook) {
        let Law { services, general, bases } = *law;
        let names: BTreeSet<&ServiceName> = services.iter().map(|service| &service.name).collect();
        for name in names {
            for land in Land::ALL.iter().copied() {
                let (Some(service), Some(base)) =
                    (service_in(services, name.as_str(), Some(land)), bases.get(&(name.clone(), Some(land))))
                else {
                    continue;
                };
                for entry in wide(general, name, land) {
                    let prefix = entry.prefix(land);
                    let Ok(ars) = Ars::new(format!("{prefix:0<12}")) else { continue };
                    let seat = Seat { ars: &ars, name: land.title(), folder: None };
                    let set = self.rule_set(&seat, service, base, entry.competence(land.title(), land));
                    book.sets.entry(name.clone()).or_default().by_prefix.insert(prefix, set);
                }
            }
        }
    }

    /// Offices of Kommunen: `named` those that a `kommune.toml` names, else those that stand for all of them.
    pub(super) fn municipality(
        &mut self,
        (path, place): &(String, Municipality),
        named: bool,
        law: &Law<'_, 'a>,
        book: &mut RuleBook,
    ) {
        let Law { services, general, bases } = *law;
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
        let own = self.competences(&file, place, &ars, services, general);
        let seat = Seat { ars: &ars, name: &place.name, folder: Some(&folder) };
        for (name, Seated { competence, span, explicit }) in own.iter().filter(|(_, seated)| seated.explicit == named) {
            let Some(service) = service_in(services, name.as_str(), Some(ars.land())) else { continue };
            let Some(base) = bases.get(&(name.clone(), Some(ars.land()))) else { continue };
            let set = self.rule_set(&seat, service, base, competence.clone());
            let places = book.sets.entry(name.clone()).or_default();
            for ars in &served {
                // Who is named for a place goes before whoever stands for all Kommunen.
                if !explicit && places.by_ars.contains_key(ars) {
                    continue;
                }
                if places.by_ars.insert(ars.clone(), set.clone()).is_some() {
                    let message = format!("für {name} und {ars} sind zwei Stellen zuständig");
                    self.findings.push(file.error("mehrdeutig", span.clone(), message));
                }
            }
        }
        for service in services.iter().filter(|s| s.land.is_none() && !own.contains_key(&s.name) && named) {
            let values = format!("{folder}{}.toml", service.name);
            if self.tree.files.contains_key(&values) && !self.part {
                let message = "für diesen Dienst ist hier niemand zuständig; die Werte wirken nicht";
                let finding = self.file(&values).error("zustaendigkeit", 0..0, message);
                self.findings.push(finding.help("[[zustaendigkeit]] in kommune.toml eintragen"));
            }
        }
    }

    /// Who decides in a Kommune, by service: what it says itself, else what Land or Bund say for all of them.
    fn competences(
        &mut self,
        file: &File<'_>,
        place: &Municipality,
        ars: &Ars,
        services: &[Service<'a>],
        general: &[General],
    ) -> BTreeMap<ServiceName, Seated> {
        let mut own = BTreeMap::new();
        for responsibility in &place.zustaendigkeit {
            let dienst = &responsibility.dienst;
            let Some(service) = service_in(services, dienst.get_ref(), Some(ars.land())) else {
                if !self.part {
                    self.findings.push(file.error("dienst", dienst.span(), "diesen Dienst gibt es nicht"));
                }
                continue;
            };
            let competence = Competence {
                authority: responsibility.behoerde.clone(),
                queue: responsibility.team.clone(),
                forward: responsibility.weiterleiten,
                unverified: responsibility.beleg == Some(Support::Ungeprueft),
            };
            let seated = Seated { competence, span: dienst.span(), explicit: true };
            if own.insert(service.name.clone(), seated).is_some() {
                let message = format!("für {} und {ars} sind zwei Stellen zuständig", service.name);
                self.findings.push(file.error("mehrdeutig", dienst.span(), message));
            }
        }
        let names: BTreeSet<&ServiceName> = services.iter().map(|service| &service.name).collect();
        for name in names {
            if let Some(entry) = of_every_kommune(general, name, ars).filter(|_| !own.contains_key(name)) {
                let competence = entry.competence(&place.name, ars.land());
                own.insert(name.clone(), Seated { competence, span: place.ars.span(), explicit: false });
            }
        }
        own
    }

    /// The law of a service for one office.
    fn rule_set(
        &mut self,
        seat: &Seat<'_>,
        service: &Service<'a>,
        base: &Arc<Base>,
        competence: Competence,
    ) -> Arc<RuleSet> {
        let path = seat.folder.map(|folder| format!("{folder}{}.toml", service.name));
        let path = path.filter(|path| self.tree.files.contains_key(path));
        let mut of_kommune = Versions::default();
        if let (Some(path), Some(folder)) = (&path, seat.folder) {
            self.municipal_values(path, folder, seat.name, service, base, &mut of_kommune);
        }
        let values = path.and_then(|path| self.tree.files.get(&path)).map_or("", String::as_str);
        let parts = [competence.authority.as_str(), &competence.queue, values, seat.ars.as_str()];
        let parts = parts.map(str::as_bytes).into_iter();
        let flags = [u8::from(competence.forward), u8::from(competence.unverified)];
        let digest = Digest::of_parts(parts.chain([&flags[..]]));
        let wide = seat.folder.is_none();
        Arc::new(RuleSet { ars: seat.ars.clone(), wide, competence, base: base.clone(), of_kommune, digest })
    }

    fn municipal_values(
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
