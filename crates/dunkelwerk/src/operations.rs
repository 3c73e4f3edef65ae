//! The door behind what operators order over HTTP.

use crate::serve::{clock, new_id};
use async_trait::async_trait;
use std::sync::Arc;
use storage::{FailureFilter, ParkRow, StopRow, StoreError};
use uuid::Uuid;
use web::{Operations, Order};
use worker::{Action, Pipeline};
use workflow::{Official, Stop};

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
        begun.map(|total| (job, total)).map_err(text)
    }

    async fn park(&self, row: &ParkRow) -> Result<(), String> {
        let office = (self.0.office)();
        worker::park(&*self.0.store, office.audit_keys(), row, row.since).await.map_err(text)
    }

    async fn lift(
        &self,
        by: &Official,
        (service, ars): (Option<&str>, Option<&str>),
        why: &str,
    ) -> Result<Option<(Uuid, i64)>, String> {
        let office = (self.0.office)();
        let how = (by.name.as_str(), why);
        if worker::lift(&*self.0.store, office.audit_keys(), (service, ars), how, clock()).await.map_err(text)? == 0 {
            return Ok(None);
        }
        let kept = FailureFilter {
            service: service.map(str::to_owned),
            ars: ars.map(str::to_owned),
            state: Some("open".to_owned()),
            released: true,
            ..FailureFilter::default()
        };
        self.begin(by, Order::Retry, &kept).await.map(Some)
    }

    async fn stop(&self, stop: Stop) -> Result<StopRow, String> {
        let office = (self.0.office)();
        worker::stop(&*self.0.store, office.audit_keys(), new_id().0, stop, clock()).await.map_err(text)
    }

    async fn lift_stop(&self, by: &Official, row: StopRow, why: &str) -> Result<(), String> {
        let office = (self.0.office)();
        let how = (by.name.as_str(), why);
        worker::lift_stop(&*self.0.store, office.audit_keys(), row, how, clock()).await.map(drop).map_err(text)
    }
}

fn text(error: StoreError) -> String {
    error.to_string()
}
