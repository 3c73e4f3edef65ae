//! What a store promises of cases, on both databases: one writer a version, timers, tasks, documents, decisions in order.

use crate::rows::{alias, at, case_over, claim, document, granted, id, referred};
use crate::store_contract::{contract, migrated};
use domain::{ApplicationId, Digest};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::{Batch, CaseRow, DecisionRow, Store, StoreError, TaskFilter, TaskRow};

contract!(
    of_a_hundred_writers_over_a_version_exactly_one_wins,
    a_batch_that_is_late_for_one_of_its_cases_writes_nothing,
    cases_come_when_they_are_due_longest_due_first,
    a_task_is_replaced_and_ends,
    tasks_are_chosen_by_everything_a_desk_asks,
    a_document_is_written_once,
    dossiers_come_in_their_order_under_every_id,
    decisions_are_paged_without_loss_or_repetition,
    released_claims_are_free_again,
);

fn over(name: &str, version: i64, wake: Option<i64>) -> Batch {
    Batch { at: at(0), cases: vec![case_over(name, version, wake)], ..Batch::default() }
}

async fn raced(store: &Arc<dyn Store>, batch: Batch) {
    let answer = store.commit(batch).await;
    assert!(matches!(answer, Err(StoreError::Raced)), "{answer:?}");
}

async fn of_a_hundred_writers_over_a_version_exactly_one_wins(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    for round in 1..=5 {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..100 {
            let store = store.clone();
            let mut batch = over("a", round, None);
            batch.cases[0].body = format!("round {round}, writer {writer}").into_bytes();
            batch.documents = vec![document("a", &format!("{round}/{writer}"), round)];
            writers.spawn(async move { (batch.cases[0].body.clone(), store.commit(batch).await) });
        }
        let mut winners = Vec::new();
        for (body, answer) in writers.join_all().await {
            match answer {
                Ok(_) => winners.push(body),
                Err(error) => assert!(matches!(error, StoreError::Raced), "{error}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let case = store.case(id("a")).await.unwrap().unwrap();
        assert_eq!((case.case.version, &case.case.body), (round + 1, &winners[0]));
        assert_eq!(case.documents.len() as i64, round, "a writer that was late left a document");
    }
}

async fn a_batch_that_is_late_for_one_of_its_cases_writes_nothing(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    store.commit(granted("b", "2")).await.unwrap();
    store.commit(over("b", 1, None)).await.unwrap();
    let mut late = over("a", 1, Some(5));
    late.cases.push(case_over("b", 1, None));
    raced(&store, late).await;
    raced(&store, over("a", 0, None)).await;
    raced(&store, over("a", 2, None)).await;
    raced(&store, over("nobody", 1, None)).await;
    let case = store.case(id("a")).await.unwrap().unwrap().case;
    assert_eq!((case.version, case.wake_at, case.body), (1, None, b"body of a".to_vec()));
    assert_eq!(store.commit(over("a", 1, None)).await.unwrap().cases(), [case_over("a", 1, None)]);
    assert_eq!(store.case(id("a")).await.unwrap().unwrap().case, CaseRow { version: 2, ..case_over("a", 1, None) });
}

async fn cases_come_when_they_are_due_longest_due_first(store: Arc<dyn Store>) {
    for (name, wake) in [("late", Some(30)), ("early", Some(10)), ("never", None), ("middle", Some(20))] {
        let mut batch = granted(name, name);
        batch.cases[0].wake_at = wake.map(at);
        store.commit(batch).await.unwrap();
    }
    let due = |now, limit| store.due(at(now), limit);
    assert_eq!(due(9, 10).await.unwrap(), []);
    assert_eq!(due(20, 10).await.unwrap(), [id("early"), id("middle")], "the very moment counts");
    assert_eq!(due(99, 2).await.unwrap(), [id("early"), id("middle")]);
    store.put_off(id("early"), at(40)).await.unwrap();
    assert_eq!(due(99, 10).await.unwrap(), [id("middle"), id("late"), id("early")]);
    assert_eq!(store.case(id("early")).await.unwrap().unwrap().case.version, 1, "the case is the same");
    store.put_off(id("late"), at(25)).await.unwrap();
    store.put_off(id("never"), at(25)).await.unwrap();
    assert_eq!(due(29, 10).await.unwrap(), [id("middle")], "putting off makes no timer and none earlier");
    store.commit(over("middle", 1, None)).await.unwrap();
    store.commit(over("late", 1, Some(50))).await.unwrap();
    assert_eq!(due(99, 10).await.unwrap(), [id("early"), id("late")]);
}

async fn a_task_is_replaced_and_ends(store: Arc<dyn Store>) {
    let batch = referred("a", "1", &["rule"], 3);
    let first = batch.tasks[0].clone();
    store.commit(batch).await.unwrap();
    let taken = TaskRow {
        kind: "countersign".into(),
        team: Some("team-2".into()),
        claimed_by: Some("official:7".into()),
        claimed_until: Some(at(900)),
        assigned_to: Some("official:8".into()),
        due_at: Some(at(1_000)),
        reasons: vec!["four_eyes".into()],
        queue: "kasse".into(),
        proposal: None,
        opened_at: at(5),
        ..first.clone()
    };
    let both = Batch { at: at(1), tasks: vec![first.clone(), taken.clone()], ..Batch::default() };
    store.commit(both).await.unwrap();
    assert_eq!(
        store.tasks(&TaskFilter::default(), 0, 10).await.unwrap(),
        vec![taken.clone()],
        "the last of a batch stays"
    );
    assert_eq!(store.case(id("a")).await.unwrap().unwrap().task, Some(taken));
    let anew = Batch { closed_tasks: vec![id("a")], tasks: vec![first.clone()], ..Batch::default() };
    store.commit(anew).await.unwrap();
    assert_eq!(store.case(id("a")).await.unwrap().unwrap().task, Some(first), "what a batch ends it may open anew");
    store.commit(Batch { closed_tasks: vec![id("a"), id("nobody")], ..Batch::default() }).await.unwrap();
    assert_eq!(store.overview(at(9)).await.unwrap().open_tasks, 0);
    assert_eq!(store.case(id("a")).await.unwrap().unwrap().task, None);
}

async fn tasks_are_chosen_by_everything_a_desk_asks(store: Arc<dyn Store>) {
    type Change = fn(&mut TaskRow);
    let tasks: [(&str, Change); 4] = [
        ("a", |task| task.ars = "053150000000".into()),
        ("b", |task| task.service = "wohngeld".into()),
        ("c", |task| task.claimed_by = Some("official:7".into())),
        ("d", |task| (task.kind, task.due_at) = ("control".into(), Some(at(50)))),
    ];
    for (i, (name, change)) in tasks.into_iter().enumerate() {
        let mut batch = referred(name, name, &["rule"], i as i64);
        change(&mut batch.tasks[0]);
        store.commit(batch).await.unwrap();
    }
    let text = |text: &str| Some(text.to_owned());
    let prefixes = |ars: &[&str]| ars.iter().map(|ars| (*ars).to_owned()).collect();
    let any = TaskFilter::default;
    for (filter, expected) in [
        (any(), "abcd"),
        (TaskFilter { service: text("wohngeld"), ..any() }, "b"),
        (TaskFilter { kind: text("control"), ..any() }, "d"),
        (TaskFilter { kind: text("desk"), service: text("hundesteuer"), ..any() }, "ac"),
        (TaskFilter { claimed_by: text("official:7"), ..any() }, "c"),
        (TaskFilter { ars: prefixes(&["05"]), ..any() }, "a"),
        (TaskFilter { ars: prefixes(&["053150000000", "1461"]), ..any() }, "abcd"),
        (TaskFilter { ars: prefixes(&["%", "\"", "0531500000000"]), ..any() }, ""),
        (TaskFilter { overdue_at: Some(at(49)), ..any() }, ""),
        (TaskFilter { overdue_at: Some(at(50)), ..any() }, "d"),
    ] {
        let found = store.tasks(&filter, 0, 10).await.unwrap();
        let expected: Vec<_> = expected.chars().map(|name| id(&name.to_string())).collect();
        assert_eq!(found.iter().map(|task| task.application_id).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

async fn a_document_is_written_once(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    let (late, first, second) = (document("a", "late", 9), document("a", "x", 1), document("a", "y", 1));
    let rows = vec![late.clone(), first.clone(), second.clone()];
    store.commit(Batch { documents: rows, ..Batch::default() }).await.unwrap();
    let mut again = document("a", "x", 5);
    again.body = b"another".to_vec();
    let twice = vec![again, document("b", "x", 1), document("b", "x", 1)];
    store.commit(Batch { documents: twice, ..Batch::default() }).await.unwrap();
    let mut expected = vec![first, second];
    expected.sort_by_key(|row| row.key);
    expected.push(late);
    assert_eq!(store.case(id("a")).await.unwrap().unwrap().documents, expected, "by time, then key");
}

async fn dossiers_come_in_their_order_under_every_id(store: Arc<dyn Store>) {
    for (name, client) in [("a", "1"), ("b", "2")] {
        store.commit(granted(name, client)).await.unwrap();
    }
    store.commit(alias("second", "a")).await.unwrap();
    let mut later = over("a", 1, Some(7));
    later.decisions = vec![DecisionRow { data: Some(b"amended".to_vec()), ..decision("a", 2) }];
    later.documents = vec![document("a", "x", 1), document("a", "w", 0)];
    store.commit(later).await.unwrap();
    let ids = ["second", "nobody", "b", "a", "second"].map(id);
    let dossiers = store.dossiers(&ids).await.unwrap();
    let found: Vec<_> = dossiers.iter().map(|d| d.as_ref().map(|d| d.case.application_id)).collect();
    assert_eq!(found, [Some(id("a")), None, Some(id("b")), Some(id("a")), Some(id("a"))]);
    for dossier in [0, 3, 4].map(|i| dossiers[i].as_ref().unwrap()) {
        assert_eq!((dossier.case.version, dossier.case.wake_at), (2, Some(at(7))));
        assert_eq!(dossier.application.raw, granted("a", "1").applications[0].raw);
        let newest = dossier.decision.as_ref().unwrap();
        assert_eq!((newest.decision_no, newest.data.as_deref()), (2, Some(b"amended".as_slice())));
        assert_eq!(dossier.documents, [document("a", "w", 0), document("a", "x", 1)]);
    }
    let other = dossiers[2].as_ref().unwrap();
    assert_eq!((other.decision.as_ref(), &other.documents), (granted("b", "2").decisions.first(), &vec![]));
    let view = store.case(id("second")).await.unwrap().unwrap();
    assert_eq!(view.decisions.iter().map(|d| d.decision_no).collect::<Vec<_>>(), [1, 2]);
    assert!(store.dossiers(&[]).await.unwrap().is_empty());
}

fn decision(name: &str, number: i32) -> DecisionRow {
    DecisionRow { decision_no: number, ..granted(name, name).decisions.remove(0) }
}

async fn decisions_are_paged_without_loss_or_repetition(store: Arc<dyn Store>) {
    let mut wanted = BTreeSet::new();
    for (name, count) in [("a", 1), ("b", 4), ("c", 2), ("d", 3), ("e", 0)] {
        let mut batch = granted(name, name);
        batch.decisions = (1..=count).rev().map(|number| decision(name, number)).collect();
        store.commit(batch).await.unwrap();
        wanted.extend((1..=count).map(|number| (id(name), number)));
    }
    let wanted: Vec<(ApplicationId, i32)> = wanted.into_iter().collect();
    for limit in 1..=11 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.replayable(after, limit).await.unwrap();
            let places = page.iter().map(|row| (row.decision.application_id, row.decision.decision_no));
            assert!(page.iter().all(|row| row.application.application_id == row.decision.application_id));
            seen.extend(places);
            after = seen.last().copied();
            if page.is_empty() {
                break;
            }
        }
        assert_eq!(seen, wanted, "pages of {limit}");
    }
}

async fn released_claims_are_free_again(store: Arc<dyn Store>) {
    for name in ["a", "b"] {
        let mut batch = granted(name, name);
        batch.claims = vec![claim(name, name, 1), claim(name, name, 2)];
        store.commit(batch).await.unwrap();
    }
    let both = [Digest::of(b"a"), Digest::of(b"b")];
    store.commit(Batch { released: vec![id("a"), id("nobody")], ..Batch::default() }).await.unwrap();
    let left = store.claims(&both).await.unwrap();
    assert_eq!((left.len(), left[&both[1]].len()), (1, 2));
    let mut next = granted("c", "c");
    (next.released, next.claims) = (vec![id("b")], vec![claim("c", "a", 1), claim("c", "b", 1)]);
    store.commit(next).await.unwrap();
    let claims = store.claims(&both).await.unwrap();
    assert!(both.iter().all(|digest| claims[digest].iter().all(|claim| claim.application_id == id("c"))), "{claims:?}");
    let mut late = granted("d", "d");
    (late.released, late.claims) = (vec![id("a")], vec![claim("d", "a", 1)]);
    raced(&store, late).await;
}
