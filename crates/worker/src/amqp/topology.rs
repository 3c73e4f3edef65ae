//! Exchanges and queues of the contract. `topology` declares them; `serve` only looks whether they are there.

use super::connect::{AmqpError, AmqpSettings};
use super::{ANSWERS, APPLICATIONS, DEAD, QUESTIONS};
use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};

const NAMES: [&str; 6] = [APPLICATIONS, DEAD, "dunkelwerk.results", "dunkelwerk.tasks", QUESTIONS, ANSWERS];
/// What the program itself reads.
const READ: [&str; 2] = [APPLICATIONS, ANSWERS];

/// Messages a queue holds before it refuses more; nothing is ever dropped from its head.
const MAX_LENGTH: i64 = 5_000_000;
/// A backstop only: our own attempt counts decide. RabbitMQ 3.10 has no limit of its own, 4.x drops after 20.
const DELIVERY_LIMIT: i64 = 1_000;

/// Declares exchanges, quorum queues and bindings. Safe to repeat.
pub async fn declare_topology(settings: &AmqpSettings) -> Result<Vec<&'static str>, AmqpError> {
    let (connection, channel) = settings.connect("topology").await?;
    let failed = |name: &str, e: lapin::Error| AmqpError::Unavailable(format!("{name} cannot be declared: {e}"));
    for name in NAMES {
        let exchange = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = channel.exchange_declare(name.into(), ExchangeKind::Topic, exchange, FieldTable::default());
        declared.await.map_err(|e| failed(name, e))?;
        let queue = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.into(), queue, arguments(name)).await.map_err(|e| failed(name, e))?;
        let bind = channel.queue_bind(
            name.into(),
            name.into(),
            "#".into(),
            QueueBindOptions { nowait: false },
            FieldTable::default(),
        );
        bind.await.map_err(|e| failed(name, e))?;
    }
    let _ = connection.close(200, "done".into()).await;
    Ok(NAMES.to_vec())
}

fn arguments(name: &str) -> FieldTable {
    let text = |t: &str| AMQPValue::LongString(t.into());
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    table.insert("x-max-length".into(), AMQPValue::LongLongInt(MAX_LENGTH));
    table.insert("x-overflow".into(), text("reject-publish"));
    if READ.contains(&name) {
        table.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
        table.insert("x-dead-letter-exchange".into(), text(DEAD));
        table.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    }
    table
}

/// Looks, without changing anything, whether all is there.
pub async fn check_topology(settings: &AmqpSettings) -> Result<(), AmqpError> {
    let (connection, channel) = settings.connect("check").await?;
    for name in NAMES {
        let passive = ExchangeDeclareOptions { passive: true, durable: true, ..ExchangeDeclareOptions::default() };
        let found = channel.exchange_declare(name.into(), ExchangeKind::Topic, passive, FieldTable::default()).await;
        found.map_err(|e| AmqpError::Topology(format!("the exchange {name} is missing ({e})")))?;
    }
    for name in READ {
        let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        let found = channel.queue_declare(name.into(), passive, FieldTable::default()).await;
        found.map_err(|e| AmqpError::Topology(format!("the queue {name} is missing ({e})")))?;
    }
    let _ = connection.close(200, "done".into()).await;
    Ok(())
}
