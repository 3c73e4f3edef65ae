//! The files of `rules/` as they are written (see `docs/howto/regelsprache.md`). Only shapes; `load` gives them meaning.
//!
//! Field names are German because authorities write them. Unknown keys are refused.

mod component;
mod layers;
mod parameter;

pub(crate) use component::Component;
pub(crate) use layers::{
    DateChoice, Delegation, Deviation, FunctionOverride, GeneralCompetence, LandAutomation, MunicipalValues,
    Municipality, Office, Responsibilities,
};

pub(crate) use parameter::{Direction, Key, Match, Opening, Parameter, Part, Per, Type};

use domain::Regime;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::sync::Arc;
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
    /// Components whose parameters, checks and functions it takes.
    #[serde(default)]
    pub bausteine: Vec<Spanned<String>>,
    /// Norms that the components need, by the name they have there.
    #[serde(default)]
    pub normen: BTreeMap<String, Spanned<String>>,
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
    /// Lets the Land name a norm of its own that permits.
    #[serde(default)]
    pub oeffnung: Option<AutomationOpening>,
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

/// Who may name a norm that permits automatic decisions, and in which form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AutomationOpening {
    #[serde(rename = "ebene")]
    pub _ebene: ApplicationNorm,
    pub norm: String,
    pub instrument: Vec<Instrument>,
}

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
    /// Of a Land: the form in which it permits.
    #[serde(default)]
    pub instrument: Option<Instrument>,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
    #[serde(default)]
    pub quelle: Option<String>,
}

impl Automation {
    /// The conditions under which a machine may decide, for comparing two books.
    pub fn summary(&self) -> String {
        let Self {
            regime,
            gebunden,
            erlaubt_durch,
            anwendungsnorm,
            nachweise,
            vertrauensniveau,
            besondere_daten,
            oeffnung,
            ..
        } = self;
        let reasons: Vec<&str> = self.anlaesse.iter().map(|a| a.get_ref().as_str()).collect();
        format!(
            "{regime:?} {gebunden} {erlaubt_durch:?} {anwendungsnorm:?} {nachweise:?} {vertrauensniveau:?} {besondere_daten:?} {reasons:?} {oeffnung:?}"
        )
    }
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
    pub support: Option<Support>,
}

/// How well a value is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Support {
    Amtlich,
    Sekundaer,
    Beispiel,
    /// Computes along, but whoever needs it is referred.
    Ungeprueft,
}

impl Support {
    pub fn word(self) -> &'static str {
        match self {
            Self::Amtlich => "amtlich",
            Self::Sekundaer => "sekundär",
            Self::Beispiel => "Beispiel",
            Self::Ungeprueft => "ungeprüft",
        }
    }
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
    /// The component's file, where it is one's.
    #[serde(skip)]
    pub origin: Option<Arc<str>>,
}

impl Check {
    /// Everything that it says and does, for comparing two books.
    pub fn summary(&self) -> String {
        let Self { norm, wirkung, grund, erfuellt, nicht_erfuellt, ermessen, abweichung, .. } = self;
        let (norm, reason) = (norm.get_ref(), grund.as_ref().map(Spanned::get_ref));
        format!("{norm} {wirkung:?} {reason:?} {erfuellt} {nicht_erfuellt} {ermessen} {abweichung}")
    }
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
