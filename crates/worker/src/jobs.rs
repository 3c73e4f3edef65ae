//! Orders over many failures: tried again, cancelled, or changed and tried again, in the background and with a final word for
//! each. What the process ends before is done later; done twice, nothing happens twice.

use crate::carry_out::audit as audit_row;
use crate::parking::{self, Parked};
use crate::pipeline::Pipeline;
use crate::probe;
use crate::retry::{self, open, settled};
use audit::Keys;
use domain::{ApplicationId, Ars, Land, berlin_iso};
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use storage::{ByLand, FailureFilter, FailureRow, JobRow, Settled, Store, StoreError};
use uuid::Uuid;
use workflow::{edit_fault, operated};

/// How often it looks for work.
const EVERY: Duration = Duration::from_secs(1);
/// Failures that are tried at once: each may have a body as large as a message can be.
const AT_ONCE: u32 = 32;
/// How long nobody else does what one process has begun: longer than it takes, shorter than patience with a crash.
const LEASE_SECONDS: i64 = 30;
/// How often it is asked whether something is released where nothing that is parked has changed.
const RELEASED: Duration = Duration::from_secs(30);
/// Jobs that take turns.
const JOBS: u32 = 16;
/// Who acts where no person does.
pub(crate) const ACTOR: &str = "dunkelwerk";
/// The action of a job that tries one application of what is parked.
pub(crate) const PROBE: &str = "probe";
/// How often an order is given again that others were in the way of.
const TRIES: u32 = 5;

/// What is to be done with failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Tried again.
    Retry,
    /// Nothing more happens to them.
    Cancel,
    /// Messages are changed by a JSON Merge Patch (RFC 7396) and tried again.
    Edit(Value),
}

impl Action {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Edit(_) => "edit",
        }
    }

    /// Which failures it takes of those that a filter wants.
    ///
    /// # Errors
    /// Why nobody may order that.
    pub fn wanted(&self, filter: &FailureFilter) -> Result<FailureFilter, String> {
        let Self::Edit(patch) = self else { return Ok(filter.clone()) };
        match edit_fault(filter.kind.as_deref(), patch) {
            Some(fault) => Err(fault),
            None => Ok(FailureFilter { kind: Some("message".to_owned()), ..filter.clone() }),
        }
    }
}

/// Begins a job over open failures; how many it took. The same job again begins nothing.
///
/// # Errors
/// The store does not answer, or refuses what nobody may order ([`Action::wanted`]).
pub async fn begin(
    store: &dyn Store,
    keys: &Keys,
    (job, by): (Uuid, &str),
    action: &Action,
    filter: &FailureFilter,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let filter = action.wanted(filter).map_err(StoreError::Refused)?;
    let patch = match action {
        Action::Retry | Action::Cancel => None,
        Action::Edit(patch) => Some(patch.to_string().into_bytes()),
    };
    order(store, keys, (job, by, action.as_str()), patch, &filter, now).await
}

/// Begins a job of the machine itself.
pub(crate) async fn begin_own(pipeline: &Pipeline, action: &str, filter: &FailureFilter) -> Result<i64, StoreError> {
    let (office, now) = ((pipeline.office)(), (pipeline.runtime.clock)());
    let job = (pipeline.runtime.new_id)().0;
    order(&*pipeline.store, office.audit_keys(), (job, ACTOR, action), None, filter, now).await
}

async fn order(
    store: &dyn Store,
    keys: &Keys,
    (job_id, by, action): (Uuid, &str, &str),
    patch: Option<Vec<u8>>,
    filter: &FailureFilter,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let words = words(filter);
    let (begun_at, ended_at, total, done, failed) = (now, None, 0, 0, 0);
    let (by, action, words_sent) = (by.to_owned(), action.to_owned(), words.to_string().into_bytes());
    let job = JobRow { job_id, action, filter: words_sent, patch, by, begun_at, total, done, failed, ended_at };
    let action = format!("job.{}", job.action);
    let note = |taken: &ByLand| {
        let payload = |count| json!({ "job": job_id, "filter": words, "count": count });
        parking::counted(keys, ApplicationId(job_id), (&job.by, &action), taken, payload, now)
    };
    let mut tries = TRIES;
    loop {
        match store.begin_job(&job, filter, &note).await {
            Err(StoreError::Raced) if tries > 0 => tries -= 1,
            done => return done,
        }
    }
}

/// A filter as people read it: what is set.
pub fn words(filter: &FailureFilter) -> Value {
    let FailureFilter { kind, cause, service, ars, sender, state, since, failure_id, job, places, services, released } =
        filter;
    let texts =
        [("kind", kind), ("cause", cause), ("service", service), ("ars", ars), ("sender", sender), ("state", state)];
    let mut words = Map::new();
    for (name, text) in texts {
        words.extend(text.clone().map(|text| (name.to_owned(), text.into())));
    }
    words.extend(since.map(|at| ("since".to_owned(), berlin_iso(at).into())));
    words.extend(failure_id.map(|id| ("failure_id".to_owned(), id.to_string().into())));
    words.extend(job.map(|id| ("job_id".to_owned(), id.to_string().into())));
    words.extend((!places.is_empty()).then(|| ("places".to_owned(), places.clone().into())));
    words.extend((!services.is_empty()).then(|| ("services".to_owned(), services.clone().into())));
    words.extend(released.then(|| ("released".to_owned(), true.into())));
    Value::Object(words)
}

/// Works on jobs and looks after what is parked, until shutdown.
pub async fn work_jobs(pipeline: &Pipeline) {
    loop {
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match work_jobs_once(pipeline).await {
            Ok(()) => pipeline.health.jobs.clear(),
            Err(error) => {
                tracing::warn!(%error, "jobs wait for the store");
                pipeline.health.jobs.set(error.to_string());
            }
        }
    }
}

/// Does every job to its end that no other process is at; looks after what is parked before, and every second meanwhile.
///
/// # Errors
/// The store does not answer; what was not done is done next time.
pub async fn work_jobs_once(pipeline: &Pipeline) -> Result<(), StoreError> {
    let mut looked: Option<Instant> = None;
    loop {
        if looked.is_none_or(|at| at.elapsed() >= EVERY) {
            look_after(pipeline).await?;
            looked = Some(Instant::now());
        }
        let mut done = 0;
        for job in pipeline.store.open_jobs(JOBS).await? {
            if pipeline.runtime.shutdown.is_cancelled() {
                return Ok(());
            }
            done += some(pipeline, &job).await?;
        }
        if done == 0 {
            return Ok(());
        }
    }
}

/// Ends parkings whose time has come, and begins to try again what nothing parks any more.
async fn look_after(pipeline: &Pipeline) -> Result<(), StoreError> {
    probe::round(pipeline).await?;
    let parked = pipeline.read_parked().await;
    // While much is kept the answer costs something, and it changes with what is parked.
    let unreleased = || pipeline.storm.unreleased.lock().unwrap_or_else(PoisonError::into_inner);
    let known = |at: &(Parked, Instant)| !parked.is_empty() && at.0 == parked && at.1.elapsed() < RELEASED;
    if unreleased().as_ref().is_some_and(known) {
        return Ok(());
    }
    if pipeline.store.released().await? {
        let filter = FailureFilter { released: true, ..FailureFilter::default() };
        begin_own(pipeline, Action::Retry.as_str(), &filter).await?;
    }
    *unreleased() = Some((parked, Instant::now()));
    Ok(())
}

/// Does some of a job; how much.
async fn some(pipeline: &Pipeline, job: &JobRow) -> Result<usize, StoreError> {
    let now = (pipeline.runtime.clock)();
    let until = now.checked_add(LEASE_SECONDS.seconds()).unwrap_or(now);
    let items = pipeline.store.job_items(job.job_id, AT_ONCE, (now, until)).await?;
    let count = items.len();
    // The job ends with nothing left to settle.
    let settled = if items.is_empty() { Vec::new() } else { carry_out(pipeline, job, items, now).await? };
    pipeline.store.settle_failures(&settled, now).await?;
    Ok(count)
}

async fn carry_out(
    pipeline: &Pipeline,
    job: &JobRow,
    items: Vec<FailureRow>,
    now: Timestamp,
) -> Result<Vec<Settled>, StoreError> {
    if job.action == "cancel" {
        let cancel = |item: &FailureRow| Settled {
            audit: Some(line(pipeline, job, item, "failure.cancelled", json!({}), now)),
            ..settled(item, "cancelled", format!("cancelled by {}", job.by))
        };
        return Ok(items.iter().map(cancel).collect());
    }
    let patch = match &job.patch {
        None => None,
        Some(bytes) => match domain::json::parse(bytes) {
            Ok(patch) => Some(patch),
            Err(error) => return Ok(items.iter().map(|item| open(item, format!("the patch: {error}"))).collect()),
        },
    };
    let mut kinds: [Vec<FailureRow>; 4] = Default::default();
    let [messages, cases, questions, rules] = &mut kinds;
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        match item.kind.as_str() {
            "message" => messages.push(item),
            _ if patch.is_some() => all.push(open(&item, "nothing but a message can be changed")),
            "case" => cases.push(item),
            "question" => questions.push(item),
            "rule" => rules.push(item),
            kind => all.push(open(&item, format!("this program does not know the kind {kind}"))),
        }
    }
    let how = (patch.as_ref(), job.action == PROBE);
    for (mut result, delivery) in retry::messages(pipeline, job, messages, how).await? {
        let item = messages.iter().find(|item| item.failure_id == result.failure_id);
        if let (Some(item), Some(delivery), true) = (item, delivery, patch.is_some()) {
            let office = (pipeline.office)();
            let seal = |bytes: &[u8]| office.audit_keys().content(bytes);
            let more = json!({ "before": seal(&item.body), "after": seal(&delivery.body) });
            result.audit = Some(line(pipeline, job, item, "failure.edited", more, now));
        }
        all.push(result);
    }
    all.extend(retry::cases(pipeline, cases).await?);
    all.extend(retry::questions(pipeline, questions, now).await?);
    all.extend(retry::rules(pipeline, job, rules).await?);
    Ok(all)
}

/// The audit's line about what a job did with one failure, in the chain of its Land; where that cannot be read, of the first one
/// that the job concerns.
fn line(
    pipeline: &Pipeline,
    job: &JobRow,
    item: &FailureRow,
    action: &str,
    more: Value,
    now: Timestamp,
) -> storage::AuditRow {
    let mut payload = json!({
        "job": job.job_id, "failure": item.failure_id, "kind": item.kind, "cause": item.cause, "service": item.service,
        "ars": item.ars,
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut payload, more) {
        all.extend(more);
    }
    let land = |ars: &String| Ars::new(ars.as_str()).ok().map(|ars| ars.land());
    let asked = || {
        let filter: Value = serde_json::from_slice(&job.filter).ok()?;
        Land::from_code(filter.get("ars")?.as_str()?.get(..2)?)
    };
    let land = item.ars.as_ref().and_then(land).or_else(asked).unwrap_or(Land::SH);
    let about = match item.kind.as_str() {
        "message" => retry::application(item),
        _ => item.application_id.unwrap_or(ApplicationId(item.failure_id)),
    };
    audit_row(operated((pipeline.office)().audit_keys(), (about, land), &job.by, action, &payload, now))
}
