//! The embedded queue as a table: leases with a fence, so that a worker that was frozen cannot settle what another took.
//! And questions, which are left alone for a while.

use crate::StoreError;
use crate::columns::Moment;
use crate::rows::{Leased, QueueRow};
use jiff::Timestamp;
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

pub(super) async fn enqueue(pool: &PgPool, rows: &[QueueRow]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into queue (application_id, sender, traceparent, body, enqueued_at) \
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[])",
    )
    .bind(rows.iter().map(|r| r.application_id.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.sender.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.traceparent.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.body.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| Moment(r.enqueued_at)).collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn lease(
    pool: &PgPool,
    limit: u32,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let mut leased: Vec<Leased> = sqlx::query_as(
        "with free as (select id, leased_until is not null as redelivered from queue \
           where leased_until is null or leased_until < $2 order by id limit $1 for update skip locked) \
         update queue q set leased_until = $3, fence = q.fence + 1 from free where q.id = free.id \
         returning q.id, q.fence, free.redelivered, q.application_id, q.sender, q.traceparent, q.body, q.enqueued_at",
    )
    .bind(i64::from(limit))
    .bind(Moment(now))
    .bind(Moment(until))
    .fetch_all(pool)
    .await?;
    leased.sort_by_key(|l| l.id);
    Ok(leased)
}

/// Puts questions off after one more attempt.
pub(super) async fn postpone(
    connection: &mut PgConnection,
    ids: &[Uuid],
    next_at: Timestamp,
    trouble: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query("update questions set attempts = attempts + 1, next_at = $2, trouble = $3 where question_id = any($1)")
        .bind(ids)
        .bind(Moment(next_at))
        .bind(trouble)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn settle(pool: &PgPool, leased: &[(i64, i64)]) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from queue q using unnest($1::bigint[], $2::bigint[]) as l(id, fence) \
         where q.id = l.id and q.fence = l.fence",
    )
    .bind(leased.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(leased.iter().map(|(_, fence)| *fence).collect::<Vec<_>>());
    Ok(done.execute(pool).await?.rows_affected())
}
