//! A German sentence of our own for every JSON Schema keyword, so that a citizen can mend the form.

use crate::validate::field;
use domain::FormError;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// One violation as one or more errors (a missing field is reported at its own place).
pub(crate) fn explain(schema: &Value, error: &ValidationError<'_>) -> Vec<FormError> {
    let at = error.instance_path().to_string();
    match error.kind() {
        Kind::Required { property } => {
            let pointer = format!("{at}/{}", escape(property.as_str().unwrap_or_default()));
            vec![say(schema, pointer, "bitte angeben")]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| FormError {
                pointer: format!("{at}/{}", escape(name)),
                message: format!("Das Feld „{name}“ gibt es in diesem Formular nicht; bitte weglassen"),
            })
            .collect(),
        kind => vec![say(schema, at, &sentence(kind))],
    }
}

fn say(schema: &Value, pointer: String, sentence: &str) -> FormError {
    let title = field(schema, &pointer).and_then(|f| f.get("title")).and_then(Value::as_str);
    let last = pointer.rsplit('/').next().unwrap_or_default();
    let name = title.unwrap_or(if last.is_empty() { "Antrag" } else { last });
    FormError { message: format!("{name}: {sentence}"), pointer }
}

/// The fixed list of sentences, one a keyword.
fn sentence(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind } => format!("bitte als {} angeben", types(kind)),
        Kind::Format { format } => match format.as_str() {
            "date" => "bitte als JJJJ-MM-TT angeben".into(),
            "date-time" => "bitte als Zeitpunkt angeben (JJJJ-MM-TTThh:mm:ss+hh:mm)".into(),
            "email" => "bitte eine E-Mail-Adresse angeben".into(),
            _ => "hat nicht die verlangte Form".into(),
        },
        Kind::Pattern { .. } | Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "hat nicht die verlangte Form".into()
        }
        Kind::Enum { options } => match options.as_array() {
            Some(options) => format!("bitte eines wählen: {}", listed(options)),
            None => "ist nicht zur Auswahl".into(),
        },
        Kind::Constant { expected_value } => format!("muss {} sein", plain(expected_value)),
        Kind::MinLength { limit: 1 } => "bitte ausfüllen".into(),
        Kind::MinLength { limit } => format!("bitte mindestens {limit} Zeichen angeben"),
        Kind::MaxLength { limit } => format!("bitte höchstens {limit} Zeichen angeben"),
        Kind::Minimum { limit } => format!("muss mindestens {limit} sein"),
        Kind::Maximum { limit } => format!("darf höchstens {limit} sein"),
        Kind::ExclusiveMinimum { limit } => format!("muss größer als {limit} sein"),
        Kind::ExclusiveMaximum { limit } => format!("muss kleiner als {limit} sein"),
        Kind::MultipleOf { multiple_of } => format!("muss ein Vielfaches von {multiple_of} sein"),
        Kind::MinItems { limit } => format!("bitte mindestens {limit} Einträge angeben"),
        Kind::MaxItems { limit } => format!("bitte höchstens {limit} Einträge angeben"),
        Kind::MinProperties { limit } => format!("bitte mindestens {limit} Angaben machen"),
        Kind::MaxProperties { limit } => format!("bitte höchstens {limit} Angaben machen"),
        Kind::UniqueItems => "kein Eintrag darf doppelt vorkommen".into(),
        Kind::Contains => "es fehlt ein Eintrag der verlangten Art".into(),
        Kind::AdditionalItems { limit } => format!("bitte höchstens {limit} Einträge angeben"),
        Kind::UnevaluatedItems { .. } => "enthält Einträge, die das Formular nicht kennt".into(),
        Kind::PropertyNames { .. } => "enthält ein Feld mit einem unzulässigen Namen".into(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => "passt zu keiner der vorgesehenen Möglichkeiten".into(),
        Kind::OneOfMultipleValid { .. } => "ist nicht eindeutig: bitte nur eine der Möglichkeiten ausfüllen".into(),
        Kind::Not { .. } | Kind::FalseSchema => "darf hier nicht angegeben werden".into(),
        Kind::ContentEncoding { .. } | Kind::FromUtf8 { .. } => "ist nicht lesbar kodiert".into(),
        Kind::ContentMediaType { .. } => "hat nicht die verlangte Dateiart".into(),
        Kind::Required { .. } => "bitte angeben".into(),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => "enthält unbekannte Felder".into(),
        Kind::Custom { .. } | Kind::Referencing(_) => "entspricht nicht dem Formular".into(),
    }
}

fn types(kind: &TypeKind) -> String {
    let german = |name: String| match name.as_str() {
        "string" => "Text",
        "integer" => "ganze Zahl",
        "number" => "Zahl",
        "boolean" => "ja oder nein (true/false)",
        "array" => "Liste",
        "object" => "Gruppe von Feldern",
        _ => "leerer Wert (null)",
    };
    match kind {
        TypeKind::Single(one) => german(one.to_string()).into(),
        TypeKind::Multiple(many) => many.iter().map(|t| german(t.to_string())).collect::<Vec<_>>().join(" oder "),
    }
}

fn listed(options: &[Value]) -> String {
    options.iter().map(plain).collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use crate::validate::Form;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn said(schema: Value, data: Value) -> Vec<(String, String)> {
        let form = Arc::new(Form::compile("1", &schema.to_string()).unwrap());
        let errors = form.validate(&Arc::new(data)).expect_err("must be refused");
        errors.into_iter().map(|e| (e.pointer, e.message)).collect()
    }

    /// One line a keyword: schema of a field "f" titled "Feld", a wrong value, the sentence.
    #[test]
    fn every_keyword_has_a_german_sentence() {
        for (field, value, sentence) in [
            (json!({"type": "string"}), json!(1), "bitte als Text angeben"),
            (json!({"type": "integer"}), json!("x"), "bitte als ganze Zahl angeben"),
            (json!({"type": ["number", "null"]}), json!("x"), "bitte als leerer Wert (null) oder Zahl angeben"),
            (json!({"type": "boolean"}), json!(1), "bitte als ja oder nein (true/false) angeben"),
            (json!({"type": "array"}), json!(1), "bitte als Liste angeben"),
            (json!({"type": "object"}), json!(1), "bitte als Gruppe von Feldern angeben"),
            (json!({"format": "date"}), json!("1.2.2025"), "bitte als JJJJ-MM-TT angeben"),
            (json!({"format": "email"}), json!("x"), "bitte eine E-Mail-Adresse angeben"),
            (json!({"pattern": "^[0-9]{5}$"}), json!("1"), "hat nicht die verlangte Form"),
            (json!({"enum": ["a", "b"]}), json!("c"), "bitte eines wählen: a, b"),
            (json!({"const": true}), json!(false), "muss true sein"),
            (json!({"minLength": 1}), json!(""), "bitte ausfüllen"),
            (json!({"minLength": 3}), json!("a"), "bitte mindestens 3 Zeichen angeben"),
            (json!({"maxLength": 1}), json!("ab"), "bitte höchstens 1 Zeichen angeben"),
            (json!({"minimum": 5}), json!(4), "muss mindestens 5 sein"),
            (json!({"maximum": 5}), json!(6), "darf höchstens 5 sein"),
            (json!({"exclusiveMinimum": 5}), json!(5), "muss größer als 5 sein"),
            (json!({"exclusiveMaximum": 5}), json!(5), "muss kleiner als 5 sein"),
            (json!({"multipleOf": 2}), json!(3), "muss ein Vielfaches von 2 sein"),
            (json!({"minItems": 2}), json!([1]), "bitte mindestens 2 Einträge angeben"),
            (json!({"maxItems": 1}), json!([1, 2]), "bitte höchstens 1 Einträge angeben"),
            (json!({"minProperties": 1}), json!({}), "bitte mindestens 1 Angaben machen"),
            (json!({"maxProperties": 0}), json!({"a": 1}), "bitte höchstens 0 Angaben machen"),
            (json!({"uniqueItems": true}), json!([1, 1]), "kein Eintrag darf doppelt vorkommen"),
            (json!({"contains": {"const": 1}}), json!([2]), "es fehlt ein Eintrag der verlangten Art"),
            (
                json!({"anyOf": [{"const": 1}, {"const": 2}]}),
                json!(3),
                "passt zu keiner der vorgesehenen Möglichkeiten",
            ),
            (
                json!({"oneOf": [{"const": 1}, {"const": 2}]}),
                json!(3),
                "passt zu keiner der vorgesehenen Möglichkeiten",
            ),
            (json!({"oneOf": [{}, {}]}), json!(3), "ist nicht eindeutig: bitte nur eine der Möglichkeiten ausfüllen"),
            (json!({"not": {}}), json!(3), "darf hier nicht angegeben werden"),
            (json!({"prefixItems": [true], "items": false}), json!([1, 2]), "darf hier nicht angegeben werden"),
            (
                json!({"propertyNames": {"maxLength": 1}}),
                json!({"ab": 1}),
                "enthält ein Feld mit einem unzulässigen Namen",
            ),
        ] {
            let mut titled = field.clone();
            titled.as_object_mut().unwrap().insert("title".into(), json!("Feld"));
            let found = said(json!({"properties": {"f": titled}}), json!({"f": value}));
            assert!(found.iter().any(|(_, m)| m.ends_with(sentence)), "{field}: {found:?}");
        }
    }

    #[test]
    fn missing_and_unknown_fields_are_named_at_their_place() {
        let schema = json!({
            "properties": {"plz": {"title": "Postleitzahl"}}, "required": ["plz"], "additionalProperties": false
        });
        assert_eq!(
            said(schema, json!({"pzl": "1"})),
            [
                ("/plz".to_owned(), "Postleitzahl: bitte angeben".to_owned()),
                ("/pzl".to_owned(), "Das Feld „pzl“ gibt es in diesem Formular nicht; bitte weglassen".to_owned()),
            ]
        );
    }

    #[test]
    fn nothing_is_fetched_and_hopeless_patterns_are_refused_at_load() {
        assert!(Form::compile("1", r#"{"$ref": "http://127.0.0.1:9/x.json"}"#).is_err());
        assert!(Form::compile("1", r#"{"$ref": "file:///etc/hostname"}"#).is_err());
        assert!(Form::compile("1", r#"{"properties": {"a": {"pattern": "(?=x)y"}}}"#).is_err());
    }
}
