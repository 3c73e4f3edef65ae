//! Registers that are asked by message: questions go out confirmed, answers come in from a queue of their own.

use super::connect::{AmqpError, AmqpSettings};
use super::publish::{Envelope, Line, PERSISTENT};
use super::{ANSWERS, QUESTIONS};
use crate::delivery::PublishError;
use crate::registers::{Asked, Register};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::ReadyChunks;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Acker, BasicProperties, Connection};
use storage::QuestionRow;

/// Answers that are stepped in one transaction, and that may be unacknowledged.
const AT_ONCE: usize = 128;
const PREFETCH: u16 = 512;
const CONSUMER: &str = "dunkelwerk-answers";

/// A register that is asked by message; its answer comes later, as an [`Answers`] letter.
pub struct MessageRegister {
    name: String,
    routing_key: String,
    line: Line,
}

impl MessageRegister {
    pub fn new(name: String, routing_key: String, settings: AmqpSettings) -> Self {
        Self { name, routing_key, line: Line::new(settings, "registers") }
    }
}

#[async_trait]
impl Register for MessageRegister {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, question: &QuestionRow) -> Asked {
        let id = question.question_id.to_string();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            // The same each time, so that who was asked twice knows it.
            .with_message_id(id.as_str().into())
            .with_correlation_id(id.as_str().into())
            .with_reply_to(ANSWERS.into())
            .with_user_id(self.line.user().into());
        let message = Envelope {
            exchange: QUESTIONS.into(),
            routing_key: self.routing_key.as_str().into(),
            properties,
            body: question.body.clone(),
        };
        match self.line.send_all(vec![message]).await {
            Ok(()) => Asked::Sent,
            Err(error @ (PublishError::Unavailable(_) | PublishError::Refused { .. })) => {
                Asked::Unreachable(error.to_string())
            }
        }
    }
}

/// One answer, not yet acknowledged.
pub(crate) struct Letter {
    pub body: Vec<u8>,
    /// Who sent it, as the broker has checked; empty where it does not say.
    pub user: String,
    pub redelivered: bool,
    acker: Acker,
}

impl Letter {
    /// False where the channel is gone: it will be delivered again.
    pub async fn acknowledge(&self) -> bool {
        matches!(self.acker.ack(BasicAckOptions { multiple: false }).await, Ok(true))
    }
}

/// One life of a consumer of answers. Any error ends it; the supervisor builds a new one.
pub(crate) struct Answers {
    // Dropped last: closing the connection ends the rest.
    _connection: Connection,
    messages: ReadyChunks<lapin::Consumer>,
}

impl Answers {
    pub async fn start(settings: &AmqpSettings) -> Result<Self, AmqpError> {
        let unavailable = |e: lapin::Error| AmqpError::Unavailable(e.to_string());
        let (connection, channel) = settings.connect("answers").await?;
        channel.basic_qos(PREFETCH, BasicQosOptions { global: false }).await.map_err(unavailable)?;
        let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
        let consumer = channel
            .basic_consume(ANSWERS.into(), CONSUMER.into(), options, FieldTable::default())
            .await
            .map_err(|e| AmqpError::Topology(format!("cannot consume from {ANSWERS}: {e}")))?;
        Ok(Self { _connection: connection, messages: consumer.ready_chunks(AT_ONCE) })
    }

    /// Waits for a first answer and takes what else is there. Cancel safe.
    pub async fn next(&mut self) -> Result<Vec<Letter>, AmqpError> {
        let ended = || AmqpError::Unavailable("the broker ended the consumer".into());
        let messages = self.messages.next().await.ok_or_else(ended)?;
        let letter = |message: Result<lapin::message::Delivery, lapin::Error>| {
            let message = message.map_err(|e| AmqpError::Unavailable(e.to_string()))?;
            let user = message.properties.user_id().as_ref().map(|user| user.as_str().to_owned());
            let (redelivered, acker) = (message.redelivered, message.acker);
            Ok(Letter { body: message.data, user: user.unwrap_or_default(), redelivered, acker })
        };
        messages.into_iter().map(letter).collect()
    }
}
