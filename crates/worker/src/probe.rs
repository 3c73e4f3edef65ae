//! The end of a parking whose time has come: what an operator parked is lifted; what a storm parked is tried with one application
//! at a time. One that goes well lifts it, one that fails parks it again for longer.

use crate::causes;
use crate::jobs;
use crate::parking::{self, Parked, STORM};
use crate::pipeline::Pipeline;
use crate::retry;
use crate::storm::Scope;
use domain::ApplicationId;
use std::sync::PoisonError;
use storage::{FailureFilter, Lift, ParkRow, StoreError};
use uuid::Uuid;

/// How a trial went.
enum Trial {
    /// Not over: its job has not done it, or a register has not answered.
    Open,
    Passed,
    Failed(String),
    /// It says nothing of the service: another application is tried.
    Nothing,
}

/// Looks at everything that is parked and whose time has come.
pub(crate) async fn round(pipeline: &Pipeline, parked: &Parked) -> Result<(), StoreError> {
    let now = (pipeline.runtime.clock)();
    let rows = pipeline.store.parked().await?;
    for row in rows.iter().filter(|row| row.until.is_some_and(|until| until <= now)) {
        if row.by != STORM {
            lift(pipeline, row, "its time has come").await?;
        } else if !rows.iter().any(|other| shadows(other, row)) {
            half_open(pipeline, row, &rows).await?;
        }
    }
    forget(pipeline, parked);
    Ok(())
}

/// Whether one parking keeps another from being tried: an operator's, or that of the whole service.
fn shadows(other: &ParkRow, row: &ParkRow) -> bool {
    let service = other.service.is_none() || other.service == row.service;
    let place = other.ars.as_deref().is_none_or(|ars| row.ars.as_deref().is_some_and(|own| own.starts_with(ars)));
    let wider = (&other.service, &other.ars) != (&row.service, &row.ars);
    service && place && (other.by != STORM || wider)
}

async fn half_open(pipeline: &Pipeline, row: &ParkRow, rows: &[ParkRow]) -> Result<(), StoreError> {
    let begun = probes(pipeline).get(&scope(row)).copied();
    let Some((failure, application)) = begun else { return begin(pipeline, row).await };
    match judge(pipeline, failure, application).await? {
        Trial::Open => return Ok(()),
        Trial::Nothing => {}
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
    probes(pipeline).remove(&scope(row));
    Ok(())
}

/// Tries one application of what was kept, where there is one.
async fn begin(pipeline: &Pipeline, row: &ParkRow) -> Result<(), StoreError> {
    let filter = FailureFilter {
        cause: Some(causes::PARKED.to_owned()),
        state: Some("open".to_owned()),
        service: row.service.clone(),
        ars: row.ars.clone(),
        ..FailureFilter::default()
    };
    let Some(failure) = pipeline.store.failures(&filter, None, 1).await?.pop() else { return Ok(()) };
    let filter = FailureFilter { failure_id: Some(failure.failure_id), ..FailureFilter::default() };
    if jobs::begin_own(pipeline, jobs::PROBE, &filter).await? > 0 {
        let application = retry::application(&failure);
        tracing::info!(service = row.service, ars = row.ars, application.id = %application, "one application is tried");
        probes(pipeline).insert(scope(row), (failure.failure_id, application.0));
    }
    Ok(())
}

/// What became of a trial.
async fn judge(pipeline: &Pipeline, failure: Uuid, application: Uuid) -> Result<Trial, StoreError> {
    let Some(row) = pipeline.store.failure(failure).await? else { return Ok(Trial::Nothing) };
    let hopeless = [causes::ATTEMPTS_EXHAUSTED, causes::STORE_REFUSED].contains(&row.cause.as_str());
    match row.state.as_str() {
        "queued" => return Ok(Trial::Open),
        "open" if hopeless => return Ok(Trial::Failed(row.detail)),
        "retried" => {}
        _ => return Ok(Trial::Nothing),
    }
    let Some(Some(dossier)) = pipeline.store.dossiers(&[ApplicationId(application)]).await?.pop() else {
        return Ok(Trial::Nothing);
    };
    Ok(match retry::decided(dossier.decision.as_ref()) {
        retry::Decided::Not => Trial::Open,
        retry::Decided::Well(_) => Trial::Passed,
        retry::Decided::RuleFailed(why) => Trial::Failed(why),
    })
}

async fn lift(pipeline: &Pipeline, row: &ParkRow, why: &str) -> Result<(), StoreError> {
    let office = (pipeline.office)();
    let what = Lift { service: row.service.as_deref(), ars: row.ars.as_deref(), by: Some(&row.by) };
    parking::lift_one(&*pipeline.store, office.audit_keys(), &what, (jobs::ACTOR, why), (pipeline.runtime.clock)())
        .await?;
    Ok(())
}

fn scope(row: &ParkRow) -> Scope {
    (row.service.clone(), row.ars.clone())
}

type Probes<'p> = std::sync::MutexGuard<'p, std::collections::HashMap<Scope, (Uuid, Uuid)>>;

fn probes(pipeline: &Pipeline) -> Probes<'_> {
    pipeline.storm.probes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Trials of what is parked no more are of no interest.
fn forget(pipeline: &Pipeline, parked: &Parked) {
    probes(pipeline).retain(|of, _| parked.rows().iter().any(|row| scope(row) == *of));
}
