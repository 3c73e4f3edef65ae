//! The tables of a store, seen from beside it: what is in them, and a table that refuses to be written.

use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use std::collections::BTreeMap;

pub enum Tables {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Tables {
    pub async fn open(url: &str) -> Self {
        match url.starts_with("postgres") {
            true => Self::Postgres(PgPool::connect(url).await.unwrap()),
            false => Self::Sqlite(SqlitePool::connect(url).await.unwrap()),
        }
    }

    pub async fn run(&self, text: String) {
        let text = sqlx::raw_sql(AssertSqlSafe(text));
        match self {
            Self::Postgres(pool) => _ = text.execute(pool).await.unwrap(),
            Self::Sqlite(pool) => _ = text.execute(pool).await.unwrap(),
        }
    }

    /// From now on an operation such as `insert or update` fails on a table.
    pub async fn trap(&self, table: &str, operation: &str) {
        if let Self::Postgres(_) = self {
            let function = "create or replace function trap() returns trigger language plpgsql as \
                            'begin raise exception ''the power fails''; end'";
            self.run(function.into()).await;
            let trigger =
                format!("create trigger trap before {operation} on {table} for each row execute function trap()");
            return self.run(trigger).await;
        }
        for (number, operation) in operation.split(" or ").enumerate() {
            let trigger = format!(
                "create trigger trap{number} before {operation} on {table} begin select raise(abort, 'the power fails'); end"
            );
            self.run(trigger).await;
        }
    }

    /// And no longer.
    pub async fn release(&self, table: &str) {
        match self {
            Self::Postgres(_) => self.run(format!("drop trigger if exists trap on {table}")).await,
            Self::Sqlite(_) => self.run("drop trigger if exists trap0; drop trigger if exists trap1".into()).await,
        }
    }

    /// Everything that is stored, in no order that means anything, but for numbers that a database gives by itself: these
    /// have gaps where something was broken off.
    pub async fn dump(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (table, columns) in self.columns().await {
            let column = |name: &String| match self {
                Self::Postgres(_) => format!("coalesce({name}::text, '-')"),
                Self::Sqlite(_) => format!("quote({name})"),
            };
            let text = columns.iter().map(column).collect::<Vec<_>>().join("||' '||");
            let rows: Vec<String> = match self {
                Self::Postgres(pool) => {
                    let query = format!("select '{table} '||{text} from {table}");
                    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await.unwrap()
                }
                Self::Sqlite(pool) => {
                    let query = format!("select '{table} '||{text} from {table}");
                    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await.unwrap()
                }
            };
            lines.extend(rows);
        }
        lines.sort();
        lines
    }

    async fn columns(&self) -> BTreeMap<String, Vec<String>> {
        let rows: Vec<(String, String)> = match self {
            Self::Postgres(pool) => {
                let query = "select table_name::text, column_name::text from information_schema.columns \
                             where table_schema = 'public'";
                sqlx::query_as(query).fetch_all(pool).await.unwrap()
            }
            Self::Sqlite(pool) => {
                let query =
                    "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'";
                sqlx::query_as(query).fetch_all(pool).await.unwrap()
            }
        };
        let ours = |table: &str| !table.starts_with('_') && !table.starts_with("sqlite");
        let given = |table: &str, column: &str| matches!((table, column), ("audit", "seq") | (_, "id"));
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in rows.into_iter().filter(|(table, column)| ours(table) && !given(table, column)) {
            tables.entry(table).or_default().push(column);
        }
        tables.values_mut().for_each(|columns| columns.sort());
        tables
    }
}
