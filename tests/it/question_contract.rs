//! What a store promises of what a case waits for, on both databases: questions to registers, messages that came too
//! early, second looks.

use crate::rows::{at, granted, id, identity, question};
use crate::store_contract::{contract, migrated};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::{Batch, ControlFigures, ControlRow, EarlyRow, QuestionRow, Store, WaitingQuestions};

contract!(
    a_question_is_open_until_it_is_answered,
    of_many_who_ask_each_question_has_one,
    what_waits_for_a_register_is_counted_with_its_trouble,
    an_early_message_waits_for_its_application_and_no_longer,
    second_looks_are_counted_by_service_and_rules,
);

async fn a_question_is_open_until_it_is_answered(store: Arc<dyn Store>) {
    let (first, second, other) = (question("a", "melde", 1), question("b", "melde", 2), question("a", "kba", 0));
    let rows = vec![second.clone(), first.clone(), other.clone()];
    store.commit(Batch { questions: rows, ..Batch::default() }).await.unwrap();
    let again = QuestionRow { body: b"another".to_vec(), ..first.clone() };
    store.commit(Batch { questions: vec![again.clone(), again], ..Batch::default() }).await.unwrap();
    let open = |now, limit| store.open_questions("melde", at(now), limit);
    assert_eq!(open(0, 10).await.unwrap(), []);
    assert_eq!(open(1, 10).await.unwrap(), vec![first.clone()], "as it was put first");
    assert_eq!(open(9, 10).await.unwrap(), [first.clone(), second.clone()], "of this register, oldest first");
    assert_eq!(open(9, 1).await.unwrap(), vec![first.clone()]);

    store.postpone(&[first.question_id, id("nobody").0], at(20), Some("503")).await.unwrap();
    store.postpone(&[first.question_id], at(30), Some("504")).await.unwrap();
    store.postpone(&[], at(99), None).await.unwrap();
    assert_eq!(open(29, 10).await.unwrap(), vec![second.clone()]);
    let put_off = QuestionRow { attempts: 2, next_at: at(30), trouble: Some("504".into()), ..first.clone() };
    assert_eq!(open(30, 10).await.unwrap(), [second.clone(), put_off.clone()]);
    let ids = [other.question_id, id("nobody").0, first.question_id];
    assert_eq!(store.questions(&ids).await.unwrap(), [other.clone(), put_off], "in their order");

    let answered = vec![first.question_id, id("nobody").0];
    store.commit(Batch { answered, ..Batch::default() }).await.unwrap();
    assert_eq!(open(99, 10).await.unwrap(), [second]);
    assert_eq!(store.questions(&ids).await.unwrap(), [other]);
}

async fn of_many_who_ask_each_question_has_one(store: Arc<dyn Store>) {
    let questions: Vec<QuestionRow> = (0..90).map(|i| question(&format!("q{i}"), "melde", i)).collect();
    store.commit(Batch { questions: questions.clone(), ..Batch::default() }).await.unwrap();
    let taken = store.take_questions("melde", at(2), at(500), 2).await.unwrap();
    assert_eq!(taken, questions[..2], "longest due first, as they were before");
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let store = store.clone();
        askers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let taken = store.take_questions("melde", at(100), at(500), 7).await.unwrap();
                mine.extend(taken.iter().map(|question| question.question_id));
                // Who finds nothing may only have been passed by those who are about to take it.
                if taken.is_empty() && store.open_questions("melde", at(100), 1).await.unwrap().is_empty() {
                    return mine;
                }
            }
        });
    }
    let all: Vec<uuid::Uuid> = askers.join_all().await.concat();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (88, 88), "a question was put twice");
    let again = store.take_questions("melde", at(500), at(900), 1).await.unwrap().remove(0);
    assert_eq!((again.attempts, again.next_at, again.trouble), (1, at(500), None), "after its time it comes again");
}

async fn what_waits_for_a_register_is_counted_with_its_trouble(store: Arc<dyn Store>) {
    assert_eq!(store.waiting_questions().await.unwrap(), []);
    let questions = vec![question("a", "melde", 3), question("b", "melde", 1), question("c", "kba", 2)];
    let [of_a, of_b] = [0, 1].map(|i| questions[i].question_id);
    store.commit(Batch { questions, ..Batch::default() }).await.unwrap();
    store.postpone(&[of_a], at(50), Some("older")).await.unwrap();
    store.postpone(&[of_b], at(60), Some("newer")).await.unwrap();
    let line = |register: &str, count, oldest, trouble: Option<&str>| WaitingQuestions {
        register: register.into(),
        count,
        oldest: at(oldest),
        trouble: trouble.map(str::to_owned),
    };
    let expected = [line("kba", 1, 2, None), line("melde", 2, 1, Some("newer"))];
    assert_eq!(store.waiting_questions().await.unwrap(), expected);
}

async fn an_early_message_waits_for_its_application_and_no_longer(store: Arc<dyn Store>) {
    let early = |key: &str, client: &str, arrived| EarlyRow {
        key: id(key).0,
        identity: identity(client),
        body: format!("message {key}").into_bytes(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        arrived_at: at(arrived),
    };
    let (first, second, other) = (early("x", "1", 1), early("y", "1", 2), early("z", "2", 0));
    for row in [&second, &first, &other, &EarlyRow { body: b"another".to_vec(), ..first.clone() }] {
        store.keep_early(row).await.unwrap();
    }
    assert_eq!(store.ripe_early(10).await.unwrap(), []);
    assert_eq!(store.stale_early(at(1), 10).await.unwrap(), vec![other.clone()], "from before that time");
    assert_eq!(store.stale_early(at(9), 2).await.unwrap(), [other.clone(), first.clone()]);

    let another = EarlyRow { identity: identity("3"), body: b"another".to_vec(), ..first.clone() };
    assert_eq!(store.keep_early(&another).await.unwrap(), first, "what is kept under the key");
    store.commit(granted("a", "1")).await.unwrap();
    assert_eq!(store.ripe_early(10).await.unwrap(), [first.clone(), second.clone()], "as they came");
    assert_eq!(store.ripe_early(1).await.unwrap(), vec![first.clone()]);
    assert_eq!(
        store.stale_early(at(9), 10).await.unwrap(),
        vec![other.clone()],
        "whose application is there is not stale"
    );
    store.drop_early(&[first.key, id("nobody").0]).await.unwrap();
    assert_eq!(store.ripe_early(10).await.unwrap(), vec![second.clone()]);
    store.drop_early(&[second.key, other.key]).await.unwrap();
    store.drop_early(&[]).await.unwrap();
    assert_eq!((store.ripe_early(10).await.unwrap(), store.stale_early(at(9), 10).await.unwrap()), (vec![], vec![]));
}

async fn second_looks_are_counted_by_service_and_rules(store: Arc<dyn Store>) {
    let drawn = |name: &str, number, service: &str, rules: Option<&str>| ControlRow {
        application_id: id(name),
        decision_no: number,
        service: service.into(),
        ars: "146120000000".into(),
        rule_set: rules.map(str::to_owned),
        drawn_at: at(0),
        official: None,
        agreed: None,
        judged_at: None,
    };
    let judged = |row: ControlRow, agreed| ControlRow {
        official: Some("official:7".into()),
        agreed: Some(agreed),
        judged_at: Some(at(9)),
        ..row
    };
    let rows = vec![
        drawn("a", 1, "hundesteuer", Some("sha256:1")),
        drawn("b", 1, "hundesteuer", Some("sha256:1")),
        drawn("c", 1, "hundesteuer", Some("sha256:1")),
        drawn("c", 2, "hundesteuer", None),
        drawn("d", 1, "wohngeld", Some("sha256:1")),
    ];
    store.commit(Batch { controls: rows.clone(), ..Batch::default() }).await.unwrap();
    // Of two rows with one key in a batch the last one stays.
    let looks = vec![judged(rows[0].clone(), false), judged(rows[1].clone(), false), judged(rows[1].clone(), true)];
    store.commit(Batch { controls: looks, ..Batch::default() }).await.unwrap();
    let overtaken = ControlRow { agreed: None, ..judged(rows[2].clone(), true) };
    store.commit(Batch { controls: vec![overtaken], ..Batch::default() }).await.unwrap();
    let line = |service: &str, rules: Option<&str>, drawn, judged, (disagreed, overtaken)| ControlFigures {
        service: service.into(),
        rule_set: rules.map(str::to_owned),
        drawn,
        judged,
        disagreed,
        overtaken,
    };
    let dogs = [line("hundesteuer", None, 1, 0, (0, 0)), line("hundesteuer", Some("sha256:1"), 3, 2, (1, 1))];
    assert_eq!(store.controls(Some("hundesteuer")).await.unwrap(), dogs);
    assert_eq!(store.controls(Some("nothing")).await.unwrap(), []);
    let all = store.controls(None).await.unwrap();
    assert_eq!((&all[..2], &all[2]), (&dogs[..], &line("wohngeld", Some("sha256:1"), 1, 0, (0, 0))));
}
