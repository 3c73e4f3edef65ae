//! What a decision was made of: recorded on the one evaluation path, never recomputed.

use crate::Level;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A form field or a piece of evidence that the rules read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// JSON pointer (RFC 6901) into `data`, or `nachweise/<kind>/…`.
    pub pointer: String,
    pub value: Value,
}

/// One step of the chain of norms that lets a level set a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerNorm {
    pub level: Level,
    pub norm: String,
}

/// A parameter as it was used, with where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterUsed {
    pub name: String,
    pub value: Value,
    pub level: Level,
    pub norm: String,
    pub source: String,
    pub valid_from: String,
    /// The day that selected this version, and its name.
    pub reference_date: String,
    pub through: Vec<LayerNorm>,
    /// Nobody has verified this value: whoever needs it is referred.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
}

/// A table row as it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableUsed {
    pub parameter: String,
    pub key: Value,
    pub row: Value,
    /// File and line of the row.
    pub at: String,
}

/// Which layer's version of an opened function ran.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionUsed {
    pub name: String,
    pub level: Level,
}

/// The explanation of one decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub checks: Vec<crate::Reason>,
    pub facts: Vec<Fact>,
    pub tables: Vec<TableUsed>,
    pub parameters: Vec<ParameterUsed>,
    pub functions: Vec<FunctionUsed>,
    /// Ids of checks that only inform: where one is not fulfilled, nothing follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// The rule error in the engine's own words, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
