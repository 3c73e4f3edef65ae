//! Times, numbers and values as German readers write them.

use domain::{berlin_iso, german};
use jiff::Timestamp;
use serde_json::Value;

/// A space that does not break, between a number and its sign.
const NARROW: char = '\u{202f}';

/// `15.01.2025, 10:00 Uhr`, in German time.
pub(super) fn instant(at: Timestamp) -> String {
    iso(&berlin_iso(at))
}

/// The same from RFC 3339; a text that is none stays as it is.
pub(super) fn iso(text: &str) -> String {
    let read = text.split_once('T').and_then(|(date, time)| Some((german::day(date.parse().ok()?), time.get(..5)?)));
    read.map_or_else(|| text.to_owned(), |(date, time)| format!("{date}, {time} Uhr"))
}

/// How long something has been waiting.
pub(super) fn since(opened: Timestamp, now: Timestamp) -> String {
    seconds(now.as_second() - opened.as_second())
}

/// A duration in its largest unit.
pub(super) fn seconds(seconds: i64) -> String {
    match seconds {
        i64::MIN..60 => number(seconds.max(0), "Sekunde", "Sekunden"),
        60..3_600 => number(seconds / 60, "Minute", "Minuten"),
        3_600..86_400 => number(seconds / 3_600, "Stunde", "Stunden"),
        _ => number(seconds / 86_400, "Tag", "Tage"),
    }
}

/// `1 Tag`, `2 Tage`
pub(super) fn number(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `12.345`
pub(super) fn count(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", german::grouped(&n.unsigned_abs().to_string()))
}

/// `63,4 %`; a dash where there is nothing to share.
pub(super) fn share(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "–".to_owned();
    }
    // 128 bits: counts times a thousand never overflow.
    let per_mille = (i128::from(part) * 1_000 + i128::from(whole) / 2) / i128::from(whole);
    format!("{},{}{NARROW}%", per_mille / 10, per_mille % 10)
}

/// Any value of a decision as text.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "ja".to_owned(),
        Value::Bool(false) => "nein".to_owned(),
        Value::Number(number) => number.to_string().replace('.', ","),
        Value::String(text) => german::text(text),
        Value::Array(items) if items.is_empty() => "–".to_owned(),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let each = fields.iter().map(|(name, v)| format!("{}: {}", label(name), self::value(v)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Rule names are ASCII; these stems get their umlauts back. A service names its fields itself with a text
/// `ergebnis_<name>`.
const STEMS: [(&str, &str); 8] = [
    ("gebuehr", "gebühr"),
    ("gueltig", "gültig"),
    ("hoehe", "höhe"),
    ("strasse", "straße"),
    ("ermaessig", "ermäßig"),
    ("jaehr", "jähr"),
    ("faellig", "fällig"),
    ("pruef", "prüf"),
];

/// `Gültig ab` from `gueltig_ab`.
pub(super) fn label(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mended = STEMS.iter().fold(spaced, |text, (from, to)| text.replace(from, to));
    let mut letters = mended.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_shares_are_german() {
        assert_eq!([0, 999, 1_000, 1_234_567, -1_000].map(count), ["0", "999", "1.000", "1.234.567", "-1.000"]);
        assert_eq!(share(2, 3), "66,7\u{202f}%");
        assert_eq!(share(0, 0), "–");
    }

    #[test]
    fn times_are_german() {
        assert_eq!(instant("2025-01-14T23:30:00Z".parse().unwrap()), "15.01.2025, 00:30 Uhr");
        assert_eq!(iso("gestern"), "gestern");
        assert_eq!(
            [1, 59, 60, 7_200, 86_400, 200_000].map(seconds),
            ["1 Sekunde", "59 Sekunden", "1 Minute", "2 Stunden", "1 Tag", "2 Tage"]
        );
    }

    #[test]
    fn values_are_readable() {
        assert_eq!(value(&json!("100.00")), "100,00");
        assert_eq!(value(&json!("2025-01-15")), "15.01.2025");
        assert_eq!(value(&json!("1.2.3")), "1.2.3");
        assert_eq!(value(&json!([true, null])), "ja; –");
        assert_eq!(value(&json!({"gueltig_ab": "2025-01-15"})), "Gültig ab: 15.01.2025");
    }
}
