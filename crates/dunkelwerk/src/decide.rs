//! `decide`: evaluate without storing. The same step as in production, with its decision printed.

use crate::cli::Decide;
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, output};
use domain::{ApplicationId, Secret, Sender, SenderName};
use jiff::Timestamp;
use serde_json::json;
use std::io::Read;
use std::sync::Arc;
use uuid::Uuid;
use workflow::{Effect, Event, Office, Rejection, Surroundings};

/// Runs the command.
pub fn decide(mut config: Config, arguments: &Decide) -> Result<(), Failure> {
    let at = instant(arguments.at.as_deref())?;
    let text = read(&arguments.file)?;
    // Nothing is drawn here, no key is known, and a receipt long ago is what one wants to look at.
    config.risk.sample.clear();
    config.backdating_days = i64::from(i32::MAX);
    let office = load::office(&config, &arguments.sources, Vec::new(), &Secret::new(b"decide"))?;
    let sender = Arc::new(trusted(&text)?);
    let mut refused = false;
    if arguments.ndjson {
        for (number, line) in text.split(|b| *b == b'\n').enumerate().filter(|(_, l)| !l.trim_ascii().is_empty()) {
            refused |= !one(&office, &sender, line, number + 1, at, arguments.explain);
        }
    } else {
        refused = !one(&office, &sender, &text, 1, at, arguments.explain);
    }
    if refused { Err(Failure::Findings) } else { Ok(()) }
}

/// Decides one envelope and prints it; false where it is no envelope.
fn one(office: &Office, sender: &Arc<Sender>, bytes: &[u8], number: usize, at: Timestamp, explain: bool) -> bool {
    match evaluate(office, sender, bytes, at) {
        Ok(mut decision) => {
            if !explain {
                decision.trace = None;
            }
            output::line(&serde_json::to_string(&decision).unwrap_or_default());
            true
        }
        Err(rejection) => {
            let error = json!({"code": rejection.code(), "detail": rejection.to_string()});
            output::line(&json!({"line": number, "error": error}).to_string());
            false
        }
    }
}

fn evaluate(office: &Office, sender: &Arc<Sender>, bytes: &[u8], at: Timestamp) -> Result<domain::Decision, Rejection> {
    // The id is made from the content: the same file gives the same bytes.
    let id = ApplicationId(Uuid::new_v5(&Uuid::NAMESPACE_OID, bytes));
    let submission = office.decode(bytes.to_vec(), sender, id, at)?;
    let form = office.validate(&submission);
    let once = match &form {
        Ok(valid) => office.once_keys(&submission, valid).into_iter().map(|key| (key, Vec::new())).collect(),
        Err(_) => Vec::new(),
    };
    let effects = office.step(&Event::Received { submission, form }, &Surroundings { once }, at);
    let decided = effects.into_iter().find_map(|effect| match effect {
        Effect::Decide(decided) => Some(decided.decision),
        _ => None,
    });
    // INVARIANT: an arriving application is always decided.
    decided.ok_or(Rejection::NotAnObject)
}

/// Whoever runs the program on a file may claim what the file says.
fn trusted(text: &[u8]) -> Result<Sender, Failure> {
    let name = SenderName::new("cli").map_err(|e| Failure::Usage(e.to_string()))?;
    let kinds = evidence_kinds(text);
    let may_claim = ["received_at", "channel", "trust_level"].map(str::to_owned).to_vec();
    Ok(Sender { name, token_sha256: None, amqp_user: None, trusted_evidence: kinds, may_claim })
}

/// All kinds of evidence that are named anywhere in the input.
fn evidence_kinds(text: &[u8]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    let lines = text.split(|b| *b == b'\n').chain([text]);
    for value in lines.filter_map(|l| serde_json::from_slice::<serde_json::Value>(l).ok()) {
        let evidence = value.get("evidence").and_then(|e| e.as_array().cloned()).unwrap_or_default();
        kinds.extend(evidence.iter().filter_map(|e| Some(e.get("kind")?.as_str()?.to_owned())));
    }
    kinds.sort();
    kinds.dedup();
    kinds
}

#[expect(clippy::disallowed_methods, reason = "the command line's clock")]
fn instant(text: Option<&str>) -> Result<Timestamp, Failure> {
    let Some(text) = text else { return Ok(Timestamp::now()) };
    let noon = format!("{text}T12:00:00+01:00");
    text.parse().or_else(|_| noon.parse()).map_err(|_| {
        Failure::Usage(format!("--at {text}: write a day (2026-11-01) or a time (2026-11-01T12:00:00+01:00)"))
    })
}

/// A file, or standard input.
#[expect(clippy::disallowed_methods, reason = "the command line's files")]
pub fn read(file: &str) -> Result<Vec<u8>, Failure> {
    if file == "-" {
        let mut bytes = Vec::new();
        let done = std::io::stdin().lock().read_to_end(&mut bytes);
        return done.map(|_| bytes).map_err(|e| Failure::Unreachable(format!("standard input: {e}")));
    }
    std::fs::read(file).map_err(|e| Failure::Unreachable(format!("{file} cannot be read: {e}")))
}
