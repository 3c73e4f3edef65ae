//! What changes between two rule books, and for whom: values with their dates, functions, checks, openings, competence.

use crate::book::RuleBook;
use crate::grammar::{Opening, Parameter, Support};
use crate::layers::{Base, RuleSet, Version, Versions};
use crate::table::Row;
use crate::value::Value;
use domain::{Ars, Land, Level, ServiceName};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use toml::Spanned;

/// One change in words for a rule author.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub service: String,
    /// Such as „Köln“, „Bayern“ or „alle“.
    pub whom: String,
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.service, self.whom, self.what)
    }
}

/// All changes from the old book to the new one.
pub fn compare(old: &RuleBook, new: &RuleBook) -> BTreeSet<Change> {
    let mut changes = BTreeSet::new();
    let services: BTreeSet<&ServiceName> = old.services().chain(new.services()).collect();
    for service in services {
        // What a Land has in common is compared with its first place only.
        let mut lands = BTreeSet::new();
        let wide = wide_places(old, service).chain(wide_places(new, service)).collect::<Vec<Ars>>();
        let places: BTreeSet<&Ars> = old.places(service).union(&new.places(service)).copied().chain(&wide).collect();
        for ars in places {
            let name = |book: &RuleBook| book.place_name(ars).map_or_else(|| ars.to_string(), str::to_owned);
            let mut add = |whom: String, what: String| {
                changes.insert(Change { service: service.to_string(), whom, what });
            };
            match (old.rule_set(service, ars), new.rule_set(service, ars)) {
                (Some(before), Some(after)) => {
                    of_place(before, after, &mut |what| add(name(new), what));
                    if lands.insert(ars.land()) {
                        bases(&before.base, &after.base, &mut add);
                    }
                }
                (Some(_), None) => add(name(old), "nicht mehr zuständig".into()),
                (None, Some(_)) => add(name(new), "neu zuständig".into()),
                (None, None) => {}
            }
        }
    }
    let calendars = [old, new].map(|book| book.tree.files.get("kalender.toml"));
    let [before, after] = calendars;
    if before != after {
        let (service, whom) = ("alle".to_owned(), "alle".to_owned());
        changes.insert(Change { service, whom, what: "kalender.toml geändert".into() });
    }
    changes
}

/// A place that stands for each office of a Land or a part of it.
fn wide_places(book: &RuleBook, service: &ServiceName) -> impl Iterator<Item = Ars> {
    let offices = book.sets.get(service).into_iter().flat_map(|places| places.by_prefix.values());
    offices.map(|set| set.ars.clone()).collect::<Vec<_>>().into_iter()
}

/// Every key of both maps with what stands under it, where that differs.
fn pairs<'m, K: Ord, V: PartialEq>(
    old: &'m BTreeMap<K, V>,
    new: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (&'m K, Option<&'m V>, Option<&'m V>)> {
    let keys: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    keys.into_iter().map(|key| (key, old.get(key), new.get(key))).filter(|(_, before, after)| before != after)
}

fn of_place(old: &RuleSet, new: &RuleSet, add: &mut dyn FnMut(String)) {
    if old.competence != new.competence {
        let shown = |c: &crate::Competence| {
            let passed_on = if c.forward { ", wird weitergeleitet" } else { "" };
            let unverified = if c.unverified { ", nicht geprüft" } else { "" };
            format!("{} ({}{passed_on}{unverified})", c.authority, c.queue)
        };
        add(format!("Zuständigkeit: {} → {}", shown(&old.competence), shown(&new.competence)));
    }
    versions(&old.of_kommune, &new.of_kommune, add);
}

/// A value as named lines: one for a scalar, one a row for a table.
fn lines(version: &Version) -> BTreeMap<String, String> {
    match &version.value {
        Value::Table(table) => {
            let key = |row: &Row| {
                let keys = table.columns.iter().zip(&row.keys);
                let keys = keys.map(|(column, key)| format!("{} {}", column.name, plain(&key.json())));
                let days = [("ab", row.from), ("bis", row.to)];
                let days = days.into_iter().filter_map(|(word, day)| Some(format!("{word} {}", day?)));
                format!(" [{}]", keys.chain(days).collect::<Vec<_>>().join(", "))
            };
            let value =
                |row: &Row| format!("{}{}", plain(&row.value.json()), if row.unverified { " (ungeprüft)" } else { "" });
            table.rows.iter().map(|row| (key(row), value(row))).collect()
        }
        scalar => BTreeMap::from([(String::new(), plain(&scalar.json()))]),
    }
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn versions(old: &Versions, new: &Versions, add: &mut dyn FnMut(String)) {
    let parameters: BTreeSet<&String> = old.0.keys().chain(new.0.keys()).collect();
    for name in parameters {
        let by_start = |versions: &Versions| -> BTreeMap<Date, Version> {
            versions.0.get(name).into_iter().flatten().map(|v| (v.from, v.clone())).collect()
        };
        let (before, after) = (by_start(old), by_start(new));
        for (start, before, after) in pairs(&before, &after) {
            match (before, after) {
                (Some(a), Some(b)) => version(&format!("{name} ab {start}"), a, b, add),
                (None, Some(b)) => {
                    let new = lines(b).into_iter().map(|(key, value)| format!("{key} {value}"));
                    add(format!("{name} ab {start}: neu{}", new.collect::<Vec<_>>().join(";")));
                }
                (_, None) => add(format!("{name} ab {start}: entfällt")),
            }
        }
    }
}

fn version(name: &str, old: &Version, new: &Version, add: &mut dyn FnMut(String)) {
    for (key, before, after) in pairs(&lines(old), &lines(new)) {
        match (before, after) {
            (Some(a), Some(b)) => add(format!("{name}{key}: {a} → {b}")),
            (None, Some(b)) => add(format!("{name}{key}: neu {b}")),
            (_, None) => add(format!("{name}{key}: entfällt")),
        }
    }
    if old.to != new.to {
        let end = |to: Option<Date>| to.map_or("ohne Ende".to_owned(), |day| format!("bis {day}"));
        add(format!("{name}: {} → {}", end(old.to), end(new.to)));
    }
    if old.support != new.support {
        let word = |support: Option<Support>| support.map_or("ohne Angabe", Support::word);
        add(format!("{name}: Beleg {} → {}", word(old.support), word(new.support)));
    }
    if old.norm != new.norm {
        add(format!("{name}: {} → {}", old.norm, new.norm));
    }
}

/// What all places of a Land have in common: its own law, and the frame and scripts above it.
fn bases(old: &Base, new: &Base, add: &mut dyn FnMut(String, String)) {
    let land = new.land.or(old.land).map_or("alle", Land::title);
    let whom = if new.own_frame || old.own_frame { land } else { "alle" };
    versions(&old.own, &new.own, &mut |what| add(whom.to_owned(), what));
    versions(&old.of_land, &new.of_land, &mut |what| add(land.to_owned(), what));
    let kinds = [
        ("Prüfung", whom, checks as fn(&Base) -> BTreeMap<String, String>),
        ("Parameter", whom, parameters),
        ("Automatik", whom, automation),
        ("Funktion", whom, |base| functions(base, false)),
        ("Funktion", land, |base| functions(base, true)),
        ("Delegation", land, delegations),
        ("Stichtag", land, |base| base.reference.clone()),
        ("Anwendungsnorm", land, application_norm),
        ("Erlaubnis", land, permissions),
    ];
    for (kind, whom, of) in kinds {
        for (name, before, after) in pairs(&of(old), &of(new)) {
            let word = match (before, after) {
                (Some(_), Some(_)) => "geändert",
                (None, _) => "neu",
                (_, None) => "entfällt",
            };
            add(whom.to_owned(), format!("{kind} {name} {word}"));
        }
    }
}

fn checks(base: &Base) -> BTreeMap<String, String> {
    let each = base.frame.pruefung.iter().map(|c| c.get_ref());
    each.map(|c| (c.id.get_ref().clone(), c.summary())).collect()
}

fn parameters(base: &Base) -> BTreeMap<String, String> {
    let openings = |p: &Parameter| p.oeffnung.iter().map(Opening::summary).collect::<Vec<_>>();
    let date = |p: &Parameter| p.stichtag.as_ref().map(|s| s.get_ref().clone());
    let each = base.frame.parameter.iter().map(|p| p.get_ref());
    each.map(|p| (p.name.get_ref().clone(), format!("{:?} {:?} {:?}", p.typ, date(p), openings(p)))).collect()
}

fn automation(base: &Base) -> BTreeMap<String, String> {
    BTreeMap::from([("(Bedingungen)".to_owned(), base.frame.automatik.get_ref().summary())])
}

fn functions(base: &Base, of_land: bool) -> BTreeMap<String, String> {
    let own = base.sources.iter().filter(|s| (s.level == Level::Land && !base.own_frame) == of_land);
    own.map(|s| (format!("{}() ab {}", s.function, s.from), s.text.clone())).collect()
}

fn delegations(base: &Base) -> BTreeMap<String, String> {
    let each = base.delegations.iter().map(Spanned::get_ref);
    each.map(|d| (format!("{} ab {}", d.parameter.get_ref(), d.ab.get_ref().0), d.summary())).collect()
}

fn application_norm(base: &Base) -> BTreeMap<String, String> {
    base.applies_by.iter().map(|a| (a.norm.clone(), a.from.to_string())).collect()
}

fn permissions(base: &Base) -> BTreeMap<String, String> {
    base.permissions.iter().map(|p| (format!("{} ab {}", p.norm, p.ab.0), format!("{p:?}"))).collect()
}
