//! Look-ups of the hot path: many keys at once, which the two databases ask for in different ways.

use crate::StoreError;
use crate::columns::Day;
use crate::rows::{ClaimRow, Identity, Known};
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
