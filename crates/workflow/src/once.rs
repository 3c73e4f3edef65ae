//! Once-only keys: a keyed digest of declared fields, so that "one permit a resident" can be held without storing names.

use crate::definition::{Area, Definition, OnceRule};
use domain::{Ars, Digest, Secret};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

/// One key of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceKey {
    pub name: String,
    pub digest: Digest,
    /// How many are claimed at once (two dogs in one application).
    pub count: u32,
    pub from_field: Option<String>,
    pub to_field: Option<String>,
}

pub(crate) fn keys(definition: &Definition, secret: &Secret, ars: &Ars, data: &Value) -> Vec<OnceKey> {
    definition.once.iter().map(|rule| key(definition, rule, secret, ars, data)).collect()
}

fn key(definition: &Definition, rule: &OnceRule, secret: &Secret, ars: &Ars, data: &Value) -> OnceKey {
    let area = match rule.area {
        Area::Kommune => ars.as_str(),
        Area::Land => ars.land().short(),
        Area::Bund => "bund",
    };
    let fields: Vec<String> = rule.fields.iter().map(|pointer| comparable(data.pointer(pointer))).collect();
    let head = [definition.service.as_str(), rule.name.as_str(), area];
    let parts = head.into_iter().chain(fields.iter().map(String::as_str)).map(str::as_bytes);
    let list = rule.count.as_ref().and_then(|pointer| data.pointer(pointer)).and_then(Value::as_array);
    OnceKey {
        name: rule.name.clone(),
        digest: secret.mac(parts),
        count: list.map_or(1, |items| u32::try_from(items.len()).unwrap_or(u32::MAX)),
        from_field: rule.from.clone(),
        to_field: rule.to.clone(),
    }
}

/// The same person written in another case, spacing or Unicode form is the same person.
fn comparable(value: Option<&Value>) -> String {
    let text = match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    folded.replace('ß', "ss").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_make_another_person() {
        let text = |s: &str| comparable(Some(&Value::String(s.into())));
        assert_eq!(text("  Müller "), text("MU\u{308}LLER"));
        assert_eq!(text("Anna  Maria"), text("anna maria"));
        assert_ne!(text("Anna"), text("Anne"));
    }
}
