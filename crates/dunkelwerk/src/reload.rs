//! SIGHUP: rules, workflows and risk settings are read again and take over as a whole, or not at all.

use crate::cli::Sources;
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, output, trial};
use domain::{Secret, Sender};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use workflow::Office;

/// The office in force. Who holds one finishes with it; the next application gets the new one.
#[derive(Debug, Clone)]
pub struct Current(Arc<RwLock<Arc<Office>>>);

impl Current {
    pub fn new(office: Office) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(office))))
    }
    pub fn get(&self) -> Arc<Office> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn replace(&self, office: Office) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(office);
    }
}

/// Everything that an office is made of.
pub struct Source {
    pub config: Config,
    pub sources: Sources,
    pub senders: Vec<Sender>,
    pub secret: Secret,
}

impl Source {
    /// Reads, checks and tries; nothing is in force yet.
    pub fn office(&self) -> Result<Office, Failure> {
        trial::run(&load::rule_files(&self.config, &self.sources)?)?;
        load::office(&self.config, &self.sources, self.senders.clone(), &self.secret)
    }

    fn again(&mut self) -> Result<Office, Failure> {
        self.config.reread()?;
        self.office()
    }
}

/// Reloads on every SIGHUP until the process stops. Findings are printed; then the old office stays.
pub async fn on_hangup(current: Current, mut source: Source, shutdown: CancellationToken) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be heard: rules are read at start only");
        return;
    };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            signal = hangups.recv() => if signal.is_none() { return },
        }
        let read = tokio::task::spawn_blocking(move || (source.again(), source)).await;
        let Ok((outcome, back)) = read else {
            tracing::error!("the rules could not be read; SIGHUP is heard no more");
            return;
        };
        source = back;
        match outcome {
            Ok(office) => {
                current.replace(office);
                output::error("dunkelwerk: the new rules are in force");
            }
            Err(failure) => {
                failure.print();
                output::error("dunkelwerk: the old rules stay in force");
            }
        }
    }
}
