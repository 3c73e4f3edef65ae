//! What can go wrong in a store, by what to do next.

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another transaction was first with an application or a once-only key. Nothing was written: look up again,
    /// evaluate again, commit again.
    #[error("another worker was first; nothing was written")]
    Raced,
    /// The database did not answer or the connection broke. After a commit this means *unknown*: look for the own rows
    /// before anything else (SQLSTATE 08007).
    #[error("the database is not reachable: {0}")]
    Unavailable(String),
    /// The database answered that the request is wrong; trying again will not help.
    #[error("the database refused: {0}")]
    Refused(String),
}

impl StoreError {
    /// Whether waiting and trying again can help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Raced | Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(db) => match db.code().as_deref() {
                // Serialization failure, deadlock; SQLITE_BUSY and SQLITE_LOCKED.
                Some("40001" | "40P01" | "5" | "6" | "261" | "517") => Self::Raced,
                // Shutdown, crash, too many connections, cannot connect, disk full, SQLITE_FULL and SQLITE_IOERR.
                Some(code) if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
                    Self::Unavailable(error.to_string())
                }
                Some("13" | "10" | "25006") => Self::Unavailable(error.to_string()),
                Some(_) | None => Self::Refused(error.to_string()),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unavailable(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(inner) => inner.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}
