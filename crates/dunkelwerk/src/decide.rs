//! `decide`: evaluate without storing. The same step as in production, with its decision printed.

use crate::cli::{Decide, Sources};
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, output};
use authoring::{Earlier, evaluate, trusted};
use domain::{Secret, Sender};
use jiff::Timestamp;
use serde_json::json;
use std::io::Read;
use std::sync::Arc;
use workflow::Office;

/// Runs the command.
pub fn decide(mut config: Config, arguments: &Decide) -> Result<(), Failure> {
    let at = instant(arguments.at.as_deref())?;
    let text = read(&arguments.file)?;
    let office = trial_office(&mut config, &arguments.sources)?;
    let sender = trusted();
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

/// An office for trying: nothing is drawn, no key is known, and a receipt long ago is what one wants to look at.
pub fn trial_office(config: &mut Config, sources: &Sources) -> Result<Office, Failure> {
    config.risk.sample.clear();
    config.registers.clear();
    config.backdating_days = i64::from(i32::MAX);
    load::office(config, sources, Vec::new(), &Secret::new(b"decide"))
}

/// Decides one envelope and prints it; false where it is no envelope.
fn one(office: &Office, sender: &Arc<Sender>, bytes: &[u8], number: usize, at: Timestamp, explain: bool) -> bool {
    match evaluate(office, sender, bytes, at, &Earlier::new()) {
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

#[expect(clippy::disallowed_methods, reason = "the command line's clock")]
pub fn instant(text: Option<&str>) -> Result<Timestamp, Failure> {
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
