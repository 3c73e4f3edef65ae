//! The door behind orders over failures that come over HTTP.

use crate::serve::{clock, new_id};
use async_trait::async_trait;
use std::sync::Arc;
use storage::FailureFilter;
use uuid::Uuid;
use web::{Operations, Order};
use worker::{Action, Pipeline};
use workflow::Official;

pub struct PipelineOperations(pub Arc<Pipeline>);

#[async_trait]
impl Operations for PipelineOperations {
    async fn begin(&self, by: &Official, order: Order, filter: &FailureFilter) -> Result<(Uuid, i64), String> {
        let action = match order {
            Order::Retry => Action::Retry,
            Order::Cancel => Action::Cancel,
            Order::Edit(patch) => Action::Edit(patch),
        };
        let (job, office) = (new_id().0, (self.0.office)());
        let who = (job, by.name.as_str());
        let begun = worker::begin_job(&*self.0.store, office.audit_keys(), who, &action, filter, clock()).await;
        begun.map(|total| (job, total)).map_err(|error| error.to_string())
    }
}
