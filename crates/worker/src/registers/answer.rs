//! Reads what a register answers. It is data from outside: bounded, strict, never from the future.

use super::Answer;
use domain::json;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Largest answer in bytes: 1 MiB.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// Characters of what a register says of a question or of itself.
const MAX_TEXT: usize = 500;
/// How far a register's clock may be ahead of ours.
const AHEAD_MINUTES: i64 = 5;

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is no answer. The text is our own.
    Unreadable(&'static str),
    /// It is one, but an operator has to look. The text may quote it.
    Refused(String),
}

/// Reads the body of an answer: `{"found": bool, "data": {…}, "source": "…", "at": RFC 3339}`.
pub(super) fn read(body: &[u8], now: Timestamp) -> Result<Answer, Unfit> {
    if body.len() > MAX_BYTES {
        return Err(Unfit::Refused(format!("the answer has {} bytes; at most {MAX_BYTES} are read", body.len())));
    }
    answer(object(body).map_err(Unfit::Unreadable)?, now)
}

/// The same with the id of its question, as it comes by message, or why nothing can be done with it. A question may be
/// refused instead.
pub(super) fn by_message(body: &[u8], now: Timestamp) -> Result<(Uuid, Result<Answer, String>), &'static str> {
    if body.len() > MAX_BYTES {
        return Err("it has more than 1 MiB");
    }
    let object = object(body)?;
    let id = object.get("question_id").and_then(Value::as_str).and_then(|text| Uuid::parse_str(text).ok());
    let id = id.ok_or("question_id is missing, or no UUID")?;
    if let Some(Value::String(text)) = object.get("refused") {
        return Ok((id, Err(readable(text))));
    }
    match answer(object, now) {
        Ok(answer) => Ok((id, Ok(answer))),
        Err(Unfit::Refused(text)) => Ok((id, Err(text))),
        Err(Unfit::Unreadable(text)) => Err(text),
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, &'static str> {
    match json::parse(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the answer is no JSON object"),
        // What exactly is wrong with it may quote what it says of a person.
        Err(_) => Err("the answer is no acceptable JSON (syntax, duplicate key, U+0000, depth, inexact number)"),
    }
}

fn answer(mut object: Map<String, Value>, now: Timestamp) -> Result<Answer, Unfit> {
    let Some(Value::Bool(found)) = object.get("found") else {
        return Err(Unfit::Unreadable("found is missing in the answer, or neither true nor false"));
    };
    let found = *found;
    let at = match object.get("at") {
        None if !found => now,
        Some(Value::String(text)) => text.parse().map_err(|_| Unfit::Unreadable("at is no time (RFC 3339)"))?,
        _ => return Err(Unfit::Unreadable("at is missing in the answer, or no text")),
    };
    if at > now.checked_add(AHEAD_MINUTES.minutes()).unwrap_or(now) {
        return Err(Unfit::Refused(format!("the answer is of {at}, which is in the future")));
    }
    let source = match object.get("source") {
        None if !found => String::new(),
        Some(Value::String(text)) if !text.trim().is_empty() => readable(text),
        _ => return Err(Unfit::Unreadable("source is missing in the answer, or no text")),
    };
    let data = match object.remove("data") {
        _ if !found => None,
        Some(data @ Value::Object(_)) => Some(data),
        _ => return Err(Unfit::Unreadable("data is missing in the answer, or no object")),
    };
    Ok(Answer { data, source, at })
}

/// A text of a register as it can be stored and shown: verbatim, but short and without control characters.
pub(super) fn readable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0192f0c1-2b3d-7c4e-8f5a-6b7c8d9e0f1a";

    fn now() -> Timestamp {
        "2026-05-04T09:00:00+02:00".parse().unwrap()
    }

    fn check(body: &str) -> Result<Answer, Unfit> {
        read(body.as_bytes(), now())
    }

    #[test]
    fn somebody_who_is_known_needs_data_source_and_time() {
        let good = r#"{"found": true, "data": {"a": 1.50}, "source": "Amt", "at": "2026-05-04T08:59:00+02:00"}"#;
        let answer = check(good).unwrap();
        assert_eq!(answer.data.unwrap().to_string(), r#"{"a":1.50}"#);
        assert_eq!((answer.source.as_str(), answer.at.to_string().as_str()), ("Amt", "2026-05-04T06:59:00Z"));
        let parts = [
            r#""found": true, "#,
            r#""data": {"a": 1.50}, "#,
            r#""source": "Amt", "#,
            r#", "at": "2026-05-04T08:59:00+02:00""#,
        ];
        for part in parts {
            let without = good.replace(part, "");
            assert_ne!(without, good);
            assert!(matches!(check(&without), Err(Unfit::Unreadable(_))), "{without}");
        }
        assert!(matches!(check(&good.replace(r#"{"a": 1.50}"#, "[1]")), Err(Unfit::Unreadable(_))));
    }

    #[test]
    fn that_nobody_is_known_says_itself() {
        let answer = check(r#"{"found": false}"#).unwrap();
        assert_eq!(answer, Answer { data: None, source: String::new(), at: now() });
        // Data of somebody who is not known are nobody's.
        assert_eq!(check(r#"{"found": false, "data": {"a": 1}}"#).unwrap().data, None);
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_no_answer() {
        let twice = r#"{"found": true, "found": false}"#;
        for body in ["", "[]", "null", "<html>", twice, r#"{"found": "ja"}"#, r#"{"found": false, "x": "\u0000"}"#] {
            assert!(matches!(check(body), Err(Unfit::Unreadable(_))), "{body}");
        }
        let large = format!(r#"{{"found": false, "x": "{}"}}"#, "x".repeat(MAX_BYTES));
        assert!(matches!(check(&large), Err(Unfit::Refused(_))));
    }

    #[test]
    fn an_answer_from_the_future_is_refused_but_clocks_may_differ() {
        let at = |at: &str| check(&format!(r#"{{"found": false, "at": "{at}"}}"#));
        assert!(at("2026-05-04T09:04:59+02:00").is_ok());
        assert!(matches!(at("2026-05-04T09:05:01+02:00"), Err(Unfit::Refused(_))));
    }

    #[test]
    fn by_message_an_answer_names_its_question() {
        let body = format!(r#"{{"question_id": "{ID}", "found": false}}"#);
        let (id, answer) = by_message(body.as_bytes(), now()).unwrap();
        assert_eq!((id.to_string().as_str(), answer.unwrap().data), (ID, None));
        assert!(by_message(br#"{"found": false}"#, now()).is_err());
        assert!(by_message(br#"{"question_id": "7", "found": false}"#, now()).is_err());
        let refused = format!(r#"{{"question_id": "{ID}", "refused": "Kein\nGeburtsdatum"}}"#);
        assert_eq!(by_message(refused.as_bytes(), now()).unwrap().1, Err("Kein Geburtsdatum".to_owned()));
    }
}
