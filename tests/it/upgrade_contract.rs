//! What a store promises about rows that an older program wrote, on both databases.

use crate::raw::Raw;
use crate::repository::root;
use crate::rows::{at, case_over, failure, id};
use crate::store_contract::contract;
use sqlx::migrate::Migrator;
use storage::{Batch, FailureFilter, FailureRow, TaskFilter};

contract!(rows_from_before_cases_waited_are_read);

/// The schema as the first version with cases found it.
const BEFORE_CASES: i64 = 3;

struct Old {
    url: String,
    raw: Raw,
}

/// Not yet to the newest schema.
async fn migrated(url: &str) -> Old {
    let raw = Raw::open(url).await;
    let folder = |name: &str| root().join("crates/storage/migrations").join(name);
    match &raw {
        Raw::Postgres(pool) => {
            Migrator::new(folder("postgres")).await.unwrap().run_to(BEFORE_CASES, pool).await.unwrap();
        }
        Raw::Sqlite(pool) => Migrator::new(folder("sqlite")).await.unwrap().run_to(BEFORE_CASES, pool).await.unwrap(),
    }
    Old { url: url.to_owned(), raw }
}

async fn rows_from_before_cases_waited_are_read(Old { url, raw }: Old) {
    let bytes = raw.bytes(&[7; 32]);
    let (a, then) = match raw {
        Raw::Postgres(_) => (format!("'{}'", id("a")), format!("'{}'", at(0))),
        Raw::Sqlite(_) => (raw.bytes(id("a").0.as_bytes()), at(0).as_microsecond().to_string()),
    };
    for row in [
        format!(
            "applications values ({a}, 'portal', 'hundesteuer', '1', '146120000000', '1', {bytes}, {bytes}, {then}, {then})"
        ),
        format!("cases values ({a}, 'hundesteuer', '146120000000', 'referred', 'referred', false, {then})"),
        format!("decisions values ({a}, 1, null, null, {then}, {bytes}, {bytes}, {bytes})"),
        format!("tasks values ({a}, 'hundesteuer', '146120000000', 'steueramt', 'rule', 'refused', {then}, 'open')"),
        format!(
            "dead_letters (application_id, sender, cause, detail, body, at) values ({a}, 'portal', 'empty', 'd', {bytes}, {then})"
        ),
        format!("dead_letters (cause, detail, body, at) values ('invalid_json', 'e', {bytes}, {then})"),
    ] {
        raw.execute(format!("insert into {row}")).await;
    }
    let store = storage::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    let view = store.case(id("a")).await.unwrap().unwrap();
    assert_eq!((view.case.version, view.case.body.as_slice(), view.case.wake_at), (1, b"".as_slice(), None));
    assert_eq!((view.decisions.len(), view.decisions[0].data.as_ref()), (1, None));
    assert_eq!(store.tasks(&TaskFilter::default(), 0, 10).await.unwrap()[0].kind, "desk");
    let workable = TaskFilter { with_body: true, ..TaskFilter::default() };
    assert_eq!(store.tasks(&workable, 0, 10).await.unwrap(), [], "nobody can step it");
    let brief = store.brief(id("a")).await.unwrap().unwrap();
    assert_eq!((brief.sender.as_str(), brief.case), ("portal", view.case));
    store.commit(Batch { cases: vec![case_over("a", 1, None)], ..Batch::default() }).await.unwrap();

    let mut failures = store.failures(&FailureFilter::default(), None, 10).await.unwrap();
    failures.sort_by(|one, other| one.cause.cmp(&other.cause));
    let known = FailureRow {
        failure_id: failures[0].failure_id,
        cause: "empty".into(),
        detail: "d".into(),
        service: None,
        ars: None,
        body: vec![7; 32],
        ..failure("message", "a", 0)
    };
    let unknown = FailureRow {
        failure_id: failures[1].failure_id,
        cause: "invalid_json".into(),
        detail: "e".into(),
        application_id: None,
        sender: None,
        ..known.clone()
    };
    assert_eq!(failures, [known, unknown]);
    assert!(!raw.tables().await.contains(&"dead_letters".to_owned()));
}
