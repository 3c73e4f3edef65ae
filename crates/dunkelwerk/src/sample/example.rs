//! `workflows/<service>/beispiel.yaml`, read and checked.

use super::Spot;
use super::template::{Template, fields, json};
use domain::ServiceName;
use serde::Deserialize;
use serde_json::Value;
use serde_norway::{Mapping, Value as Yaml};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the applications of a service look.
#[derive(Debug)]
pub struct Example {
    /// How often this service is asked for, relative to the others.
    pub weight: u32,
    /// Weights of single places, and whether the others are left out.
    places: BTreeMap<String, u32>,
    only_these: bool,
    /// Drawn in this order, before everything else.
    pub(super) remember: Vec<(String, Template)>,
    pub(super) envelope: Vec<(String, Template)>,
    pub(super) data: Template,
    pub(super) varieties: Vec<Variety>,
}

/// What applicants do.
#[derive(Debug, Clone)]
pub(super) struct Variety {
    pub kind: Arc<str>,
    pub weight: u32,
    pub how: How,
    /// An ARS, or `unbekannt`.
    pub place: Option<String>,
    pub remember: Vec<(String, Template)>,
    pub set: Vec<(String, Template)>,
    pub faults: Vec<(String, Vec<Value>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum How {
    #[default]
    #[serde(rename = "neu")]
    New,
    /// An earlier complete application once more under its own id.
    #[serde(rename = "wiederholt")]
    Repeated,
    /// An earlier applicant once more under another id.
    #[serde(rename = "folge")]
    Followed,
}

impl Variety {
    /// Nothing is special about it.
    pub fn is_clean(&self) -> bool {
        self.how == How::New
            && self.place.is_none()
            && self.remember.is_empty()
            && self.set.is_empty()
            && self.faults.is_empty()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    gewicht: u32,
    #[serde(default)]
    orte: BTreeMap<String, u32>,
    #[serde(default)]
    nur_orte: bool,
    #[serde(default)]
    merke: Mapping,
    #[serde(default)]
    umschlag: Mapping,
    daten: Yaml,
    sorten: Vec<Sort>,
    /// Shares of outcomes in per cent, at least and at most: what the test suite counts.
    #[serde(default, rename = "erwartet")]
    _expected: BTreeMap<String, [u32; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sort {
    sorte: String,
    gewicht: u32,
    #[serde(default)]
    wie: How,
    #[serde(default)]
    ort: Option<String>,
    #[serde(default)]
    merke: Mapping,
    #[serde(default)]
    setze: Mapping,
    #[serde(default)]
    verderbe: BTreeMap<String, Vec<Yaml>>,
}

/// All examples of `workflows/`, by service.
///
/// # Errors
/// The first that cannot be used, with its file.
pub fn examples(files: &BTreeMap<String, String>) -> Result<BTreeMap<ServiceName, Example>, String> {
    let mut examples = BTreeMap::new();
    for (path, text) in files {
        let Some(service) = path.strip_suffix("/beispiel.yaml").and_then(|name| ServiceName::new(name).ok()) else {
            continue;
        };
        examples.insert(service, Example::read(text).map_err(|e| format!("workflows/{path}: {e}"))?);
    }
    Ok(examples)
}

impl Example {
    fn read(text: &str) -> Result<Self, String> {
        let file: File = serde_norway::from_str(text).map_err(|e| e.to_string())?;
        let remember = fields(&file.merke)?;
        let varieties: Vec<Variety> = file.sorten.into_iter().map(variety).collect::<Result<_, _>>()?;
        for (name, _) in varieties.iter().filter(|v| v.how == How::New).flat_map(|v| &v.remember) {
            if !remember.iter().any(|(known, _)| known == name) {
                return Err(format!("eine Sorte überschreibt merke.{name}, das es nicht gibt"));
            }
        }
        Ok(Self {
            weight: file.gewicht,
            places: file.orte,
            only_these: file.nur_orte,
            remember,
            envelope: fields(&file.umschlag)?,
            data: Template::read(&file.daten)?,
            varieties,
        })
    }

    /// The places with their weights; one that is drawn only where a variety names it has none.
    pub(super) fn weighted(&self, places: Vec<Spot>) -> Vec<(Spot, u32)> {
        let weight = |spot: &Spot| self.places.get(&spot.ars).copied().unwrap_or(u32::from(!self.only_these));
        places.into_iter().map(|spot| (weight(&spot), spot)).map(|(w, s)| (s, w)).collect()
    }
}

fn variety(sort: Sort) -> Result<Variety, String> {
    let wrongs = |(pointer, values): (String, Vec<Yaml>)| {
        Ok((pointer, values.iter().map(json).collect::<Result<Vec<Value>, String>>()?))
    };
    Ok(Variety {
        kind: sort.sorte.into(),
        weight: sort.gewicht,
        how: sort.wie,
        place: sort.ort,
        remember: fields(&sort.merke)?,
        set: fields(&sort.setze)?,
        faults: sort.verderbe.into_iter().map(wrongs).collect::<Result<_, String>>()?,
    })
}
