//! Files of Land and Kommune.

use super::{Day, Instrument, OpenTo, Per, Permission, Setting, Status, Support};
use serde::Deserialize;
use toml::Spanned;

/// `land/<land>/<dienst>/abweichung.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviation {
    pub dienst: Spanned<String>,
    pub land: Spanned<String>,
    #[serde(default)]
    pub automatik: Option<LandAutomation>,
    #[serde(default)]
    pub delegation: Vec<Spanned<Delegation>>,
    #[serde(default)]
    pub stichtag: Vec<Spanned<DateChoice>>,
    #[serde(default)]
    pub wert: Vec<Spanned<Setting>>,
    #[serde(default)]
    pub funktion: Vec<Spanned<FunctionOverride>>,
}

/// What a Land adds to the conditions of automation: the norm by which a code applies, or norms of its own that permit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LandAutomation {
    #[serde(default)]
    pub anwendungsnorm: Option<Spanned<String>>,
    /// From when the `anwendungsnorm` holds.
    #[serde(default)]
    pub ab: Option<Day>,
    #[serde(default)]
    pub status: Status,
    #[serde(default)]
    pub erlaubt_durch: Vec<Spanned<Permission>>,
    #[serde(default)]
    pub quelle: Option<String>,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delegation {
    pub parameter: Spanned<String>,
    pub an: OpenTo,
    pub norm: String,
    pub ab: Spanned<Day>,
    #[serde(default)]
    pub status: Status,
    #[serde(default)]
    pub bis: Option<Day>,
    pub instrument: Vec<Instrument>,
    #[serde(default)]
    pub minimum: Option<Spanned<String>>,
    #[serde(default)]
    pub maximum: Option<Spanned<String>>,
    #[serde(default)]
    pub je: Option<Per>,
    #[serde(default, rename = "quelle")]
    pub _quelle: Option<String>,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
}

impl Delegation {
    /// Everything that it passes on, for comparing two books.
    pub fn summary(&self) -> String {
        let (minimum, maximum) =
            (self.minimum.as_ref().map(Spanned::get_ref), self.maximum.as_ref().map(Spanned::get_ref));
        format!(
            "{:?} {} {:?} {:?} {:?} {minimum:?} {maximum:?} {:?}",
            self.an, self.norm, self.status, self.bis, self.instrument, self.je
        )
    }
}

/// A Land chooses another reference date where the frame lets it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DateChoice {
    pub parameter: Spanned<String>,
    pub stichtag: Spanned<String>,
    #[serde(rename = "norm")]
    pub _norm: String,
    pub instrument: Spanned<Instrument>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionOverride {
    pub name: Spanned<String>,
    #[serde(rename = "norm")]
    pub _norm: String,
    pub instrument: Instrument,
}

/// `kommune/<ars>/kommune.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Municipality {
    pub ars: Spanned<String>,
    pub name: String,
    #[serde(rename = "ebene")]
    pub _ebene: MunicipalLevel,
    #[serde(default)]
    pub gemeinden: Vec<Spanned<String>>,
    #[serde(default)]
    pub zustaendigkeit: Vec<Responsibility>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MunicipalLevel {
    Gemeinde,
    Verband,
    Kreis,
    Bezirk,
    Land,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Responsibility {
    pub dienst: Spanned<String>,
    pub behoerde: String,
    pub team: String,
    #[serde(default)]
    pub weiterleiten: bool,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
    /// `ungeprueft`: nobody knows for certain that this is the competent authority.
    #[serde(default)]
    pub beleg: Option<Support>,
}

/// `bund/zustaendigkeit.toml`, `land/<land>/zustaendigkeit.toml`: who is competent without being named place by place.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Responsibilities {
    #[serde(default)]
    pub zustaendigkeit: Vec<Spanned<GeneralCompetence>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GeneralCompetence {
    pub dienst: Spanned<String>,
    pub stelle: Spanned<Office>,
    /// With `{kommune}` and `{land}` for their names.
    pub behoerde: String,
    pub team: String,
    /// Only keys that begin so, such as `051` for a Regierungsbezirk.
    #[serde(default)]
    pub schluessel: Option<Spanned<String>>,
    #[serde(default)]
    pub weiterleiten: bool,
    #[serde(default, rename = "norm")]
    pub _norm: Option<String>,
    #[serde(default, rename = "quelle")]
    pub _quelle: Option<String>,
    #[serde(default, rename = "hinweis")]
    pub _hinweis: Option<String>,
    /// `ungeprueft`: nobody knows for certain that this is the competent authority.
    #[serde(default)]
    pub beleg: Option<Support>,
}

/// Whose office decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Office {
    /// One for all of Germany.
    Bund,
    /// One for a Land or a part of it.
    Land,
    /// That of every configured Kommune.
    Kommune,
}

/// `kommune/<ars>/<dienst>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MunicipalValues {
    pub dienst: Spanned<String>,
    #[serde(default)]
    pub wert: Vec<Spanned<Setting>>,
}
