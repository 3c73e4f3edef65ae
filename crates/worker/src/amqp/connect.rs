//! Connections: short heartbeat, bounded waits, no automatic recovery (our supervisor rebuilds from scratch).

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use std::time::Duration;

/// Seconds; the broker's guide calls 5-20 optimal. Two missed ones end the connection.
const HEARTBEAT: u16 = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the broker is.
#[derive(Clone)]
pub struct AmqpSettings {
    uri: AMQPUri,
}

/// The broker is not there, or something is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    #[error("AMQP_URL is not an AMQP address such as amqp://user:password@host:5672/%2f: {0}")]
    Url(String),
    #[error("RabbitMQ is not reachable: {0}")]
    Unavailable(String),
    #[error("{0}; run `dunkelwerk topology` with a user that may declare queues")]
    Topology(String),
}

impl AmqpSettings {
    /// Reads an `amqp://` address.
    pub fn parse(url: &str) -> Result<Self, AmqpError> {
        let mut uri: AMQPUri = url.parse().map_err(|e: String| AmqpError::Url(e))?;
        uri.query.heartbeat = Some(HEARTBEAT);
        Ok(Self { uri })
    }
    /// The user of this connection: what RabbitMQ lets us put into `user-id`.
    pub fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    pub(crate) async fn connect(&self, name: &str) -> Result<(Connection, Channel), AmqpError> {
        let unavailable = |e: lapin::Error| AmqpError::Unavailable(e.to_string());
        let properties = ConnectionProperties::default().with_connection_name(format!("dunkelwerk {name}").into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        let connection = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| AmqpError::Unavailable("no answer within 10 s".into()))?
            .map_err(unavailable)?;
        let channel = tokio::time::timeout(CONNECT_TIMEOUT, connection.create_channel())
            .await
            .map_err(|_| AmqpError::Unavailable("no channel within 10 s".into()))?
            .map_err(unavailable)?;
        Ok((connection, channel))
    }
}
