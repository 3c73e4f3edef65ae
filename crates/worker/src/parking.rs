//! What is parked: nothing of a service, a Kommune or both is decided for a while, by an operator or because of a storm. What
//! arrives meanwhile is kept, not lost.

use crate::carry_out;
use crate::delivery::Kept;
use crate::lanes::Pass;
use crate::pipeline::Pipeline;
use audit::Keys;
use domain::{ApplicationId, Land, berlin_iso};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use storage::{AuditRow, ByLand, CaseRow, FailureRow, Lift, ParkRow, Store, StoreError, TrialRow};
use workflow::operated;

/// By whom a storm parks.
pub(crate) const STORM: &str = "storm";
/// How old what a process knows may be.
const FRESH: Duration = Duration::from_secs(1);

/// What is parked, as a process knows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parked(Arc<Vec<ParkRow>>);

impl Parked {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Why a service is parked in a place; nothing where it is not.
    pub fn over(&self, service: &str, ars: &str) -> Option<String> {
        self.0.iter().find(|row| covers(row, service, ars)).map(sentence)
    }
    pub fn over_case(&self, case: &CaseRow) -> Option<Kept> {
        let why = self.over(&case.service, &case.ars)?;
        Some(Kept { why, service: case.service.clone(), ars: case.ars.clone() })
    }
}

fn covers(row: &ParkRow, service: &str, ars: &str) -> bool {
    row.service.as_deref().is_none_or(|own| own == service) && row.ars.as_deref().is_none_or(|own| ars.starts_with(own))
}

/// Whether it holds. What a storm parked is not over with its time: then one application is tried first.
fn holds(row: &ParkRow, now: Timestamp) -> bool {
    row.by == STORM || row.until.is_none_or(|until| now < until)
}

/// Whether something is tried of what is parked.
pub(crate) fn is_of(trial: &TrialRow, row: &ParkRow) -> bool {
    row.service.as_deref() == Some(trial.service.as_str()) && row.ars.as_deref().unwrap_or_default() == trial.ars
}

/// Such as `wohngeld in 05315… is parked by storm since …: 40 of 41 applications failed within 60 s`.
fn sentence(row: &ParkRow) -> String {
    let since = berlin_iso(row.since);
    format!(
        "{} is parked by {} since {since}: {}",
        scope(row.service.as_deref(), row.ars.as_deref()),
        row.by,
        row.cause
    )
}

/// The same for everybody who may ask how the program is: neither who, nor why.
fn outward(row: &ParkRow) -> String {
    format!("{} is parked since {}", scope(row.service.as_deref(), row.ars.as_deref()), berlin_iso(row.since))
}

fn scope(service: Option<&str>, ars: Option<&str>) -> String {
    match (service, ars) {
        (Some(service), Some(ars)) => format!("{service} in {ars}"),
        (Some(service), None) => service.to_owned(),
        (None, Some(ars)) => format!("everything in {ars}"),
        (None, None) => "everything".to_owned(),
    }
}

/// What a process knows, and since when.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<(Option<Instant>, Parked)>);

impl Known {
    /// What it knows, where it is fresh; else nothing, once: who gets nothing reads it anew.
    fn fresh(&self) -> Option<Parked> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0.is_some_and(|read| read.elapsed() < FRESH) {
            return Some(known.1.clone());
        }
        known.0 = Some(Instant::now());
        None
    }
    fn last(&self) -> Parked {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
    fn set(&self, parked: Parked) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Some(Instant::now()), parked);
    }
}

impl Pipeline {
    /// What is parked for who comes with this pass.
    pub(crate) async fn parked_for(&self, pass: Pass) -> Parked {
        match pass.probe {
            true => Parked::default(),
            false => self.parked().await,
        }
    }

    /// What is parked now, at most a second late.
    pub(crate) async fn parked(&self) -> Parked {
        match self.storm.known.fresh() {
            Some(parked) => parked,
            None => self.read_parked().await,
        }
    }

    /// What a worker does while nothing arrives: its readiness must not speak of yesterday.
    pub(crate) async fn idle(&self) {
        self.flush_marks().await;
        self.parked().await;
    }

    /// Reads anew what is parked. Where the store does not answer it is what it was.
    pub(crate) async fn read_parked(&self) -> Parked {
        let rows = match self.store.parked().await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!(%error, "what is parked is read later");
                return self.storm.known.last();
            }
        };
        let now = (self.runtime.clock)();
        let rows: Vec<ParkRow> = rows.into_iter().filter(|row| holds(row, now)).collect();
        let over = |row: &&ParkRow| row.until.is_some_and(|until| until <= now);
        // What a storm parked and nothing is tried of waits for the next application: nobody has to do anything.
        let trials = if rows.iter().any(|row| over(&row)) { self.store.trials().await } else { Ok(Vec::new()) };
        let trials = trials.unwrap_or_default();
        let shown = rows.iter().filter(|row| !over(row) || trials.iter().any(|trial| is_of(trial, row)));
        let shown: Vec<String> = shown.map(outward).collect();
        match shown.is_empty() {
            true => self.health.parked.clear(),
            false => self.health.parked.set(shown.join("; ")),
        }
        let parked = Parked(Arc::new(rows));
        self.storm.known.set(parked.clone());
        parked
    }
}

/// Lines of the audit about what is no matter of one case: one in the chain of each Land where the place lies, or of all.
pub(crate) fn lines(
    keys: &Keys,
    (about, ars): (ApplicationId, Option<&str>),
    by: &str,
    action: &str,
    payload: &Value,
    now: Timestamp,
) -> Vec<AuditRow> {
    let ars = ars.unwrap_or_default();
    let there = |land: &&Land| land.code().starts_with(ars) || ars.starts_with(land.code());
    let line = |land: &Land| carry_out::audit(operated(keys, (about, *land), by, action, payload, now));
    Land::ALL.iter().filter(there).map(line).collect()
}

/// Lines of the audit about rows that were counted by Land, one in the chain of each; what has no place that can be read stands
/// in the first one. `payload` gets how many.
pub(crate) fn counted(
    keys: &Keys,
    about: ApplicationId,
    (by, action): (&str, &str),
    by_land: &ByLand,
    payload: impl Fn(i64) -> Value,
    now: Timestamp,
) -> Vec<AuditRow> {
    let mut lands: BTreeMap<Land, i64> = BTreeMap::new();
    for (code, count) in by_land {
        *lands.entry(Land::from_code(code).unwrap_or(Land::SH)).or_default() += count;
    }
    let line = |(land, count)| carry_out::audit(operated(keys, (about, land), by, action, &payload(count), now));
    lands.into_iter().map(line).collect()
}

/// Under what the audit speaks of something that is parked: the same each time.
fn about(service: Option<&str>, ars: Option<&str>) -> ApplicationId {
    let key = format!("{}/{}", service.unwrap_or_default(), ars.unwrap_or_default());
    ApplicationId(FailureRow::id("parked", key.as_bytes()))
}

/// Parks, says so in the log and writes it into the audit.
///
/// # Errors
/// The store does not answer.
pub async fn park(store: &dyn Store, keys: &Keys, row: &ParkRow, now: Timestamp) -> Result<(), StoreError> {
    let ParkRow { service, ars, until, cause, by, .. } = row;
    let payload = json!({ "service": service, "ars": ars, "until": until.map(berlin_iso), "cause": cause });
    let what = (about(service.as_deref(), ars.as_deref()), ars.as_deref());
    store.park(row, &lines(keys, what, by, "parked", &payload, now)).await?;
    tracing::warn!(service, ars, cause, by, "parked: what arrives is kept, nothing of it is decided");
    Ok(())
}

/// Lifts what was parked under exactly this service and place, whoever did it, and what storms parked within; how much that was.
///
/// # Errors
/// The store does not answer; perhaps some of it is lifted.
pub async fn lift(
    store: &dyn Store,
    keys: &Keys,
    (service, ars): (Option<&str>, Option<&str>),
    how: (&str, &str),
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut lifted = usize::from(lift_one(store, keys, &Lift { service, ars, by: None }, how, now).await?);
    let within = |row: &&ParkRow| {
        let place = ars.is_none_or(|ars| row.ars.as_deref().is_some_and(|own| own.starts_with(ars)));
        row.by == STORM && place && service.is_none_or(|service| row.service.as_deref() == Some(service))
    };
    for row in store.parked().await?.iter().filter(within) {
        let what = Lift { service: row.service.as_deref(), ars: row.ars.as_deref(), by: Some(STORM) };
        lifted += usize::from(lift_one(store, keys, &what, how, now).await?);
    }
    Ok(lifted)
}

/// Lifts exactly this, says so in the log and writes it into the audit; whether there was something.
pub(crate) async fn lift_one(
    store: &dyn Store,
    keys: &Keys,
    what: &Lift<'_>,
    (by, why): (&str, &str),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Lift { service, ars, by: whose } = *what;
    let payload = json!({ "service": service, "ars": ars, "parked_by": whose, "cause": why });
    let lines = lines(keys, (about(service, ars), ars), by, "lifted", &payload, now);
    let lifted = store.lift(what, now, &lines).await? > 0;
    if lifted {
        tracing::warn!(service, ars, by, why, "lifted: what was kept is tried now");
    }
    Ok(lifted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Secret;

    fn row(service: Option<&str>, ars: Option<&str>, by: &str, until: Option<&str>) -> ParkRow {
        ParkRow {
            service: service.map(str::to_owned),
            ars: ars.map(str::to_owned),
            since: "2026-05-04T09:00:00+02:00".parse().unwrap(),
            until: until.map(|at| at.parse().unwrap()),
            cause: "why".into(),
            by: by.into(),
            lifted_at: None,
        }
    }

    #[test]
    fn one_of_all_rows_over_a_place_parks_it() {
        let rows = vec![row(Some("wohngeld"), Some("0531"), STORM, None), row(None, Some("09"), "Amsel", None)];
        let parked = Parked(Arc::new(rows));
        let text = "wohngeld in 0531 is parked by storm since 2026-05-04T09:00:00+02:00: why";
        assert_eq!(parked.over("wohngeld", "053150000000").as_deref(), Some(text));
        assert_eq!(outward(&parked.0[0]), "wohngeld in 0531 is parked since 2026-05-04T09:00:00+02:00");
        assert_eq!(parked.over("kindergeld", "053150000000"), None);
        assert_eq!(parked.over("wohngeld", "055150000000"), None);
        assert!(parked.over("kindergeld", "091620000000").is_some());
    }

    #[test]
    fn an_operators_time_ends_by_itself_and_a_storms_does_not() {
        let now = "2026-05-04T10:00:00+02:00".parse().unwrap();
        let held = |by: &str, until: Option<&str>| holds(&row(None, None, by, until), now);
        let (past, future) = (Some("2026-05-04T10:00:00+02:00"), Some("2026-05-04T10:00:01+02:00"));
        assert_eq!([held("Amsel", None), held("Amsel", past), held("Amsel", future)], [true, false, true]);
        assert!(held(STORM, past));
    }

    #[test]
    fn each_land_concerned_has_its_line() {
        let keys = Keys::new(&Secret::new(b"x"));
        let of = |ars| {
            let about = (ApplicationId(uuid::Uuid::nil()), ars);
            let lines = lines(&keys, about, "Amsel", "parked", &json!({}), Timestamp::UNIX_EPOCH);
            lines.into_iter().map(|line| line.land).collect::<Vec<_>>()
        };
        assert_eq!((of(None).len(), of(Some("")).len()), (16, 16));
        assert_eq!((of(Some("05")), of(Some("053150000000"))), (vec!["nw".to_owned()], vec!["nw".to_owned()]));
        assert_eq!(of(Some("1")).len(), 7);
    }
}
