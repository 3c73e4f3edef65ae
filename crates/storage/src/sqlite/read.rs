//! Reads: look-ups of the hot path, and what pages and portals ask.

use super::timestamp;
use crate::StoreError;
use crate::postgres::{digest, split_reasons};
use crate::rows::{
    ApplicationRow, AuditRow, CaseRow, CaseView, ClaimRow, DecisionRow, Identity, Known, OutboxRow, Overview,
    OverviewLine, Status, TaskRow,
};
use domain::{ApplicationId, Digest};
use jiff::{Timestamp, civil::Date};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{FromRow, Row};
use std::collections::HashMap;
use uuid::Uuid;

pub(super) async fn look_up(pool: &SqlitePool, identities: &[Identity]) -> Result<Vec<Option<Known>>, StoreError> {
    let mut connection = pool.acquire().await?;
    let mut known = Vec::with_capacity(identities.len());
    for identity in identities {
        let row: Option<(Uuid, Vec<u8>)> = sqlx::query_as(
            "select application_id, content from applications where sender = ? and service = ? and client_id = ?",
        )
        .bind(&identity.sender)
        .bind(&identity.service)
        .bind(&identity.client_id)
        .fetch_optional(&mut *connection)
        .await?;
        known.push(row.map(|(id, content)| Known { application_id: ApplicationId(id), content: digest(&content) }));
    }
    Ok(known)
}

fn day(text: Option<String>) -> Option<Date> {
    text.and_then(|t| t.parse().ok())
}

pub(super) async fn claims(
    pool: &SqlitePool,
    digests: &[Digest],
) -> Result<HashMap<Digest, Vec<ClaimRow>>, StoreError> {
    type Found = (i32, String, Uuid, Option<String>, Option<String>);
    let mut connection = pool.acquire().await?;
    let mut claims: HashMap<Digest, Vec<ClaimRow>> = HashMap::new();
    for digest in digests.iter().copied() {
        let rows: Vec<Found> = sqlx::query_as(
            "select ordinal, name, application_id, valid_from, valid_to from once_claims where digest = ? \
             order by ordinal",
        )
        .bind(digest.0.as_slice())
        .fetch_all(&mut *connection)
        .await?;
        let claim = |(ordinal, name, id, from, to)| ClaimRow {
            digest,
            ordinal,
            name,
            application_id: ApplicationId(id),
            from: day(from),
            to: day(to),
        };
        if !rows.is_empty() {
            claims.insert(digest, rows.into_iter().map(claim).collect());
        }
    }
    Ok(claims)
}

pub(super) async fn attempts(pool: &SqlitePool, keys: &[Digest]) -> Result<Vec<u32>, StoreError> {
    let mut connection = pool.acquire().await?;
    let mut counts = Vec::with_capacity(keys.len());
    for key in keys {
        let count: Option<u32> = sqlx::query_scalar("select attempts from attempts where key = ?")
            .bind(key.0.as_slice())
            .fetch_optional(&mut *connection)
            .await?;
        counts.push(count.unwrap_or(0));
    }
    Ok(counts)
}

impl FromRow<'_, SqliteRow> for OutboxRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            message_id: row.try_get("message_id")?,
            application_id: ApplicationId(row.try_get("application_id")?),
            exchange: row.try_get("exchange")?,
            routing_key: row.try_get("routing_key")?,
            traceparent: row.try_get("traceparent")?,
            body: row.try_get("body")?,
        })
    }
}

pub(super) async fn unpublished(
    pool: &SqlitePool,
    before: Timestamp,
    offset: u32,
    limit: u32,
) -> Result<Vec<OutboxRow>, StoreError> {
    let rows = sqlx::query_as(
        "select message_id, application_id, exchange, routing_key, traceparent, body from outbox \
         where published_at is null and created_at < ?1 order by created_at, message_id limit ?3 offset ?2",
    );
    Ok(rows.bind(before.as_microsecond()).bind(i64::from(offset)).bind(i64::from(limit)).fetch_all(pool).await?)
}

pub(super) async fn status(pool: &SqlitePool, id: ApplicationId) -> Result<Option<Status>, StoreError> {
    let row: Option<(Uuid, String, Option<Vec<u8>>)> = sqlx::query_as(
        "select c.application_id, c.state, d.decision from cases c \
         left join decisions d on d.application_id = c.application_id \
         where c.application_id = coalesce((select application_id from aliases where alias = ?1), ?1) \
         order by d.decision_no desc limit 1",
    )
    .bind(id.0)
    .fetch_optional(pool)
    .await?;
    if let Some((id, state, decision)) = row {
        return Ok(Some(Status { application_id: ApplicationId(id), state, decision }));
    }
    let conflict: Option<(Uuid,)> = sqlx::query_as("select application_id from conflicts where application_id = ?1")
        .bind(id.0)
        .fetch_optional(pool)
        .await?;
    if let Some((id,)) = conflict {
        return Ok(Some(Status { application_id: ApplicationId(id), state: "conflict".into(), decision: None }));
    }
    let dead: Option<(i64,)> = sqlx::query_as("select id from dead_letters where application_id = ?1 limit 1")
        .bind(id.0)
        .fetch_optional(pool)
        .await?;
    Ok(dead.map(|_| Status { application_id: id, state: "failed".into(), decision: None }))
}

pub(super) async fn overview(pool: &SqlitePool, now: Timestamp) -> Result<Overview, StoreError> {
    let lines: Vec<(String, String, bool, i64)> = sqlx::query_as(
        "select service, outcome, automatic, count(*) from cases group by service, outcome, automatic \
         order by service, outcome, automatic",
    )
    .fetch_all(pool)
    .await?;
    let reasons: Vec<(String, i64)> =
        sqlx::query_as("select reasons, count(*) from tasks where state = 'open' group by reasons")
            .fetch_all(pool)
            .await?;
    let figures: (i64, i64, Option<i64>, i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from tasks where state = 'open'), (select count(*) from queue), \
         (select min(enqueued_at) from queue), (select count(*) from dead_letters), \
         (select count(*) from outbox where published_at is null), (select count(*) from aliases), \
         (select count(*) from conflicts)",
    )
    .fetch_one(pool)
    .await?;
    Ok(Overview {
        lines: lines
            .into_iter()
            .map(|(service, outcome, automatic, count)| OverviewLine { service, outcome, automatic, count })
            .collect(),
        reasons: split_reasons(reasons),
        open_tasks: figures.0,
        waiting: figures.1,
        oldest_waiting_seconds: figures.2.map(|at| now.as_second() - timestamp(at).as_second()),
        dead_letters: figures.3,
        unpublished: figures.4,
        duplicates: figures.5,
        conflicts: figures.6,
    })
}

impl FromRow<'_, SqliteRow> for TaskRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let reasons: String = row.try_get("reasons")?;
        Ok(Self {
            application_id: ApplicationId(row.try_get("application_id")?),
            service: row.try_get("service")?,
            ars: row.try_get("ars")?,
            queue: row.try_get("queue")?,
            reasons: reasons.split(',').filter(|r| !r.is_empty()).map(str::to_owned).collect(),
            proposal: row.try_get("proposal")?,
            opened_at: timestamp(row.try_get("opened_at")?),
        })
    }
}

pub(super) async fn tasks(
    pool: &SqlitePool,
    reason: Option<&str>,
    offset: u32,
    limit: u32,
) -> Result<Vec<TaskRow>, StoreError> {
    let rows = sqlx::query_as(
        "select application_id, service, ars, queue, reasons, proposal, opened_at from tasks \
         where state = 'open' and (?1 is null or instr(',' || reasons || ',', ',' || ?1 || ',') > 0) \
         order by opened_at, application_id limit ?3 offset ?2",
    );
    Ok(rows.bind(reason).bind(i64::from(offset)).bind(i64::from(limit)).fetch_all(pool).await?)
}

pub(super) async fn case(pool: &SqlitePool, id: ApplicationId) -> Result<Option<CaseView>, StoreError> {
    let id: Uuid = sqlx::query_scalar("select coalesce((select application_id from aliases where alias = ?1), ?1)")
        .bind(id.0)
        .fetch_one(pool)
        .await?;
    let Some(application) =
        sqlx::query("select * from applications where application_id = ?1").bind(id).fetch_optional(pool).await?
    else {
        return Ok(None);
    };
    let Some(case) = sqlx::query("select * from cases where application_id = ?1").bind(id).fetch_optional(pool).await?
    else {
        return Ok(None);
    };
    let decision = sqlx::query("select * from decisions where application_id = ?1 order by decision_no desc limit 1")
        .bind(id)
        .fetch_optional(pool)
        .await?;
    let task = sqlx::query_as("select * from tasks where application_id = ?1").bind(id).fetch_optional(pool).await?;
    let audit =
        sqlx::query("select * from audit where application_id = ?1 order by seq").bind(id).fetch_all(pool).await?;
    Ok(Some(CaseView {
        application: application_row(&application)?,
        case: case_row(&case)?,
        decision: decision.as_ref().map(decision_row).transpose()?,
        task,
        audit: audit.iter().map(audit_row).collect::<Result<_, _>>()?,
    }))
}

fn application_row(row: &SqliteRow) -> Result<ApplicationRow, sqlx::Error> {
    Ok(ApplicationRow {
        application_id: ApplicationId(row.try_get("application_id")?),
        identity: Identity {
            sender: row.try_get("sender")?,
            service: row.try_get("service")?,
            client_id: row.try_get("client_id")?,
        },
        ars: row.try_get("ars")?,
        form_version: row.try_get("form_version")?,
        content: digest(row.try_get("content")?),
        raw: row.try_get("raw")?,
        observed_at: timestamp(row.try_get("observed_at")?),
        received_at: timestamp(row.try_get("received_at")?),
    })
}

fn case_row(row: &SqliteRow) -> Result<CaseRow, sqlx::Error> {
    Ok(CaseRow {
        application_id: ApplicationId(row.try_get("application_id")?),
        service: row.try_get("service")?,
        ars: row.try_get("ars")?,
        state: row.try_get("state")?,
        outcome: row.try_get("outcome")?,
        automatic: row.try_get("automatic")?,
        updated_at: timestamp(row.try_get("updated_at")?),
    })
}

fn decision_row(row: &SqliteRow) -> Result<DecisionRow, sqlx::Error> {
    Ok(DecisionRow {
        application_id: ApplicationId(row.try_get("application_id")?),
        decision_no: row.try_get("decision_no")?,
        notice_id: row.try_get("notice_id")?,
        rule_set: row.try_get("rule_set")?,
        decided_at: timestamp(row.try_get("decided_at")?),
        decision: row.try_get("decision")?,
        trace: row.try_get("trace")?,
        context: row.try_get("context")?,
    })
}

fn audit_row(row: &SqliteRow) -> Result<AuditRow, sqlx::Error> {
    Ok(AuditRow {
        application_id: ApplicationId(row.try_get("application_id")?),
        at: timestamp(row.try_get("at")?),
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        payload: row.try_get("payload")?,
        payload_hash: digest(row.try_get("payload_hash")?),
    })
}
