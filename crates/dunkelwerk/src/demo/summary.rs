//! What the demo prints in the end: outcomes, share decided automatically, why people decide, speed.

use crate::failure::Failure;
use crate::output;
use crate::serve::{self, Process};
use domain::{Outcome, ReferralReason};
use std::collections::BTreeMap;
use std::time::Duration;
use storage::Overview;

/// What the HTTP intake answered.
#[derive(Debug, Default)]
pub struct Intake {
    pub accepted: u64,
    pub conflicts: u64,
    pub refused: u64,
}

/// Prints the summary.
pub async fn print(process: &Process, intake: &Intake, distinct: usize, took: Duration) -> Result<(), Failure> {
    let overview = process.store.overview(serve::clock()).await?;
    let cases: i64 = overview.lines.iter().map(|line| line.count).sum();
    output::line(&format!(
        "Eingang: {} angenommen, davon {} verschieden; {} mit vergebener Nummer zurückgewiesen (409); {} abgelehnt",
        intake.accepted, distinct, intake.conflicts, intake.refused
    ));
    output::line(&format!(
        "Vorgänge: {cases}   wartend: {}   Dubletten: {}   Dead-Letter: {}",
        overview.waiting, overview.duplicates, overview.dead_letters
    ));
    services(&overview);
    reasons(&overview);
    let mut durations = process.store.durations(u32::MAX / 2).await?;
    durations.sort_unstable();
    let milliseconds = |share: f64| {
        let index = (durations.len() as f64 * share) as usize;
        durations.get(index.min(durations.len().saturating_sub(1))).copied().unwrap_or_default() as f64 / 1_000.0
    };
    let total = intake.accepted + intake.conflicts + intake.refused;
    output::line(&format!(
        "\n{:.0} Anträge/s (HTTP bis entschieden, {:.1} s); Eingang bis Entscheidung p50 {:.0} ms, p99 {:.0} ms",
        total as f64 / took.as_secs_f64().max(0.001),
        took.as_secs_f64(),
        milliseconds(0.50),
        milliseconds(0.99),
    ));
    Ok(())
}

fn services(overview: &Overview) {
    let mut services: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
    for line in &overview.lines {
        *services.entry(&line.service).or_default().entry(&line.outcome).or_default() += line.count;
    }
    output::line("");
    let head: Vec<String> = Outcome::ALL.iter().map(|o| format!("{:>15}", o.german())).collect();
    output::line(&format!("{:22}{}{:>15}", "Dienst", head.join(""), "automatisch"));
    for (service, outcomes) in services {
        let count = |outcome: Outcome| outcomes.get(outcome.as_str()).copied().unwrap_or_default();
        let total: i64 = outcomes.values().sum();
        let finals: i64 = Outcome::ALL.iter().filter(|o| o.is_final()).map(|o| count(*o)).sum();
        let cells: Vec<String> = Outcome::ALL.iter().map(|o| format!("{:>15}", count(*o))).collect();
        let share = finals as f64 * 100.0 / total.max(1) as f64;
        output::line(&format!("{service:22}{}{share:>13.1} %", cells.join("")));
    }
}

fn reasons(overview: &Overview) {
    output::line("\nWarum ein Mensch entscheidet (mehrere Gründe je Vorgang möglich):");
    for (word, count) in &overview.reasons {
        let german = ReferralReason::from_word(word).map_or(word.as_str(), |reason| reason.german());
        output::line(&format!("{count:>7}  {german}"));
    }
}
