//! How the program ends when it does not end well: one line with what to do, and the contract's exit status.

use std::process::ExitCode;

/// Why the program stops.
#[derive(Debug)]
pub enum Failure {
    /// Findings or refused lines; they are printed already.
    Findings,
    /// The call or the configuration is wrong.
    Usage(String),
    /// Something it needs cannot be reached or opened.
    Unreachable(String),
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Findings => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        })
    }
    pub fn print(&self) {
        match self {
            Self::Findings => {}
            Self::Usage(text) | Self::Unreachable(text) => crate::output::error(&format!("dunkelwerk: {text}")),
        }
    }
}

impl From<storage::StoreError> for Failure {
    fn from(error: storage::StoreError) -> Self {
        Self::Unreachable(format!("{error}; check DATABASE_URL"))
    }
}

impl From<worker::AmqpError> for Failure {
    fn from(error: worker::AmqpError) -> Self {
        match error {
            worker::AmqpError::Url(_) => Self::Usage(error.to_string()),
            worker::AmqpError::Unavailable(_) => Self::Unreachable(format!("{error}; check AMQP_URL")),
            worker::AmqpError::Topology(_) => Self::Unreachable(error.to_string()),
        }
    }
}
