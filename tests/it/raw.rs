//! A store's database behind its back, for what its own functions cannot show.

use sqlx::{AssertSqlSafe, PgPool, SqlitePool, query_scalar, raw_sql};
use std::collections::BTreeSet;

pub enum Raw {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Raw {
    pub async fn open(url: &str) -> Self {
        match url.starts_with("sqlite") {
            true => Self::Sqlite(SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap()),
            false => Self::Postgres(PgPool::connect(url).await.unwrap()),
        }
    }

    /// How this database writes these bytes in a statement.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Postgres(_) => format!("'\\x{hex}'"),
            Self::Sqlite(_) => format!("x'{hex}'"),
        }
    }

    pub async fn execute(&self, text: String) {
        let text = AssertSqlSafe(text);
        match self {
            Self::Postgres(pool) => drop(raw_sql(text).execute(pool).await.unwrap()),
            Self::Sqlite(pool) => drop(raw_sql(text).execute(pool).await.unwrap()),
        }
    }

    /// The first column, as text.
    async fn texts(&self, text: String) -> Vec<String> {
        let text = AssertSqlSafe(text);
        match self {
            Self::Postgres(pool) => query_scalar(text).fetch_all(pool).await.unwrap(),
            Self::Sqlite(pool) => query_scalar(text).fetch_all(pool).await.unwrap(),
        }
    }

    pub async fn tables(&self) -> Vec<String> {
        let text = match self {
            Self::Postgres(_) => "select table_name::text from information_schema.tables where table_schema = 'public'",
            Self::Sqlite(_) => "select name from sqlite_master where type = 'table'",
        };
        self.texts(text.to_owned()).await
    }

    /// The tables in which a text stands, in whatever column, as text or as bytes.
    pub async fn holding(&self, needle: &str) -> BTreeSet<String> {
        let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut holding = BTreeSet::new();
        for table in self.tables().await {
            let rows = match self {
                Self::Postgres(_) => self.texts(format!("select t::text from \"{table}\" t")).await,
                Self::Sqlite(_) => {
                    let columns = self.texts(format!("select name from pragma_table_info('{table}')")).await;
                    let quoted: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
                    self.texts(format!("select {} from \"{table}\"", quoted.join(" || "))).await
                }
            };
            if rows.iter().any(|row| row.contains(needle) || row.to_lowercase().contains(&hex)) {
                holding.insert(table);
            }
        }
        holding
    }
}
