//! A store of the stage with its audit chained and witnessed, and `cases verify` over it.

use crate::stage::{SECRET, Setting, Stage};
use domain::{ApplicationId, Secret};
use sqlx::Executor;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::Program;
use worker::{OpenSink, Sink};

/// Has everything that was written so far chained, and witnessed in a file.
pub async fn seal(stage: &Stage, sink: Option<&Path>) {
    // With a process of its own: the sequencer ends with it, and what is there is chained before that.
    let process = Stage::on(stage.store.clone(), Setting::default());
    process.pipeline.runtime.shutdown.cancel();
    let open = sink.map(|path| into_file(path.to_owned()));
    worker::sequence(&process.pipeline, &Secret::new(SECRET), open).await;
    let health = &process.pipeline.health;
    assert_eq!((health.audit.get(), health.witness.get()), (None, None));
}

fn into_file(path: PathBuf) -> Arc<OpenSink> {
    Arc::new(move |each| {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines().try_for_each(each)?;
        let path = path.clone();
        Ok(Some(Sink(Arc::new(move |line| {
            let mut file = std::fs::File::options().create(true).append(true).open(&path).unwrap();
            writeln!(file, "{line}").map_err(|e| e.to_string())
        }))))
    })
}

/// The program beside a store of the stage: with its secret, and with the sink that lies in its folder.
pub fn program(database_url: &str) -> Program {
    let program = Program::new("audit_sink = \"checkpoints.ndjson\"").unwrap().with("DATABASE_URL", database_url);
    std::fs::write(program.folder().join("dunkelwerk-secret.key"), SECRET).unwrap();
    program
}

/// The database as somebody has it who can write it.
pub enum Thief {
    Postgres(sqlx::PgPool),
    Sqlite(sqlx::SqlitePool),
}

impl Thief {
    pub async fn new(url: &str) -> Self {
        if url.starts_with("sqlite") {
            // One connection: another one would learn late which tables there are.
            let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
            return Self::Sqlite(pool.connect(url).await.unwrap());
        }
        Self::Postgres(sqlx::PgPool::connect(url).await.unwrap())
    }
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
    /// Rows that a statement touched.
    pub async fn does(&self, sql: &str) -> u64 {
        let done = match self {
            Self::Postgres(pool) => {
                pool.execute(sqlx::AssertSqlSafe(sql.to_owned())).await.map(|done| done.rows_affected())
            }
            Self::Sqlite(pool) => {
                pool.execute(sqlx::AssertSqlSafe(sql.to_owned())).await.map(|done| done.rows_affected())
            }
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
    /// An id as a literal.
    pub fn id(&self, id: ApplicationId) -> String {
        if self.is_sqlite() { format!("x'{}'", id.0.simple()) } else { format!("'{id}'::uuid") }
    }
}

/// What `cases verify` prints, and its exit status.
pub fn verify(program: &Program) -> (String, Option<i32>) {
    let output = program.run(&["cases", "verify"], b"").unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (String::from_utf8(output.stdout).unwrap() + error.as_str(), output.status.code())
}
