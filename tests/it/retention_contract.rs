//! What a store promises when an application is erased, on both databases: nothing that it said is left in any table.

use crate::raw::Raw;
use crate::rows::{
    alias, at, case_over, claim, conflict, document, erased, failure, granted, id, identity, question, referred,
    together,
};
use crate::store_contract::contract;
use domain::Digest;
use std::sync::Arc;
use storage::{Batch, CaseRow, ControlRow, DecisionRow, FailureRow, Store};

contract!(an_erased_application_leaves_nothing_that_it_said, what_is_erased_with_others_leaves_the_others,);

/// Stands in everything that a person may have said or that was said about one.
const CANARY: &str = "Kanarienvogel";

async fn migrated(url: &str) -> (Arc<dyn Store>, Raw) {
    (crate::store_contract::migrated(url).await, Raw::open(url).await)
}

fn said(text: &str) -> Vec<u8> {
    format!("{{\"{text}\":\"{CANARY}\"}}").into_bytes()
}

/// Everything about the application `a`, which also came as `again` and, with another content, as `other`.
fn everything() -> Batch {
    let mut batch = together([referred("a", "1", &["rule"], 0), alias("again", "a"), conflict("other", "a")]);
    batch.applications[0].raw = said("raw");
    batch.applications[0].identity.client_id = CANARY.into();
    batch.applications[0].content = Digest::of(CANARY.as_bytes());
    batch.cases[0].body = said("body");
    let first = batch.decisions.remove(0);
    batch.decisions = vec![
        DecisionRow { decision: said("decision"), trace: said("trace"), ..first.clone() },
        DecisionRow { decision_no: 2, context: said("context"), data: Some(said("data")), ..first },
    ];
    batch.tasks[0].proposal = Some(CANARY.into());
    batch.claims = vec![claim("a", "household", 1)];
    batch.documents = vec![document("a", CANARY, 1)];
    batch.questions = vec![question("a", CANARY, 1)];
    batch.controls = vec![ControlRow {
        application_id: id("a"),
        decision_no: 1,
        service: "hundesteuer".into(),
        ars: "146120000000".into(),
        rule_set: None,
        drawn_at: at(0),
        official: None,
        agreed: None,
        judged_at: None,
    }];
    batch.outbox[0].body = said("result");
    let of_conflict = storage::OutboxRow {
        application_id: id("other"),
        body: said("task"),
        ..crate::rows::message("other", "tasks")
    };
    batch.outbox.push(of_conflict);
    batch.conflicts[0].raw = said("other");
    batch
}

async fn an_erased_application_leaves_nothing_that_it_said((store, raw): (Arc<dyn Store>, Raw)) {
    store.commit(everything()).await.unwrap();
    for name in ["a", "again", "other"] {
        let failed = FailureRow { detail: CANARY.into(), body: said("message"), ..failure("message", name, 3) };
        store.fail(&[failed]).await.unwrap();
    }
    let held =
        ["applications", "cases", "conflicts", "decisions", "documents", "failures", "outbox", "questions", "tasks"];
    assert_eq!(raw.holding(CANARY).await, held.map(str::to_owned).into(), "what the search finds");

    let gone = CaseRow { body: vec![], ..case_over("a", 1, None) };
    store.commit(Batch { at: at(9), cases: vec![gone], erased: vec![erased("a")], ..Batch::default() }).await.unwrap();
    assert_eq!(raw.holding(CANARY).await, [].into());

    let mut tombstone = identity("1");
    tombstone.client_id = "erased:a".into();
    let known = store.look_up(&[identity("1"), tombstone]).await.unwrap();
    assert_eq!(known[0], None, "the sender's key may say something, too");
    let known = known[1].as_ref().unwrap();
    assert_eq!((known.application_id, known.content.0), (id("a"), [0; 32]), "its identity is taken for ever");
    assert_eq!(store.claims(&[Digest::of(b"household")]).await.unwrap().len(), 1, "claims are keyed digests");
    for name in ["a", "again"] {
        let view = store.case(id(name)).await.unwrap().unwrap();
        assert_eq!((view.case.version, view.case.body, view.application.raw), (2, vec![], vec![]));
        assert!(view.decisions.is_empty() && view.documents.is_empty() && view.task.is_none());
        assert_eq!(view.audit.len(), 2, "the audit stays");
        let dossier = store.dossiers(&[id(name)]).await.unwrap().remove(0).unwrap();
        assert!(dossier.decision.is_none() && dossier.documents.is_empty());
        assert!(store.status(id(name)).await.unwrap().unwrap().decision.is_none());
    }
    assert!(store.status(id("other")).await.unwrap().is_none());
    assert_eq!(store.controls(None).await.unwrap()[0].drawn, 1, "second looks say nothing about a person");
    assert!(store.replayable(None, 10).await.unwrap().is_empty());
    let again = Batch { at: at(10), erased: vec![erased("a")], ..Batch::default() };
    store.commit(again).await.unwrap();
}

async fn what_is_erased_with_others_leaves_the_others((store, raw): (Arc<dyn Store>, Raw)) {
    store.commit(everything()).await.unwrap();
    let mut others = together([granted("b", "2"), granted("c", "3"), alias("b2", "b"), conflict("b3", "b")]);
    (others.documents, others.questions) = (vec![document("b", "x", 1)], vec![question("c", "melde", 1)]);
    store.commit(others).await.unwrap();
    let erased = ["a", "c", "nobody"].map(erased).into();
    store.commit(Batch { at: at(9), erased, ..Batch::default() }).await.unwrap();
    assert_eq!(raw.holding(CANARY).await, ["cases".to_owned()].into(), "a body stays as the batch leaves it");
    let left = store.case(id("b2")).await.unwrap().unwrap();
    assert_eq!((left.decisions.len(), left.documents.len()), (1, 1));
    assert_eq!(left.application.raw, granted("b", "2").applications[0].raw);
    assert_eq!(store.status(id("b3")).await.unwrap().unwrap().state, "conflict");
    assert_eq!(store.unpublished(at(100), 0, 10).await.unwrap(), granted("b", "2").outbox);
    assert_eq!(store.waiting_questions().await.unwrap(), []);
}
