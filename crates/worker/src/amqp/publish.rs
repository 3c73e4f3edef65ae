//! Publishing: persistent, mandatory, confirmed. A message counts as sent only when the broker has routed and kept it.

use super::connect::{AmqpError, AmqpSettings};
use super::{APPLICATIONS, DEAD, SENDER_HEADER, TRACE_HEADER};
use crate::delivery::{Cause, Delivery, Publish, PublishError};
use async_trait::async_trait;
use domain::ApplicationId;
use futures::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use std::sync::Arc;
use std::time::Duration;
use storage::OutboxRow;
use tokio::sync::Mutex;
use uuid::Uuid;

/// After this a confirmation counts as unknown: the message is sent again under the same id.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const PERSISTENT: u8 = 2;

/// A connection with its channel in confirm mode.
type Open = Arc<(Connection, Channel)>;

/// A publishing connection that is rebuilt when it broke.
#[derive(Clone)]
pub(super) struct Line {
    settings: AmqpSettings,
    open: Arc<Mutex<Option<Open>>>,
    name: &'static str,
}

/// A message with where it goes.
pub(super) struct Envelope {
    pub exchange: ShortString,
    pub routing_key: ShortString,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

impl Line {
    pub fn new(settings: AmqpSettings, name: &'static str) -> Self {
        Self { settings, open: Arc::default(), name }
    }

    /// The user of its connection.
    pub fn user(&self) -> &str {
        self.settings.user()
    }

    async fn channel(&self) -> Result<Open, AmqpError> {
        let mut open = self.open.lock().await;
        if let Some(line) = open.as_ref().filter(|line| line.1.status().connected()) {
            return Ok(line.clone());
        }
        let (connection, channel) = self.settings.connect(self.name).await?;
        channel
            .confirm_select(ConfirmSelectOptions { nowait: false })
            .await
            .map_err(|e| AmqpError::Unavailable(e.to_string()))?;
        let line = Arc::new((connection, channel));
        *open = Some(line.clone());
        Ok(line)
    }

    /// One confirm window: all are sent, then all confirmations are awaited. Says for each whether it arrived.
    async fn send(&self, messages: Vec<Envelope>) -> Result<Vec<bool>, PublishError> {
        let unavailable = |text: String| PublishError::Unavailable(text);
        let line = self.channel().await.map_err(|e| unavailable(e.to_string()))?;
        let total = messages.len();
        let window = async {
            let mut confirms = Vec::with_capacity(total);
            for message in messages {
                let options = BasicPublishOptions { mandatory: true, immediate: false };
                let Envelope { exchange, routing_key, properties, body } = message;
                let sent = line.1.basic_publish(exchange, routing_key, options, &body, properties).await;
                confirms.push(sent.map_err(|e| unavailable(e.to_string()))?);
            }
            Ok::<_, PublishError>(join_all(confirms).await)
        };
        let confirmed = tokio::time::timeout(CONFIRM_TIMEOUT, window).await;
        let confirmed = match confirmed {
            Ok(Ok(confirmed)) => confirmed,
            Ok(Err(error)) => return self.dropped(error).await,
            Err(_) => return self.dropped(unavailable("no confirmation within 10 s".into())).await,
        };
        let mut arrived = Vec::with_capacity(total);
        for confirmation in confirmed {
            match confirmation {
                // A returned message is confirmed, too: it was routed nowhere. A nack: the queue is full.
                Ok(confirmation) => arrived.push(matches!(confirmation, Confirmation::Ack(None))),
                Err(error) => return self.dropped(unavailable(error.to_string())).await,
            }
        }
        Ok(arrived)
    }

    /// The same where all must arrive.
    pub async fn send_all(&self, messages: Vec<Envelope>) -> Result<(), PublishError> {
        let arrived = self.send(messages).await?;
        let refused = arrived.iter().filter(|arrived| !**arrived).count();
        if refused > 0 { Err(PublishError::Refused { refused, total: arrived.len() }) } else { Ok(()) }
    }

    /// Forgets a connection that failed, so that the next call builds a new one.
    async fn dropped<T>(&self, error: PublishError) -> Result<T, PublishError> {
        *self.open.lock().await = None;
        Err(error)
    }
}

fn headers(entries: impl IntoIterator<Item = (&'static str, String)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    table
}

/// Results, tasks and dead letters.
#[derive(Clone)]
pub struct EventPublisher {
    line: Line,
}

impl EventPublisher {
    pub fn new(settings: AmqpSettings) -> Self {
        Self { line: Line::new(settings, "results") }
    }
}

#[async_trait]
impl Publish for EventPublisher {
    async fn publish(&self, rows: &[OutboxRow]) -> Result<Vec<Uuid>, PublishError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let envelope = |row: &OutboxRow| {
            let trace = row.traceparent.clone().map(|t| (TRACE_HEADER, t));
            Envelope {
                exchange: row.exchange.as_str().into(),
                routing_key: row.routing_key.as_str().into(),
                properties: BasicProperties::default()
                    .with_content_type("application/cloudevents+json".into())
                    .with_delivery_mode(PERSISTENT)
                    .with_message_id(row.message_id.to_string().into())
                    .with_headers(headers(trace)),
                body: row.body.clone(),
            }
        };
        let arrived = self.line.send(rows.iter().map(envelope).collect()).await?;
        let confirmed = rows.iter().zip(arrived).filter(|(_, arrived)| *arrived);
        Ok(confirmed.map(|(row, _)| row.message_id).collect())
    }

    async fn bury(&self, delivery: &Delivery, cause: &Cause) -> Result<(), PublishError> {
        // The detail may quote what was sent, as the body beside it does.
        let detail: String = cause.detail.chars().take(500).collect();
        let sender = delivery.sender.clone().map(|s| (SENDER_HEADER, s));
        let entries = [("x-dunkelwerk-cause", cause.code.to_owned()), ("x-dunkelwerk-detail", detail)];
        let letter = Envelope {
            exchange: DEAD.into(),
            routing_key: cause.code.into(),
            properties: BasicProperties::default()
                .with_content_type("application/octet-stream".into())
                .with_delivery_mode(PERSISTENT)
                .with_headers(headers(entries.into_iter().chain(sender))),
            body: delivery.body.clone(),
        };
        self.line.send_all(vec![letter]).await
    }
}

/// An application on its way to the queue.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub body: Vec<u8>,
    /// `<service>.<ars>`.
    pub routing_key: String,
    /// From our own intake: the id it gave, the sender it knows, its trace.
    pub application_id: Option<ApplicationId>,
    pub sender: Option<String>,
    pub traceparent: Option<String>,
    /// Unix seconds.
    pub sent_at: u64,
}

/// Sends applications: our HTTP intake, and `submit` over AMQP.
#[derive(Clone)]
pub struct ApplicationPublisher {
    line: Line,
}

impl ApplicationPublisher {
    pub fn new(settings: AmqpSettings) -> Self {
        Self { line: Line::new(settings, "intake") }
    }

    /// Sends in one confirm window; `Ok` means the queue has every one.
    pub async fn send(&self, applications: Vec<Outgoing>) -> Result<(), PublishError> {
        let user = self.line.user().to_owned();
        let envelope = |a: Outgoing| {
            let sender = a.sender.map(|s| (SENDER_HEADER, s));
            let trace = a.traceparent.map(|t| (TRACE_HEADER, t));
            let mut properties = BasicProperties::default()
                .with_content_type("application/json".into())
                .with_delivery_mode(PERSISTENT)
                .with_user_id(user.as_str().into())
                .with_timestamp(a.sent_at)
                .with_headers(headers(sender.into_iter().chain(trace)));
            if let Some(id) = a.application_id {
                properties = properties.with_message_id(id.to_string().into());
            }
            Envelope { exchange: APPLICATIONS.into(), routing_key: a.routing_key.into(), properties, body: a.body }
        };
        self.line.send_all(applications.into_iter().map(envelope).collect()).await
    }

    /// Whether the broker can be reached.
    pub async fn ready(&self) -> Result<(), AmqpError> {
        self.line.channel().await.map(|_| ())
    }
}
