//! The embedded queue as a table: leases with a fence, so that a worker that was frozen cannot settle what another took.

use super::{instant, timestamp};
use crate::StoreError;
use crate::rows::{DeadLetter, Leased, QueueRow};
use domain::ApplicationId;
use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::postgres::PgPool;
use time::OffsetDateTime;
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
    .bind(rows.iter().map(|r| instant(r.enqueued_at)).collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(())
}

#[derive(FromRow)]
struct Taken {
    id: i64,
    fence: i64,
    redelivered: bool,
    application_id: Uuid,
    sender: String,
    traceparent: Option<String>,
    body: Vec<u8>,
    enqueued_at: OffsetDateTime,
}

pub(super) async fn lease(
    pool: &PgPool,
    limit: u32,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let rows: Vec<Taken> = sqlx::query_as(
        "with free as (select id, leased_until is not null as redelivered from queue \
           where leased_until is null or leased_until < $2 order by id limit $1 for update skip locked) \
         update queue q set leased_until = $3, fence = q.fence + 1 from free where q.id = free.id \
         returning q.id, q.fence, free.redelivered, q.application_id, q.sender, q.traceparent, q.body, q.enqueued_at",
    )
    .bind(i64::from(limit))
    .bind(instant(now))
    .bind(instant(until))
    .fetch_all(pool)
    .await?;
    let mut leased: Vec<Leased> = rows.into_iter().map(leased).collect();
    leased.sort_by_key(|l| l.id);
    Ok(leased)
}

fn leased(row: Taken) -> Leased {
    Leased {
        id: row.id,
        fence: row.fence,
        redelivered: row.redelivered,
        row: QueueRow {
            application_id: ApplicationId(row.application_id),
            sender: row.sender,
            traceparent: row.traceparent,
            body: row.body,
            enqueued_at: timestamp(row.enqueued_at),
        },
    }
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

pub(super) async fn bury(pool: &PgPool, letter: &DeadLetter) -> Result<(), StoreError> {
    sqlx::query(
        "insert into dead_letters (application_id, sender, cause, detail, body, at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(letter.application_id.map(|id| id.0))
    .bind(&letter.sender)
    .bind(&letter.cause)
    .bind(&letter.detail)
    .bind(&letter.body)
    .bind(instant(letter.at))
    .execute(pool)
    .await?;
    Ok(())
}
