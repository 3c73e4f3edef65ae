//! What both databases say with the same text about what is parked, what is kept meanwhile, and what is tried of it.

use crate::StoreError;
use crate::columns::Moment;
use crate::failures::free;
use crate::rows::{FailureRow, KeptRow, ParkRow, TrialRow};
use crate::store::Lift;
use domain::ApplicationId;
use jiff::Timestamp;

macro_rules! module {
    ($database:ident, $pool:ty, $connection:ty) => {
        pub(crate) mod $database {
            use super::*;

            pub(crate) async fn park(tx: &mut $connection, row: &ParkRow) -> Result<(), StoreError> {
                sqlx::query(
                    "insert into parked (service, ars, since, until, cause, parked_by) values ($1, $2, $3, $4, $5, $6) \
                     on conflict (coalesce(service, ''), coalesce(ars, ''), parked_by) where lifted_at is null \
                     do update set until = excluded.until, cause = excluded.cause, \
                     since = case when parked.until <= excluded.since then excluded.since else parked.since end",
                )
                .bind(&row.service)
                .bind(&row.ars)
                .bind(Moment(row.since))
                .bind(row.until.map(Moment))
                .bind(&row.cause)
                .bind(&row.by)
                .execute(tx)
                .await?;
                Ok(())
            }

            pub(crate) async fn parked(pool: &$pool) -> Result<Vec<ParkRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select * from parked where lifted_at is null \
                     order by since, service nulls first, ars nulls first, parked_by",
                );
                Ok(rows.fetch_all(pool).await?)
            }

            pub(crate) async fn lift(
                tx: &mut $connection,
                parked: &Lift<'_>,
                at: Timestamp,
            ) -> Result<u64, StoreError> {
                let done = sqlx::query(
                    "update parked set lifted_at = $3 where lifted_at is null \
                     and coalesce(service, '') = coalesce(cast($1 as text), '') \
                     and coalesce(ars, '') = coalesce(cast($2 as text), '') \
                     and parked_by = coalesce(cast($4 as text), parked_by)",
                );
                let done = done.bind(parked.service).bind(parked.ars).bind(Moment(at)).bind(parked.by);
                let done = done.execute(&mut *tx).await?.rows_affected();
                let trial = sqlx::query("delete from trials where service = $1 and ars = $2");
                let (service, ars) = (parked.service.unwrap_or_default(), parked.ars.unwrap_or_default());
                trial.bind(service).bind(ars).execute(tx).await?;
                Ok(done)
            }

            pub(crate) async fn released(pool: &$pool) -> Result<bool, StoreError> {
                let there = sqlx::query_scalar(concat!(
                    "select exists (select 1 from failures where cause = 'parked' and state = 'open' and ",
                    free!(),
                    ")"
                ));
                Ok(there.fetch_one(pool).await?)
            }

            pub(crate) async fn kept(pool: &$pool, id: ApplicationId) -> Result<Option<KeptRow>, StoreError> {
                let row = sqlx::query_as(
                    "select sender, service, ars from failures where application_id = $1 and kind = 'message' \
                     and cause = 'parked' and state in ('open', 'queued') and sender is not null \
                     and service is not null and ars is not null limit 1",
                );
                Ok(row.bind(id.0).fetch_optional(pool).await?)
            }

            pub(crate) async fn first_kept(
                pool: &$pool,
                service: &str,
                ars: &str,
            ) -> Result<Option<FailureRow>, StoreError> {
                let row = sqlx::query_as(
                    "select * from failures where cause = 'parked' and state = 'open' and service = $1 \
                     and substr(ars, 1, length($2)) = $2 order by first_at, failure_id limit 1",
                );
                Ok(row.bind(service).bind(ars).fetch_optional(pool).await?)
            }

            pub(crate) async fn begin_trial(pool: &$pool, row: &TrialRow) -> Result<bool, StoreError> {
                let insert = sqlx::query(
                    "insert into trials (service, ars, failure_id, application_id, begun_at) \
                     values ($1, $2, $3, $4, $5) on conflict (service, ars) do nothing",
                );
                let insert = insert.bind(&row.service).bind(&row.ars).bind(row.failure_id);
                let insert = insert.bind(row.application_id.0).bind(Moment(row.begun_at));
                Ok(insert.execute(pool).await?.rows_affected() > 0)
            }

            pub(crate) async fn end_trial(pool: &$pool, row: &TrialRow) -> Result<bool, StoreError> {
                let done = sqlx::query("delete from trials where service = $1 and ars = $2 and failure_id = $3");
                let done = done.bind(&row.service).bind(&row.ars).bind(row.failure_id);
                Ok(done.execute(pool).await?.rows_affected() > 0)
            }

            pub(crate) async fn trials(pool: &$pool) -> Result<Vec<TrialRow>, StoreError> {
                Ok(sqlx::query_as("select * from trials order by service, ars").fetch_all(pool).await?)
            }
        }
    };
}

module!(postgres, sqlx::PgPool, sqlx::PgConnection);
module!(sqlite, sqlx::SqlitePool, sqlx::SqliteConnection);
