//! What changes between two rule books, and for whom: values with their dates, functions, checks, openings, competence.

use crate::layers::{Base, RuleSet, Version, Versions};
use crate::load::RuleBook;
use domain::{Land, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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
        let places: BTreeSet<_> = old.places(service).chain(new.places(service)).collect();
        for ars in places {
            let name = |book: &RuleBook| book.place_name(ars).map_or_else(|| ars.to_string(), str::to_owned);
            let mut add = |whom: String, what: String| {
                changes.insert(Change { service: service.to_string(), whom, what });
            };
            match (old.rule_set(service, ars), new.rule_set(service, ars)) {
                (Some(before), Some(after)) => sets(&name(new), before, after, &mut add),
                (Some(_), None) => add(name(old), "nicht mehr zuständig".into()),
                (None, Some(_)) => add(name(new), "neu zuständig".into()),
                (None, None) => {}
            }
        }
    }
    changes
}

fn sets(place: &str, old: &RuleSet, new: &RuleSet, add: &mut dyn FnMut(String, String)) {
    if old.competence != new.competence {
        let (before, after) = (&old.competence.authority, &new.competence.authority);
        add(place.to_owned(), format!("Zuständigkeit: {before} → {after}"));
    }
    versions(&old.of_kommune, &new.of_kommune, &mut |what| add(place.to_owned(), what));
    let land = old.base.land.map_or("alle", Land::title);
    versions(&old.base.of_land, &new.base.of_land, &mut |what| add(land.to_owned(), what));
    let whom = if new.base.own_frame || old.base.own_frame { land } else { "alle" };
    versions(&old.base.own, &new.base.own, &mut |what| add(whom.to_owned(), what));
    bases(&old.base, &new.base, &mut |level, what| {
        let whom = if level == domain::Level::Land { land } else { whom };
        add(whom.to_owned(), what);
    });
}

/// A value as named lines: one for a scalar, one a row for a table.
fn lines(version: &Version) -> BTreeMap<String, String> {
    match &version.value {
        crate::value::Value::Table(table) => {
            let key = |row: &crate::table::Row| {
                let keys = table.columns.iter().zip(&row.keys);
                let keys = keys.map(|(column, key)| format!("{} {}", column.name, plain(&key.json())));
                format!(" [{}]", keys.collect::<Vec<_>>().join(", "))
            };
            table.rows.iter().map(|row| (key(row), plain(&row.value.json()))).collect()
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
        let by_start = |versions: &'_ Versions| -> BTreeMap<_, Version> {
            versions.0.get(name).into_iter().flatten().map(|v| (v.from, v.clone())).collect()
        };
        let (before, after) = (by_start(old), by_start(new));
        let starts: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for start in starts {
            match (before.get(start), after.get(start)) {
                (Some(a), Some(b)) => version(&format!("{name} ab {start}"), a, b, add),
                (Some(_), None) => add(format!("{name} ab {start}: entfällt")),
                (None, Some(b)) => {
                    let new = lines(b).into_iter().map(|(key, value)| format!("{key} {value}"));
                    add(format!("{name} ab {start}: neu{}", new.collect::<Vec<_>>().join(";")));
                }
                (None, None) => {}
            }
        }
    }
}

fn version(name: &str, old: &Version, new: &Version, add: &mut dyn FnMut(String)) {
    let (before, after) = (lines(old), lines(new));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        match (before.get(key), after.get(key)) {
            (Some(a), Some(b)) if a != b => add(format!("{name}{key}: {a} → {b}")),
            (Some(a), None) => add(format!("{name}{key}: {a} entfällt")),
            (None, Some(b)) => add(format!("{name}{key}: neu {b}")),
            _ => {}
        }
    }
    if old.to != new.to {
        let end = |to: Option<jiff::civil::Date>| to.map_or("ohne Ende".to_owned(), |day| format!("bis {day}"));
        add(format!("{name}: {} → {}", end(old.to), end(new.to)));
    }
    if old.norm != new.norm {
        add(format!("{name}: {} → {}", old.norm, new.norm));
    }
}

/// Frames and scripts: what is declared, and the text of each function.
fn bases(old: &Base, new: &Base, add: &mut dyn FnMut(domain::Level, String)) {
    use domain::Level;
    let checks = |base: &Base| -> BTreeMap<String, String> {
        let each = base.frame.pruefung.iter().map(|c| c.get_ref());
        each.map(|c| {
            (
                c.id.get_ref().clone(),
                format!("{:?} {} {} {}", c.wirkung, c.norm.get_ref(), c.erfuellt, c.nicht_erfuellt),
            )
        })
        .collect()
    };
    differ("Prüfung", &checks(old), &checks(new), &mut |what| add(Level::Bund, what));
    let openings = |base: &Base| -> BTreeMap<String, String> {
        let each = base.frame.parameter.iter().map(|p| p.get_ref());
        each.map(|p| {
            (
                p.name.get_ref().clone(),
                format!(
                    "{:?} {:?} {:?}",
                    p.typ,
                    p.stichtag.as_ref().map(|s| s.get_ref()),
                    p.oeffnung.iter().map(crate::grammar::Opening::summary).collect::<Vec<_>>()
                ),
            )
        })
        .collect()
    };
    differ("Parameter", &openings(old), &openings(new), &mut |what| add(Level::Bund, what));
    let automation = |base: &Base| base.frame.automatik.get_ref().summary();
    if automation(old) != automation(new) {
        add(Level::Bund, "Bedingungen der Automatik geändert".into());
    }
    let delegations = |base: &Base| -> BTreeMap<String, String> {
        let each = base.delegations.iter().map(toml::Spanned::get_ref);
        each.map(|d| (format!("{} ab {}", d.parameter.get_ref(), d.ab.get_ref().0), d.summary())).collect()
    };
    differ("Delegation", &delegations(old), &delegations(new), &mut |what| add(Level::Land, what));
    for level in [Level::Bund, Level::Land] {
        let functions = |base: &Base| -> BTreeMap<String, String> {
            let each = base.sources.iter().filter(|s| (s.level == Level::Land) == (level == Level::Land));
            each.map(|s| (format!("{}() ab {}", s.function, s.from), s.text.clone())).collect()
        };
        differ("Funktion", &functions(old), &functions(new), &mut |what| add(level, what));
    }
}

fn differ(kind: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>, add: &mut dyn FnMut(String)) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(a), Some(b)) if a != b => add(format!("{kind} {name} geändert")),
            (Some(_), None) => add(format!("{kind} {name} entfällt")),
            (None, Some(_)) => add(format!("{kind} {name} neu")),
            _ => {}
        }
    }
}
