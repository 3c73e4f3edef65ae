//! What a store promises, once, for both databases: every test here runs on PostgreSQL and on SQLite.

use crate::rows::{alias, at, claim, conflict, granted, id, identity, message_id, referred, together};
use domain::Digest;
use std::sync::Arc;
use storage::{ArchiveRow, Batch, Store, StoreError, TaskFilter};

/// Declares the suite once for each database.
macro_rules! contract {
    ($($promise:ident),* $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let services = testkit::services::shared().await.unwrap();
                let url = services.database().await.unwrap();
                super::$promise(super::migrated(&url).await).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("store.db").display());
                super::$promise(super::migrated(&url).await).await;
            })*
        }
    };
}
pub(crate) use contract;

contract!(
    migrating_again_and_at_once_changes_nothing,
    what_was_committed_can_be_read,
    a_second_commit_of_an_identity_is_raced_and_writes_nothing,
    an_id_that_another_identity_has_is_refused,
    a_second_claim_of_an_ordinal_is_raced_and_writes_nothing,
    an_alias_answers_for_its_application,
    a_conflict_is_kept_beside_the_first,
    a_message_leaves_only_as_its_first_version,
    archives_are_kept_once_and_decisions_are_read_in_order,
    tasks_are_listed_oldest_first_by_reason_and_page,
    the_outbox_forgets_what_was_confirmed_and_nothing_else,
    attempts_are_counted_once_a_call,
    bytes_survive_whatever_they_are,
    of_two_overlapping_batches_exactly_one_wins,
);

pub(crate) async fn migrated(url: &str) -> Arc<dyn Store> {
    let store = storage::open(url).await.unwrap();
    assert!(store.ready().await.is_err(), "ready without a schema");
    store.migrate().await.unwrap();
    store
}

async fn raced(store: &Arc<dyn Store>, batch: Batch) {
    let answer = store.commit(batch).await;
    assert!(matches!(answer, Err(StoreError::Raced)), "{answer:?}");
}

async fn migrating_again_and_at_once_changes_nothing(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    let both = tokio::join!(store.migrate(), store.migrate());
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    store.ready().await.unwrap();
    assert!(store.status(id("a")).await.unwrap().is_some());
}

async fn what_was_committed_can_be_read(store: Arc<dyn Store>) {
    let mut batch = referred("a", "1", &["free_text", "rule"], 3);
    batch.claims = vec![claim("a", "household", 1), claim("a", "household", 2)];
    let committed = store.commit(batch.clone()).await.unwrap();
    assert_eq!((committed.outbox().len(), committed.cases().len(), committed.tasks().len()), (1, 1, 1));

    let known = store.look_up(&[identity("0"), identity("1"), identity("1")]).await.unwrap();
    let found: Vec<_> = known.iter().map(|k| k.as_ref().map(|k| (k.application_id, k.content))).collect();
    let first = Some((id("a"), Digest::of(b"a")));
    assert_eq!(found, [None, first, first]);

    let status = store.status(id("a")).await.unwrap().unwrap();
    assert_eq!((status.application_id, status.state.as_str()), (id("a"), "referred"));
    assert_eq!(status.decision.as_deref(), Some(b"{\"decision\":\"a\"}".as_slice()));
    assert!(store.status(id("nobody")).await.unwrap().is_none());
    assert!(store.case(id("nobody")).await.unwrap().is_none());

    let claims = store.claims(&[Digest::of(b"household"), Digest::of(b"other")]).await.unwrap();
    assert_eq!(claims.get(&Digest::of(b"household")), Some(&batch.claims));
    assert!(claims.get(&Digest::of(b"other")).is_none_or(Vec::is_empty));

    let case = store.case(id("a")).await.unwrap().unwrap();
    let (application, wanted) = (case.application, &batch.applications[0]);
    assert_eq!(application.identity, wanted.identity);
    assert_eq!((application.raw, application.content), (wanted.raw.clone(), wanted.content));
    assert_eq!((application.observed_at, application.received_at), (wanted.observed_at, wanted.received_at));
    assert_eq!((application.ars, application.form_version), (wanted.ars.clone(), wanted.form_version.clone()));
    assert_eq!((case.case.outcome.as_str(), case.case.automatic, case.case.updated_at), ("referred", false, at(0)));
    let decision = case.decisions.last().unwrap().clone();
    assert_eq!(
        (decision.trace, decision.context),
        (batch.decisions[0].trace.clone(), batch.decisions[0].context.clone())
    );
    assert_eq!((decision.decision_no, decision.notice_id, decision.decided_at), (1, None, at(0)));
    assert_eq!(case.task.as_ref(), batch.tasks.first());
    assert_eq!(case.audit, batch.audit);

    let overview = store.overview(at(10)).await.unwrap();
    assert_eq!((overview.open_tasks, overview.unpublished, overview.lines.len()), (1, 1, 1));
    assert_eq!((overview.lines[0].outcome.as_str(), overview.lines[0].count), ("referred", 1));
    assert_eq!(overview.reasons, [("free_text".to_owned(), 1), ("rule".to_owned(), 1)]);
    assert_eq!(store.durations(10).await.unwrap(), [2_000_000]);
}

/// Nothing of a batch about the application `b` is there.
async fn nothing_of_b(store: &Arc<dyn Store>) {
    assert_eq!(store.look_up(&[identity("2")]).await.unwrap(), [None]);
    for name in ["b", "b2"] {
        assert!(store.status(id(name)).await.unwrap().is_none(), "{name} has a status");
        assert!(store.case(id(name)).await.unwrap().is_none(), "{name} has a case");
    }
    assert!(store.claims(&[Digest::of(b"of b")]).await.unwrap().is_empty());
    let unpublished = store.unpublished(at(100), 0, 10).await.unwrap();
    assert_eq!(unpublished.iter().map(|row| row.message_id).collect::<Vec<_>>(), [message_id("a", "results")]);
    let overview = store.overview(at(10)).await.unwrap();
    assert_eq!((overview.duplicates, overview.conflicts, overview.open_tasks), (0, 0, 0));
    assert_eq!(store.case(id("a")).await.unwrap().unwrap().audit.len(), 1);
}

/// Everything a batch can hold, about the new application `b` and some others.
fn all_of_b() -> Batch {
    let mut batch = together([referred("b", "2", &["rule"], 0), alias("b2", "a"), conflict("b3", "a")]);
    batch.claims.push(claim("b", "of b", 1));
    batch.published.push(message_id("a", "results"));
    batch
}

async fn a_second_commit_of_an_identity_is_raced_and_writes_nothing(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    raced(&store, together([all_of_b(), granted("again", "1")])).await;
    nothing_of_b(&store).await;
    store.commit(all_of_b()).await.unwrap();
    assert!(store.status(id("b")).await.unwrap().is_some(), "without the other it gets through");
}

async fn an_id_that_another_identity_has_is_refused(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    let mut other = together([granted("b", "2"), granted("a", "3")]);
    other.cases.pop();
    let answer = store.commit(other).await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "no look-up would ever find it: {answer:?}");
    nothing_of_b(&store).await;
    raced(&store, granted("a", "1")).await;
    // It has another identity since it was erased; a look-up finds it by that.
    store.commit(Batch { erased: vec![crate::rows::erased("a")], ..Batch::default() }).await.unwrap();
    raced(&store, granted("a", "1")).await;
    let known =
        store.look_up_ever(&[identity("1"), identity("2")], &["erased:a".into(), "erased:b".into()]).await.unwrap();
    assert!(known[0].as_ref().is_some_and(|known| known.application_id == id("a") && known.is_erased()));
    assert_eq!(known[1], None);
}

async fn a_second_claim_of_an_ordinal_is_raced_and_writes_nothing(store: Arc<dyn Store>) {
    let mut first = granted("a", "1");
    first.claims.push(claim("a", "resident", 1));
    store.commit(first).await.unwrap();
    let mut second = all_of_b();
    second.claims.push(claim("b", "resident", 1));
    raced(&store, second).await;
    nothing_of_b(&store).await;
    let mut third = all_of_b();
    third.claims.push(claim("b", "resident", 2));
    store.commit(third).await.unwrap();
    let claims = store.claims(&[Digest::of(b"resident")]).await.unwrap();
    let ordinals: Vec<_> = claims[&Digest::of(b"resident")].iter().map(|c| (c.ordinal, c.application_id)).collect();
    assert_eq!(ordinals, [(1, id("a")), (2, id("b"))]);
}

async fn an_alias_answers_for_its_application(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    store.commit(alias("second", "a")).await.unwrap();
    store.commit(alias("second", "a")).await.unwrap();
    assert_eq!(store.status(id("second")).await.unwrap().unwrap().application_id, id("a"));
    let case = store.case(id("second")).await.unwrap().unwrap();
    assert_eq!((case.application.application_id, case.audit.len()), (id("a"), 3));
    assert_eq!(store.overview(at(10)).await.unwrap().duplicates, 1);
}

async fn a_conflict_is_kept_beside_the_first(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    store.commit(conflict("other", "a")).await.unwrap();
    let status = store.status(id("other")).await.unwrap().unwrap();
    assert_eq!((status.application_id, status.state.as_str(), status.decision), (id("other"), "conflict", None));
    assert_eq!(store.status(id("a")).await.unwrap().unwrap().state, "decided");
    assert_eq!(store.overview(at(10)).await.unwrap().conflicts, 1);
}

async fn a_message_leaves_only_as_its_first_version(store: Arc<dyn Store>) {
    let first = granted("a", "1");
    let mut again = conflict("other", "a");
    again.outbox = first.outbox.clone();
    again.outbox[0].body = b"another version".to_vec();
    assert_eq!(store.commit(first.clone()).await.unwrap().outbox(), first.outbox);
    assert_eq!(store.commit(again).await.unwrap().outbox(), [], "it was written before");
    let kept = store.unpublished(at(1_000), 0, 10).await.unwrap();
    assert_eq!(kept, first.outbox);
}

async fn archives_are_kept_once_and_decisions_are_read_in_order(store: Arc<dyn Store>) {
    let row = |hash: &str, body: &[u8]| ArchiveRow { hash: hash.to_owned(), body: body.to_vec() };
    for (name, client) in [("a", "1"), ("b", "2"), ("c", "3")] {
        let mut batch = granted(name, client);
        batch.archives = vec![row("sha256:1", b"first"), row(name, name.as_bytes())];
        store.commit(batch).await.unwrap();
    }
    let mut second = granted("d", "4");
    second.archives = vec![row("sha256:1", b"second"), row("sha256:1", b"twice in a batch")];
    store.commit(second).await.unwrap();
    assert_eq!(store.archive("sha256:1").await.unwrap().as_deref(), Some(b"first".as_slice()));
    assert_eq!(store.archive("nothing").await.unwrap(), None);
    let all = store.replayable(None, 10).await.unwrap();
    let ids: Vec<_> = all.iter().map(|row| row.application.application_id).collect();
    assert!(ids.len() == 4 && ids.is_sorted(), "{ids:?}");
    let rest = store.replayable(Some((ids[1], 1)), 1).await.unwrap();
    assert_eq!(rest[0].application.application_id, ids[2]);
    assert_eq!(rest[0].decision.application_id, ids[2]);
}

async fn tasks_are_listed_oldest_first_by_reason_and_page(store: Arc<dyn Store>) {
    for (name, opened, reasons) in
        [("c", 3, ["rule", "sample"]), ("a", 1, ["free_text", "rule"]), ("b", 2, ["free_text", "rule_error"])]
    {
        store.commit(referred(name, name, &reasons, opened)).await.unwrap();
    }
    for (reason, offset, limit, expected) in [
        (None, 0, 10, vec!["a", "b", "c"]),
        (None, 1, 1, vec!["b"]),
        (None, 3, 10, vec![]),
        (Some("free_text"), 0, 10, vec!["a", "b"]),
        (Some("rule"), 0, 10, vec!["a", "c"]),
        (Some("rule"), 1, 10, vec!["c"]),
        (Some("ru%"), 0, 10, vec![]),
        (Some("risk"), 0, 10, vec![]),
    ] {
        let filter = TaskFilter { reason: reason.map(str::to_owned), ..TaskFilter::default() };
        let found = store.tasks(&filter, offset, limit).await.unwrap();
        let expected: Vec<_> = expected.into_iter().map(id).collect();
        assert_eq!(found.iter().map(|t| t.application_id).collect::<Vec<_>>(), expected, "{reason:?} {offset} {limit}");
    }
    let reasons = store.overview(at(10)).await.unwrap().reasons;
    assert_eq!(reasons[0], ("free_text".to_owned(), 2));
    assert_eq!(reasons.iter().map(|(_, count)| count).sum::<i64>(), 6);
}

async fn the_outbox_forgets_what_was_confirmed_and_nothing_else(store: Arc<dyn Store>) {
    let names = |rows: Vec<storage::OutboxRow>| rows.into_iter().map(|row| row.message_id).collect::<Vec<_>>();
    for (name, seconds) in [("a", 0), ("b", 1), ("c", 2)] {
        store.commit(Batch { at: at(seconds), ..granted(name, name) }).await.unwrap();
    }
    let message = |name| message_id(name, "results");
    assert_eq!(store.unpublished(at(100), 0, 1).await.unwrap(), granted("a", "a").outbox);
    assert_eq!(names(store.unpublished(at(100), 0, 10).await.unwrap()), ["a", "b", "c"].map(message));
    assert_eq!(
        names(store.unpublished(at(2), 0, 10).await.unwrap()),
        ["a", "b"].map(message),
        "committed before a time"
    );
    store.commit(Batch { published: vec![message("a")], ..granted("d", "d") }).await.unwrap();
    assert_eq!(names(store.unpublished(at(100), 0, 10).await.unwrap()).len(), 3);
    store.mark_published(&[message("b"), message("a"), message("unknown")], at(9)).await.unwrap();
    store.mark_published(&[], at(9)).await.unwrap();
    raced(&store, Batch { published: vec![message("c")], ..granted("again", "d") }).await;
    assert_eq!(names(store.unpublished(at(100), 0, 10).await.unwrap()), ["d", "c"].map(message));
    assert_eq!(store.overview(at(10)).await.unwrap().unpublished, 2);
}

async fn attempts_are_counted_once_a_call(store: Arc<dyn Store>) {
    let keys = ["x", "y", "z"].map(|name| Digest::of(name.as_bytes()));
    assert_eq!(store.attempts(&keys).await.unwrap(), [0, 0, 0]);
    store.count_attempts(&[keys[0], keys[1], keys[0]], at(0)).await.unwrap();
    store.count_attempts(&[keys[1]], at(5)).await.unwrap();
    assert_eq!(store.attempts(&[keys[2], keys[1], keys[0], keys[1]]).await.unwrap(), [0, 2, 1, 2]);
    assert_eq!(store.forget_attempts(at(5)).await.unwrap(), 1);
    assert_eq!(store.attempts(&keys).await.unwrap(), [0, 2, 0]);
    store.count_attempts(&[], at(0)).await.unwrap();
    assert_eq!(store.attempts(&[]).await.unwrap(), Vec::<u32>::new());
}

async fn bytes_survive_whatever_they_are(store: Arc<dyn Store>) {
    let raw: Vec<u8> = (0..=255).chain([0, 0xff, 0xc3, 0x28, 0]).collect();
    let mut batch = granted("a", "1");
    batch.applications[0].raw = raw.clone();
    batch.decisions[0].decision = raw.clone();
    batch.outbox[0].body = raw.clone();
    store.commit(batch).await.unwrap();
    let case = store.case(id("a")).await.unwrap().unwrap();
    assert_eq!((case.application.raw, case.decisions[0].decision.clone()), (raw.clone(), raw.clone()));
    assert_eq!(store.unpublished(at(100), 0, 1).await.unwrap()[0].body, raw);
}

async fn of_two_overlapping_batches_exactly_one_wins(store: Arc<dyn Store>) {
    for round in 0..20_usize {
        let names: Vec<String> = (0..12).map(|i| format!("{round}-{i}")).collect();
        // Both have ten of twelve identities; each in an order of its own that changes with the round.
        let batch = |side: usize| {
            let mut mine: Vec<&String> = names.iter().skip(side * 2).take(10).collect();
            mine.rotate_left((round * 3 + side * 5) % 10);
            if (round + side).is_multiple_of(2) {
                mine.reverse();
            }
            let mut batch = together(mine.iter().map(|name| granted(&format!("{side}/{name}"), name)));
            batch.claims = mine.iter().map(|name| claim(&format!("{side}/{name}"), name, 1)).collect();
            batch
        };
        let (left, right) = (store.clone(), store.clone());
        let (one, two) = (batch(0), batch(1));
        let both =
            [tokio::spawn(async move { left.commit(one).await }), tokio::spawn(async move { right.commit(two).await })];
        let answers = futures::future::join_all(both).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        let won: Vec<usize> = (0..2).filter(|side| answers[*side].is_ok()).collect();
        let [winner] = won[..] else { panic!("round {round}: {answers:?}") };
        assert!(matches!(answers[1 - winner], Err(StoreError::Raced)), "round {round}: {answers:?}");
        let identities: Vec<_> = names.iter().map(|name| identity(name)).collect();
        for (name, known) in names.iter().zip(store.look_up(&identities).await.unwrap()) {
            let expected = names.iter().skip(winner * 2).take(10).any(|n| n == name);
            let wanted = expected.then(|| id(&format!("{winner}/{name}")));
            assert_eq!(known.map(|k| k.application_id), wanted, "round {round}, {name}");
        }
    }
}
