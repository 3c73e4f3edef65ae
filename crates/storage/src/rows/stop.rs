//! Stop switches.

use crate::columns::{Maybe, Moment};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

/// A stop switch, standing or lifted. What it stops is opaque here.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct StopRow {
    pub stop_id: Uuid,
    pub body: Vec<u8>,
    #[sqlx(try_from = "Moment")]
    pub since: Timestamp,
    /// Who set it.
    pub actor: String,
    #[sqlx(try_from = "Maybe<Moment>")]
    pub lifted_at: Option<Timestamp>,
    pub lifted_by: Option<String>,
}

/// The switches at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stops {
    /// Every change of a switch moves it on.
    pub generation: i64,
    /// Those that stand, oldest first.
    pub standing: Vec<StopRow>,
}
