//! The audit's chain and what it is compared with. These rows are read though somebody may have changed them: what cannot
//! be read is said, and keeps nothing else from being read.

use super::{ApplicationRow, AuditRow, CaseRow, DecisionRow, DocumentRow};
use domain::{ApplicationId, Digest};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

/// A line of the audit with its place, or without one where the sequencer has not reached or has refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainedRow {
    /// The store's own number.
    pub seq: i64,
    /// Nothing where a column holds what this program does not write; `head` likewise.
    pub entry: Option<AuditRow>,
    pub position: Option<i64>,
    pub head: Option<Digest>,
}

impl<'r, R: Row> FromRow<'r, R> for ChainedRow
where
    &'static str: ColumnIndex<R>,
    AuditRow: FromRow<'r, R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let head: Option<Vec<u8>> = row.try_get("head").unwrap_or_default();
        Ok(Self {
            seq: row.try_get("seq")?,
            entry: AuditRow::from_row(row).ok(),
            position: row.try_get("position").unwrap_or_default(),
            head: head.and_then(|head| head.try_into().ok()),
        })
    }
}

impl ChainedRow {
    /// Its place, where it has one.
    pub fn link(&self) -> Option<LinkRow> {
        let position = self.position.filter(|position| *position > 0)?;
        Some(LinkRow { position, head: self.head? })
    }
}

/// The place of a line in the chain of its Land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRow {
    /// From 1 on.
    pub position: i64,
    pub head: Digest,
}

/// The last checkpoint that a sink of the audit took; the store does not understand it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct WitnessRow {
    pub number: i64,
    /// 32 bytes, where nobody changed them.
    pub digest: Vec<u8>,
}

/// Everything that the audit speaks of about one application, and all lines about it, as they were at one moment.
#[derive(Debug, Clone)]
pub struct AuditedCase {
    pub application_id: ApplicationId,
    pub application: Option<ApplicationRow>,
    pub case: Option<CaseRow>,
    pub decisions: Vec<DecisionRow>,
    pub documents: Vec<DocumentRow>,
    pub lines: Vec<ChainedRow>,
    /// What is there, but holds what this program does not write.
    pub unreadable: Vec<Part>,
}

/// What a row is of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Application,
    Case,
    /// By its number.
    Decision(i32),
    /// By its key.
    Document(Uuid),
}

impl AuditedCase {
    /// With nothing in it.
    pub fn new(application_id: ApplicationId) -> Self {
        Self {
            application_id,
            application: None,
            case: None,
            decisions: Vec::new(),
            documents: Vec::new(),
            lines: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}
