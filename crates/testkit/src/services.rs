//! The PostgreSQL and RabbitMQ that `tests/run` started, and whose turn it is to use them.
//!
//! All tests of one process share both servers. Who only needs a database of its own takes [`shared`]; who uses the
//! queues, of which there is one set, or who kills servers takes [`alone`].

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

static TURN: RwLock<()> = RwLock::const_new(());

#[derive(Debug)]
#[expect(dead_code, reason = "held, never looked at")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// The right to use the services until it is dropped.
#[derive(Debug)]
pub struct Services {
    _turn: Turn,
}

/// Beside other tests: a database of one's own, no queues.
pub async fn shared() -> Result<Services> {
    variable("DUNKELWERK_TEST_SERVICES")?;
    Ok(Services { _turn: Turn::Shared(TURN.read().await) })
}

/// Without any other test: the queues, or killing servers.
pub async fn alone() -> Result<Services> {
    variable("DUNKELWERK_TEST_SERVICES")?;
    Ok(Services { _turn: Turn::Alone(TURN.write().await) })
}

/// A variable of the test environment, or an error that says where it comes from.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their services are")]
pub fn variable(name: &str) -> Result<String> {
    let help = "this test needs real services: use `tests/run [NAME]`, or `tests/services start DIR`, `source DIR/env` \
                and DUNKELWERK_BIN=…/target/release/dunkelwerk";
    std::env::var(name).ok().filter(|value| !value.is_empty()).with_context(|| format!("{name} is not set; {help}"))
}

impl Services {
    /// A new, empty database; its URL. It goes with the server, which is thrown away.
    pub async fn database(&self) -> Result<String> {
        let url = variable("DATABASE_URL")?;
        let name = format!("it_{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, &seed()).simple());
        let mut connection = PgConnection::connect(&url).await.with_context(|| format!("{url} does not answer"))?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await?;
        let (server, _) = url.rsplit_once('/').context("DATABASE_URL names no database")?;
        Ok(format!("{server}/{name}"))
    }

    /// The broker's address for a user, by the variable that holds it, such as `AMQP_URL_SINK`.
    pub fn broker(&self, variable_name: &str) -> Result<String> {
        variable(variable_name)
    }
}

/// Different in every call and process.
fn seed() -> Vec<u8> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    format!("{}/{call}/{:?}", std::process::id(), std::time::Instant::now()).into_bytes()
}
