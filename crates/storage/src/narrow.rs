//! Narrow reads of cases, for who needs one thing and not the whole file; the same texts for both databases.

use crate::StoreError;
use crate::rows::{AuditRow, CaseBrief, DocumentRow};
use domain::ApplicationId;
use uuid::Uuid;

/// One module of reads for a pool type; for `$texts!` see `cases`.
macro_rules! reads {
    ($database:ident, $pool:ty, $texts:ident) => {
        pub(crate) mod $database {
            use super::*;
            use crate::cases::$texts;

            pub(crate) async fn brief(pool: &$pool, id: ApplicationId) -> Result<Option<CaseBrief>, StoreError> {
                let row = sqlx::query_as(
                    "select a.sender, c.* from cases c join applications a on a.application_id = c.application_id \
                     where c.application_id = coalesce((select application_id from aliases where alias = $1), $1)",
                );
                Ok(row.bind(id.0).fetch_optional(pool).await?)
            }

            pub(crate) async fn document(
                pool: &$pool,
                id: ApplicationId,
                key: Uuid,
            ) -> Result<Option<DocumentRow>, StoreError> {
                let row = sqlx::query_as("select * from documents where application_id = $1 and key = $2");
                Ok(row.bind(id.0).bind(key).fetch_optional(pool).await?)
            }

            pub(crate) async fn newest_document(
                pool: &$pool,
                id: ApplicationId,
                kind: &str,
            ) -> Result<Option<DocumentRow>, StoreError> {
                let row = sqlx::query_as(
                    "select * from documents where application_id = $1 and kind = $2 order by at desc, key desc limit 1",
                );
                Ok(row.bind(id.0).bind(kind).fetch_optional(pool).await?)
            }

            pub(crate) async fn file_size(
                pool: &$pool,
                id: ApplicationId,
                kinds: &[&str],
            ) -> Result<(i64, i64), StoreError> {
                let sums = sqlx::query_as(concat!(
                    "select count(*), cast(coalesce(sum(length(body)), 0) as bigint) from documents \
                     where application_id = $1 and kind in (select one.value from ",
                    $texts!("$2"),
                    " as one)"
                ));
                Ok(sums.bind(id.0).bind(serde_json::Value::from(kinds.to_vec()).to_string()).fetch_one(pool).await?)
            }

            /// What followed from a change has its time, and stands behind it.
            pub(crate) async fn last_change(
                pool: &$pool,
                id: ApplicationId,
            ) -> Result<Option<AuditRow>, StoreError> {
                let row = sqlx::query_as(
                    "select * from audit where application_id = $1 and action <> 'read' and at = (select max(at) \
                     from audit where application_id = $1 and action <> 'read') order by seq limit 1",
                );
                Ok(row.bind(id.0).fetch_optional(pool).await?)
            }
        }
    };
}

reads!(postgres, sqlx::PgPool, postgres_texts);
reads!(sqlite, sqlx::SqlitePool, sqlite_texts);
