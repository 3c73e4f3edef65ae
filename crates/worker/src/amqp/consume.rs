//! Consuming: prefetch, drain what is there, acknowledge many at once and in order.

use super::connect::{AmqpError, AmqpSettings};
use super::{APPLICATIONS, SENDER_HEADER, TRACE_HEADER};
use crate::delivery::Delivery;
use crate::pipeline::Clock;
use domain::ApplicationId;
use futures::StreamExt;
use jiff::Timestamp;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Acker, BasicProperties, Channel, Connection};
use std::time::Duration;

/// Unacknowledged messages a worker may hold: several batches, so that the broker never waits for us.
const PREFETCH: u16 = 1024;
const CONSUMER: &str = "dunkelwerk-worker";

/// The configured sender of a RabbitMQ user.
pub(crate) type SenderOf = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What one drain brought, with what acknowledges it.
#[derive(Default)]
pub(crate) struct Drained {
    pub deliveries: Vec<Delivery>,
    last: Option<Acker>,
    /// Seconds each waited, where the message says when it was sent.
    pub ages: Vec<f64>,
}

impl Drained {
    /// Acknowledges all of it and everything before; false where the channel is gone (it will be delivered again).
    pub async fn acknowledge(&self) -> bool {
        let Some(acker) = &self.last else { return true };
        matches!(acker.ack(BasicAckOptions { multiple: true }).await, Ok(true))
    }
}

/// One life of a consumer. Any error ends it; the supervisor builds a new one.
pub(crate) struct Consumer {
    // Dropped last: closing the connection ends the rest.
    _connection: Connection,
    channel: Channel,
    consumer: lapin::Consumer,
    own_user: String,
    sender_of: SenderOf,
    clock: Clock,
    /// What a drain that was interrupted had already taken.
    begun: Drained,
}

impl Consumer {
    /// Connects and starts consuming. `sender_of` names the configured sender of a RabbitMQ user.
    pub async fn start(settings: &AmqpSettings, sender_of: SenderOf, clock: Clock) -> Result<Self, AmqpError> {
        let unavailable = |e: lapin::Error| AmqpError::Unavailable(e.to_string());
        let (connection, channel) = settings.connect("consumer").await?;
        channel.basic_qos(PREFETCH, BasicQosOptions { global: false }).await.map_err(unavailable)?;
        let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
        let consumer = channel
            .basic_consume(APPLICATIONS.into(), CONSUMER.into(), options, FieldTable::default())
            .await
            .map_err(|e| AmqpError::Topology(format!("cannot consume from {APPLICATIONS}: {e}")))?;
        let own_user = settings.user().to_owned();
        Ok(Self { _connection: connection, channel, consumer, own_user, sender_of, clock, begun: Drained::default() })
    }

    /// Waits for a first message, then takes what else is there: at most `max`, at most `linger` longer.
    ///
    /// Cancel safe: what was taken before an interruption comes with the next drain.
    pub async fn drain(&mut self, max: usize, linger: Duration) -> Result<Drained, AmqpError> {
        if self.begun.deliveries.is_empty() {
            let first = self.consumer.next().await;
            self.take(first)?;
        }
        let until = tokio::time::Instant::now() + linger;
        while self.begun.deliveries.len() < max {
            match tokio::time::timeout_at(until, self.consumer.next()).await {
                Ok(next) => self.take(next)?,
                Err(_) => break,
            }
        }
        Ok(std::mem::take(&mut self.begun))
    }

    /// Stops deliveries; what is unacknowledged goes back to the queue when the connection ends.
    pub async fn cancel(&self) {
        let _ = self.channel.basic_cancel(CONSUMER.into(), BasicCancelOptions { nowait: false }).await;
    }

    fn take(&mut self, next: Option<Result<lapin::message::Delivery, lapin::Error>>) -> Result<(), AmqpError> {
        match next {
            Some(Ok(message)) => {
                let now = (self.clock)();
                if let Some(sent) = message.properties.timestamp() {
                    let sent = i64::try_from(*sent).unwrap_or(i64::MAX);
                    self.begun.ages.push(now.as_second().saturating_sub(sent).max(0) as f64);
                }
                let (delivery, acker) = self.delivery(message, now);
                self.begun.deliveries.push(delivery);
                self.begun.last = Some(acker);
                Ok(())
            }
            Some(Err(e)) => Err(AmqpError::Unavailable(e.to_string())),
            None => Err(AmqpError::Unavailable("the broker ended the consumer".into())),
        }
    }

    /// Who sent it: the broker has checked `user-id`; headers count only from our own intake.
    fn delivery(&self, message: lapin::message::Delivery, now: Timestamp) -> (Delivery, Acker) {
        let properties = &message.properties;
        let user = properties.user_id().as_ref().map(|u| u.as_str()).unwrap_or_default();
        let own = user == self.own_user;
        let trace = header(properties, TRACE_HEADER);
        let named = header(properties, SENDER_HEADER).filter(|_| own);
        let id = properties.message_id().as_ref().and_then(|id| id.as_str().parse::<ApplicationId>().ok());
        let delivery = Delivery {
            sender: named.or_else(|| (self.sender_of)(user)),
            application_id: id.filter(|_| own),
            redelivered: message.redelivered,
            traceparent: trace.clone().filter(|_| own),
            foreign_trace: trace.filter(|_| !own),
            observed_at: now,
            body: message.data,
        };
        (delivery, message.acker)
    }
}

/// A header that is a text; any other type is no header of ours.
fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    let value = properties.headers().as_ref()?.inner().get(name)?;
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        _ => None,
    }
}
