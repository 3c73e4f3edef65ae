//! Lists, names, streets and bank accounts.

use super::{Fallible, evaluation};
use crate::engine::fail;
use iban::Iban;
use rhai::{Array, Dynamic, Engine, INT, NativeCallContext};

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("angegeben", |value: Dynamic| -> bool {
        if value.is_unit() {
            return false;
        }
        if let Ok(text) = value.as_immutable_string_ref() {
            return !text.trim().is_empty();
        }
        value.as_array_ref().map_or(true, |list| !list.is_empty())
    });
    engine.register_fn("anzahl", |list: &mut Array| list.len() as INT);
    engine.register_fn("enthaelt", |context: NativeCallContext, list: &mut Array, wanted: &str| -> Fallible<bool> {
        evaluation(&context)?.spend(list.len() + wanted.len()).map_err(fail)?;
        Ok(list.iter().any(|item| item.as_immutable_string_ref().is_ok_and(|text| text.as_str() == wanted)))
    });
    engine.register_fn("enthaelt", |context: NativeCallContext, list: &mut Array, wanted: INT| -> Fallible<bool> {
        evaluation(&context)?.spend(list.len()).map_err(fail)?;
        Ok(list.iter().any(|item| item.as_int() == Ok(wanted)))
    });
    // ISO 13616: country, length and structure by the SWIFT registry, check digits by ISO 7064 (mod 97).
    engine.register_fn("iban_gueltig", |text: &str| text.parse::<Iban>().is_ok());
    engine.register_fn("normal", |context: NativeCallContext, text: &str| -> Fallible<String> {
        // Umlauts and case folding cost several steps a character.
        evaluation(&context)?.spend(text.len() * 4).map_err(fail)?;
        Ok(plain(text))
    });
}

/// A name or street as it is compared: lower case, without umlauts and double spaces, „str.“ written out.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => out.push_str("ae"),
            'ö' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    if let Some(stem) = out.strip_suffix("str.") {
        return format!("{stem}strasse");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streets_compare_however_they_are_written() {
        assert_eq!(plain("  Aachener  Straße "), "aachener strasse");
        assert_eq!(plain("Aachener Str."), plain("AACHENER STRASSE"));
        assert_eq!(plain("Königsallee"), "koenigsallee");
    }

    #[test]
    fn an_iban_has_its_length_and_check_digits() {
        for (iban, valid) in [
            ("DE89370400440532013000", true),
            ("DE89 3704 0044 0532 0130 00", true),
            ("DE88370400440532013000", false),
            ("DE8937040044053201300", false),
            ("XX89370400440532013000", false),
            ("", false),
        ] {
            assert_eq!(iban.parse::<Iban>().is_ok(), valid, "{iban}");
        }
    }
}
