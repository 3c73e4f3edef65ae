//! The end of a parking whose time has come: what an operator parked is lifted; what a storm parked is tried with one application
//! at a time. One that goes well lifts it, one that fails parks it again for longer. What is tried stands in the store: all
//! processes know it, and of those who see how it went, one acts.

use crate::causes;
use crate::failures;
use crate::jobs;
use crate::parking::{self, STORM, is_of};
use crate::pipeline::Pipeline;
use crate::retry::{self, Decided};
use crate::storm::UNREAD;
use jiff::{Timestamp, ToSpan};
use storage::{FailureFilter, Lift, ParkRow, StoreError, TrialRow};

/// How long it may take from noting a trial until its job has it.
const BEGINNING_SECONDS: i64 = 5;

/// How a trial went.
enum Trial {
    /// Not over: its job has not done it, or a register has not answered.
    Open,
    Passed,
    /// Why, without anything of the application: this is told to everybody.
    Failed(String),
    /// It says nothing of the service: another application is tried.
    Nothing,
}

/// Looks at everything that is parked and whose time has come.
pub(crate) async fn round(pipeline: &Pipeline) -> Result<(), StoreError> {
    let now = now(pipeline);
    let rows = pipeline.store.parked().await?;
    let over: Vec<&ParkRow> = rows.iter().filter(|row| row.until.is_some_and(|until| until <= now)).collect();
    if over.is_empty() {
        return Ok(());
    }
    let trials = pipeline.store.trials().await?;
    for row in over {
        if row.by != STORM {
            lift(pipeline, row, "its time has come").await?;
        } else if !rows.iter().any(|other| shadows(other, row)) {
            half_open(pipeline, row, &rows, trials.iter().find(|trial| is_of(trial, row))).await?;
        }
    }
    Ok(())
}

/// Whether one parking keeps another from being tried: an operator's, or that of the whole service.
fn shadows(other: &ParkRow, row: &ParkRow) -> bool {
    let service = other.service.is_none() || other.service == row.service;
    let place = other.ars.as_deref().is_none_or(|ars| row.ars.as_deref().is_some_and(|own| own.starts_with(ars)));
    let wider = (&other.service, &other.ars) != (&row.service, &row.ars);
    service && place && (other.by != STORM || wider)
}

async fn half_open(
    pipeline: &Pipeline,
    row: &ParkRow,
    rows: &[ParkRow],
    begun: Option<&TrialRow>,
) -> Result<(), StoreError> {
    let Some(trial) = begun else { return begin(pipeline, row).await };
    let fate = judge(pipeline, trial).await?;
    if matches!(fate, Trial::Open) || !pipeline.store.end_trial(trial).await? {
        return Ok(());
    }
    match fate {
        Trial::Open | Trial::Nothing => {}
        Trial::Failed(why) => {
            let minutes = pipeline.doubled(row);
            let cause = format!("an application that was tried failed: {why}");
            pipeline.park_for(row.service.as_deref(), row.ars.as_deref(), cause, minutes).await?;
        }
        Trial::Passed => {
            lift(pipeline, row, "an application that was tried went well").await?;
            // The storms in its Kommunen made it; with the service they are over.
            for own in rows.iter().filter(|own| row.ars.is_none() && own.by == STORM && own.service == row.service) {
                lift(pipeline, own, "the service is lifted").await?;
            }
        }
    }
    Ok(())
}

/// Tries one application of what was kept, where there is one.
async fn begin(pipeline: &Pipeline, row: &ParkRow) -> Result<(), StoreError> {
    let Some(service) = &row.service else { return Ok(()) };
    let ars = row.ars.clone().unwrap_or_default();
    let Some(failure) = pipeline.store.first_kept(service, &ars).await? else { return Ok(()) };
    let (failure_id, application_id) = (failure.failure_id, retry::application(&failure));
    let begun_at = now(pipeline);
    let trial = TrialRow { service: service.clone(), ars, failure_id, application_id, begun_at };
    if !pipeline.store.begin_trial(&trial).await? {
        return Ok(());
    }
    let filter = FailureFilter { failure_id: Some(failure_id), ..FailureFilter::default() };
    if jobs::begin_own(pipeline, jobs::PROBE, &filter).await? == 0 {
        pipeline.store.end_trial(&trial).await?;
        return Ok(());
    }
    tracing::info!(service, ars = trial.ars, application.id = %application_id, "one application is tried");
    Ok(())
}

/// What became of a trial.
async fn judge(pipeline: &Pipeline, trial: &TrialRow) -> Result<Trial, StoreError> {
    let now = now(pipeline);
    let passed = |limit: jiff::Span| trial.begun_at.checked_add(limit).is_ok_and(|end| end <= now);
    // What waits for a register that is away, or whose job does not come on, must not park the service for ever.
    let unless_late = match passed(pipeline.storm.settings.pause_minutes.minutes()) {
        true => Trial::Nothing,
        false => Trial::Open,
    };
    let Some(row) = pipeline.store.failure(trial.failure_id).await? else { return Ok(Trial::Nothing) };
    let hopeless = [causes::ATTEMPTS_EXHAUSTED, causes::STORE_REFUSED].contains(&row.cause.as_str());
    let beginning = row.cause == causes::PARKED && !passed(BEGINNING_SECONDS.seconds());
    match row.state.as_str() {
        "queued" => return Ok(unless_late),
        "open" if hopeless => return Ok(Trial::Failed(format!("{}, failure {}", row.cause, row.failure_id))),
        "open" if beginning => return Ok(Trial::Open),
        "retried" => {}
        _ => return Ok(Trial::Nothing),
    }
    let Some(Some(dossier)) = pipeline.store.dossiers(&[trial.application_id]).await?.pop() else {
        return Ok(Trial::Nothing);
    };
    if dossier.case.application_id != trial.application_id {
        // It had come before, and was decided then.
        return Ok(Trial::Nothing);
    }
    Ok(match retry::decided(dossier.decision.as_ref()) {
        Decided::Not => unless_late,
        Decided::Well { by_person: true, .. } => Trial::Nothing,
        Decided::Well { outcome, .. } if UNREAD.contains(&outcome.as_str()) => Trial::Nothing,
        Decided::Well { .. } => Trial::Passed,
        Decided::RuleFailed { cause, .. } => {
            let failure = failures::rule_id(trial.application_id);
            Trial::Failed(format!("{cause}, failure {failure}"))
        }
    })
}

async fn lift(pipeline: &Pipeline, row: &ParkRow, why: &str) -> Result<(), StoreError> {
    let office = (pipeline.office)();
    let what = Lift { service: row.service.as_deref(), ars: row.ars.as_deref(), by: Some(&row.by) };
    parking::lift_one(&*pipeline.store, office.audit_keys(), &what, (jobs::ACTOR, why), now(pipeline)).await?;
    Ok(())
}

fn now(pipeline: &Pipeline) -> Timestamp {
    (pipeline.runtime.clock)()
}
