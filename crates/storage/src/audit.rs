//! The audit, its chain and what it is compared with: the same texts for both databases.

use crate::StoreError;
use crate::rows::{ApplicationRow, CaseRow, ChainedRow, DecisionRow, Dossier, LinkRow, WitnessRow};
use crate::store::Chain;
use domain::ApplicationId;
use std::collections::BTreeMap;
use uuid::Uuid;

/// One module for a pool type and its connection.
macro_rules! audit {
    ($database:ident, $pool:ty, $connection:ty) => {
        pub(crate) mod $database {
            use super::*;

            /// Skips from one Land to the next over the index.
            pub(crate) async fn lands(pool: &$pool) -> Result<Vec<String>, StoreError> {
                let mut lands: Vec<String> = Vec::new();
                loop {
                    let next = sqlx::query_scalar(
                        "select land from audit where position > 0 and land > $1 order by land, position limit 1",
                    );
                    let last = lands.last().map_or("", String::as_str);
                    let Some(land) = next.bind(last).fetch_optional(pool).await? else { return Ok(lands) };
                    lands.push(land);
                }
            }

            pub(crate) async fn chained(
                pool: &$pool,
                land: &str,
                after: i64,
                limit: u32,
            ) -> Result<Vec<ChainedRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select * from audit where land = $1 and position > $2 and position > 0 \
                     order by position limit $3",
                );
                Ok(rows.bind(land).bind(after).bind(i64::from(limit)).fetch_all(pool).await?)
            }

            pub(crate) async fn unchained(pool: &$pool, after: i64, limit: u32) -> Result<Vec<ChainedRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select * from (select * from audit where position is null and seq > $1 \
                     order by seq limit $2) as waiting \
                     union all select * from (select * from audit where position <= 0 and seq > $1 \
                     order by seq limit $2) as outside order by seq limit $2",
                );
                Ok(rows.bind(after).bind(i64::from(limit)).fetch_all(pool).await?)
            }

            pub(crate) async fn commitments(
                pool: &$pool,
                land: &str,
                after: i64,
                limit: u32,
            ) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
                let rows = sqlx::query_as(
                    "select position, commitment from audit where land = $1 and position > $2 and position > 0 \
                     order by position limit $3",
                );
                Ok(rows.bind(land).bind(after).bind(i64::from(limit)).fetch_all(pool).await?)
            }

            /// The places for lines that have none, in a transaction that is alone at it (number, position, head), and
            /// how many lines get none.
            pub(crate) async fn places(
                tx: &mut $connection,
                limit: u32,
                chain: &Chain<'_>,
            ) -> Result<(Vec<(i64, i64, Vec<u8>)>, u32), StoreError> {
                let rows: Vec<ChainedRow> =
                    sqlx::query_as("select * from audit where position is null order by seq limit $1")
                        .bind(i64::from(limit))
                        .fetch_all(&mut *tx)
                        .await?;
                // By Land: its last place, or nothing to go on from where that one cannot be read.
                let mut last: BTreeMap<&str, Result<Option<LinkRow>, ()>> = BTreeMap::new();
                let mut places = Vec::with_capacity(rows.len());
                for row in &rows {
                    let land = row.entry.land.as_str();
                    if !last.contains_key(land) {
                        let newest: Option<ChainedRow> = sqlx::query_as(
                            "select * from audit where land = $1 and position > 0 order by position desc limit 1",
                        )
                        .bind(land)
                        .fetch_optional(&mut *tx)
                        .await?;
                        let place = newest.map_or(Ok(None), |row| row.link().map(Some).ok_or(()));
                        last.insert(land, place);
                    }
                    let Some(Ok(before)) = last.get(land) else { continue };
                    if let Some(link) = chain(&row.entry, before.as_ref()) {
                        places.push((row.seq, link.position, link.head.0.to_vec()));
                        last.insert(land, Ok(Some(link)));
                    }
                }
                let refused = u32::try_from(rows.len() - places.len()).unwrap_or(u32::MAX);
                Ok((places, refused))
            }

            pub(crate) async fn witness(pool: &$pool) -> Result<Option<WitnessRow>, StoreError> {
                Ok(sqlx::query_as("select number, digest from audit_witness").fetch_optional(pool).await?)
            }

            pub(crate) async fn note_witness(
                pool: &$pool,
                before: Option<&WitnessRow>,
                now: &WitnessRow,
            ) -> Result<bool, StoreError> {
                let done = sqlx::query(
                    "insert into audit_witness (id, number, digest) values (1, $1, $2) \
                     on conflict (id) do update set number = excluded.number, digest = excluded.digest \
                     where (audit_witness.number = $3 and audit_witness.digest = $4) \
                     or (audit_witness.number = excluded.number and audit_witness.digest = excluded.digest)",
                )
                .bind(now.number)
                .bind(&now.digest)
                .bind(before.map(|row| row.number))
                .bind(before.map(|row| row.digest.as_slice()));
                Ok(done.execute(pool).await?.rows_affected() > 0)
            }

            /// In one transaction that sees one moment, so that rows and lines belong together.
            pub(crate) async fn dossiers(
                tx: &mut $connection,
                from: ApplicationId,
                limit: u32,
            ) -> Result<Vec<Dossier>, StoreError> {
                let ids: Vec<Uuid> = sqlx::query_scalar(
                    "select application_id from (\
                     select * from (select application_id from applications where application_id >= $1 \
                     order by application_id limit $2) as a union \
                     select * from (select application_id from cases where application_id >= $1 \
                     order by application_id limit $2) as c union \
                     select * from (select application_id from decisions where application_id >= $1 \
                     order by application_id limit $2) as d union \
                     select * from (select application_id from audit where application_id >= $1 \
                     order by application_id limit $2) as l) as ids order by application_id limit $2",
                )
                .bind(from.0)
                .bind(i64::from(limit))
                .fetch_all(&mut *tx)
                .await?;
                let Some(last) = ids.last() else { return Ok(Vec::new()) };
                macro_rules! rows {
                    ($table:literal) => {
                        sqlx::query_as(concat!(
                            "select * from ",
                            $table,
                            " where application_id between $1 and $2 order by application_id"
                        ))
                        .bind(from.0)
                        .bind(last)
                        .fetch_all(&mut *tx)
                        .await?
                    };
                }
                let applications: Vec<ApplicationRow> = rows!("applications");
                let cases: Vec<CaseRow> = rows!("cases");
                let decisions: Vec<DecisionRow> = rows!("decisions");
                let lines: Vec<ChainedRow> = rows!("audit");
                let mut dossiers: BTreeMap<ApplicationId, Dossier> = BTreeMap::new();
                let mut of = |id| dossiers.entry(id).or_insert_with(|| Dossier::new(id));
                applications.into_iter().for_each(|row| of(row.application_id).application = Some(row));
                cases.into_iter().for_each(|row| of(row.application_id).case = Some(row));
                decisions.into_iter().for_each(|row| of(row.application_id).decisions.push(row));
                lines.into_iter().for_each(|row| of(row.entry.application_id).lines.push(row));
                Ok(dossiers.into_values().collect())
            }
        }
    };
}

audit!(postgres, sqlx::PgPool, sqlx::PgConnection);
audit!(sqlite, sqlx::SqlitePool, sqlx::SqliteConnection);
