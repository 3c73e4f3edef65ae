//! What a batch writes about cases.

use super::{bytes, column};
use crate::StoreError;
use crate::cases::erasure;
use crate::columns::{Day, Moment, Words};
use crate::rows::{CaseRow, ClaimRow, ControlRow, DecisionRow, DocumentRow, ERASED, ErasedRow, QuestionRow, TaskRow};
use domain::ApplicationId;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Postgres, query};
use uuid::Uuid;

/// New cases, and others over the version that was read; false where another was first.
pub(super) async fn cases(tx: &mut PgConnection, rows: &[CaseRow]) -> Result<bool, StoreError> {
    let (new, changed): (Vec<&CaseRow>, Vec<&CaseRow>) = rows.iter().partition(|row| row.version == 0);
    if !new.is_empty() {
        let insert = bound(
            "insert into cases (application_id, service, ars, state, outcome, automatic, updated_at, version, body, \
             wake_at) select u.id, u.service, u.ars, u.state, u.outcome, u.automatic, u.updated_at, u.version + 1, \
             u.body, u.wake_at from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], \
             $7::timestamptz[], $8::bigint[], $9::bytea[], $10::timestamptz[]) \
             as u(id, service, ars, state, outcome, automatic, updated_at, version, body, wake_at) \
             on conflict do nothing",
            &new,
        );
        if insert.execute(&mut *tx).await?.rows_affected() < new.len() as u64 {
            return Ok(false);
        }
    }
    if !changed.is_empty() {
        // One order for all writers; an update takes its rows in any.
        query("select 1 from cases where application_id = any($1) order by application_id for update")
            .bind(column(&changed, |r| r.application_id.0))
            .execute(&mut *tx)
            .await?;
        let update = bound(
            "update cases set service = u.service, ars = u.ars, state = u.state, outcome = u.outcome, \
             automatic = u.automatic, updated_at = u.updated_at, version = u.version + 1, body = u.body, \
             wake_at = u.wake_at from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], \
             $7::timestamptz[], $8::bigint[], $9::bytea[], $10::timestamptz[]) \
             as u(id, service, ars, state, outcome, automatic, updated_at, version, body, wake_at) \
             where cases.application_id = u.id and cases.version = u.version",
            &changed,
        );
        if update.execute(&mut *tx).await?.rows_affected() < changed.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn bound(text: &'static str, rows: &[&CaseRow]) -> Query<'static, Postgres, PgArguments> {
    query(text)
        .bind(column(rows, |r| r.application_id.0))
        .bind(column(rows, |r| r.service.clone()))
        .bind(column(rows, |r| r.ars.clone()))
        .bind(column(rows, |r| r.state.clone()))
        .bind(column(rows, |r| r.outcome.clone()))
        .bind(column(rows, |r| r.automatic))
        .bind(column(rows, |r| Moment(r.updated_at)))
        .bind(column(rows, |r| r.version))
        .bind(column(rows, |r| r.body.clone()))
        .bind(column(rows, |r| r.wake_at.map(Moment)))
}

pub(super) async fn erase(tx: &mut PgConnection, rows: &[ErasedRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids = column(rows, |row| row.application_id.0);
    let update = "update applications a set raw = '', content = $3, client_id = u.tombstone \
                  from unnest($1::uuid[], $2::text[]) as u(id, tombstone) where a.application_id = u.id";
    query(update)
        .bind(&ids)
        .bind(column(rows, |row| row.tombstone.clone()))
        .bind(bytes(&ERASED))
        .execute(&mut *tx)
        .await?;
    // One array of all ids: with an "or" the index over them would not be used.
    for statement in erasure!("= any($1)", "= any($1::uuid[] || array", ")") {
        query(statement).bind(&ids).execute(&mut *tx).await?;
    }
    Ok(())
}

pub(super) async fn release(tx: &mut PgConnection, ids: &[ApplicationId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    query("delete from once_claims where application_id = any($1)").bind(column(ids, |id| id.0)).execute(tx).await?;
    Ok(())
}

pub(super) async fn claims(tx: &mut PgConnection, rows: &[ClaimRow]) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let done = query(
        "insert into once_claims (digest, ordinal, name, application_id, valid_from, valid_to) \
         select * from unnest($1::bytea[], $2::int[], $3::text[], $4::uuid[], $5::date[], $6::date[]) \
         on conflict do nothing",
    )
    .bind(column(rows, |r| bytes(&r.digest)))
    .bind(column(rows, |r| r.ordinal))
    .bind(column(rows, |r| r.name.clone()))
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.from.map(Day)))
    .bind(column(rows, |r| r.to.map(Day)));
    Ok(done.execute(tx).await?.rows_affected())
}

pub(super) async fn decisions(tx: &mut PgConnection, rows: &[DecisionRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    query(
        "insert into decisions (application_id, decision_no, notice_id, rule_set, decided_at, decision, trace, \
         context, data) select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::timestamptz[], \
         $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[])",
    )
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.decision_no))
    .bind(column(rows, |r| r.notice_id))
    .bind(column(rows, |r| r.rule_set.clone()))
    .bind(column(rows, |r| Moment(r.decided_at)))
    .bind(column(rows, |r| r.decision.clone()))
    .bind(column(rows, |r| r.trace.clone()))
    .bind(column(rows, |r| r.context.clone()))
    .bind(column(rows, |r| r.data.clone()))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn close_tasks(tx: &mut PgConnection, ids: &[ApplicationId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    query("delete from tasks where application_id = any($1)").bind(column(ids, |id| id.0)).execute(tx).await?;
    Ok(())
}

pub(super) async fn tasks(tx: &mut PgConnection, rows: &[TaskRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    query(
        "insert into tasks (application_id, service, ars, queue, reasons, proposal, opened_at, kind, team, claimed_by, \
         claimed_until, assigned_to, due_at) select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], \
         $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::timestamptz[], \
         $12::text[], $13::timestamptz[]) on conflict (application_id) do update set service = excluded.service, \
         ars = excluded.ars, queue = excluded.queue, reasons = excluded.reasons, proposal = excluded.proposal, \
         opened_at = excluded.opened_at, kind = excluded.kind, team = excluded.team, \
         claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until, \
         assigned_to = excluded.assigned_to, due_at = excluded.due_at",
    )
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.service.clone()))
    .bind(column(rows, |r| r.ars.clone()))
    .bind(column(rows, |r| r.queue.clone()))
    .bind(column(rows, |r| Words(r.reasons.clone())))
    .bind(column(rows, |r| r.proposal.clone()))
    .bind(column(rows, |r| Moment(r.opened_at)))
    .bind(column(rows, |r| r.kind.clone()))
    .bind(column(rows, |r| r.team.clone()))
    .bind(column(rows, |r| r.claimed_by.clone()))
    .bind(column(rows, |r| r.claimed_until.map(Moment)))
    .bind(column(rows, |r| r.assigned_to.clone()))
    .bind(column(rows, |r| r.due_at.map(Moment)))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn documents(tx: &mut PgConnection, rows: &[DocumentRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    query(
        "insert into documents (application_id, key, kind, at, actor, body) select * from unnest($1::uuid[], \
         $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::bytea[]) on conflict do nothing",
    )
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.key))
    .bind(column(rows, |r| r.kind.clone()))
    .bind(column(rows, |r| Moment(r.at)))
    .bind(column(rows, |r| r.actor.clone()))
    .bind(column(rows, |r| r.body.clone()))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn questions(tx: &mut PgConnection, rows: &[QuestionRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    query(
        "insert into questions (question_id, application_id, register, service, ars, body, asked_at, next_at, \
         attempts, trouble) select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], \
         $6::bytea[], $7::timestamptz[], $8::timestamptz[], $9::int[], $10::text[]) on conflict do nothing",
    )
    .bind(column(rows, |r| r.question_id))
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.register.clone()))
    .bind(column(rows, |r| r.service.clone()))
    .bind(column(rows, |r| r.ars.clone()))
    .bind(column(rows, |r| r.body.clone()))
    .bind(column(rows, |r| Moment(r.asked_at)))
    .bind(column(rows, |r| Moment(r.next_at)))
    .bind(column(rows, |r| r.attempts))
    .bind(column(rows, |r| r.trouble.clone()))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn answer(tx: &mut PgConnection, ids: &[Uuid]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    query("delete from questions where question_id = any($1)").bind(ids).execute(tx).await?;
    Ok(())
}

pub(super) async fn controls(tx: &mut PgConnection, rows: &[ControlRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    query(
        "insert into controls (application_id, decision_no, service, ars, rule_set, drawn_at, official, agreed, \
         judged_at) select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], \
         $6::timestamptz[], $7::text[], $8::bool[], $9::timestamptz[]) \
         on conflict (application_id, decision_no) do update set service = excluded.service, ars = excluded.ars, \
         rule_set = excluded.rule_set, drawn_at = excluded.drawn_at, official = excluded.official, \
         agreed = excluded.agreed, judged_at = excluded.judged_at",
    )
    .bind(column(rows, |r| r.application_id.0))
    .bind(column(rows, |r| r.decision_no))
    .bind(column(rows, |r| r.service.clone()))
    .bind(column(rows, |r| r.ars.clone()))
    .bind(column(rows, |r| r.rule_set.clone()))
    .bind(column(rows, |r| Moment(r.drawn_at)))
    .bind(column(rows, |r| r.official.clone()))
    .bind(column(rows, |r| r.agreed))
    .bind(column(rows, |r| r.judged_at.map(Moment)))
    .execute(tx)
    .await?;
    Ok(())
}
