//! Look-ups by many keys at once, which the two databases ask for in different ways.

use crate::StoreError;
use crate::columns::Day;
use crate::rows::{ApplicationRow, CaseRow, ClaimRow, DecisionRow, DocumentRow, Dossier, Identity, Known, QuestionRow};
use domain::{ApplicationId, Digest};
use sqlx::FromRow;
use sqlx::postgres::PgPool;
use std::collections::HashMap;
use uuid::Uuid;

#[derive(FromRow)]
struct Found {
    #[sqlx(flatten)]
    identity: Identity,
    #[sqlx(flatten)]
    known: Known,
}

pub(super) async fn look_up(pool: &PgPool, identities: &[Identity]) -> Result<Vec<Option<Known>>, StoreError> {
    let rows: Vec<Found> = sqlx::query_as(
        "select a.sender, a.service, a.client_id, a.application_id, a.content \
         from unnest($1::text[], $2::text[], $3::text[]) as i(sender, service, client_id) \
         join applications a using (sender, service, client_id)",
    )
    .bind(identities.iter().map(|i| i.sender.clone()).collect::<Vec<_>>())
    .bind(identities.iter().map(|i| i.service.clone()).collect::<Vec<_>>())
    .bind(identities.iter().map(|i| i.client_id.clone()).collect::<Vec<_>>())
    .fetch_all(pool)
    .await?;
    let known: HashMap<Identity, Known> = rows.into_iter().map(|found| (found.identity, found.known)).collect();
    Ok(identities.iter().map(|i| known.get(i).cloned()).collect())
}

/// In one question; an identity itself counts before its tombstone.
pub(super) async fn look_up_ever(
    pool: &PgPool,
    identities: &[Identity],
    tombstones: &[String],
) -> Result<Vec<Option<Known>>, StoreError> {
    let erased = |(i, tombstone): (&Identity, &String)| Identity { client_id: tombstone.clone(), ..i.clone() };
    let both: Vec<Identity> = identities.iter().cloned().chain(identities.iter().zip(tombstones).map(erased)).collect();
    let mut known = look_up(pool, &both).await?;
    let erased = known.split_off(identities.len());
    Ok(known.into_iter().zip(erased).map(|(known, erased)| known.or(erased)).collect())
}

pub(super) async fn claims(pool: &PgPool, digests: &[Digest]) -> Result<HashMap<Digest, Vec<ClaimRow>>, StoreError> {
    if digests.is_empty() {
        return Ok(HashMap::new());
    }
    type Found = (Vec<u8>, i32, String, Uuid, Option<Day>, Option<Day>);
    let rows: Vec<Found> = sqlx::query_as(
        "select digest, ordinal, name, application_id, valid_from, valid_to from once_claims \
         where digest = any($1::bytea[]) order by digest, ordinal",
    )
    .bind(digests.iter().map(|d| d.0.to_vec()).collect::<Vec<_>>())
    .fetch_all(pool)
    .await?;
    let mut claims: HashMap<Digest, Vec<ClaimRow>> = HashMap::new();
    for (bytes, ordinal, name, id, from, to) in rows {
        let digest = Digest::try_from(bytes).map_err(StoreError::Refused)?;
        let (from, to) = (from.map(|d| d.0), to.map(|d| d.0));
        let claim = ClaimRow { digest, ordinal, name, application_id: ApplicationId(id), from, to };
        claims.entry(digest).or_default().push(claim);
    }
    Ok(claims)
}

pub(super) async fn attempts(pool: &PgPool, keys: &[Digest]) -> Result<Vec<u32>, StoreError> {
    let rows: Vec<(Vec<u8>, i32)> = sqlx::query_as("select key, attempts from attempts where key = any($1::bytea[])")
        .bind(keys.iter().map(|k| k.0.to_vec()).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    let counts: HashMap<Vec<u8>, i32> = rows.into_iter().collect();
    let count = |key: &Digest| counts.get(key.0.as_slice()).copied().unwrap_or(0);
    Ok(keys.iter().map(|key| u32::try_from(count(key)).unwrap_or(0)).collect())
}

/// Cases first: nothing that is read after them is older, so a step over a version knows all that led to it.
pub(super) async fn dossiers(pool: &PgPool, ids: &[ApplicationId]) -> Result<Vec<Option<Dossier>>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let aliases = sqlx::query_as("select alias, application_id from aliases where alias = any($1)");
    let aliases: HashMap<Uuid, Uuid> = aliases.bind(&ids).fetch_all(pool).await?.into_iter().collect();
    let ids: Vec<Uuid> = ids.into_iter().map(|id| aliases.get(&id).copied().unwrap_or(id)).collect();
    let cases = sqlx::query_as("select * from cases where application_id = any($1)");
    let cases: Vec<CaseRow> = cases.bind(&ids).fetch_all(pool).await?;
    let applications = sqlx::query_as("select * from applications where application_id = any($1)");
    let applications: Vec<ApplicationRow> = applications.bind(&ids).fetch_all(pool).await?;
    let decisions = sqlx::query_as(
        "select distinct on (application_id) * from decisions where application_id = any($1) \
         order by application_id, decision_no desc",
    );
    let decisions: Vec<DecisionRow> = decisions.bind(&ids).fetch_all(pool).await?;
    let documents = sqlx::query_as("select * from documents where application_id = any($1) order by at, key");
    let mut documents_of: HashMap<ApplicationId, Vec<DocumentRow>> = HashMap::new();
    for row in documents.bind(&ids).fetch_all(pool).await? {
        let row: DocumentRow = row;
        documents_of.entry(row.application_id).or_default().push(row);
    }
    let cases: HashMap<_, _> = cases.into_iter().map(|row| (row.application_id, row)).collect();
    let applications: HashMap<_, _> = applications.into_iter().map(|row| (row.application_id, row)).collect();
    let decisions: HashMap<_, _> = decisions.into_iter().map(|row| (row.application_id, row)).collect();
    let dossier = |id: Uuid| {
        let id = ApplicationId(id);
        Some(Dossier {
            application: applications.get(&id)?.clone(),
            case: cases.get(&id)?.clone(),
            decision: decisions.get(&id).cloned(),
            documents: documents_of.get(&id).cloned().unwrap_or_default(),
        })
    };
    Ok(ids.into_iter().map(dossier).collect())
}

pub(super) async fn questions(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<QuestionRow>, StoreError> {
    let rows = sqlx::query_as(
        "select q.* from unnest($1::uuid[]) with ordinality as i(id, place) join questions q on q.question_id = i.id \
         order by i.place",
    );
    Ok(rows.bind(ids).fetch_all(pool).await?)
}
