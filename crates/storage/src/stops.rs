//! What both databases ask with the same text about stop switches.

use crate::StoreError;
use crate::rows::{StopRow, Stops};

macro_rules! reads {
    ($database:ident, $pool:ty) => {
        pub(crate) mod $database {
            use super::*;

            /// The generation first: a switch that is set in between makes it an old one.
            pub(crate) async fn stops(pool: &$pool) -> Result<Stops, StoreError> {
                let generation = sqlx::query_scalar("select number from stops_generation").fetch_one(pool).await?;
                let standing = sqlx::query_as("select * from stops where lifted_at is null order by since, stop_id");
                Ok(Stops { generation, standing: standing.fetch_all(pool).await? })
            }

            pub(crate) async fn all_stops(pool: &$pool, limit: u32) -> Result<Vec<StopRow>, StoreError> {
                let rows = sqlx::query_as("select * from stops order by since desc, stop_id limit $1");
                Ok(rows.bind(i64::from(limit)).fetch_all(pool).await?)
            }
        }
    };
}

reads!(postgres, sqlx::PgPool);
reads!(sqlite, sqlx::SqlitePool);

/// Sets a switch, or lifts the one of that id.
pub(crate) const SET: &str = "insert into stops (stop_id, body, since, actor, lifted_at, lifted_by) \
                              values ($1, $2, $3, $4, $5, $6) on conflict (stop_id) do update \
                              set lifted_at = excluded.lifted_at, lifted_by = excluded.lifted_by";
pub(crate) const MOVE_ON: &str = "update stops_generation set number = number + 1";
pub(crate) const GENERATION: &str = "select number from stops_generation";
