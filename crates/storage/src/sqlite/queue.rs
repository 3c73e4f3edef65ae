//! The embedded queue as a table: leases with a fence.

use super::timestamp;
use crate::StoreError;
use crate::rows::{DeadLetter, Leased, QueueRow};
use domain::ApplicationId;
use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

pub(super) async fn enqueue(pool: &SqlitePool, rows: &[QueueRow]) -> Result<(), StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    for row in rows {
        sqlx::query(
            "insert into queue (application_id, sender, traceparent, body, enqueued_at) values (?, ?, ?, ?, ?)",
        )
        .bind(row.application_id.0)
        .bind(&row.sender)
        .bind(&row.traceparent)
        .bind(&row.body)
        .bind(row.enqueued_at.as_microsecond())
        .execute(&mut *tx)
        .await?;
    }
    Ok(tx.commit().await?)
}

#[derive(FromRow)]
struct Free {
    id: i64,
    fence: i64,
    leased_until: Option<i64>,
    application_id: Uuid,
    sender: String,
    traceparent: Option<String>,
    body: Vec<u8>,
    enqueued_at: i64,
}

pub(super) async fn lease(
    pool: &SqlitePool,
    limit: u32,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let free: Vec<Free> = sqlx::query_as(
        "select id, fence, leased_until, application_id, sender, traceparent, body, enqueued_at from queue \
         where leased_until is null or leased_until < ? order by id limit ?",
    )
    .bind(now.as_microsecond())
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    for row in &free {
        sqlx::query("update queue set leased_until = ?, fence = fence + 1 where id = ?")
            .bind(until.as_microsecond())
            .bind(row.id)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(free.into_iter().map(leased).collect())
}

fn leased(row: Free) -> Leased {
    Leased {
        id: row.id,
        fence: row.fence + 1,
        redelivered: row.leased_until.is_some(),
        row: QueueRow {
            application_id: ApplicationId(row.application_id),
            sender: row.sender,
            traceparent: row.traceparent,
            body: row.body,
            enqueued_at: timestamp(row.enqueued_at),
        },
    }
}

pub(super) async fn settle(pool: &SqlitePool, leased: &[(i64, i64)]) -> Result<u64, StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut removed = 0;
    for (id, fence) in leased {
        let done = sqlx::query("delete from queue where id = ? and fence = ?").bind(id).bind(fence);
        removed += done.execute(&mut *tx).await?.rows_affected();
    }
    tx.commit().await?;
    Ok(removed)
}

pub(super) async fn bury(pool: &SqlitePool, letter: &DeadLetter) -> Result<(), StoreError> {
    sqlx::query("insert into dead_letters (application_id, sender, cause, detail, body, at) values (?, ?, ?, ?, ?, ?)")
        .bind(letter.application_id.map(|id| id.0))
        .bind(&letter.sender)
        .bind(&letter.cause)
        .bind(&letter.detail)
        .bind(&letter.body)
        .bind(letter.at.as_microsecond())
        .execute(pool)
        .await?;
    Ok(())
}
