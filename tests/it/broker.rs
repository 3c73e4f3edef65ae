//! RabbitMQ as portals, sinks and operators see it. Shares nothing with the product but the queues' names.

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::Value;
use std::time::{Duration, Instant};

pub const QUEUES: [&str; 6] = [
    "dunkelwerk.applications",
    "dunkelwerk.results",
    "dunkelwerk.tasks",
    "dunkelwerk.dead",
    "dunkelwerk.registers",
    "dunkelwerk.answers",
];
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection of one user, with publisher confirms.
pub struct Broker {
    _connection: Connection,
    channel: Channel,
}

/// A message that was taken from a queue.
pub struct Message {
    pub body: Vec<u8>,
    pub properties: BasicProperties,
    pub routing_key: String,
}

impl Message {
    fn new(message: BasicGetMessage) -> Self {
        let delivery = message.delivery;
        Self { body: delivery.data, properties: delivery.properties, routing_key: delivery.routing_key.to_string() }
    }
    pub fn header(&self, name: &str) -> Option<String> {
        match self.properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            other => panic!("{name} is no text: {other:?}"),
        }
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Broker {
    pub async fn connect(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("RabbitMQ answers");
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions { nowait: false }).await.unwrap();
        Self { _connection: connection, channel }
    }

    /// Empties all queues (as administrator).
    pub async fn purge(&self) {
        for queue in QUEUES {
            self.channel.queue_purge(queue.into(), QueuePurgeOptions { nowait: false }).await.unwrap();
        }
    }

    /// How many messages wait in each queue (as administrator).
    pub async fn depths(&self) -> Vec<(&'static str, u32)> {
        let mut depths = Vec::new();
        for queue in QUEUES {
            let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
            let found = self.channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap();
            depths.push((queue, found.message_count()));
        }
        depths
    }

    /// Publishes what claims to be a register's answer.
    pub async fn answer(&self, body: &[u8], user: Option<&str>) {
        let confirmed = self.to("dunkelwerk.answers", "melderegister", body, user, &[]).await;
        assert!(matches!(confirmed.expect("the broker takes it"), Confirmation::Ack(None)));
    }

    /// Publishes an application and waits until the queue has it.
    pub async fn publish(&self, body: &[u8], user: Option<&str>, headers: &[(&'static str, &str)]) {
        let confirmed = self.send(body, user, headers).await.expect("the broker takes it");
        assert!(matches!(confirmed, Confirmation::Ack(None)), "{confirmed:?}");
    }

    /// Whether the broker takes a message under this user's name. Ends the channel where it does not.
    pub async fn accepts(&self, body: &[u8], user: &str) -> bool {
        self.send(body, Some(user), &[]).await.is_ok()
    }

    async fn send(
        &self,
        body: &[u8],
        user: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Result<Confirmation, lapin::Error> {
        self.to("dunkelwerk.applications", "hundesteuer.147130000000", body, user, headers).await
    }

    async fn to(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        user: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Result<Confirmation, lapin::Error> {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        let mut properties = BasicProperties::default().with_delivery_mode(2).with_headers(table);
        if let Some(user) = user {
            properties = properties.with_user_id(user.into());
        }
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let sent = self.channel.basic_publish(exchange.into(), key.into(), options, body, properties);
        sent.await?.await
    }

    /// Takes this many messages from a queue; fails where they do not come.
    pub async fn take(&self, queue: &str, count: usize) -> Vec<Message> {
        let until = Instant::now() + PATIENCE;
        let mut taken = Vec::new();
        while taken.len() < count {
            match self.channel.basic_get(queue.into(), BasicGetOptions { no_ack: false }).await.unwrap() {
                Some(message) => {
                    message.acker.ack(BasicAckOptions { multiple: false }).await.unwrap();
                    taken.push(Message::new(message));
                }
                None if Instant::now() > until => panic!("{queue}: {} of {count} messages came", taken.len()),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        taken
    }
}
