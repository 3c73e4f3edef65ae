//! The files of `rules/` as they are written (see `docs/howto/regelsprache.md`). Only shapes; `load` gives them meaning.
//!
//! Field names are German because authorities write them. Unknown keys are refused.

mod layers;

pub(crate) use layers::{
    DateChoice, Delegation, Deviation, FunctionOverride, LandAutomation, MunicipalValues, Municipality,
};

use domain::Regime;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use toml::{Spanned, Value};

/// The seven ways in which competence is divided (Art. 30, 31, 70 ff., 80, 84, 105, 125a GG).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    BundAbschliessend,
    BundRahmenDelegiert,
    BundVorgabeLandRvo,
    BundErsetztDurchLand,
    LandKommuneSatzung,
    BundAnspruchLandVerfahren,
    Programmvereinbarung,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    #[default]
    Geltend,
    Entwurf,
}

/// The form in which a level may set law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Instrument {
    Gesetz,
    Rechtsverordnung,
    Satzung,
    Richtlinie,
    Festsetzung,
}

impl Instrument {
    pub fn title(self) -> &'static str {
        match self {
            Self::Gesetz => "Gesetz",
            Self::Rechtsverordnung => "Rechtsverordnung",
            Self::Satzung => "Satzung",
            Self::Richtlinie => "Richtlinie",
            Self::Festsetzung => "Festsetzung",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OpenTo {
    Land,
    Kommune,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    Erteilung,
    Teilweise,
    Ablehnung,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frame {
    pub dienst: Spanned<String>,
    #[serde(rename = "titel")]
    pub _titel: String,
    pub modus: Spanned<Mode>,
    /// In a federal frame: the norm by which a Land's statute may take its place.
    #[serde(default)]
    pub ersetzbar_durch_land: Option<Spanned<String>>,
    /// In a Land's frame: the norm by which it takes the place of federal law.
    #[serde(default)]
    pub ersetzt_bundesrecht: Option<Spanned<String>>,
    #[serde(default)]
    pub status: Status,
    pub automatik: Spanned<Automation>,
    #[serde(default)]
    pub stichtage: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub parameter: Vec<Spanned<Parameter>>,
    #[serde(default)]
    pub funktion: Vec<Spanned<Function>>,
    #[serde(default)]
    pub pruefung: Vec<Spanned<Check>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Automation {
    pub regime: Regime,
    pub gebunden: bool,
    #[serde(default)]
    pub erlaubt_durch: Vec<Permission>,
    #[serde(default)]
    pub anwendungsnorm: Option<ApplicationNorm>,
    #[serde(default)]
    pub anlaesse: Vec<Spanned<String>>,
    #[serde(default = "normal")]
    pub vertrauensniveau: TrustWord,
    #[serde(default)]
    pub nachweise: Vec<String>,
    #[serde(default)]
    pub besondere_daten: Vec<SpecialData>,
    #[serde(default)]
    pub rechtsbehelf: Option<String>,
    #[serde(default, rename = "rechtsbehelf_norm")]
    pub _rechtsbehelf_norm: Option<String>,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
}

fn normal() -> TrustWord {
    TrustWord(domain::TrustLevel::Normal)
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct TrustWord(pub domain::TrustLevel);

/// A form field with special categories of personal data, and the norm that lets a machine decide with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpecialData {
    pub feld: String,
    #[serde(default)]
    pub norm: Option<String>,
}

/// Who must name the norm by which a code of another level applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ApplicationNorm {
    Land,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Permission {
    pub norm: String,
    pub ab: Day,
    #[serde(default)]
    pub bis: Option<Day>,
    #[serde(default)]
    pub status: Status,
    pub umfang: Vec<Scope>,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
    #[serde(default, rename = "quelle")]
    pub _quelle: Option<String>,
}

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
    pub _beschreibung: Option<String>,
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

impl Automation {
    /// The conditions under which a machine may decide, for comparing two books.
    pub fn summary(&self) -> String {
        let Self {
            regime, gebunden, erlaubt_durch, anwendungsnorm, nachweise, vertrauensniveau, besondere_daten, ..
        } = self;
        let reasons: Vec<&str> = self.anlaesse.iter().map(|a| a.get_ref().as_str()).collect();
        format!(
            "{regime:?} {gebunden} {erlaubt_durch:?} {anwendungsnorm:?} {nachweise:?} {vertrauensniveau:?} {besondere_daten:?} {reasons:?}"
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

/// A dated value of any level.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    #[serde(default)]
    pub parameter: Option<Spanned<String>>,
    pub ab: Spanned<Day>,
    #[serde(default)]
    pub bis: Option<Day>,
    #[serde(default)]
    pub wert: Option<Spanned<Value>>,
    #[serde(default)]
    pub zeilen: Option<Vec<Spanned<BTreeMap<String, Value>>>>,
    #[serde(default)]
    pub datei: Option<Spanned<String>>,
    #[serde(default)]
    pub instrument: Option<Spanned<Instrument>>,
    pub norm: Spanned<String>,
    pub quelle: String,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
    #[serde(default, rename = "beleg")]
    pub _beleg: Option<Evidence>,
}

/// How well a value is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Evidence {
    Amtlich,
    Sekundaer,
    Beispiel,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Function {
    pub name: Spanned<String>,
    pub oeffnung: Vec<FunctionOpening>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionOpening {
    pub ebene: OpenTo,
    pub norm: String,
    pub instrument: Vec<Instrument>,
}

/// What follows where a check is not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effect {
    Ablehnung,
    Teilablehnung,
    Vorlage,
    Weiterleitung,
    Hinweis,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    pub id: Spanned<String>,
    pub norm: Spanned<String>,
    pub wirkung: Effect,
    #[serde(default)]
    pub grund: Option<Spanned<String>>,
    pub erfuellt: String,
    pub nicht_erfuellt: String,
    /// A step of discretion or of a margin of appraisal: a person takes it, however it comes out.
    #[serde(default)]
    pub ermessen: bool,
    /// Where it is not fulfilled, the decision departs from the applicant's declaration: a burdening one needs a hearing.
    #[serde(default)]
    pub abweichung: bool,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
}

/// A calendar day, written as a TOML date or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(reader)? {
            Value::Datetime(d) => d.to_string(),
            Value::String(s) => s,
            other => return Err(serde::de::Error::custom(format!("„{other}“ ist kein Datum (JJJJ-MM-TT)"))),
        };
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(format!("„{text}“ ist kein Datum (JJJJ-MM-TT)")))
    }
}
