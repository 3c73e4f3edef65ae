//! Look-ups by many keys at once, which the two databases ask for in different ways.

use crate::StoreError;
use crate::columns::Day;
use crate::rows::{CaseRow, ClaimRow, Dossier, Identity, Known, QuestionRow};
use domain::{ApplicationId, Digest};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use std::collections::HashMap;
use uuid::Uuid;

pub(super) async fn look_up(pool: &SqlitePool, identities: &[Identity]) -> Result<Vec<Option<Known>>, StoreError> {
    let mut connection = pool.acquire().await?;
    let mut known = Vec::with_capacity(identities.len());
    for identity in identities {
        let row = sqlx::query_as(
            "select application_id, content from applications where sender = ? and service = ? and client_id = ?",
        )
        .bind(&identity.sender)
        .bind(&identity.service)
        .bind(&identity.client_id)
        .fetch_optional(&mut *connection)
        .await?;
        known.push(row);
    }
    Ok(known)
}

/// An identity itself counts before its tombstone.
pub(super) async fn look_up_ever(
    pool: &SqlitePool,
    identities: &[Identity],
    tombstones: &[String],
) -> Result<Vec<Option<Known>>, StoreError> {
    let mut connection = pool.acquire().await?;
    let mut known = Vec::with_capacity(identities.len());
    for (identity, tombstone) in identities.iter().zip(tombstones) {
        let row = sqlx::query_as(
            "select application_id, content from applications where sender = ?1 and service = ?2 and client_id = ?3 \
             union all \
             select application_id, content from applications where sender = ?1 and service = ?2 and client_id = ?4 \
             limit 1",
        )
        .bind(&identity.sender)
        .bind(&identity.service)
        .bind(&identity.client_id)
        .bind(tombstone)
        .fetch_optional(&mut *connection)
        .await?;
        known.push(row);
    }
    Ok(known)
}

pub(super) async fn claims(
    pool: &SqlitePool,
    digests: &[Digest],
) -> Result<HashMap<Digest, Vec<ClaimRow>>, StoreError> {
    type Found = (i32, String, Uuid, Option<Day>, Option<Day>);
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
        let claim = |(ordinal, name, id, from, to): Found| ClaimRow {
            digest,
            ordinal,
            name,
            application_id: ApplicationId(id),
            from: from.map(|d| d.0),
            to: to.map(|d| d.0),
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

pub(super) async fn dossiers(pool: &SqlitePool, ids: &[ApplicationId]) -> Result<Vec<Option<Dossier>>, StoreError> {
    let mut connection = pool.acquire().await?;
    let mut dossiers = Vec::with_capacity(ids.len());
    for id in ids {
        dossiers.push(dossier(&mut connection, *id).await?);
    }
    Ok(dossiers)
}

/// The case first: nothing that is read after it is older, so a step over its version knows all that led to it.
async fn dossier(connection: &mut SqliteConnection, id: ApplicationId) -> Result<Option<Dossier>, StoreError> {
    let case = sqlx::query_as(
        "select * from cases \
         where application_id = coalesce((select application_id from aliases where alias = ?1), ?1)",
    );
    let Some(case): Option<CaseRow> = case.bind(id.0).fetch_optional(&mut *connection).await? else { return Ok(None) };
    let id = case.application_id.0;
    let application = sqlx::query_as("select * from applications where application_id = ?").bind(id);
    let Some(application) = application.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let decision =
        sqlx::query_as("select * from decisions where application_id = ? order by decision_no desc limit 1").bind(id);
    let decision = decision.fetch_optional(&mut *connection).await?;
    let documents = sqlx::query_as("select * from documents where application_id = ? order by at, key").bind(id);
    let documents = documents.fetch_all(&mut *connection).await?;
    Ok(Some(Dossier { application, case, decision, documents }))
}

pub(super) async fn questions(pool: &SqlitePool, ids: &[Uuid]) -> Result<Vec<QuestionRow>, StoreError> {
    let mut connection = pool.acquire().await?;
    let mut questions = Vec::with_capacity(ids.len());
    for id in ids {
        let row = sqlx::query_as("select * from questions where question_id = ?").bind(*id);
        questions.extend(row.fetch_optional(&mut *connection).await?);
    }
    Ok(questions)
}
