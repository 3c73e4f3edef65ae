//! For fields that people write: decimals as text only, never through a binary float
//! (`#[serde(with = "domain::decimal_text")]`; for optional fields `domain::decimal_text::optional`).

use crate::{Decimal, json};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Writes a decimal as text.
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(value: &Decimal, writer: S) -> Result<S::Ok, S::Error> {
    value.to_string().serialize(writer)
}

/// Reads a decimal from text.
///
/// # Errors
/// A number that is no text, or a text that is no decimal.
pub fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(reader)?;
    json::decimal(&text).ok_or_else(|| D::Error::custom(format!("\"{text}\" is no decimal; write \"0.02\"")))
}

/// The same for a field that may be missing.
pub mod optional {
    use super::{Decimal, Deserializer, Serialize, Serializer};

    /// Writes a decimal as text, or nothing.
    ///
    /// # Errors
    /// Those of the format.
    pub fn serialize<S: Serializer>(value: &Option<Decimal>, writer: S) -> Result<S::Ok, S::Error> {
        value.map(|decimal| decimal.to_string()).serialize(writer)
    }

    /// Reads a decimal from text.
    ///
    /// # Errors
    /// A number that is no text, or a text that is no decimal.
    pub fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Decimal>, D::Error> {
        super::deserialize(reader).map(Some)
    }
}
