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
    /// An application has the id of one with another identity.
    pub(crate) fn id_taken() -> Self {
        Self::Refused("the id of an application is taken by another one".to_owned())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        match &error {
            sqlx::Error::Database(db) => by_code(db.code().as_deref().unwrap_or_default(), text),
            // What we asked for does not fit what came back: a fault of ours.
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::RowNotFound => Self::Refused(text),
            _ => Self::Unavailable(text),
        }
    }
}

/// Only what is wrong with the *data* is refused for good (classes 22 and 23). Everything else – a lock or statement that
/// took too long, rights, a password that was changed, a full disk, a missing table – is the operator's to mend, and the
/// applications wait for it.
fn by_code(code: &str, text: String) -> StoreError {
    // PostgreSQL: serialization failure, deadlock.
    if matches!(code, "40001" | "40P01") {
        return StoreError::Raced;
    }
    if code.len() == 5 {
        let data = code.starts_with("22") || code.starts_with("23");
        return if data { StoreError::Refused(text) } else { StoreError::Unavailable(text) };
    }
    // SQLite: the low byte is the primary code; 18 TOOBIG, 19 CONSTRAINT, 20 MISMATCH.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(18..=20) => StoreError::Refused(text),
        Ok(_) | Err(_) => StoreError::Unavailable(text),
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
