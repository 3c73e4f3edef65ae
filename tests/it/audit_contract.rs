//! What a store promises of the audit's chain, on both databases.

use crate::rows::{at, granted, id, together};
use crate::store_contract::{contract, migrated};
use domain::{ApplicationId, Digest};
use std::sync::Arc;
use storage::{AuditRow, Batch, ChainedRow, DocumentRow, LinkRow, Sequenced, Store, WitnessRow};
use uuid::Uuid;

contract!(
    every_line_gets_one_place_however_many_sequencers_there_are,
    a_refused_line_waits_and_keeps_nobody_away,
    chained_lines_are_read_in_pages,
    lines_of_no_land_are_told_by_their_numbers,
    what_is_audited_comes_application_by_application_in_pages,
    a_checkpoint_is_noted_only_over_the_one_that_was_read,
);

/// Numbers the lines of a Land, with heads that hang on the line before.
fn next(row: &AuditRow, last: Option<&LinkRow>) -> Option<LinkRow> {
    let before = last.map_or([0; 32], |link| link.head.0);
    let head = Digest::of_parts([before.as_slice(), row.commitment.as_slice()]);
    Some(LinkRow { position: last.map_or(0, |link| link.position) + 1, head })
}

async fn lines(store: &Arc<dyn Store>, count: usize) {
    for i in (0..count).step_by(50) {
        let batches = (i..(i + 50).min(count)).map(|i| {
            let mut batch = granted(&format!("l{i}"), &i.to_string());
            batch.audit[0].land = if i % 3 == 0 { "sn" } else { "nw" }.to_owned();
            batch
        });
        store.commit(together(batches)).await.unwrap();
    }
}

async fn every_line_gets_one_place_however_many_sequencers_there_are(store: Arc<dyn Store>) {
    lines(&store, 400).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut total = 0;
            for _ in 0..20 {
                total += store.sequence(i64::MIN, 30, &next).await.unwrap().chained;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            total
        });
    }
    let total: u32 = tasks.join_all().await.into_iter().sum();
    assert_eq!(total, 400);
    assert!(store.unchained(i64::MIN, 10).await.unwrap().is_empty());
    for (land, count) in [("nw", 266), ("sn", 134)] {
        let of_land = store.chained(land, (0, 0), 1_000).await.unwrap();
        assert_eq!(of_land.len(), count);
        let mut last = None;
        for row in of_land {
            let link = row.link().unwrap();
            assert_eq!(Some(link), next(row.entry.as_ref().unwrap(), last.as_ref()), "{land}");
            last = Some(link);
        }
    }
}

async fn a_refused_line_waits_and_keeps_nobody_away(store: Arc<dyn Store>) {
    lines(&store, 10).await;
    let refuse = |row: &AuditRow, last: Option<&LinkRow>| next(row, last).filter(|_| row.land == "nw");
    let first = store.sequence(i64::MIN, 5, &refuse).await.unwrap();
    assert_eq!((first.chained, first.refused), (3, 2));
    let second = store.sequence(first.last.unwrap(), 100, &refuse).await.unwrap();
    assert_eq!((second.chained, second.refused), (3, 2), "behind those that were read");
    assert!(second.last_refused > first.last_refused && second.last_refused <= second.last, "{second:?}");
    assert_eq!(store.sequence(second.last.unwrap(), 100, &refuse).await.unwrap(), Sequenced::default());
    assert_eq!(store.commitments("nw", 2, 3).await.unwrap().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [3, 4, 5]);
    let refused = store.unchained(i64::MIN, 100).await.unwrap();
    assert!(refused.len() == 4 && refused.iter().all(|row| land(row) == "sn" && row.link().is_none()));
    let right = store.sequence(i64::MIN, 100, &next).await.unwrap();
    assert_eq!((right.chained, right.refused, right.last_refused), (4, 0, None), "once it is right");
}

fn land(row: &ChainedRow) -> &str {
    &row.entry.as_ref().unwrap().land
}

async fn chained_lines_are_read_in_pages(store: Arc<dyn Store>) {
    lines(&store, 120).await;
    while store.sequence(i64::MIN, 50, &next).await.unwrap().chained > 0 {}
    for (land, count) in [("nw", 80), ("sn", 40), ("be", 0)] {
        let (mut seen, mut after) = (Vec::new(), (0, 0));
        loop {
            let page = store.chained(land, after, 7).await.unwrap();
            let Some(last) = page.last() else { break };
            after = (last.position.unwrap(), last.seq);
            seen.extend(page.iter().map(|row| row.position.unwrap()));
        }
        assert_eq!(seen, (1..=count).collect::<Vec<i64>>(), "{land}");
    }
}

async fn lines_of_no_land_are_told_by_their_numbers(store: Arc<dyn Store>) {
    lines(&store, 30).await;
    assert!(store.strangers(&["sn"]).await.unwrap().is_empty(), "what is not chained belongs to none yet");
    store.sequence(i64::MIN, 100, &next).await.unwrap();
    assert!(store.strangers(&["nw", "sn"]).await.unwrap().is_empty());
    let mut strangers = store.strangers(&["be", "nw"]).await.unwrap();
    strangers.sort();
    let of_sn = store.chained("sn", (0, 0), 100).await.unwrap();
    assert_eq!(strangers, of_sn.iter().map(|row| row.seq).collect::<Vec<_>>());
    assert_eq!(strangers.len(), 10);
}

async fn what_is_audited_comes_application_by_application_in_pages(store: Arc<dyn Store>) {
    let whole = (0..25).map(|i| granted(&format!("w{i}"), &i.to_string()));
    store.commit(together(whole)).await.unwrap();
    // Rows that lost the others, in each table: they come, too.
    let mut orphans = Batch { at: at(1), ..Batch::default() };
    orphans.cases = granted("only a case", "x").cases;
    orphans.decisions = granted("only a decision", "x").decisions;
    orphans.documents = vec![DocumentRow {
        application_id: id("only a document"),
        key: Uuid::nil(),
        kind: "note".into(),
        at: at(1),
        actor: "Amsel".into(),
        body: b"{}".to_vec(),
    }];
    orphans.audit = vec![granted("only a line", "x").audit.remove(0); 30];
    store.commit(orphans).await.unwrap();
    let names = ["only a case", "only a decision", "only a document", "only a line"];
    for limit in [1, 4, 7, 100] {
        let (mut cases, mut from) = (Vec::new(), Uuid::nil());
        loop {
            let page = store.audited(ApplicationId(from), limit).await.unwrap();
            let Some(last) = page.last() else { break };
            from = Uuid::from_u128(last.application_id.0.as_u128() + 1);
            cases.extend(page);
        }
        let ids: Vec<ApplicationId> = cases.iter().map(|case| case.application_id).collect();
        let mut expected: Vec<ApplicationId> =
            (0..25).map(|i| id(&format!("w{i}"))).chain(names.iter().map(|name| id(name))).collect();
        expected.sort();
        assert_eq!(ids, expected, "pages of {limit}");
        for case in &cases {
            let parts = (
                (case.application.is_some(), case.case.is_some()),
                (case.decisions.len(), case.documents.len(), case.lines.len()),
            );
            let orphan = names.iter().position(|name| id(name) == case.application_id);
            let wanted = match orphan {
                None => ((true, true), (1, 0, 1)),
                Some(0) => ((false, true), (0, 0, 0)),
                Some(1) => ((false, false), (1, 0, 0)),
                Some(2) => ((false, false), (0, 1, 0)),
                Some(_) => ((false, false), (0, 0, 30)),
            };
            assert_eq!((parts, case.unreadable.is_empty()), (wanted, true), "{orphan:?}");
        }
    }
}

async fn a_checkpoint_is_noted_only_over_the_one_that_was_read(store: Arc<dyn Store>) {
    let mark = |number: i64| WitnessRow { number, digest: vec![number as u8; 32] };
    assert_eq!(store.witness().await.unwrap(), None);
    assert!(store.note_witness(None, &mark(1)).await.unwrap());
    assert!(store.note_witness(None, &mark(1)).await.unwrap(), "the same again: an answer that got lost");
    assert!(!store.note_witness(None, &mark(2)).await.unwrap(), "somebody else noted one");
    assert!(!store.note_witness(Some(&mark(7)), &mark(2)).await.unwrap());
    assert_eq!(store.witness().await.unwrap(), Some(mark(1)));
    assert!(store.note_witness(Some(&mark(1)), &mark(2)).await.unwrap());
    assert_eq!(store.witness().await.unwrap(), Some(mark(2)));
}
