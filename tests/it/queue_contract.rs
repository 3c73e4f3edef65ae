//! What the queue in a store promises, once, for both databases: leases with a fence, nothing lost, nothing twice.

use crate::rows::{at, id, queued};
use crate::store_contract::{contract, migrated};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::{Leased, Store, StoreError};

contract!(
    the_queue_gives_each_row_to_one_worker_at_a_time,
    a_lease_that_was_taken_over_cannot_be_settled_by_its_old_holder,
    released_leases_come_again_as_redelivered,
    many_workers_lease_disjoint_rows,
);

fn names(leased: &[Leased]) -> Vec<domain::ApplicationId> {
    leased.iter().map(|l| l.row.application_id).collect()
}

fn held(leased: &[Leased]) -> Vec<(i64, i64)> {
    leased.iter().map(|l| (l.id, l.fence)).collect()
}

async fn the_queue_gives_each_row_to_one_worker_at_a_time(store: Arc<dyn Store>) {
    assert!(store.lease(10, at(0), at(60)).await.unwrap().is_empty());
    store.enqueue(&[]).await.unwrap();
    store.enqueue(&["a", "b", "c"].map(|name| queued(name, -5))).await.unwrap();
    let overview = store.overview(at(0)).await.unwrap();
    assert_eq!((overview.waiting, overview.oldest_waiting_seconds), (3, Some(5)));

    let first = store.lease(2, at(0), at(60)).await.unwrap();
    assert_eq!(names(&first), [id("a"), id("b")], "oldest first, as many as asked for");
    let (row, wanted) = (&first[0].row, queued("a", -5));
    assert_eq!((&row.body, &row.sender, &row.traceparent), (&wanted.body, &wanted.sender, &wanted.traceparent));
    assert_eq!((row.enqueued_at, first[0].redelivered), (wanted.enqueued_at, false));
    let second = store.lease(10, at(1), at(60)).await.unwrap();
    assert_eq!(names(&second), [id("c")], "what is leased is not given again");
    assert_eq!(store.settle(&held(&first)).await.unwrap(), 2);
    assert_eq!(store.settle(&held(&first)).await.unwrap(), 0, "only once");
    assert_eq!(store.settle(&[]).await.unwrap(), 0);
    assert_eq!(store.settle(&held(&second)).await.unwrap(), 1);
    let overview = store.overview(at(0)).await.unwrap();
    assert_eq!((overview.waiting, overview.oldest_waiting_seconds), (0, None));
}

async fn a_lease_that_was_taken_over_cannot_be_settled_by_its_old_holder(store: Arc<dyn Store>) {
    store.enqueue(&[queued("a", 0)]).await.unwrap();
    let frozen = store.lease(1, at(0), at(60)).await.unwrap();
    assert!(store.lease(1, at(59), at(99)).await.unwrap().is_empty(), "the lease still runs");
    let taken = store.lease(1, at(61), at(120)).await.unwrap();
    assert_eq!((taken[0].id, taken[0].redelivered), (frozen[0].id, true));
    assert!(taken[0].fence > frozen[0].fence);
    assert_eq!(store.settle(&held(&frozen)).await.unwrap(), 0, "the old holder settles nothing");
    assert_eq!(store.overview(at(61)).await.unwrap().waiting, 1);
    assert_eq!(store.settle(&held(&taken)).await.unwrap(), 1);
}

async fn released_leases_come_again_as_redelivered(store: Arc<dyn Store>) {
    store.enqueue(&["a", "b", "c"].map(|name| queued(name, 0))).await.unwrap();
    let before = store.lease(2, at(0), at(600)).await.unwrap();
    assert_eq!(store.release_leases().await.unwrap(), 2);
    let after = store.lease(10, at(1), at(600)).await.unwrap();
    assert_eq!(names(&after), [id("a"), id("b"), id("c")]);
    assert_eq!(after.iter().map(|l| l.redelivered).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(store.settle(&held(&before)).await.unwrap(), 0, "the fence went on");
    assert_eq!(store.settle(&held(&after)).await.unwrap(), 3);
}

async fn many_workers_lease_disjoint_rows(store: Arc<dyn Store>) {
    let rows: Vec<_> = (0..200).map(|i| queued(&format!("{i}"), 0)).collect();
    store.enqueue(&rows).await.unwrap();
    let work = |_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                // A writer that had to wait too long is told so; it asks again.
                match store.lease(7, at(0), at(600)).await {
                    Ok(leased) if leased.is_empty() => return mine,
                    Ok(leased) => {
                        assert_eq!(store.settle(&held(&leased)).await.unwrap(), leased.len() as u64);
                        mine.extend(names(&leased));
                    }
                    Err(error) => assert!(!matches!(error, StoreError::Refused(_)), "{error}"),
                }
            }
        })
    };
    let done = futures::future::join_all((0..4).map(work)).await;
    let all: Vec<_> = done.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 200, "a row was given to two workers");
}
