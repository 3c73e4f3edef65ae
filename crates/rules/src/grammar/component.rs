//! `rules/bausteine/<name>/baustein.toml`: what several services have in common.

use super::{Check, Parameter};
use serde::Deserialize;
use toml::Spanned;

/// Parameters, checks and functions that a frame takes by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    pub baustein: Spanned<String>,
    #[serde(rename = "titel")]
    pub _titel: String,
    /// Names of norms that every frame has to fill; a check names one with `norm = "{name}"`.
    #[serde(default)]
    pub normen: Vec<String>,
    /// Checks that every script has to make, as in a frame.
    #[serde(default)]
    pub anlaesse: Vec<Spanned<String>>,
    #[serde(default)]
    pub parameter: Vec<Spanned<Parameter>>,
    #[serde(default)]
    pub pruefung: Vec<Spanned<Check>>,
}
