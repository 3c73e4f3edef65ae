//! What a store promises to who operates: failures that are written with what they come from, filters for who may not see all,
//! lines of the audit exactly once, what is parked and released, bodies that are not kept for ever.

use crate::rows::{at, failure, granted, id};
use crate::store_contract::{contract, migrated};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::{AuditRow, Batch, ByLand, FailureFilter, FailureRow, JobRow, Lift, ParkRow, Settled, Store, StoreError};

contract!(
    failures_are_written_with_their_batch_or_not_at_all,
    what_is_mended_ends_unless_a_job_has_it,
    who_may_not_see_all_is_kept_to_places_and_services,
    the_audit_is_written_once_with_what_it_is_about,
    what_nothing_parks_any_more_is_released,
    a_parked_application_is_accepted_and_no_dead_letter,
    what_old_failures_quote_is_emptied_but_for_what_waits,
);

async fn all(store: &Arc<dyn Store>) -> Vec<FailureRow> {
    store.failures(&FailureFilter::default(), None, 1_000).await.unwrap()
}

fn job(name: &str, begun: i64) -> JobRow {
    JobRow {
        job_id: id(name).0,
        action: "retry".into(),
        filter: b"{}".to_vec(),
        patch: None,
        by: "Amsel".into(),
        begun_at: at(begun),
        total: 0,
        done: 0,
        failed: 0,
        ended_at: None,
    }
}

fn said(action: &str) -> AuditRow {
    AuditRow { action: action.into(), ..granted("audit", "audit").audit.remove(0) }
}

async fn actions(store: &Arc<dyn Store>) -> Vec<String> {
    store.unchained(0, 1_000).await.unwrap().into_iter().filter_map(|row| row.entry).map(|entry| entry.action).collect()
}

fn parked(name: &str, service: &str, ars: &str) -> FailureRow {
    let (service, ars) = (Some(service.to_owned()), Some(ars.to_owned()));
    FailureRow { cause: "parked".into(), service, ars, ..failure("message", name, 1) }
}

fn park(service: Option<&str>, ars: Option<&str>, by: &str) -> ParkRow {
    ParkRow {
        service: service.map(str::to_owned),
        ars: ars.map(str::to_owned),
        since: at(0),
        until: Some(at(1)),
        cause: "storm".into(),
        by: by.into(),
        lifted_at: None,
    }
}

async fn failures_are_written_with_their_batch_or_not_at_all(store: Arc<dyn Store>) {
    let with = |name: &str| Batch { failures: vec![failure("rule", name, 1)], ..granted(name, "1") };
    store.commit(with("a")).await.unwrap();
    assert!(matches!(store.commit(with("b")).await, Err(StoreError::Raced)), "the identity is taken");
    assert_eq!(all(&store).await, [failure("rule", "a", 1)]);
    // The same failure twice in one batch is one row that happened twice.
    let twice = vec![failure("rule", "c", 2), FailureRow { cause: "other".into(), ..failure("rule", "c", 3) }];
    store.commit(Batch { failures: twice, ..Batch::default() }).await.unwrap();
    let row = store.failure(FailureRow::id("rule", b"c")).await.unwrap().unwrap();
    assert_eq!((row.times, row.cause.as_str(), row.first_at, row.last_at), (2, "other", at(2), at(3)));
    assert_eq!(store.failure(id("nothing").0).await.unwrap(), None);
}

async fn what_is_mended_ends_unless_a_job_has_it(store: Arc<dyn Store>) {
    let rows = ["open", "queued", "again"].map(|name| failure("case", name, 1));
    store.fail(&rows).await.unwrap();
    let queued = FailureFilter { failure_id: Some(rows[1].failure_id), ..FailureFilter::default() };
    assert_eq!(store.begin_job(&job("j", 2), &queued, &|_| Vec::new()).await.unwrap(), 1);
    let mended = rows.iter().map(|row| row.failure_id).chain([id("no such").0]).collect();
    let failures = vec![failure("case", "again", 5)];
    store.commit(Batch { at: at(4), mended, failures, ..Batch::default() }).await.unwrap();
    let state = async |row: &FailureRow| {
        let row = store.failure(row.failure_id).await.unwrap().unwrap();
        (row.state, row.outcome, row.settled_at, row.times)
    };
    assert_eq!(state(&rows[0]).await, ("retried".into(), Some("mended by itself".into()), Some(at(4)), 1));
    assert_eq!(state(&rows[1]).await, ("queued".into(), None, None, 1), "its job says what becomes of it");
    assert_eq!(state(&rows[2]).await, ("open".into(), None, None, 2), "mended, and failed again at once");
}

async fn who_may_not_see_all_is_kept_to_places_and_services(store: Arc<dyn Store>) {
    let unknown = FailureRow { service: None, ars: None, ..failure("message", "unknown", 1) };
    let rows = [
        parked("koeln", "wohngeld", "053150000000"),
        parked("bonn", "kindergeld", "053140000000"),
        parked("muenchen", "wohngeld", "091620000000"),
        unknown,
    ];
    store.fail(&rows).await.unwrap();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    for (places, services, expected) in [
        (texts(&[]), texts(&[]), "koeln bonn muenchen unknown"),
        (texts(&["05"]), texts(&[]), "koeln bonn"),
        (texts(&["05314", "09"]), texts(&[]), "bonn muenchen"),
        (texts(&["05314", "09"]), texts(&["wohngeld"]), "muenchen"),
        (texts(&[]), texts(&["kindergeld", "wohngeld"]), "koeln bonn muenchen"),
        (texts(&["%"]), texts(&[]), ""),
    ] {
        let filter = FailureFilter { places, services, ..FailureFilter::default() };
        let found: BTreeSet<_> =
            store.failures(&filter, None, 9).await.unwrap().into_iter().filter_map(|row| row.application_id).collect();
        assert_eq!(found, expected.split_whitespace().map(id).collect(), "{filter:?}");
        let counted: i64 = store.incidents(&filter).await.unwrap().iter().map(|incident| incident.count).sum();
        assert_eq!(counted, found.len() as i64);
    }
    let filter = FailureFilter { places: texts(&["05"]), ..FailureFilter::default() };
    assert_eq!(store.begin_job(&job("j", 2), &filter, &|_| Vec::new()).await.unwrap(), 2);
}

async fn the_audit_is_written_once_with_what_it_is_about(store: Arc<dyn Store>) {
    let rows = ["a", "b"].map(|name| failure("message", name, 1));
    store.fail(&rows).await.unwrap();
    let note = |taken: &ByLand| vec![said(&format!("job.retry {taken:?}"))];
    for _ in 0..2 {
        assert_eq!(store.begin_job(&job("j", 2), &FailureFilter::default(), &note).await.unwrap(), 2);
    }
    let item = |row: &FailureRow| Settled {
        failure_id: row.failure_id,
        state: "cancelled".into(),
        outcome: "no".into(),
        times: 1,
        audit: Some(said("failure.cancelled")),
    };
    let items: Vec<Settled> = rows.iter().map(item).collect();
    store.settle_failures(&items[..1], at(3)).await.unwrap();
    assert_eq!(store.open_jobs(9).await.unwrap().len(), 1);
    // Tried once more after a crash: what was settled says nothing again.
    store.settle_failures(&items, at(4)).await.unwrap();
    assert_eq!(store.open_jobs(9).await.unwrap(), []);
    let row = park(Some("wohngeld"), None, "storm");
    store.park(&row, &[said("parked")]).await.unwrap();
    let what = Lift { service: Some("wohngeld"), ars: None, by: Some("Amsel") };
    assert_eq!(store.lift(&what, at(5), &[said("lifted")]).await.unwrap(), 0, "Amsel parked nothing");
    let what = Lift { by: Some("storm"), ..what };
    assert_eq!(store.lift(&what, at(5), &[said("lifted")]).await.unwrap(), 1);
    assert_eq!(
        actions(&store).await,
        ["job.retry {\"14\": 2}", "failure.cancelled", "failure.cancelled", "parked", "lifted"]
    );
}

async fn what_nothing_parks_any_more_is_released(store: Arc<dyn Store>) {
    let here = parked("here", "wohngeld", "053150000000");
    let there = parked("there", "wohngeld", "091620000000");
    let other = failure("message", "other", 1);
    store.fail(&[here.clone(), there.clone(), other]).await.unwrap();
    assert!(store.released().await.unwrap(), "nothing is parked at all");
    // Its time has come, but it is not lifted: one application is tried first.
    store.park(&park(Some("wohngeld"), Some("0531"), "storm"), &[]).await.unwrap();
    assert!(store.released().await.unwrap());
    let released = FailureFilter { released: true, ..FailureFilter::default() };
    assert_eq!(store.failures(&released, None, 9).await.unwrap(), [there.clone()]);
    assert_eq!(store.begin_job(&job("j", 2), &released, &|_| Vec::new()).await.unwrap(), 1);
    assert!(!store.released().await.unwrap(), "a job has it");
    store.lift(&Lift { service: Some("wohngeld"), ars: Some("0531"), by: None }, at(3), &[]).await.unwrap();
    assert!(store.released().await.unwrap());
    store.park(&park(None, None, "Amsel"), &[]).await.unwrap();
    assert!(!store.released().await.unwrap(), "everything is parked");
}

async fn a_parked_application_is_accepted_and_no_dead_letter(store: Arc<dyn Store>) {
    let row = parked("a", "wohngeld", "053150000000");
    store.fail(std::slice::from_ref(&row)).await.unwrap();
    let state = async || store.status(id("a")).await.unwrap().map(|status| status.state);
    assert_eq!(state().await.as_deref(), Some("accepted"));
    assert_eq!(store.overview(at(9)).await.unwrap().dead_letters, 0);
    let settled = |state: &str, times| Settled {
        failure_id: row.failure_id,
        state: state.into(),
        outcome: "word".into(),
        times,
        audit: None,
    };
    let any = FailureFilter::default();
    store.begin_job(&job("j", 2), &any, &|_| Vec::new()).await.unwrap();
    assert_eq!(state().await.as_deref(), Some("accepted"), "queued");
    store.settle_failures(&[settled("cancelled", 1)], at(3)).await.unwrap();
    assert_eq!(state().await.as_deref(), Some("failed"), "nobody decides it any more");
    // Tried, and unreadable after all.
    store.fail(&[FailureRow { cause: "invalid_field".into(), ..failure("message", "a", 4) }]).await.unwrap();
    assert_eq!(state().await.as_deref(), Some("failed"));
    store.begin_job(&job("k", 5), &any, &|_| Vec::new()).await.unwrap();
    store.settle_failures(&[settled("retried", 2)], at(6)).await.unwrap();
    assert_eq!(state().await, None, "the case answers, where there is one");
}

async fn what_old_failures_quote_is_emptied_but_for_what_waits(store: Arc<dyn Store>) {
    let rows = [
        failure("message", "old", 1),
        failure("message", "new", 9),
        failure("message", "queued", 1),
        parked("parked", "wohngeld", "053150000000"),
    ];
    store.fail(&rows).await.unwrap();
    let queued = FailureFilter { failure_id: Some(rows[2].failure_id), ..FailureFilter::default() };
    store.begin_job(&job("j", 2), &queued, &|_| Vec::new()).await.unwrap();
    // What an engine said of a case quotes the form; its last word, too.
    let rule = failure("rule", "rule", 1);
    store.fail(std::slice::from_ref(&rule)).await.unwrap();
    let tried = FailureFilter { failure_id: Some(rule.failure_id), ..FailureFilter::default() };
    store.begin_job(&job("k", 2), &tried, &|_| Vec::new()).await.unwrap();
    let word = Settled {
        failure_id: rule.failure_id,
        state: "open".into(),
        outcome: "failed for Meier".into(),
        times: 1,
        audit: None,
    };
    store.settle_failures(&[word], at(3)).await.unwrap();
    let note = |emptied: &ByLand| vec![said(&format!("emptied {emptied:?}"))];
    for emptied in [2, 0] {
        assert_eq!(store.empty_failures(at(9), &note).await.unwrap(), emptied);
    }
    assert_eq!(actions(&store).await, ["emptied {\"14\": 2}", "emptied {}"]);
    for row in rows.iter().chain([&rule]) {
        let now = store.failure(row.failure_id).await.unwrap().unwrap();
        let (body, detail) = match [id("old"), id("rule")].contains(&row.application_id.unwrap()) {
            true => (Vec::new(), String::new()),
            false => (row.body.clone(), row.detail.clone()),
        };
        assert_eq!((now.body, now.detail, now.outcome), (body, detail, None), "{}", row.detail);
    }
}
