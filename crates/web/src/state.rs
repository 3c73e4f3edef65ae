//! What the binary hands to the web side.

use crate::desk::Desk;
use crate::intake::Intake;
use crate::link::StatusLinks;
use crate::operations::Operations;
use domain::ApplicationId;
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use storage::Store;
use workflow::Office;

/// Everything the routes use. Functions instead of values where the value may change while the process runs.
pub struct WebState {
    /// The office in force now; rules may be exchanged between two requests, never within one.
    pub office: Arc<dyn Fn() -> Arc<Office> + Send + Sync>,
    pub store: Arc<dyn Store>,
    pub intake: Arc<dyn Intake>,
    pub desk: Arc<dyn Desk>,
    pub operations: Arc<dyn Operations>,
    pub clock: fn() -> Timestamp,
    pub new_id: fn() -> ApplicationId,
    pub links: StatusLinks,
    /// Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// How the other roles of this process are doing; the web role reports itself.
    pub roles: Arc<dyn Fn() -> Vec<RoleReport> + Send + Sync>,
    /// Pages show personal data and there is no sign-in yet: only where the listener is on loopback.
    pub pages: bool,
}

impl fmt::Debug for WebState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebState").field("pages", &self.pages).finish_non_exhaustive()
    }
}

pub(crate) type Shared = Arc<WebState>;

/// Whether one role can do its work now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RoleReport {
    #[schema(example = "worker")]
    pub role: String,
    pub ready: bool,
    /// It works, but not fully: intake open while the database is down, for example.
    pub degraded: bool,
    /// What is missing, empty where nothing is.
    pub detail: String,
}

impl RoleReport {
    pub fn ready(role: impl Into<String>) -> Self {
        Self { role: role.into(), ready: true, degraded: false, detail: String::new() }
    }
    pub fn degraded(role: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { role: role.into(), ready: true, degraded: true, detail: detail.into() }
    }
    pub fn unready(role: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { role: role.into(), ready: false, degraded: false, detail: detail.into() }
    }
}
