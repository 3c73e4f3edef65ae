//! What a store promises of failures, on both databases: one row a failure, jobs over many, parking.

use crate::rows::{at, erased, failure, granted, id, question};
use crate::store_contract::{contract, migrated};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::{AuditRow, Batch, ByLand, FailureFilter, FailureRow, IncidentRow, JobRow, Lift, ParkRow, Settled, Store};

contract!(
    the_same_failure_again_is_the_same_row,
    failures_are_chosen_by_everything_an_operator_asks,
    failures_are_grouped_and_the_newest_speaks_for_all,
    ten_thousand_failures_are_one_job,
    of_jobs_at_once_each_failure_has_one,
    what_fails_again_is_open_again,
    settled_failures_are_forgotten_after_a_time,
    jobs_of_somebody_are_paged_however_many_others_there_are,
    a_storm_and_an_operator_park_beside_each_other,
    what_is_parked_lets_others_pass,
);

async fn all(store: &Arc<dyn Store>) -> Vec<FailureRow> {
    store.failures(&FailureFilter::default(), None, 20_000).await.unwrap()
}

fn job(name: &str, begun: i64) -> JobRow {
    JobRow {
        job_id: id(name).0,
        action: "edit".into(),
        filter: b"{\"cause\":\"case_refused\"}".to_vec(),
        patch: Some(b"{\"a\":1}".to_vec()),
        by: "official:7".into(),
        begun_at: at(begun),
        total: 0,
        done: 0,
        failed: 0,
        ended_at: None,
    }
}

fn settled(row: &FailureRow, state: &str, outcome: &str) -> Settled {
    let (failure_id, times) = (row.failure_id, row.times);
    Settled { failure_id, state: state.to_owned(), outcome: outcome.to_owned(), times, audit: None }
}

/// Nothing that the audit would say.
fn silent(_taken: &ByLand) -> Vec<AuditRow> {
    Vec::new()
}

fn lift<'a>(service: Option<&'a str>, ars: Option<&'a str>) -> Lift<'a> {
    Lift { service, ars, by: None }
}

async fn the_same_failure_again_is_the_same_row(store: Arc<dyn Store>) {
    store.fail(&[]).await.unwrap();
    let first = failure("message", "a", 1);
    store.fail(&[first.clone(), failure("case", "a", 2)]).await.unwrap();
    let again = |happened: i64, detail: &str| FailureRow { detail: detail.into(), ..failure("message", "a", happened) };
    let quoted = "it says \"a\0b\"";
    store.fail(&[again(3, "second"), failure("question", "b", 3), again(4, quoted)]).await.unwrap();
    let rows = all(&store).await;
    assert_eq!(rows.len(), 3);
    let merged = FailureRow { last_at: at(4), times: 3, detail: "it says \"a\u{fffd}b\"".into(), ..first.clone() };
    assert_eq!(rows.iter().find(|row| row.kind == "message"), Some(&merged));
    assert_ne!(FailureRow::id("case", b"a"), FailureRow::id("message", b"a"));

    let nothing_known = FailureRow { application_id: None, sender: None, service: None, ars: None, ..first };
    let nothing_known = FailureRow { failure_id: FailureRow::id("message", b"?"), ..nothing_known };
    store.fail(std::slice::from_ref(&nothing_known)).await.unwrap();
    assert!(all(&store).await.contains(&nothing_known));
    assert_eq!(store.overview(at(9)).await.unwrap().dead_letters, 2, "messages only");
    assert_eq!(store.status(id("a")).await.unwrap().unwrap().state, "failed");
    store.commit(granted("a", "1")).await.unwrap();
    assert_eq!(store.status(id("a")).await.unwrap().unwrap().state, "decided", "in the end it worked");
}

async fn failures_are_chosen_by_everything_an_operator_asks(store: Arc<dyn Store>) {
    let of_a = FailureRow { cause: "invalid_json".into(), service: None, ars: None, ..failure("message", "a", 1) };
    let of_b = FailureRow { service: Some("wohngeld".into()), sender: None, ..failure("case", "b", 2) };
    let of_c = FailureRow { ars: Some("053150000000".into()), ..failure("question", "c", 3) };
    store.fail(&[of_a.clone(), of_b.clone(), of_c.clone()]).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let any = FailureFilter::default;
    for (filter, expected) in [
        (any(), "abc"),
        (FailureFilter { kind: text("case"), ..any() }, "b"),
        (FailureFilter { cause: text("case_refused"), ..any() }, "bc"),
        (FailureFilter { service: text("hundesteuer"), ..any() }, "c"),
        (FailureFilter { ars: text("05"), ..any() }, "c"),
        (FailureFilter { ars: text("%"), ..any() }, ""),
        (FailureFilter { ars: text("1461"), service: text("wohngeld"), ..any() }, "b"),
        (FailureFilter { sender: text("portal"), ..any() }, "ac"),
        (FailureFilter { state: text("open"), ..any() }, "abc"),
        (FailureFilter { state: text("retried"), ..any() }, ""),
        (FailureFilter { since: Some(at(2)), ..any() }, "bc"),
    ] {
        let found = store.failures(&filter, None, 10).await.unwrap();
        let found: BTreeSet<_> = found.into_iter().filter_map(|row| row.application_id).collect();
        assert_eq!(found, expected.chars().map(|name| id(&name.to_string())).collect(), "{filter:?}");
        let counted: i64 = store.incidents(&filter).await.unwrap().iter().map(|incident| incident.count).sum();
        assert_eq!(counted, expected.len() as i64, "{filter:?}");
    }
    let ids = all(&store).await.iter().map(|row| row.failure_id).collect::<Vec<_>>();
    assert!(ids.is_sorted());
    let rest = store.failures(&any(), Some(ids[0]), 1).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.failure_id).collect::<Vec<_>>(), ids[1..2]);
}

async fn failures_are_grouped_and_the_newest_speaks_for_all(store: Arc<dyn Store>) {
    assert_eq!(store.incidents(&FailureFilter::default()).await.unwrap(), []);
    let mut rows: Vec<_> = (1..=3).map(|i| failure("case", &format!("a{i}"), i)).collect();
    rows.push(FailureRow { application_id: Some(id("a1")), ..failure("case", "again", 2) });
    rows.push(FailureRow { service: None, application_id: None, ..failure("message", "b", 9) });
    store.fail(&rows).await.unwrap();
    let incident = |kind: &str, service: Option<&str>, count, first, last, cases, detail: &str| IncidentRow {
        kind: kind.into(),
        cause: "case_refused".into(),
        service: service.map(str::to_owned),
        count,
        open: count,
        first_at: at(first),
        last_at: at(last),
        cases,
        detail: detail.into(),
    };
    let message = incident("message", None, 1, 9, 9, 0, "why b");
    let cases = incident("case", Some("hundesteuer"), 4, 1, 3, 3, "why a3");
    assert_eq!(store.incidents(&FailureFilter::default()).await.unwrap(), [message.clone(), cases.clone()]);
    store.fail(&[failure("case", "a1", 20)]).await.unwrap();
    let filter = FailureFilter { ars: Some("1461".into()), kind: Some("case".into()), ..Default::default() };
    assert_eq!(
        store.begin_job(&job("j", 21), &FailureFilter { since: Some(at(20)), ..filter }, &silent).await.unwrap(),
        1
    );
    let cases = IncidentRow { open: 3, last_at: at(20), detail: "why a1".into(), ..cases };
    assert_eq!(store.incidents(&FailureFilter::default()).await.unwrap(), [cases, message]);
}

async fn ten_thousand_failures_are_one_job(store: Arc<dyn Store>) {
    let rows: Vec<_> = (0..10_000)
        .map(|i| {
            let row = failure(if i < 9_000 { "case" } else { "question" }, &format!("f{i}"), i % 100);
            FailureRow { service: Some(if i % 3 == 0 { "wohngeld" } else { "hundesteuer" }.into()), ..row }
        })
        .collect();
    for some in rows.chunks(1_000) {
        store.fail(some).await.unwrap();
    }
    let incidents = store.incidents(&FailureFilter::default()).await.unwrap();
    let mut counts: Vec<_> = incidents.iter().map(|i| (i.kind.as_str(), i.count, i.open, i.cases)).collect();
    counts.sort();
    let expected = [("case", 3_000), ("case", 6_000), ("question", 334), ("question", 666)];
    assert_eq!(counts, expected.map(|(kind, count)| (kind, count, count, count)));

    let cases = FailureFilter { kind: Some("case".into()), service: Some("hundesteuer".into()), ..Default::default() };
    assert_eq!(store.begin_job(&job("j", 200), &cases, &silent).await.unwrap(), 6_000);
    let (mut seen, mut rounds) = (BTreeSet::new(), 0);
    loop {
        let items = store.job_items(id("j").0, 500, (at(200 + rounds), at(300))).await.unwrap();
        let running = store.job(id("j").0).await.unwrap().unwrap();
        assert_eq!((running.done + running.failed, running.ended_at.is_some()), (seen.len() as i64, items.is_empty()));
        if items.is_empty() {
            break;
        }
        rounds += 1;
        assert!(items.iter().all(|row| row.state == "queued" && row.job == Some(id("j").0)));
        let fates = items.iter().enumerate().map(|(i, row)| match i % 5 {
            0 => settled(row, "open", "still refused"),
            1 => settled(row, "cancelled", "nobody needs it"),
            _ => settled(row, "retried", "done"),
        });
        store.settle_failures(&fates.collect::<Vec<_>>(), at(200 + rounds)).await.unwrap();
        seen.extend(items.iter().map(|row| row.failure_id));
    }
    assert_eq!((seen.len(), rounds), (6_000, 12));
    let ended = JobRow { total: 6_000, done: 4_800, failed: 1_200, ended_at: Some(at(212)), ..job("j", 200) };
    assert_eq!(store.job(id("j").0).await.unwrap(), Some(ended.clone()));
    let count = async |state: &str| {
        let filter = FailureFilter { state: Some(state.into()), ..FailureFilter::default() };
        store.failures(&filter, None, 20_000).await.unwrap()
    };
    let (open, retried, cancelled) = (count("open").await, count("retried").await, count("cancelled").await);
    assert_eq!((open.len(), retried.len(), cancelled.len()), (5_200, 3_600, 1_200));
    assert!(retried.iter().all(|row| row.settled_at.is_some() && row.outcome.as_deref() == Some("done")));
    let tried: Vec<_> = open.iter().filter(|row| row.outcome.is_some()).collect();
    assert!(tried.len() == 1_200 && tried.iter().all(|row| row.settled_at.is_none()));

    assert_eq!(store.begin_job(&job("k", 300), &cases, &silent).await.unwrap(), 1_200, "what is open again");
    let running = JobRow { total: 1_200, ..job("k", 300) };
    assert_eq!(store.jobs(None, None, 10).await.unwrap(), [running.clone(), ended], "the newest first");
    assert_eq!(store.jobs(None, None, 1).await.unwrap(), [running]);
}

async fn jobs_of_somebody_are_paged_however_many_others_there_are(store: Arc<dyn Store>) {
    let nothing = FailureFilter { cause: Some("nothing".into()), ..FailureFilter::default() };
    for i in 0..12 {
        let by = if i % 4 == 0 { "Amsel" } else { "Technik" };
        // Three of them begin at the same moment.
        let one = JobRow { by: by.into(), ..job(&format!("j{i}"), i / 3) };
        store.begin_job(&one, &nothing, &silent).await.unwrap();
    }
    let all = store.jobs(None, None, 20).await.unwrap();
    assert!(all.len() == 12 && all.is_sorted_by(|one, next| one.begun_at >= next.begun_at), "{all:?}");
    for (by, count) in [(None, 12), (Some("Amsel"), 3), (Some("Technik"), 9), (Some("Niemand"), 0)] {
        for limit in 1..=13 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = store.jobs(by, after, limit).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.job_id);
                seen.extend(page);
            }
            let wanted = all.iter().filter(|one| by.is_none_or(|by| one.by == by)).cloned().collect::<Vec<_>>();
            assert_eq!((seen.len(), &seen), (count, &wanted), "{by:?}, pages of {limit}");
        }
    }
}

async fn of_jobs_at_once_each_failure_has_one(store: Arc<dyn Store>) {
    let rows: Vec<_> = (0..300).map(|i| failure("case", &format!("f{i}"), 0)).collect();
    store.fail(&rows).await.unwrap();
    let begun = (0..6).map(|i| {
        let store = store.clone();
        tokio::spawn(async move {
            let filter = FailureFilter { cause: Some("case_refused".into()), ..FailureFilter::default() };
            let name = format!("j{}", i / 2);
            (name.clone(), store.begin_job(&job(&name, i / 2), &filter, &silent).await.unwrap())
        })
    });
    let begun: Vec<_> = futures::future::join_all(begun).await.into_iter().map(Result::unwrap).collect();
    let distinct: BTreeSet<_> = begun.into_iter().collect();
    assert_eq!(distinct.len(), 3, "the same job twice says the same: {distinct:?}");
    assert_eq!(distinct.iter().map(|(_, total)| total).sum::<i64>(), 300);
    for (name, total) in distinct {
        assert_eq!(store.job_items(id(&name).0, 1_000, (at(9), at(39))).await.unwrap().len() as i64, total);
        let row = store.job(id(&name).0).await.unwrap().unwrap();
        assert_eq!((row.total, row.ended_at), (total, (total == 0).then_some(row.begun_at)), "nothing to do is done");
    }
    assert_eq!(store.job(id("nothing").0).await.unwrap(), None);
}

async fn what_fails_again_is_open_again(store: Arc<dyn Store>) {
    let names = ["before", "while", "after", "plain"];
    let rows = names.map(|name| failure("message", name, 1));
    store.fail(&rows).await.unwrap();
    let any = FailureFilter::default();
    assert_eq!(store.begin_job(&job("j", 5), &any, &silent).await.unwrap(), 4);
    let fails = |name: &'static str, happened| {
        let store = store.clone();
        async move { store.fail(&[failure("message", name, happened)]).await.unwrap() }
    };
    // What failed before it is begun to be tried is part of why it is tried; whatever the clocks of two processes say.
    fails("before", 9).await;
    let items = store.job_items(id("j").0, 10, (at(10), at(40))).await.unwrap();
    assert_eq!(items.len(), 4, "it waits for the job all the same");
    fails("while", 7).await;
    let items: Vec<_> = items.iter().map(|row| settled(row, "retried", "sent")).collect();
    store.settle_failures(&items, at(10)).await.unwrap();
    store.settle_failures(&items, at(12)).await.unwrap();
    fails("after", 13).await;
    let rows = all(&store).await;
    let state = |name: &str| {
        let row = rows.iter().find(|row| row.failure_id == FailureRow::id("message", name.as_bytes())).unwrap();
        (row.state.as_str(), row.times, row.settled_at, row.outcome.as_deref())
    };
    assert_eq!(state("before"), ("retried", 2, Some(at(10)), Some("sent")));
    assert_eq!(state("while"), ("open", 2, None, Some("sent")));
    assert_eq!(state("after"), ("open", 2, None, None));
    assert_eq!(state("plain"), ("retried", 1, Some(at(10)), Some("sent")));
    let ended = store.job(id("j").0).await.unwrap().unwrap();
    assert_eq!((ended.done, ended.failed, ended.ended_at), (3, 1, Some(at(10))), "each item counts once");
    assert_eq!(store.overview(at(20)).await.unwrap().dead_letters, 2);

    // What is erased while it is queued ends its job with the next word.
    assert_eq!(store.begin_job(&job("k", 20), &any, &silent).await.unwrap(), 2);
    let erased = ["while", "after"].map(erased).into();
    store.commit(Batch { erased, ..Batch::default() }).await.unwrap();
    assert_eq!(store.job_items(id("k").0, 10, (at(20), at(50))).await.unwrap(), []);
    store.settle_failures(&[], at(21)).await.unwrap();
    let ended = store.job(id("k").0).await.unwrap().unwrap();
    assert_eq!((ended.total, ended.done, ended.failed, ended.ended_at), (2, 0, 0, Some(at(21))));
}

async fn settled_failures_are_forgotten_after_a_time(store: Arc<dyn Store>) {
    for (name, begun) in [("old", 1), ("new", 10)] {
        let row = failure("message", name, begun);
        store.fail(std::slice::from_ref(&row)).await.unwrap();
        assert_eq!(store.begin_job(&job(name, begun), &FailureFilter::default(), &silent).await.unwrap(), 1);
        store.settle_failures(&[settled(&row, "cancelled", "no")], at(begun + 1)).await.unwrap();
    }
    store.fail(&[failure("message", "open", 0)]).await.unwrap();
    assert_eq!(store.forget_failures(at(11)).await.unwrap(), 1, "from before that time");
    let left: BTreeSet<_> = all(&store).await.into_iter().map(|row| row.detail).collect();
    assert_eq!(left, ["why new".to_owned(), "why open".to_owned()].into());
    assert_eq!(
        store.jobs(None, None, 10).await.unwrap().iter().map(|job| job.job_id).collect::<Vec<_>>(),
        [id("new").0]
    );
}

fn park(service: Option<&str>, ars: Option<&str>, by: &str, since: i64, until: Option<i64>) -> ParkRow {
    ParkRow {
        service: service.map(str::to_owned),
        ars: ars.map(str::to_owned),
        since: at(since),
        until: until.map(at),
        cause: format!("{by} from {since}"),
        by: by.into(),
        lifted_at: None,
    }
}

async fn a_storm_and_an_operator_park_beside_each_other(store: Arc<dyn Store>) {
    let storm = |since, until| park(Some("wohngeld"), None, "storm", since, Some(until));
    let official = park(Some("wohngeld"), None, "official:7", 2, None);
    let place = park(None, Some("0531"), "storm", 3, Some(9));
    for row in [&storm(1, 5), &official, &place, &storm(4, 8)] {
        store.park(row, &[]).await.unwrap();
    }
    let longer = ParkRow { since: at(1), ..storm(4, 8) };
    assert_eq!(store.parked().await.unwrap(), [longer, official.clone(), place.clone()], "the storm lasts longer");
    store.park(&storm(20, 30), &[]).await.unwrap();
    assert_eq!(
        store.parked().await.unwrap(),
        [official, place.clone(), storm(20, 30)],
        "another storm after the first"
    );
    assert_eq!(store.lift(&lift(Some("wohngeld"), Some("0531")), at(21), &[]).await.unwrap(), 0);
    assert_eq!(store.lift(&lift(None, None), at(21), &[]).await.unwrap(), 0);
    assert_eq!(store.lift(&lift(Some("wohngeld"), None), at(21), &[]).await.unwrap(), 2, "whoever parked it");
    assert_eq!(store.lift(&lift(Some("wohngeld"), None), at(22), &[]).await.unwrap(), 0);
    store.park(&storm(25, 26), &[]).await.unwrap();
    assert_eq!(store.parked().await.unwrap(), [place, storm(25, 26)]);
}

async fn what_is_parked_lets_others_pass(store: Arc<dyn Store>) {
    let places =
        [("a", "hundesteuer", "053150000000"), ("b", "wohngeld", "053150000000"), ("c", "wohngeld", "146120000000")];
    for (name, service, ars) in places {
        let mut batch = granted(name, name);
        (batch.cases[0].service, batch.cases[0].ars, batch.cases[0].wake_at) =
            (service.into(), ars.into(), Some(at(0)));
        let mut question = question(name, "melde", 0);
        (question.service, question.ars) = (service.into(), ars.into());
        batch.questions.push(question);
        store.commit(batch).await.unwrap();
    }
    let passes = async |now: i64| {
        assert_eq!(store.due(at(now), 10).await.unwrap().len(), 3, "statutory time runs on");
        let asked = store.open_questions("melde", at(now), 10).await.unwrap();
        let asked: BTreeSet<_> = asked.iter().map(|question| question.application_id).collect();
        ["a", "b", "c"].into_iter().filter(|name| asked.contains(&id(name))).collect::<String>()
    };
    assert_eq!(passes(1).await, "abc");
    store.park(&park(Some("wohngeld"), Some("0531"), "storm", 1, Some(5)), &[]).await.unwrap();
    assert_eq!((passes(4).await.as_str(), passes(5).await.as_str()), ("ac", "abc"), "until its time has come");
    store.park(&park(Some("wohngeld"), None, "official:7", 1, None), &[]).await.unwrap();
    assert_eq!(passes(99).await, "a");
    store.lift(&lift(Some("wohngeld"), None), at(2), &[]).await.unwrap();
    store.park(&park(None, Some("0531"), "official:7", 1, None), &[]).await.unwrap();
    assert_eq!(passes(99).await, "c");
    store.park(&park(None, None, "official:7", 1, None), &[]).await.unwrap();
    assert_eq!(passes(99).await, "", "everything");
    store.lift(&lift(None, None), at(2), &[]).await.unwrap();
    store.lift(&lift(None, Some("0531")), at(2), &[]).await.unwrap();
    assert_eq!(passes(99).await, "abc");
}
