//! The audit, its chain and what it is compared with: the same texts for both databases.

use crate::StoreError;
use crate::rows::{
    ApplicationRow, AuditedCase, CaseRow, ChainedRow, DecisionRow, DocumentRow, LinkRow, Part, WitnessRow,
};
use crate::store::{Chain, Sequenced};
use domain::ApplicationId;
use sqlx::{FromRow, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// One module for a pool type and its connection; `$texts` makes rows with a text `value` of the JSON array in `$1`.
macro_rules! audit {
    ($database:ident, $pool:ty, $connection:ty, $texts:literal) => {
        pub(crate) mod $database {
            use super::*;

            /// The index answers it.
            pub(crate) async fn strangers(pool: &$pool, lands: &[&str]) -> Result<Vec<i64>, StoreError> {
                let rows = sqlx::query_scalar(concat!(
                    "select seq from audit where position > 0 and land not in (select value from ",
                    $texts,
                    ")"
                ));
                Ok(rows.bind(serde_json::Value::from(lands.to_vec()).to_string()).fetch_all(pool).await?)
            }

            /// Whoever took the unique index away may have put two lines at one position.
            pub(crate) async fn chained(
                pool: &$pool,
                land: &str,
                (position, seq): (i64, i64),
                limit: u32,
            ) -> Result<Vec<ChainedRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select * from audit where land = $1 and position >= $2 and position > 0 \
                     and (position > $2 or seq > $3) order by position, seq limit $4",
                );
                let rows = rows.bind(land).bind(position).bind(seq).bind(i64::from(limit));
                Ok(rows.fetch_all(pool).await?)
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
            /// what became of all lines.
            pub(crate) async fn places(
                tx: &mut $connection,
                after: i64,
                limit: u32,
                chain: &Chain<'_>,
            ) -> Result<(Vec<(i64, i64, Vec<u8>)>, Sequenced), StoreError> {
                let rows: Vec<ChainedRow> =
                    sqlx::query_as("select * from audit where position is null and seq > $1 order by seq limit $2")
                        .bind(after)
                        .bind(i64::from(limit))
                        .fetch_all(&mut *tx)
                        .await?;
                // By Land: its last place, or nothing to go on from where that one cannot be read.
                let mut last: BTreeMap<&str, Result<Option<LinkRow>, ()>> = BTreeMap::new();
                let mut places = Vec::with_capacity(rows.len());
                for row in &rows {
                    let Some(entry) = &row.entry else { continue };
                    let land = entry.land.as_str();
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
                    if let Some(link) = chain(entry, before.as_ref()) {
                        places.push((row.seq, link.position, link.head.0.to_vec()));
                        last.insert(land, Ok(Some(link)));
                    }
                }
                let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
                let placed = |seq: &i64| places.binary_search_by_key(seq, |(seq, ..)| *seq).is_ok();
                let sequenced = Sequenced {
                    chained: count(places.len()),
                    refused: count(rows.len() - places.len()),
                    last: rows.last().map(|row| row.seq),
                    last_refused: rows.iter().rev().map(|row| row.seq).find(|seq| !placed(seq)),
                };
                Ok((places, sequenced))
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
            pub(crate) async fn audited(
                tx: &mut $connection,
                from: ApplicationId,
                limit: u32,
            ) -> Result<Vec<AuditedCase>, StoreError> {
                let last: Option<Uuid> = sqlx::query_scalar(concat!(
                    "select application_id from (select application_id from (",
                    ids!("applications"),
                    " union ",
                    ids!("cases"),
                    " union ",
                    ids!("decisions"),
                    " union ",
                    ids!("documents"),
                    " union ",
                    ids!("audit"),
                    ") as all_ids order by application_id limit $2) as ids order by application_id desc limit 1"
                ))
                .bind(from.0)
                .bind(i64::from(limit))
                .fetch_optional(&mut *tx)
                .await?;
                let Some(last) = last else { return Ok(Vec::new()) };
                macro_rules! rows {
                    ($table:literal) => {
                        sqlx::query(concat!(
                            "select * from ",
                            $table,
                            " where application_id >= $1 and application_id <= $2 order by application_id"
                        ))
                        .bind(from.0)
                        .bind(last)
                        .fetch_all(&mut *tx)
                        .await?
                        .iter()
                    };
                }
                let mut cases: BTreeMap<Uuid, AuditedCase> = BTreeMap::new();
                for row in rows!("applications") {
                    let case = of(&mut cases, row.try_get("application_id")?);
                    case.application = ApplicationRow::from_row(row).ok();
                    case.unreadable.extend(case.application.is_none().then_some(Part::Application));
                }
                for row in rows!("cases") {
                    let case = of(&mut cases, row.try_get("application_id")?);
                    case.case = CaseRow::from_row(row).ok();
                    case.unreadable.extend(case.case.is_none().then_some(Part::Case));
                }
                for row in rows!("decisions") {
                    let case = of(&mut cases, row.try_get("application_id")?);
                    match DecisionRow::from_row(row) {
                        Ok(row) => case.decisions.push(row),
                        Err(_) => case.unreadable.push(Part::Decision(row.try_get("decision_no").unwrap_or_default())),
                    }
                }
                for row in rows!("documents") {
                    let case = of(&mut cases, row.try_get("application_id")?);
                    match DocumentRow::from_row(row) {
                        Ok(row) => case.documents.push(row),
                        Err(_) => case.unreadable.push(Part::Document(row.try_get("key").unwrap_or_default())),
                    }
                }
                for row in rows!("audit") {
                    of(&mut cases, row.try_get("application_id")?).lines.push(ChainedRow::from_row(row)?);
                }
                Ok(cases.into_values().collect())
            }
        }
    };
}

fn of(cases: &mut BTreeMap<Uuid, AuditedCase>, id: Uuid) -> &mut AuditedCase {
    cases.entry(id).or_insert_with(|| AuditedCase::new(ApplicationId(id)))
}

/// The next ids of one table.
macro_rules! ids {
    ($table:literal) => {
        concat!(
            "select * from (select application_id from ",
            $table,
            " where application_id >= $1 order by application_id limit $2) as of_",
            $table
        )
    };
}

audit!(postgres, sqlx::PgPool, sqlx::PgConnection, "json_array_elements_text(cast($1 as json))");
audit!(sqlite, sqlx::SqlitePool, sqlx::SqliteConnection, "json_each($1)");
