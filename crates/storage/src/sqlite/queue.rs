//! The embedded queue as a table: leases with a fence. And questions, which are left alone for a while.

use crate::StoreError;
use crate::columns::Moment;
use crate::rows::{Leased, QueueRow};
use jiff::Timestamp;
use sqlx::SqliteConnection;
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
        .bind(Moment(row.enqueued_at))
        .execute(&mut *tx)
        .await?;
    }
    Ok(tx.commit().await?)
}

pub(super) async fn lease(
    pool: &SqlitePool,
    limit: u32,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let leased: Vec<Leased> = sqlx::query_as(
        "select id, fence + 1 as fence, leased_until is not null as redelivered, application_id, sender, traceparent, \
         body, enqueued_at from queue where leased_until is null or leased_until < ? order by id limit ?",
    )
    .bind(Moment(now))
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    for row in &leased {
        sqlx::query("update queue set leased_until = ?, fence = fence + 1 where id = ?")
            .bind(Moment(until))
            .bind(row.id)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(leased)
}

/// Puts questions off after one more attempt.
pub(super) async fn postpone(
    tx: &mut SqliteConnection,
    ids: &[Uuid],
    next_at: Timestamp,
    trouble: Option<&str>,
) -> Result<(), StoreError> {
    for id in ids {
        sqlx::query("update questions set attempts = attempts + 1, next_at = ?, trouble = ? where question_id = ?")
            .bind(Moment(next_at))
            .bind(trouble)
            .bind(*id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
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
