//! The door behind the officials' HTTP interface: the pipeline steps cases for them, too.

use async_trait::async_trait;
use domain::ApplicationId;
use std::sync::Arc;
use storage::StoreError;
use web::{Desk, DeskError, Stepped};
use worker::{Advanced, Pipeline};
use workflow::{AuditEntry, CaseEvent, Command, Official};

pub struct PipelineDesk(pub Arc<Pipeline>);

#[async_trait]
impl Desk for PipelineDesk {
    async fn command(
        &self,
        id: ApplicationId,
        command: Command,
        by: &Official,
        seen: i64,
    ) -> Result<Stepped, DeskError> {
        let event = (id, CaseEvent::Commanded { command, by: by.clone(), seen });
        let stepped = self.0.advance(&[event]).await.map_err(unavailable)?.pop();
        // Here comes no next batch that would note what was sent.
        self.0.flush_marks().await;
        match stepped {
            Some(Advanced::Done { version, state, step }) => Ok(Stepped { version, state, step }),
            Some(Advanced::Refused(refusal)) => Err(DeskError::Refused(refusal)),
            Some(Advanced::Broken(text) | Advanced::Unstored(text)) => Err(DeskError::Broken(text)),
            Some(Advanced::Unknown) | None => Err(DeskError::Unknown),
        }
    }

    async fn note(&self, line: AuditEntry) -> Result<(), DeskError> {
        self.0.write_down(vec![line]).await.map_err(unavailable)
    }
}

fn unavailable(error: StoreError) -> DeskError {
    DeskError::Unavailable(error.to_string())
}
