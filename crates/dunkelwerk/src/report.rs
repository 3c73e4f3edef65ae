//! `report`: key figures for whoever answers for the service.

use crate::config::Config;
use crate::failure::Failure;
use crate::serve::clock;
use crate::{operate, output};
use domain::{Outcome, berlin_iso};
use serde::Serialize;
use std::collections::BTreeMap;
use storage::{ControlFigures, FailureFilter, Overview};
use workflow::{Rate, rate};

/// The figures of one service.
#[derive(Debug, Default, Serialize)]
struct Service {
    cases: i64,
    /// Decided for good by the machine.
    automatic: i64,
    /// By contract word; cases without a decision under the word of what they wait for.
    outcomes: BTreeMap<String, i64>,
}

/// Second looks at the decisions of one rule set.
#[derive(Debug, Serialize)]
struct Quality {
    service: String,
    rule_set: Option<String>,
    drawn: i64,
    judged: i64,
    disagreed: i64,
    /// Opened again for another reason before anybody had looked.
    overtaken: i64,
    /// Share of disagreement among those judged, with its 95 per cent interval.
    disagreement: Option<Rate>,
}

#[derive(Debug, Serialize)]
struct Waiting {
    register: String,
    cases: i64,
    since: String,
}

#[derive(Debug, Serialize)]
struct Report {
    at: String,
    services: BTreeMap<String, Service>,
    /// Open work by reason.
    reasons: BTreeMap<String, i64>,
    open_tasks: i64,
    quality: Vec<Quality>,
    waiting: Vec<Waiting>,
    /// Stop switches that stand.
    stopped: usize,
    /// Failures that nobody has settled.
    open_failures: i64,
}

pub async fn report(config: &Config, json: bool) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    let now = clock();
    let overview = store.overview(now).await?;
    let incidents = store.incidents(&FailureFilter::default()).await?;
    let waiting = store.waiting_questions().await?.into_iter().map(|row| Waiting {
        register: row.register,
        cases: row.count,
        since: berlin_iso(row.oldest),
    });
    let report = Report {
        at: berlin_iso(now),
        services: services(&overview),
        reasons: overview.reasons.iter().cloned().collect(),
        open_tasks: overview.open_tasks,
        quality: store.controls(None).await?.into_iter().map(quality).collect(),
        waiting: waiting.collect(),
        stopped: store.stops().await?.standing.len(),
        open_failures: incidents.iter().map(|incident| incident.open).sum(),
    };
    if json {
        // Our own type always has a JSON form.
        output::line(&serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        text(&report).iter().for_each(|line| output::line(line));
    }
    Ok(())
}

fn services(overview: &Overview) -> BTreeMap<String, Service> {
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for line in &overview.lines {
        let service = services.entry(line.service.clone()).or_default();
        service.cases += line.count;
        *service.outcomes.entry(line.outcome.clone()).or_default() += line.count;
        let last = Outcome::ALL.iter().any(|outcome| outcome.is_final() && outcome.as_str() == line.outcome);
        if line.automatic && last {
            service.automatic += line.count;
        }
    }
    services
}

fn quality(figures: ControlFigures) -> Quality {
    let disagreement = rate(figures.disagreed.unsigned_abs(), figures.judged.unsigned_abs());
    let ControlFigures { service, rule_set, drawn, judged, disagreed, overtaken } = figures;
    Quality { service, rule_set, drawn, judged, disagreed, overtaken, disagreement }
}

fn text(report: &Report) -> Vec<String> {
    let mut lines = vec![format!(
        "{}   {} open tasks, {} open failures, {} stop switches",
        report.at, report.open_tasks, report.open_failures, report.stopped
    )];
    lines.push(format!("\n{:24}{:>9}{:>11}  outcomes", "service", "cases", "automatic"));
    for (name, service) in &report.services {
        let share = service.automatic as f64 * 100.0 / service.cases.max(1) as f64;
        let outcomes: Vec<String> = service.outcomes.iter().map(|(word, count)| format!("{word} {count}")).collect();
        lines.push(format!("{name:24}{:>9}{share:>9.1} %  {}", service.cases, outcomes.join(", ")));
    }
    if !report.reasons.is_empty() {
        lines.push("\nwhy people decide (several reasons a case are possible)".into());
        lines.extend(report.reasons.iter().map(|(word, count)| format!("{count:>9}  {word}")));
    }
    if !report.waiting.is_empty() {
        lines.push("\nwaiting for registers".into());
        lines.extend(
            report
                .waiting
                .iter()
                .map(|waiting| format!("{:>9}  {} since {}", waiting.cases, waiting.register, waiting.since)),
        );
    }
    if !report.quality.is_empty() {
        lines.push(
            "\nsecond looks at what the machine decided: drawn, judged, disagreed, overtaken, rate with 95 % interval"
                .into(),
        );
        lines.extend(report.quality.iter().map(|quality| {
            let rate = quality.disagreement.map_or_else(
                || "nobody looked yet".to_owned(),
                |r| format!("{:.1} % [{:.1} %, {:.1} %]", r.rate * 100.0, r.low * 100.0, r.high * 100.0),
            );
            let Quality { service, rule_set, drawn, judged, disagreed, overtaken, .. } = quality;
            let set: String = rule_set.as_deref().unwrap_or("-").chars().take(SHORT_HASH).collect();
            format!("{service:24}{set:14}{drawn:>7}{judged:>7}{disagreed:>7}{overtaken:>7}  {rate}")
        }));
    }
    lines
}

/// As much of a hash as tells rule sets apart on a screen.
const SHORT_HASH: usize = 12;
