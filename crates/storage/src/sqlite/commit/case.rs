//! What a batch writes about cases.

use crate::StoreError;
use crate::cases::erasure;
use crate::columns::{Day, Moment, Words};
use crate::rows::{
    Batch, CaseRow, ClaimRow, ControlRow, DecisionRow, DocumentRow, ERASED, ErasedRow, QuestionRow, TaskRow,
};
use domain::ApplicationId;
use sqlx::{SqliteConnection, query};

/// A new case, or another over the version that was read; 0 where another was first.
pub(super) async fn case(tx: &mut SqliteConnection, row: &CaseRow) -> Result<u64, StoreError> {
    let statement = if row.version == 0 {
        query(
            "insert into cases (application_id, service, ars, state, outcome, automatic, updated_at, version, body, \
             wake_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 + 1, ?9, ?10) on conflict do nothing",
        )
    } else {
        query(
            "update cases set service = ?2, ars = ?3, state = ?4, outcome = ?5, automatic = ?6, updated_at = ?7, \
             version = ?8 + 1, body = ?9, wake_at = ?10 where application_id = ?1 and version = ?8",
        )
    };
    let done = statement
        .bind(row.application_id.0)
        .bind(&row.service)
        .bind(&row.ars)
        .bind(&row.state)
        .bind(&row.outcome)
        .bind(row.automatic)
        .bind(Moment(row.updated_at))
        .bind(row.version)
        .bind(&row.body)
        .bind(row.wake_at.map(Moment));
    Ok(done.execute(tx).await?.rows_affected())
}

pub(super) async fn erase(tx: &mut SqliteConnection, row: &ErasedRow) -> Result<(), StoreError> {
    let id = row.application_id;
    query("update applications set raw = x'', client_id = ?3, content = ?2 where application_id = ?1")
        .bind(id.0)
        .bind(ERASED.0.to_vec())
        .bind(&row.tombstone)
        .execute(&mut *tx)
        .await?;
    for statement in erasure!("= $1", "= $1 or application_id in ", "") {
        query(statement).bind(id.0).execute(&mut *tx).await?;
    }
    Ok(())
}

pub(super) async fn release(tx: &mut SqliteConnection, id: ApplicationId) -> Result<(), StoreError> {
    query("delete from once_claims where application_id = ?").bind(id.0).execute(tx).await?;
    Ok(())
}

pub(super) async fn claim(tx: &mut SqliteConnection, row: &ClaimRow) -> Result<u64, StoreError> {
    let done = query(
        "insert into once_claims (digest, ordinal, name, application_id, valid_from, valid_to) \
         values (?, ?, ?, ?, ?, ?) on conflict do nothing",
    )
    .bind(row.digest.0.as_slice())
    .bind(row.ordinal)
    .bind(&row.name)
    .bind(row.application_id.0)
    .bind(row.from.map(Day))
    .bind(row.to.map(Day))
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Everything about cases that nobody else can have been first with.
pub(super) async fn results(tx: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    for row in &batch.decisions {
        decision(tx, row).await?;
    }
    for id in &batch.closed_tasks {
        query("delete from tasks where application_id = ?").bind(id.0).execute(&mut *tx).await?;
    }
    for row in &batch.tasks {
        task(tx, row).await?;
    }
    for row in &batch.documents {
        document(tx, row).await?;
    }
    for row in &batch.questions {
        question(tx, row).await?;
    }
    for id in &batch.answered {
        query("delete from questions where question_id = ?").bind(*id).execute(&mut *tx).await?;
    }
    for row in &batch.controls {
        control(tx, row).await?;
    }
    Ok(())
}

async fn decision(tx: &mut SqliteConnection, row: &DecisionRow) -> Result<(), StoreError> {
    query(
        "insert into decisions (application_id, decision_no, notice_id, rule_set, decided_at, decision, trace, \
         context, data) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.application_id.0)
    .bind(row.decision_no)
    .bind(row.notice_id)
    .bind(&row.rule_set)
    .bind(Moment(row.decided_at))
    .bind(&row.decision)
    .bind(&row.trace)
    .bind(&row.context)
    .bind(&row.data)
    .execute(tx)
    .await?;
    Ok(())
}

async fn task(tx: &mut SqliteConnection, row: &TaskRow) -> Result<(), StoreError> {
    query(
        "insert into tasks (application_id, service, ars, queue, reasons, proposal, opened_at, kind, team, claimed_by, \
         claimed_until, assigned_to, due_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         on conflict (application_id) do update set service = excluded.service, ars = excluded.ars, \
         queue = excluded.queue, reasons = excluded.reasons, proposal = excluded.proposal, \
         opened_at = excluded.opened_at, kind = excluded.kind, team = excluded.team, \
         claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until, \
         assigned_to = excluded.assigned_to, due_at = excluded.due_at",
    )
    .bind(row.application_id.0)
    .bind(&row.service)
    .bind(&row.ars)
    .bind(&row.queue)
    .bind(Words(row.reasons.clone()))
    .bind(&row.proposal)
    .bind(Moment(row.opened_at))
    .bind(&row.kind)
    .bind(&row.team)
    .bind(&row.claimed_by)
    .bind(row.claimed_until.map(Moment))
    .bind(&row.assigned_to)
    .bind(row.due_at.map(Moment))
    .execute(tx)
    .await?;
    Ok(())
}

async fn document(tx: &mut SqliteConnection, row: &DocumentRow) -> Result<(), StoreError> {
    query(
        "insert into documents (application_id, key, kind, at, actor, body) values (?, ?, ?, ?, ?, ?) \
         on conflict do nothing",
    )
    .bind(row.application_id.0)
    .bind(row.key)
    .bind(&row.kind)
    .bind(Moment(row.at))
    .bind(&row.actor)
    .bind(&row.body)
    .execute(tx)
    .await?;
    Ok(())
}

async fn question(tx: &mut SqliteConnection, row: &QuestionRow) -> Result<(), StoreError> {
    query(
        "insert into questions (question_id, application_id, register, service, ars, body, asked_at, next_at, \
         attempts, trouble) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
    )
    .bind(row.question_id)
    .bind(row.application_id.0)
    .bind(&row.register)
    .bind(&row.service)
    .bind(&row.ars)
    .bind(&row.body)
    .bind(Moment(row.asked_at))
    .bind(Moment(row.next_at))
    .bind(row.attempts)
    .bind(&row.trouble)
    .execute(tx)
    .await?;
    Ok(())
}

async fn control(tx: &mut SqliteConnection, row: &ControlRow) -> Result<(), StoreError> {
    query(
        "insert into controls (application_id, decision_no, service, ars, rule_set, drawn_at, official, agreed, \
         judged_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (application_id, decision_no) do update set \
         service = excluded.service, ars = excluded.ars, rule_set = excluded.rule_set, drawn_at = excluded.drawn_at, \
         official = excluded.official, agreed = excluded.agreed, judged_at = excluded.judged_at",
    )
    .bind(row.application_id.0)
    .bind(row.decision_no)
    .bind(&row.service)
    .bind(&row.ars)
    .bind(&row.rule_set)
    .bind(Moment(row.drawn_at))
    .bind(&row.official)
    .bind(row.agreed)
    .bind(row.judged_at.map(Moment))
    .execute(tx)
    .await?;
    Ok(())
}
