//! A submission against its form schema: every violation named, in German, with the field's title.

use crate::messages;
use domain::{Digest, FormError};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Errors that are collected at most; a form with more is not helped by a longer list.
const MAX_ERRORS: usize = 100;

/// A compiled form version (JSON Schema 2020-12).
pub struct Form {
    pub version: String,
    pub(crate) digest: Digest,
    /// The schema as it is written; kept with every decision's rule set.
    pub text: String,
    schema: Value,
    validator: Validator,
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({})", self.version)
    }
}

/// Data that obeys its form version. There is no other way to get one than [`Form::validate`].
#[derive(Debug, Clone)]
pub struct Validated {
    pub form: Arc<Form>,
    pub data: Arc<Value>,
}

impl Form {
    /// Compiles a schema. Formats are asserted, patterns run on a linear engine, nothing is ever fetched.
    pub fn compile(version: &str, text: &str) -> Result<Self, String> {
        let schema = domain::json::parse(text.as_bytes()).map_err(|e| e.to_string())?;
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex())
            .build(&schema)
            .map_err(|e| format!("kein gültiges JSON Schema 2020-12: {e}"))?;
        Ok(Self {
            version: version.to_owned(),
            digest: Digest::of(text.as_bytes()),
            text: text.to_owned(),
            schema,
            validator,
        })
    }

    /// Checks data; on failure all violations, sorted by place.
    pub fn validate(self: &Arc<Self>, data: &Arc<Value>) -> Result<Validated, Vec<FormError>> {
        if self.validator.is_valid(data) {
            return Ok(Validated { form: self.clone(), data: data.clone() });
        }
        let found = self.validator.iter_errors(data).take(MAX_ERRORS);
        let mut errors: Vec<FormError> = found.flat_map(|error| messages::explain(&self.schema, &error)).collect();
        errors.sort_by(|a, b| (&a.pointer, &a.message).cmp(&(&b.pointer, &b.message)));
        errors.dedup();
        Err(errors)
    }

    /// The JSON Schema types of a field; empty where the form leaves it open, nothing where there is no such field.
    pub fn field_types(&self, pointer: &str) -> Option<Vec<String>> {
        let types = field(&self.schema, pointer)?.get("type");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(match types {
            Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
            Some(one) => text(one).into_iter().collect(),
            None => Vec::new(),
        })
    }

    /// Names of the fields on a level.
    pub fn field_names(&self, pointer: &str) -> Vec<String> {
        let properties = field(&self.schema, pointer).and_then(|node| node.get("properties")?.as_object());
        properties.map(|names| names.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether the form has a field at a data pointer.
    pub fn has_field(&self, pointer: &str) -> bool {
        field(&self.schema, pointer).is_some()
    }
}

/// The part of a schema that describes the data at a pointer.
pub(crate) fn field<'s>(schema: &'s Value, pointer: &str) -> Option<&'s Value> {
    pointer.split('/').skip(1).try_fold(schema, |node, step| {
        let name = step.replace("~1", "/").replace("~0", "~");
        let by_name = node.get("properties").and_then(|p| p.get(&name));
        by_name.or_else(|| name.parse::<usize>().ok().and(node.get("items")))
    })
}
