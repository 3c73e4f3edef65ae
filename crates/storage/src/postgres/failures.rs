//! Failures, many at once.

pub(super) use crate::failures::postgres::*;

use super::commit::column;
use crate::StoreError;
use crate::columns::Moment;
use crate::failures::{again, printable};
use crate::rows::FailureRow;
use jiff::Timestamp;
use sqlx::postgres::PgPool;
use std::collections::BTreeMap;
use uuid::Uuid;

pub(super) async fn fail(pool: &PgPool, rows: &[FailureRow]) -> Result<(), StoreError> {
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
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn settle(pool: &PgPool, items: &[(Uuid, String, String)], at: Timestamp) -> Result<(), StoreError> {
    let mut tx = pool.begin().await?;
    let ids = column(items, |(id, _, _)| *id);
    sqlx::query("select 1 from failures where failure_id = any($1) order by failure_id for update")
        .bind(&ids)
        .execute(&mut *tx)
        .await?;
    let settled = sqlx::query_as(
        "update failures f set outcome = u.outcome, state = case when f.last_at > $4 then 'open' else u.state end, \
         settled_at = case when f.last_at <= $4 and u.state <> 'open' then $4 end \
         from unnest($1::uuid[], $2::text[], $3::text[]) as u(id, state, outcome) \
         where f.failure_id = u.id and f.state = 'queued' returning f.job, f.state",
    )
    .bind(&ids)
    .bind(column(items, |(_, state, _)| state.clone()))
    .bind(column(items, |(_, _, outcome)| printable(outcome)))
    .bind(Moment(at))
    .fetch_all(&mut *tx)
    .await?;
    progress(&mut tx, settled, at).await?;
    Ok(tx.commit().await?)
}
