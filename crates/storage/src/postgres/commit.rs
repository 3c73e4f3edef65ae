//! One batch, one transaction.

mod case;

use super::failures;
use crate::columns::Moment;
use crate::rows::{AliasRow, ApplicationRow, ArchiveRow, AuditRow, Batch, Committed, ConflictRow, ERASED, OutboxRow};
use crate::{StoreError, stops};
use domain::Digest;
use jiff::Timestamp;
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::HashSet;
use uuid::Uuid;

pub(super) async fn commit(pool: &PgPool, mut batch: Batch) -> Result<Committed, StoreError> {
    // One order for all writers, so that two batches with the same keys wait for each other instead of deadlocking.
    batch.applications.sort_by(|a, b| a.identity.cmp(&b.identity));
    batch.claims.sort_by_key(|c| (c.digest, c.ordinal));
    batch.archives.sort_by(|a, b| a.hash.cmp(&b.hash));
    batch.archives.dedup_by(|a, b| a.hash == b.hash);
    newest(&mut batch.tasks, |row| row.application_id);
    newest(&mut batch.controls, |row| (row.application_id, row.decision_no));
    let mut tx = pool.begin().await?;
    if !first(&mut tx, &batch).await? {
        tx.rollback().await?;
        return Err(StoreError::Raced);
    }
    case::decisions(&mut tx, &batch.decisions).await?;
    case::close_tasks(&mut tx, &batch.closed_tasks).await?;
    case::tasks(&mut tx, &batch.tasks).await?;
    case::documents(&mut tx, &batch.documents).await?;
    case::questions(&mut tx, &batch.questions).await?;
    case::answer(&mut tx, &batch.answered).await?;
    case::controls(&mut tx, &batch.controls).await?;
    let new = outbox(&mut tx, &batch.outbox, batch.at).await?;
    // A message that an earlier delivery wrote leaves as that row has it, never as a second version.
    batch.outbox.retain(|row| new.contains(&row.message_id));
    audit(&mut tx, &batch.audit).await?;
    aliases(&mut tx, &batch.aliases).await?;
    conflicts(&mut tx, &batch.conflicts).await?;
    archives(&mut tx, &batch.archives).await?;
    failures::mend(&mut tx, &batch.mended, batch.at).await?;
    failures::fail(&mut tx, &batch.failures).await?;
    mark_published(&mut tx, &batch.published, batch.at).await?;
    tx.commit().await.map_err(unknown)?;
    Ok(Committed::new(batch))
}

/// Whoever sets a switch waits for every batch that is being committed, and those that come then see another generation.
const SWITCHES: i64 = 0x6475_6e6b_656c_0001;

/// Sets switches, or holds what stands until the end of the transaction; false where others stand than were read.
async fn switches(tx: &mut PgConnection, batch: &Batch) -> Result<bool, StoreError> {
    if let (Some(read), true) = (batch.generation, batch.stops.is_empty()) {
        sqlx::query("select pg_advisory_xact_lock_shared($1)").bind(SWITCHES).execute(&mut *tx).await?;
        let now: i64 = sqlx::query_scalar(stops::GENERATION).fetch_one(tx).await?;
        return Ok(now == read);
    }
    if batch.stops.is_empty() {
        return Ok(true);
    }
    sqlx::query("select pg_advisory_xact_lock($1)").bind(SWITCHES).execute(&mut *tx).await?;
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
    sqlx::query(stops::MOVE_ON).execute(tx).await?;
    Ok(true)
}

/// What another may have been first with, and what makes room for it; false where another was.
async fn first(tx: &mut PgConnection, batch: &Batch) -> Result<bool, StoreError> {
    if !switches(tx, batch).await? {
        return Ok(false);
    }
    if applications(tx, &batch.applications).await? < batch.applications.len() as u64 {
        return if taken(tx, &batch.applications).await? { Err(StoreError::id_taken()) } else { Ok(false) };
    }
    if !case::cases(tx, &batch.cases).await? {
        return Ok(false);
    }
    case::erase(tx, &batch.erased).await?;
    case::release(tx, &batch.released).await?;
    Ok(case::claims(tx, &batch.claims).await? == batch.claims.len() as u64)
}

/// The last row of each key: a statement may write a row only once.
fn newest<R, K: Ord>(rows: &mut Vec<R>, key: impl Fn(&R) -> K) {
    rows.reverse();
    rows.sort_by_key(&key);
    rows.dedup_by_key(|row| key(row));
}

/// A commit whose answer was lost may have happened.
fn unknown(error: sqlx::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Refused(text) => StoreError::Refused(text),
        StoreError::Raced => StoreError::Raced,
        StoreError::Unavailable(text) => StoreError::Unavailable(format!("commit unknown: {text}")),
    }
}

/// A column of a batch, as PostgreSQL's UNNEST wants it.
pub(super) fn column<R, T>(rows: &[R], field: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

fn bytes(digest: &Digest) -> Vec<u8> {
    digest.0.to_vec()
}

async fn applications(tx: &mut PgConnection, rows: &[ApplicationRow]) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(
        "insert into applications (application_id, sender, service, client_id, ars, form_version, content, raw, \
         observed_at, received_at) select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], \
         $6::text[], $7::bytea[], $8::bytea[], $9::timestamptz[], $10::timestamptz[]) on conflict do nothing",
    )
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.identity.sender.clone()))
    .bind(column(rows, |r| r.identity.service.clone()))
    .bind(column(rows, |r| r.identity.client_id.clone()))
    .bind(column(rows, |r| r.ars.clone()))
    .bind(column(rows, |r| r.form_version.clone()))
    .bind(column(rows, |r| bytes(&r.content)))
    .bind(column(rows, |r| r.raw.clone()))
    .bind(column(rows, |r| Moment(r.observed_at)))
    .bind(column(rows, |r| Moment(r.received_at)));
    Ok(done.execute(tx).await?.rows_affected())
}

/// Whether the id of one of them belongs to an application of another identity: no look-up would ever find it. What is
/// erased has another identity than it had.
async fn taken(tx: &mut PgConnection, rows: &[ApplicationRow]) -> Result<bool, StoreError> {
    let taken = sqlx::query_scalar(
        "select exists (select 1 from applications a join unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) \
         as u(id, sender, service, client_id) on a.application_id = u.id \
         where (a.sender, a.service, a.client_id) <> (u.sender, u.service, u.client_id) and a.content <> $5)",
    )
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.identity.sender.clone()))
    .bind(column(rows, |r| r.identity.service.clone()))
    .bind(column(rows, |r| r.identity.client_id.clone()))
    .bind(bytes(&ERASED));
    Ok(taken.fetch_one(tx).await?)
}

async fn outbox(tx: &mut PgConnection, rows: &[OutboxRow], at: Timestamp) -> Result<HashSet<Uuid>, StoreError> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let new: Vec<(Uuid,)> = sqlx::query_as(
        "insert into outbox (message_id, application_id, exchange, routing_key, traceparent, body, created_at) \
         select *, $7 from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[]) \
         on conflict (message_id) do nothing returning message_id",
    )
    .bind(column(rows, |r| r.message_id))
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.exchange.clone()))
    .bind(column(rows, |r| r.routing_key.clone()))
    .bind(column(rows, |r| r.traceparent.clone()))
    .bind(column(rows, |r| r.body.clone()))
    .bind(Moment(at))
    .fetch_all(tx)
    .await?;
    Ok(new.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn audit(tx: &mut PgConnection, rows: &[AuditRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into audit (application_id, at, actor, action, payload, commitment, land) select * from \
         unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::text[])",
    )
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| Moment(r.at)))
    .bind(column(rows, |r| r.actor.clone()))
    .bind(column(rows, |r| r.action.clone()))
    .bind(column(rows, |r| r.payload.clone()))
    .bind(column(rows, |r| r.commitment.clone()))
    .bind(column(rows, |r| r.land.clone()))
    .execute(tx)
    .await?;
    Ok(())
}

async fn aliases(tx: &mut PgConnection, rows: &[AliasRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into aliases (alias, application_id) select * from unnest($1::uuid[], $2::uuid[]) on conflict do nothing",
    )
    .bind(column(rows, |r| r.alias.0))
    .bind(column(rows, |r| r.application_id.0))
    .execute(tx)
    .await?;
    Ok(())
}

async fn conflicts(tx: &mut PgConnection, rows: &[ConflictRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into conflicts (application_id, original, content, raw, observed_at) \
         select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[], $5::timestamptz[]) \
         on conflict do nothing",
    )
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.original.0))
    .bind(column(rows, |r| bytes(&r.content)))
    .bind(column(rows, |r| r.raw.clone()))
    .bind(column(rows, |r| Moment(r.observed_at)))
    .execute(tx)
    .await?;
    Ok(())
}

async fn archives(tx: &mut PgConnection, rows: &[ArchiveRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into archives (hash, body) select * from unnest($1::text[], $2::bytea[]) on conflict do nothing",
    )
    .bind(column(rows, |r| r.hash.clone()))
    .bind(column(rows, |r| r.body.clone()))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn mark_published(tx: &mut PgConnection, ids: &[Uuid], at: Timestamp) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query("update outbox set published_at = $2 where message_id = any($1) and published_at is null")
        .bind(ids)
        .bind(Moment(at))
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn count_attempts(pool: &PgPool, keys: &[Digest], at: Timestamp) -> Result<(), StoreError> {
    let mut sorted: Vec<Digest> = keys.to_vec();
    sorted.sort();
    sorted.dedup();
    sqlx::query(
        "insert into attempts (key, attempts, last_at) select k, 1, $2 from unnest($1::bytea[]) as k \
         on conflict (key) do update set attempts = attempts.attempts + 1, last_at = excluded.last_at",
    )
    .bind(column(&sorted, bytes))
    .bind(Moment(at))
    .execute(pool)
    .await?;
    Ok(())
}
