//! What a store promises of the audit's chain, on both databases.

use crate::rows::{granted, together};
use crate::store_contract::{contract, migrated};
use domain::Digest;
use std::sync::Arc;
use storage::{AuditRow, LinkRow, Sequenced, Store};

contract!(
    every_line_gets_one_place_however_many_sequencers_there_are,
    a_refused_line_waits_and_keeps_nobody_away,
    chained_lines_are_read_in_pages,
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
                total += store.sequence(30, &next).await.unwrap().chained;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            total
        });
    }
    let total: u32 = tasks.join_all().await.into_iter().sum();
    let chained = store.chained(None, 1_000).await.unwrap();
    assert_eq!((total, chained.len()), (400, 400));
    assert!(store.unchained(i64::MIN, 10).await.unwrap().is_empty());
    for (land, count) in [("nw", 266), ("sn", 134)] {
        let of_land: Vec<_> = chained.iter().filter(|row| row.entry.land == land).collect();
        assert_eq!(of_land.len(), count);
        let mut last = None;
        for row in of_land {
            let link = row.link().unwrap();
            assert_eq!(Some(link), next(&row.entry, last.as_ref()), "{land}");
            last = Some(link);
        }
    }
}

async fn a_refused_line_waits_and_keeps_nobody_away(store: Arc<dyn Store>) {
    lines(&store, 10).await;
    let refuse = |row: &AuditRow, last: Option<&LinkRow>| next(row, last).filter(|_| row.land == "nw");
    assert_eq!(store.sequence(100, &refuse).await.unwrap(), Sequenced { chained: 6, refused: 4 });
    assert_eq!(store.commitments("nw", 2, 3).await.unwrap().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [3, 4, 5]);
    let refused = store.unchained(i64::MIN, 100).await.unwrap();
    assert!(refused.len() == 4 && refused.iter().all(|row| row.entry.land == "sn" && row.link().is_none()));
    assert_eq!(store.sequence(100, &next).await.unwrap(), Sequenced { chained: 4, refused: 0 }, "once it is right");
}

async fn chained_lines_are_read_in_pages(store: Arc<dyn Store>) {
    lines(&store, 120).await;
    while store.sequence(50, &next).await.unwrap().chained > 0 {}
    let (mut seen, mut after) = (0, None::<(String, i64)>);
    loop {
        let page = store.chained(after.as_ref().map(|(land, at)| (land.as_str(), *at)), 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.entry.land.clone(), last.position.unwrap()));
        seen += page.len();
    }
    assert_eq!(seen, 120);
}
