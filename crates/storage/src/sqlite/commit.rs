//! One batch, one transaction. Statements are prepared once a connection; a row costs microseconds, the sync is shared.

mod case;

use super::failures;
use crate::columns::Moment;
use crate::rows::{ApplicationRow, AuditRow, Batch, Committed, ERASED, OutboxRow};
use crate::{StoreError, stops};
use domain::Digest;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use std::collections::BTreeSet;
use uuid::Uuid;

pub(super) async fn commit(pool: &SqlitePool, mut batch: Batch) -> Result<Committed, StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    if !first(&mut tx, &batch).await? {
        tx.rollback().await?;
        return Err(StoreError::Raced);
    }
    case::results(&mut tx, &batch).await?;
    let mut new = Vec::with_capacity(batch.outbox.len());
    for row in std::mem::take(&mut batch.outbox) {
        // A message that an earlier delivery wrote leaves as that row has it, never as a second version.
        if outbox(&mut tx, &row, batch.at).await? > 0 {
            new.push(row);
        }
    }
    batch.outbox = new;
    audit(&mut tx, &batch.audit).await?;
    seconds(&mut tx, &batch).await?;
    for row in &batch.archives {
        sqlx::query("insert into archives (hash, body) values (?, ?) on conflict do nothing")
            .bind(&row.hash)
            .bind(&row.body)
            .execute(&mut *tx)
            .await?;
    }
    failures::mend(&mut tx, &batch.mended, batch.at).await?;
    failures::fail(&mut tx, &batch.failures).await?;
    mark_published(&mut tx, &batch.published, batch.at).await?;
    tx.commit().await?;
    Ok(Committed::new(batch))
}

/// Sets switches; false where others stand than the batch was evaluated under. There is one writer at a time.
async fn switches(tx: &mut SqliteConnection, batch: &Batch) -> Result<bool, StoreError> {
    for row in &batch.stops {
        sqlx::query(stops::SET)
            .bind(row.stop_id)
            .bind(&row.body)
            .bind(Moment(row.since))
            .bind(&row.actor)
            .bind(row.lifted_at.map(Moment))
            .bind(&row.lifted_by)
            .execute(&mut *tx)
            .await?;
    }
    if !batch.stops.is_empty() {
        sqlx::query(stops::MOVE_ON).execute(tx).await?;
        return Ok(true);
    }
    let Some(read) = batch.generation else { return Ok(true) };
    let now: i64 = sqlx::query_scalar(stops::GENERATION).fetch_one(tx).await?;
    Ok(now == read)
}

/// What another may have been first with, and what makes room for it; false where another was.
async fn first(tx: &mut SqliteConnection, batch: &Batch) -> Result<bool, StoreError> {
    if !switches(tx, batch).await? {
        return Ok(false);
    }
    for row in &batch.applications {
        let done = sqlx::query(
            "insert into applications (application_id, sender, service, client_id, ars, form_version, content, raw, \
             observed_at, received_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        )
        .bind(row.application_id.0)
        .bind(&row.identity.sender)
        .bind(&row.identity.service)
        .bind(&row.identity.client_id)
        .bind(&row.ars)
        .bind(&row.form_version)
        .bind(row.content.0.as_slice())
        .bind(&row.raw)
        .bind(Moment(row.observed_at))
        .bind(Moment(row.received_at))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return if taken(tx, row).await? { Err(StoreError::id_taken()) } else { Ok(false) };
        }
    }
    for row in &batch.cases {
        if case::case(tx, row).await? == 0 {
            return Ok(false);
        }
    }
    for row in &batch.erased {
        case::erase(tx, row).await?;
    }
    for id in &batch.released {
        case::release(tx, *id).await?;
    }
    for row in &batch.claims {
        if case::claim(tx, row).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether its id belongs to an application of another identity: no look-up would ever find it. What is erased has another
/// identity than it had.
async fn taken(tx: &mut SqliteConnection, row: &ApplicationRow) -> Result<bool, StoreError> {
    let taken = sqlx::query_scalar(
        "select exists (select 1 from applications where application_id = ? \
         and (sender, service, client_id) <> (?, ?, ?) and content <> ?)",
    )
    .bind(row.application_id.0)
    .bind(&row.identity.sender)
    .bind(&row.identity.service)
    .bind(&row.identity.client_id)
    .bind(ERASED.0.as_slice());
    Ok(taken.fetch_one(tx).await?)
}

async fn outbox(tx: &mut SqliteConnection, row: &OutboxRow, at: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "insert into outbox (message_id, application_id, exchange, routing_key, traceparent, body, created_at) \
         values (?, ?, ?, ?, ?, ?, ?) on conflict (message_id) do nothing",
    )
    .bind(row.message_id)
    .bind(row.application_id.0)
    .bind(&row.exchange)
    .bind(&row.routing_key)
    .bind(&row.traceparent)
    .bind(&row.body)
    .bind(Moment(at))
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn audit(tx: &mut SqliteConnection, rows: &[AuditRow]) -> Result<(), StoreError> {
    for row in rows {
        sqlx::query(
            "insert into audit (application_id, at, actor, action, payload, commitment, land) \
             values (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(row.application_id.0)
        .bind(Moment(row.at))
        .bind(&row.actor)
        .bind(&row.action)
        .bind(&row.payload)
        .bind(&row.commitment)
        .bind(&row.land)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// What came a second time.
async fn seconds(tx: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    for row in &batch.aliases {
        sqlx::query("insert into aliases (alias, application_id) values (?, ?) on conflict do nothing")
            .bind(row.alias.0)
            .bind(row.application_id.0)
            .execute(&mut *tx)
            .await?;
    }
    for row in &batch.conflicts {
        sqlx::query(
            "insert into conflicts (application_id, original, content, raw, observed_at) values (?, ?, ?, ?, ?) \
             on conflict do nothing",
        )
        .bind(row.application_id.0)
        .bind(row.original.0)
        .bind(row.content.0.as_slice())
        .bind(&row.raw)
        .bind(Moment(row.observed_at))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

pub(super) async fn mark_published(tx: &mut SqliteConnection, ids: &[Uuid], at: Timestamp) -> Result<(), StoreError> {
    for id in ids {
        sqlx::query("update outbox set published_at = ? where message_id = ? and published_at is null")
            .bind(Moment(at))
            .bind(*id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

pub(super) async fn count_attempts(pool: &SqlitePool, keys: &[Digest], at: Timestamp) -> Result<(), StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let once: BTreeSet<&Digest> = keys.iter().collect();
    for key in once {
        sqlx::query(
            "insert into attempts (key, attempts, last_at) values (?1, 1, ?2) \
             on conflict (key) do update set attempts = attempts + 1, last_at = ?2",
        )
        .bind(key.0.as_slice())
        .bind(Moment(at))
        .execute(&mut *tx)
        .await?;
    }
    Ok(tx.commit().await?)
}
