//! Options of the commands about what could not be done.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// What could not be done, and what to do about it.
#[derive(Subcommand)]
pub enum IncidentsCommand {
    /// What could not be done, by cause: how often, since when, how many cases, and the reason in the words of whoever gave it.
    Incidents(Incidents),
    /// Try again what could not be done, in the background.
    Retry(Order),
    /// Give up on what could not be done: nothing more happens to it.
    Cancel(Order),
    /// Change messages that could not be read or heard, and try them again.
    Edit(Edit),
    /// The orders over failures, the newest first: how far they are.
    Jobs(Jobs),
    /// Decide nothing of a service, a Kommune or both until it is lifted: what arrives is kept.
    Park(Park),
    /// Go on with what is parked, whoever parked it; what was kept meanwhile is tried.
    Lift(Lift),
}

/// Which failures are meant; what is not given does not matter.
#[derive(Args, Clone)]
pub struct Which {
    /// Only of this service.
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// Only where the ARS begins so, such as 05 or 053150000000.
    #[arg(long, value_name = "ARS")]
    pub ars: Option<String>,
    /// Only with this cause, such as rule_error or parked.
    #[arg(long, value_name = "CAUSE")]
    pub cause: Option<String>,
    /// Only of this kind: message, case, question or rule.
    #[arg(long, value_name = "KIND", value_parser = ["message", "case", "question", "rule"])]
    pub kind: Option<String>,
    /// Only of this sender.
    #[arg(long, value_name = "SENDER")]
    pub sender: Option<String>,
    /// Only what happened then or later (RFC 3339).
    #[arg(long, value_name = "DATETIME")]
    pub since: Option<Timestamp>,
    /// Only this failure.
    #[arg(long, value_name = "FAILURE_ID")]
    pub id: Option<Uuid>,
    /// Only what this job took last.
    #[arg(long, value_name = "JOB_ID")]
    pub job: Option<Uuid>,
}

#[derive(Args)]
pub struct Incidents {
    #[command(flatten)]
    pub which: Which,
    /// Each failure by itself instead of by cause.
    #[arg(long)]
    pub each: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Order {
    #[command(flatten)]
    pub which: Which,
    /// Change nothing; say how many it would be.
    #[arg(long)]
    pub dry_run: bool,
    /// Wait until it is done, with progress; exit status 1 where some is open still.
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// Who orders it, for the audit.
    #[arg(long = "as", env = "USER", value_name = "NAME", default_value = "operator")]
    pub by: String,
}

#[derive(Args)]
pub struct Edit {
    /// What changes, as a JSON Merge Patch (RFC 7396) on the whole message, such as '{"service":"wohngeld"}'.
    #[arg(long, value_name = "JSON", value_parser = patch)]
    pub patch: Value,
    #[command(flatten)]
    pub order: Order,
}

fn patch(text: &str) -> Result<Value, String> {
    match domain::json::parse(text.as_bytes()) {
        Ok(patch @ Value::Object(_)) => Ok(patch),
        Ok(_) => Err("must be a JSON object: the fields that change".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Args)]
pub struct Jobs {
    /// How many at most.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u32,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Park {
    /// This service.
    #[arg(long, value_name = "SERVICE", required_unless_present = "ars")]
    pub service: Option<String>,
    /// Where the ARS begins so.
    #[arg(long, value_name = "ARS")]
    pub ars: Option<String>,
    /// Why, for everybody who looks.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// For so long, such as 2h or 30m; then it is lifted. Default: until somebody lifts it.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub time: Option<Duration>,
    /// Who does it, for the audit.
    #[arg(long = "as", env = "USER", value_name = "NAME", default_value = "operator")]
    pub by: String,
}

/// `90m`, `2h`, `3d`
fn time(text: &str) -> Result<Duration, String> {
    let units = [("m", 60), ("h", 3_600), ("d", 86_400)];
    let read = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, seconds)));
    match read {
        Some((number @ 1..=9_999, seconds)) => Ok(Duration::from_secs(number * seconds)),
        Some(_) | None => Err("write minutes, hours or days, such as 90m, 2h or 3d".into()),
    }
}

#[derive(Args)]
pub struct Lift {
    /// As it was parked.
    #[arg(long, value_name = "SERVICE", required_unless_present = "ars")]
    pub service: Option<String>,
    /// As it was parked.
    #[arg(long, value_name = "ARS")]
    pub ars: Option<String>,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT", default_value = "an operator said so")]
    pub reason: String,
    /// Wait until everything that was kept is tried, with progress; exit status 1 where some is open still.
    #[arg(long)]
    pub wait: bool,
    /// Who does it, for the audit.
    #[arg(long = "as", env = "USER", value_name = "NAME", default_value = "operator")]
    pub by: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_patches_are_read_strictly() {
        let seconds = |text: &str| time(text).map(|time| time.as_secs()).ok();
        assert_eq!(["90m", "2h", "3d"].map(seconds), [Some(5_400), Some(7_200), Some(259_200)]);
        assert_eq!(["", "h", "0m", "2", "-1h", "1w", "10000d"].map(seconds), [None; 7]);
        assert!(patch(r#"{"service":"wohngeld"}"#).is_ok());
        assert!(["[]", "1", "{", r#"{"a":1,"a":2}"#].iter().all(|text| patch(text).is_err()));
    }
}
