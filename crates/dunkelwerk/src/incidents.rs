//! `cases incidents`, `retry`, `cancel`, `edit`, `jobs`, `park` and `lift`: what could not be done, and what to do about it.

use crate::cli;
use crate::config::Config;
use crate::failure::Failure;
use crate::{operate, output, serve};
use audit::Keys;
use domain::berlin_iso;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storage::{FailureFilter, FailureRow, IncidentRow, JobRow, ParkRow, Store};
use uuid::Uuid;
use worker::Action;

/// Failures that are read at once.
const PAGE: u32 = 500;
/// How often it is looked how far a job is, and after how long it is said who does jobs.
const LOOK: Duration = Duration::from_millis(200);
const SAY: u32 = 25;

/// Whatever the commands need.
struct Shop {
    store: Arc<dyn Store>,
    keys: Keys,
    by: String,
}

impl Shop {
    async fn open(config: &Config, by: &str) -> Result<Self, Failure> {
        let keys = Keys::new(&config.existing_secret(Path::new("dunkelwerk-secret.key"))?);
        let store = storage::open(&operate::database_url(config)).await?;
        Ok(Self { store, keys, by: by.to_owned() })
    }
}

/// Runs one of the commands.
pub async fn run(config: &Config, command: cli::IncidentsCommand) -> Result<(), Failure> {
    use cli::IncidentsCommand as Do;
    match command {
        Do::Incidents(arguments) => incidents(config, &arguments).await,
        Do::Retry(arguments) => order(config, &arguments, &Action::Retry).await,
        Do::Cancel(arguments) => order(config, &arguments, &Action::Cancel).await,
        Do::Edit(arguments) => order(config, &arguments.order, &Action::Edit(arguments.patch)).await,
        Do::Jobs(arguments) => jobs(config, &arguments).await,
        Do::Park(arguments) => park(config, &arguments).await,
        Do::Lift(arguments) => lift(config, &arguments).await,
    }
}

fn filter(which: &cli::Which, state: Option<&str>) -> FailureFilter {
    let cli::Which { service, ars, cause, kind, sender, since, id, job } = which.clone();
    let state = state.map(str::to_owned);
    FailureFilter { kind, cause, service, ars, sender, state, since, failure_id: id, job, ..FailureFilter::default() }
}

/// `cases incidents`
async fn incidents(config: &Config, arguments: &cli::Incidents) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    let wanted = filter(&arguments.which, None);
    if arguments.each {
        let mut after = None;
        loop {
            let rows = store.failures(&wanted, after, PAGE).await?;
            if after.is_none() && !rows.is_empty() && !arguments.json {
                let (id, last, kind, cause, state) = ("failure", "last", "kind", "cause", "state");
                output::line(&format!(
                    "{id:36}  {last:25}  {kind:<8}  {cause:<20}  {state:<9}  {:>10}  service  ars  reason  → what became of it",
                    "how often"
                ));
            }
            for row in &rows {
                output::line(&if arguments.json { failure(row).to_string() } else { failure_text(row) });
            }
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.failure_id);
        }
    }
    let rows = store.incidents(&wanted).await?;
    if !rows.is_empty() && !arguments.json {
        let (kind, cause, service, first, last) = ("kind", "cause", "service", "first", "last");
        output::line(&format!(
            "{kind:<8}  {cause:<20}  {service:<24}  {:>7}  {:>12}  {:>13}  {first:25}  {last:25}  reason",
            "all", "of these", "about"
        ));
    }
    for row in rows {
        output::line(&if arguments.json { incident(&row).to_string() } else { incident_text(&row) });
    }
    if !arguments.json {
        store.parked().await?.iter().for_each(|row| output::line(&parked_text(row)));
    }
    Ok(())
}

fn incident(row: &IncidentRow) -> Value {
    json!({
        "kind": row.kind, "cause": row.cause, "service": row.service, "count": row.count, "open": row.open,
        "first_at": berlin_iso(row.first_at), "last_at": berlin_iso(row.last_at), "cases": row.cases,
        "reason": row.told(),
    })
}

fn incident_text(row: &IncidentRow) -> String {
    let (first, last) = (berlin_iso(row.first_at), berlin_iso(row.last_at));
    let IncidentRow { kind, cause, count, open, cases, .. } = row;
    let detail = row.told();
    let service = row.service.as_deref().unwrap_or("-");
    format!(
        "{kind:<8}  {cause:<20}  {service:<24}  {count:>7}  {open:>7} open  {cases:>7} cases  {first}  {last}  {detail}"
    )
}

fn failure(row: &FailureRow) -> Value {
    json!({
        "failure_id": row.failure_id, "kind": row.kind, "cause": row.cause, "reason": row.told(),
        "application_id": row.application_id, "sender": row.sender, "service": row.service, "ars": row.ars,
        "first_at": berlin_iso(row.first_at), "last_at": berlin_iso(row.last_at), "times": row.times,
        "state": row.state, "job_id": row.job, "outcome": row.told_outcome(),
    })
}

fn failure_text(row: &FailureRow) -> String {
    let FailureRow { failure_id, kind, cause, state, times, .. } = row;
    let place = format!("{}  {}", row.service.as_deref().unwrap_or("-"), row.ars.as_deref().unwrap_or("-"));
    let (last, detail) = (berlin_iso(row.last_at), row.told());
    let outcome = row.told_outcome().unwrap_or_else(|| "-".to_owned());
    format!(
        "{failure_id}  {last}  {kind:<8}  {cause:<20}  {state:<9}  {times:>4} times  {place}  {detail}  → {outcome}"
    )
}

fn parked_text(row: &ParkRow) -> String {
    let (service, ars) = (row.service.as_deref().unwrap_or("-"), row.ars.as_deref().unwrap_or("-"));
    let until = row.until.map_or_else(|| "until it is lifted".to_owned(), |at| format!("until {}", berlin_iso(at)));
    format!("parked    {service:<24}  {ars:<12}  by {} since {} {until}: {}", row.by, berlin_iso(row.since), row.cause)
}

/// `cases retry`, `cases cancel` and `cases edit`
async fn order(config: &Config, arguments: &cli::Order, action: &Action) -> Result<(), Failure> {
    let wanted = filter(&arguments.which, Some("open"));
    let everything = wanted == FailureFilter { state: Some("open".to_owned()), ..FailureFilter::default() };
    if everything && *action != Action::Retry {
        let text = "this would be every failure there is: say which, such as --cause or --service";
        return Err(Failure::Usage(text.into()));
    }
    let wanted = action.wanted(&wanted).map_err(Failure::Usage)?;
    if arguments.dry_run {
        let store = storage::open(&operate::database_url(config)).await?;
        let rows = store.incidents(&wanted).await?;
        rows.iter().for_each(|row| output::line(&incident_text(row)));
        output::line(&format!("{} failures would be taken", rows.iter().map(|row| row.count).sum::<i64>()));
        return Ok(());
    }
    let shop = Shop::open(config, &arguments.by).await?;
    let job = serve::new_id().0;
    let total = worker::begin_job(&*shop.store, &shop.keys, (job, &shop.by), action, &wanted, serve::clock()).await?;
    output::line(&json!({ "job_id": job, "action": action.as_str(), "total": total }).to_string());
    if arguments.wait { until_ended(&*shop.store, job).await } else { Ok(()) }
}

/// Waits for the end of a job, with progress.
async fn until_ended(store: &dyn Store, id: Uuid) -> Result<(), Failure> {
    let mut bar: Option<indicatif::ProgressBar> = None;
    let mut looks = 0;
    loop {
        let Some(job) = store.job(id).await? else {
            return Err(Failure::Unreachable(format!("there is no job {id} any more")));
        };
        let position = u64::try_from(job.done + job.failed).unwrap_or_default();
        let bar =
            bar.get_or_insert_with(|| crate::submit::progress(u64::try_from(job.total).unwrap_or_default(), "tried"));
        bar.set_position(position);
        if job.ended_at.is_some() {
            bar.finish_and_clear();
            output::line(&row(&job).to_string());
            return if job.failed == 0 { Ok(()) } else { Err(Failure::Findings) };
        }
        looks += 1;
        if looks == SAY && position == 0 {
            output::error("nothing has happened yet: jobs are done by a process with the role timer");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// `cases jobs`
async fn jobs(config: &Config, arguments: &cli::Jobs) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    for job in store.jobs(None, None, arguments.limit).await? {
        output::line(&if arguments.json { row(&job).to_string() } else { job_text(&job) });
    }
    Ok(())
}

fn row(job: &JobRow) -> Value {
    let filter: Value = serde_json::from_slice(&job.filter).unwrap_or_default();
    json!({
        "job_id": job.job_id, "action": job.action, "filter": filter, "by": job.by,
        "begun_at": berlin_iso(job.begun_at), "total": job.total, "done": job.done, "failed": job.failed,
        "ended_at": job.ended_at.map(berlin_iso),
    })
}

fn job_text(job: &JobRow) -> String {
    let JobRow { job_id, action, by, total, done, failed, .. } = job;
    let begun = berlin_iso(job.begun_at);
    let ended = job.ended_at.map_or_else(|| "under way".to_owned(), |at| format!("ended {}", berlin_iso(at)));
    let filter = String::from_utf8_lossy(&job.filter);
    format!("{job_id}  {begun}  {action:<6}  by {by}  {done} done, {failed} open still, of {total}  {ended}  {filter}")
}

/// `cases park`
async fn park(config: &Config, arguments: &cli::Park) -> Result<(), Failure> {
    let shop = Shop::open(config, &arguments.by).await?;
    if ["storm", "dunkelwerk"].contains(&shop.by.as_str()) {
        return Err(Failure::Usage(format!("{} is no person: say who with --as", shop.by)));
    }
    let now = serve::clock();
    let row = ParkRow {
        service: arguments.service.clone(),
        ars: arguments.ars.clone(),
        since: now,
        until: arguments.time.and_then(|time| now.checked_add(time).ok()),
        cause: arguments.reason.clone(),
        by: shop.by.clone(),
        lifted_at: None,
    };
    worker::park(&*shop.store, &shop.keys, &row, now).await?;
    output::line(&parked_text(&row));
    Ok(())
}

/// `cases lift`
async fn lift(config: &Config, arguments: &cli::Lift) -> Result<(), Failure> {
    let shop = Shop::open(config, &arguments.by).await?;
    let (service, ars) = (arguments.service.as_deref(), arguments.ars.as_deref());
    let how = (shop.by.as_str(), arguments.reason.as_str());
    if worker::lift(&*shop.store, &shop.keys, (service, ars), how, serve::clock()).await? == 0 {
        let parked = shop.store.parked().await?;
        parked.iter().for_each(|row| output::error(&parked_text(row)));
        return Err(Failure::Usage("nothing is parked under exactly this service and ARS".into()));
    }
    let kept = FailureFilter {
        service: arguments.service.clone(),
        ars: arguments.ars.clone(),
        state: Some("open".to_owned()),
        released: true,
        ..FailureFilter::default()
    };
    let job = serve::new_id().0;
    let by = (job, shop.by.as_str());
    let total = worker::begin_job(&*shop.store, &shop.keys, by, &Action::Retry, &kept, serve::clock()).await?;
    output::line(&json!({ "job_id": job, "action": "retry", "total": total }).to_string());
    if arguments.wait { until_ended(&*shop.store, job).await } else { Ok(()) }
}
