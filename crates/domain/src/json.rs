//! Strict, exact JSON: what two readers could understand differently is refused, never guessed.
//!
//! serde_json alone takes duplicate keys (last wins) and NUL, and would turn big integers into floats. Numbers stay
//! decimal text (`arbitrary_precision`) and must fit [`Decimal`] exactly, so that no rule ever sees a rounded one.

use rust_decimal::Decimal;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;
/// Largest body in bytes.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Why a text is no acceptable JSON; line and column are 1-based.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("the body is empty: send one application as a JSON object")]
    Empty,
    #[error("the body has {0} bytes; at most {MAX_BYTES} (8 MiB) are accepted")]
    TooLarge(usize),
    #[error("the body is not valid UTF-8 (byte {0})")]
    Utf8(usize),
    #[error("{0}")]
    Syntax(String),
}

/// Reads one JSON value strictly.
///
/// # Errors
/// Empty or oversized input, invalid UTF-8, syntax, duplicate keys, NUL, depth over 64, numbers without exact decimal.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError::Utf8(e.valid_up_to()))?;
    if text.trim_ascii().is_empty() {
        return Err(JsonError::Empty);
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut reader).map_err(syntax)?;
    reader.end().map_err(syntax)?;
    Ok(value)
}

fn syntax(error: serde_json::Error) -> JsonError {
    let text = error.to_string();
    JsonError::Syntax(match text.strip_prefix("recursion limit exceeded") {
        Some(rest) => format!("nesting is deeper than {MAX_DEPTH} levels{rest}"),
        None => text,
    })
}

/// serde_json hands a number to a visitor as a map with this one key when `arbitrary_precision` is on. An object that
/// fakes it can only say a number, which it could have said anyway.
const NUMBER: &str = "$serde_json::private::Number";

struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("nesting is deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Value, E> {
        no_nul(v).map(|()| Value::String(v.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.deeper()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key == NUMBER {
                let text: String = entries.next_value()?;
                return exact(&text).map(Value::Number).ok_or_else(|| {
                    A::Error::custom(format!(
                        "the number {text:.40} has no exact decimal of at most 28 digits; send it as text"
                    ))
                });
            }
            no_nul(&key)?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key \"{key}\" stands twice in one object")));
            }
            let value = entries.next_value_seed(self.deeper()?)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

fn no_nul<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') {
        return Err(E::custom("a text contains the character U+0000, which is not accepted"));
    }
    Ok(())
}

fn exact(text: &str) -> Option<Number> {
    decimal(text)?;
    text.parse().ok()
}

/// The exact decimal value of a JSON number, or nothing where it would have to be rounded.
pub fn decimal(text: &str) -> Option<Decimal> {
    let (base, exponent) = match text.split_once(['e', 'E']) {
        Some((base, exponent)) => (base, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let base = Decimal::from_str_exact(base).ok()?;
    if base.is_zero() {
        return Some(Decimal::ZERO);
    }
    if exponent == 0 {
        // As written: 30.70 stays 30.70 wherever it is shown.
        return Some(base);
    }
    let mut value = base.normalize();
    if exponent >= 0 {
        for _ in 0..exponent.min(30) {
            value = value.checked_mul(Decimal::TEN)?;
        }
        return (exponent <= 30).then(|| value.normalize());
    }
    let scale = value.scale().checked_add(exponent.unsigned_abs())?;
    (scale <= 28).then(|| value.set_scale(scale).ok().map(|()| value)).flatten()
}

/// Canonical bytes: keys sorted, no white space, numbers as shortest exact decimal. Two values are "the same" where
/// these bytes are equal (the spirit of RFC 8785, but exact: no binary float anywhere).
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(n) => {
            let text = n.to_string();
            let shortest = decimal(&text).map_or(text, |d| d.normalize().to_string());
            out.extend_from_slice(shortest.as_bytes());
        }
        Value::String(s) => text(s, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push(b'{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                text(key, out);
                out.push(b':');
                write(map.get(key).unwrap_or(&Value::Null), out);
            }
            out.push(b'}');
        }
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    // A string always has a JSON form.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text.as_bytes()).expect_err("must be refused").to_string()
    }

    #[test]
    fn what_readers_could_understand_differently_is_refused() {
        assert!(message(r#"{"a":1,"a":2}"#).contains("stands twice"));
        assert!(message(r#"{"a":"x\u0000"}"#).contains("U+0000"));
        assert!(message("").contains("empty"));
        assert!(message("{} {}").contains("trailing"));
        assert!(message(r#"["\ud800"]"#).contains("surrogate") || message(r#"["\ud800"]"#).contains("escape"));
        assert!(parse(&[b'"', 0xff, b'"']).is_err());
        assert!(parse(&vec![b' '; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn depth_64_is_read_and_65_is_not() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(64).as_bytes()).is_ok());
        assert!(message(&nested(65)).contains("deeper than 64"));
        assert!(message(&nested(100_000)).contains("deeper than 64"));
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        assert_eq!(parse(b"1155.72").unwrap().to_string(), "1155.72");
        assert!(message("1234567890123456789012345678901234567890").contains("exact"));
        assert!(message("0.1234567890123456789012345678901234567890").contains("exact"));
        assert!(message("1e400").contains("exact"));
        assert_eq!(decimal("1.5e2").unwrap().to_string(), "150");
        assert_eq!(decimal("15e-3").unwrap().to_string(), "0.015");
        assert_eq!(decimal("9999999999999999999999999999").unwrap().to_string(), "9999999999999999999999999999");
    }

    #[test]
    fn canonical_bytes_ignore_order_and_number_spelling() {
        let a = parse(br#"{"b":1.50,"a":[1e2,"x"]}"#).unwrap();
        let b = parse(br#"{ "a":[100, "x"], "b":1.5 }"#).unwrap();
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(String::from_utf8(canonical(&a)).unwrap(), r#"{"a":[100,"x"],"b":1.5}"#);
    }
}
