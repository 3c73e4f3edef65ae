//! Failures, many at once.

pub(super) use crate::failures::postgres::*;

use super::commit::{audit, column};
use crate::StoreError;
use crate::columns::Moment;
use crate::failures::{again, mend, printable};
use crate::rows::{AuditRow, FailureRow, Settled};
use jiff::Timestamp;
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

pub(super) async fn fail(tx: &mut PgConnection, rows: &[FailureRow]) -> Result<(), StoreError> {
    // In one order for all writers, and each once: a statement may write a row only once.
    let mut merged: BTreeMap<Uuid, (i64, Timestamp, &FailureRow)> = BTreeMap::new();
    for row in rows {
        let (times, _, newest) = merged.entry(row.failure_id).or_insert((0, row.first_at, row));
        *times += row.times;
        *newest = row;
    }
    if merged.is_empty() {
        return Ok(());
    }
    let rows: Vec<(i64, Timestamp, &FailureRow)> = merged.into_values().collect();
    sqlx::query(concat!(
        "insert into failures (failure_id, kind, cause, detail, application_id, sender, service, ars, body, first_at, \
         last_at, times, state) select *, 'open' from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], \
         $5::uuid[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::timestamptz[], $11::timestamptz[], \
         $12::bigint[])",
        again!()
    ))
    .bind(column(&rows, |(_, _, r)| r.failure_id))
    .bind(column(&rows, |(_, _, r)| r.kind.clone()))
    .bind(column(&rows, |(_, _, r)| r.cause.clone()))
    .bind(column(&rows, |(_, _, r)| printable(&r.detail)))
    .bind(column(&rows, |(_, _, r)| r.application_id.map(|id| id.0)))
    .bind(column(&rows, |(_, _, r)| r.sender.clone()))
    .bind(column(&rows, |(_, _, r)| r.service.clone()))
    .bind(column(&rows, |(_, _, r)| r.ars.clone()))
    .bind(column(&rows, |(_, _, r)| r.body.clone()))
    .bind(column(&rows, |(_, first_at, _)| Moment(*first_at)))
    .bind(column(&rows, |(_, _, r)| Moment(r.last_at)))
    .bind(column(&rows, |(times, _, _)| *times))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn mend(tx: &mut PgConnection, ids: &[Uuid], at: Timestamp) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(mend!("= any($1) order by failure_id for update")).bind(ids).bind(Moment(at)).execute(tx).await?;
    Ok(())
}

pub(super) async fn settle(pool: &PgPool, items: &[Settled], at: Timestamp) -> Result<(), StoreError> {
    let mut tx = pool.begin().await?;
    let ids = column(items, |item| item.failure_id);
    sqlx::query("select 1 from failures where failure_id = any($1) order by failure_id for update")
        .bind(&ids)
        .execute(&mut *tx)
        .await?;
    let settled: Vec<(Uuid, Option<Uuid>, String)> = sqlx::query_as(
        "update failures f set outcome = u.outcome, state = case when f.times > u.times then 'open' else u.state end, \
         settled_at = case when f.times <= u.times and u.state <> 'open' then $4 end \
         from unnest($1::uuid[], $2::text[], $3::text[], $5::bigint[]) as u(id, state, outcome, times) \
         where f.failure_id = u.id and f.state = 'queued' returning f.failure_id, f.job, f.state",
    )
    .bind(&ids)
    .bind(column(items, |item| item.state.clone()))
    .bind(column(items, |item| printable(&item.outcome)))
    .bind(Moment(at))
    .bind(column(items, |item| item.times))
    .fetch_all(&mut *tx)
    .await?;
    progress(&mut tx, &settled, at).await?;
    let done: HashSet<Uuid> = settled.into_iter().map(|(id, _, _)| id).collect();
    let lines = items.iter().filter(|item| done.contains(&item.failure_id)).filter_map(|item| item.audit.clone());
    audit(&mut tx, &lines.collect::<Vec<AuditRow>>()).await?;
    Ok(tx.commit().await?)
}
