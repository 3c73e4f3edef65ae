//! Waiting for the store: what cannot be kept now is tried again, but for what it refuses.

use crate::pipeline::Pipeline;
use std::time::Duration;
use storage::StoreError;
use tokio_util::sync::CancellationToken;

/// Shortest and longest pause.
const HOLD: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Pauses that grow.
#[derive(Debug, Default)]
pub(crate) struct Patience(Option<Duration>);

impl Patience {
    /// Waits longer each time; false on shutdown.
    pub async fn wait(&mut self, shutdown: &CancellationToken) -> bool {
        let pause = self.0.unwrap_or(HOLD.0);
        self.0 = Some((pause * 2).min(HOLD.1));
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = shutdown.cancelled() => false,
        }
    }
}

/// Why a call was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GivenUp {
    Shutdown,
    /// Trying again will not help; what the store says of it may quote what was sent.
    Refused(String),
}

impl Pipeline {
    /// Repeats a store call until it succeeds.
    ///
    /// # Errors
    /// The process ends, or the store refuses for good.
    pub(crate) async fn insist<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<T, GivenUp> {
        let mut patience = Patience::default();
        loop {
            match call().await {
                Ok(value) => return Ok(value),
                Err(StoreError::Refused(why)) => return Err(GivenUp::Refused(why)),
                Err(error) => tracing::warn!(%error, "waiting for the store"),
            }
            if !patience.wait(&self.runtime.shutdown).await {
                return Err(GivenUp::Shutdown);
            }
        }
    }

    /// The same where nothing can be done about a refusal but to say it and leave everything as it is.
    pub(crate) async fn held<T, F: Future<Output = Result<T, StoreError>>>(&self, call: impl Fn() -> F) -> Option<T> {
        match self.insist(call).await {
            Ok(value) => Some(value),
            Err(GivenUp::Shutdown) => None,
            Err(GivenUp::Refused(error)) => {
                tracing::error!(error, "the store refuses for good");
                None
            }
        }
    }
}
