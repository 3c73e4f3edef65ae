//! Failures, one statement each in a transaction.

pub(super) use crate::failures::sqlite::*;

use super::commit::audit;
use crate::StoreError;
use crate::columns::Moment;
use crate::failures::{again, mend, printable};
use crate::rows::{FailureRow, Settled};
use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

pub(super) async fn fail(tx: &mut SqliteConnection, rows: &[FailureRow]) -> Result<(), StoreError> {
    for row in rows {
        sqlx::query(concat!(
            "insert into failures (failure_id, kind, cause, detail, application_id, sender, service, ars, body, \
             first_at, last_at, times, state) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')",
            again!()
        ))
        .bind(row.failure_id)
        .bind(&row.kind)
        .bind(&row.cause)
        .bind(printable(&row.detail))
        .bind(row.application_id.map(|id| id.0))
        .bind(&row.sender)
        .bind(&row.service)
        .bind(&row.ars)
        .bind(&row.body)
        .bind(Moment(row.first_at))
        .bind(Moment(row.last_at))
        .bind(row.times)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

pub(super) async fn mend(tx: &mut SqliteConnection, ids: &[Uuid], at: Timestamp) -> Result<(), StoreError> {
    for id in ids {
        sqlx::query(mend!("= $1")).bind(*id).bind(Moment(at)).execute(&mut *tx).await?;
    }
    Ok(())
}

pub(super) async fn settle(pool: &SqlitePool, items: &[Settled], at: Timestamp) -> Result<(), StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut settled = Vec::with_capacity(items.len());
    for item in items {
        let update = sqlx::query_as(
            "update failures set outcome = ?3, state = case when times > ?5 then 'open' else ?2 end, \
             settled_at = case when times <= ?5 and ?2 <> 'open' then ?4 end \
             where failure_id = ?1 and state = 'queued' returning failure_id, job, state",
        );
        let update = update.bind(item.failure_id).bind(&item.state).bind(printable(&item.outcome)).bind(Moment(at));
        let update = update.bind(item.times);
        if let Some(done) = update.fetch_optional(&mut *tx).await? {
            settled.push(done);
            audit(&mut tx, item.audit.as_slice()).await?;
        }
    }
    progress(&mut tx, &settled, at).await?;
    Ok(tx.commit().await?)
}
