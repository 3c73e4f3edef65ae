//! Form data and evidence as scripts see them: read lazily from shared JSON, each read recorded as a fact.

use crate::engine::MAX_ARRAY;
use crate::evaluation::Evaluation;
use domain::{Decimal, json};
use rhai::Dynamic;
use serde_json::Value;
use std::sync::Arc;

/// A node of the application's data or of the evidence.
#[derive(Clone)]
pub(crate) struct Node {
    pub evaluation: Arc<Evaluation>,
    pub root: Root,
    /// JSON pointer (RFC 6901).
    pub pointer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    Application,
    Evidence,
}

impl Node {
    fn document(&self) -> &Value {
        match self.root {
            Root::Application => &self.evaluation.data,
            Root::Evidence => &self.evaluation.evidence,
        }
    }

    /// A field: objects stay lazy, lists and scalars become script values, a missing field is `()`.
    ///
    /// # Errors
    /// More than a decision may read.
    pub fn get(&self, field: &str) -> Result<Dynamic, String> {
        let pointer = format!("{}/{}", self.pointer, escape(field));
        let value = self.document().pointer(&pointer).unwrap_or(&Value::Null);
        self.dynamic(pointer, value)
    }

    fn dynamic(&self, pointer: String, value: &Value) -> Result<Dynamic, String> {
        match value {
            Value::Object(_) => Ok(Dynamic::from(Self { pointer, ..self.clone() })),
            Value::Array(items) if items.len() > MAX_ARRAY => {
                Err(format!("{pointer} hat {} Einträge; Regeln lesen höchstens {MAX_ARRAY}", items.len()))
            }
            Value::Array(items) => {
                self.evaluation.fact(self.root, &pointer, &Value::from(format!("{} Einträge", items.len())))?;
                let each = items.iter().enumerate().map(|(i, item)| self.dynamic(format!("{pointer}/{i}"), item));
                Ok(each.collect::<Result<rhai::Array, String>>()?.into())
            }
            scalar => {
                self.evaluation.fact(self.root, &pointer, scalar)?;
                Ok(scalar_dynamic(scalar))
            }
        }
    }
}

fn scalar_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Bool(b) => (*b).into(),
        Value::String(s) => s.into(),
        // INVARIANT: `json::parse` let only numbers pass that have an exact decimal.
        Value::Number(n) => match n.as_i64() {
            Some(i) => i.into(),
            None => json::decimal(&n.to_string()).map_or(Dynamic::UNIT, whole_or_decimal),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => Dynamic::UNIT,
    }
}

/// `12.0` counts as 12 where a whole number is meant, as JSON Schema counts it.
fn whole_or_decimal(d: Decimal) -> Dynamic {
    match d.is_integer().then(|| i64::try_from(d).ok()).flatten() {
        Some(i) => i.into(),
        None => Dynamic::from_decimal(d),
    }
}

fn escape(field: &str) -> String {
    field.replace('~', "~0").replace('/', "~1")
}
