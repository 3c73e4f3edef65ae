//! Parameters of a frame: type, keys, own values, and to whom they are open.

use super::{Day, Instrument, OpenTo, Setting, Status};
use serde::Deserialize;
use std::sync::Arc;
use toml::Spanned;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Type {
    Euro,
    Zahl,
    Ganzzahl,
    Anteil,
    Datum,
    Text,
    Wahrheitswert,
    Auswahl,
    Liste,
    Tabelle,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    pub name: Spanned<String>,
    pub typ: Type,
    #[serde(default, rename = "beschreibung")]
    pub description: Option<String>,
    #[serde(default)]
    pub stichtag: Option<Spanned<String>>,
    #[serde(default = "yes")]
    pub pflicht: bool,
    /// Which way favours the applicant; needed by openings that allow nothing else.
    #[serde(default)]
    pub guenstiger: Option<Direction>,
    /// In `bund_anspruch_land_verfahren`: what belongs to the federal claim stays closed.
    #[serde(default)]
    pub gehoert_zu: Option<Part>,
    #[serde(default)]
    pub werte: Vec<String>,
    #[serde(default)]
    pub inhalt: Option<Type>,
    #[serde(default)]
    pub schluessel: Vec<Key>,
    #[serde(default)]
    pub wert: Vec<Spanned<Setting>>,
    #[serde(default)]
    pub oeffnung: Vec<Opening>,
    /// The component's file, where it is one's.
    #[serde(skip)]
    pub origin: Option<Arc<str>>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    Niedriger,
    Hoeher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    Anspruch,
    Verfahren,
}

/// How a table column is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Match {
    /// Equal.
    Genau,
    /// The smallest row whose bound is at least the value (bounds are inclusive).
    Bis,
    /// The highest row that is at most the value.
    Ab,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    pub name: String,
    pub art: Match,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    pub ebene: OpenTo,
    pub norm: String,
    pub instrument: Vec<Instrument>,
    #[serde(default)]
    pub minimum: Option<String>,
    #[serde(default)]
    pub maximum: Option<String>,
    #[serde(default)]
    pub erlaubt: Vec<String>,
    #[serde(default)]
    pub je: Option<Per>,
    /// The level may only go beyond the value below it in the applicant's favour.
    #[serde(default)]
    pub nur_guenstiger: bool,
    /// Reference dates that the level may choose instead of the parameter's own.
    #[serde(default)]
    pub stichtage: Vec<Spanned<String>>,
    #[serde(default)]
    pub status: Status,
    #[serde(default)]
    pub darf_delegieren_an: Option<OpenTo>,
    #[serde(default)]
    pub ab: Option<Day>,
    #[serde(default)]
    pub bis: Option<Day>,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
    #[serde(default, rename = "quelle")]
    pub _quelle: Option<String>,
}

impl Opening {
    /// Everything that it allows, for comparing two books.
    pub fn summary(&self) -> String {
        let Self {
            ebene,
            norm,
            instrument,
            minimum,
            maximum,
            erlaubt,
            je,
            nur_guenstiger,
            status,
            darf_delegieren_an,
            ab,
            bis,
            ..
        } = self;
        let dates: Vec<&str> = self.stichtage.iter().map(|s| s.get_ref().as_str()).collect();
        format!(
            "{ebene:?} {norm} {instrument:?} {minimum:?} {maximum:?} {erlaubt:?} {je:?} {nur_guenstiger} {status:?} {darf_delegieren_an:?} {ab:?} {bis:?} {dates:?}"
        )
    }
}

/// Bounds that hold for `basis` units of a key column and grow with it (30.70 for 12 months).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Per {
    pub schluessel: String,
    pub basis: i64,
}
