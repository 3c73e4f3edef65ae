//! What of a failure's reason may be told to who must not see what was sent.

use crate::rows::{FailureRow, IncidentRow};

const QUOTES: [char; 8] = ['"', '`', '\'', '„', '“', '”', '«', '»'];
/// Shorter numbers say which line, column or limit; longer ones may be somebody's.
const SHORT: usize = 3;

/// A text without what it may quote of what was sent: everything from its first quotation mark to its last one, because
/// what is quoted may have some itself, and numbers of more than three digits.
pub fn masked(text: &str) -> String {
    let mut before = ' ';
    let first = text.char_indices().find(|(_, letter)| {
        let apostrophe = *letter == '\'' && before.is_alphanumeric();
        before = *letter;
        QUOTES.contains(letter) && !apostrophe
    });
    let Some((first, mark)) = first else { return without_numbers(text) };
    let last = text.char_indices().rev().find(|(_, letter)| QUOTES.contains(letter));
    let rest = last.filter(|(at, _)| *at > first).and_then(|(at, _)| text.get(at..)).unwrap_or_default();
    format!("{}{mark}…{}", without_numbers(text.get(..first).unwrap_or_default()), without_numbers(rest))
}

fn without_numbers(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut number = String::new();
    let put = |shown: &mut String, number: &mut String| {
        shown.push_str(if number.chars().count() > SHORT { "…" } else { number.as_str() });
        number.clear();
    };
    for letter in text.chars() {
        if letter.is_numeric() {
            number.push(letter);
            continue;
        }
        put(&mut shown, &mut number);
        shown.push(letter);
    }
    put(&mut shown, &mut number);
    shown
}

/// The engine speaks of rules, and what parks is in our own words; of what a register says of somebody nothing is told but which
/// one it was.
fn told(kind: &str, cause: &str, text: &str) -> String {
    match (kind, cause) {
        ("rule", _) | (_, "parked") => text.to_owned(),
        ("question", _) => text.split_once(": ").map_or_else(|| masked(text), |(register, _)| format!("{register}: …")),
        _ => masked(text),
    }
}

impl FailureRow {
    /// Its reason for who must not see what was sent.
    pub fn told(&self) -> String {
        told(&self.kind, &self.cause, &self.detail)
    }
    /// What its last job said of it, for the same.
    pub fn told_outcome(&self) -> Option<String> {
        let outcome = self.outcome.as_ref()?;
        // Only what did not help repeats a reason.
        Some(if self.state == "open" { told(&self.kind, &self.cause, outcome) } else { outcome.clone() })
    }
}

impl IncidentRow {
    /// The reason of the newest for who must not see what was sent.
    pub fn told(&self) -> String {
        told(&self.kind, &self.cause, &self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_and_long_numbers_are_left_out() {
        for (text, shown) in [
            ("unknown service \"hundesteur\"; known are a, b", "unknown service \"…\"; known are a, b"),
            ("\"a\" b \"Zwiebel\" c", "\"…\" c"),
            (
                "invalid type: string \"Zwiebel \\\" fisch\", expected u8 at line 12",
                "invalid type: string \"…\", expected u8 at line 12",
            ),
            ("no field `Zwiebel`", "no field `…`"),
            ("an unended \"Zwiebel", "an unended \"…"),
            ("the case's body isn't 50823 bytes, but 999", "the case's body isn't … bytes, but 999"),
            ("value 'Zwiebel'", "value '…'"),
            ("nothing", "nothing"),
            ("", ""),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn a_rule_speaks_verbatim_and_a_register_not_at_all() {
        let text = "Variable not found: \"gebuehr_2026\" (line 4)";
        assert_eq!(told("rule", "rule_error", text), text);
        assert_eq!(told("case", "broken_case", text), "Variable not found: \"…\" (line 4)");
        let parked = "wohngeld in 053150000000 is parked by Amsel";
        assert_eq!(told("message", "parked", parked), parked);
        assert_eq!(told("question", "question_refused", "melderegister: 400: Hans Zwiebel"), "melderegister: …");
    }
}
