//! Traffic of two senders, and the independent sink that counts what comes out: nothing but an AMQP client.

use crate::workers::{World, connect};
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Two senders with the same ids, sending all the while; what the broker confirmed counts.
pub struct Traffic {
    tasks: Vec<tokio::task::JoinHandle<Sent>>,
}

#[derive(Default)]
pub struct Sent {
    pub messages: usize,
    pub distinct: BTreeSet<(String, String)>,
}

impl Traffic {
    pub async fn start(world: &World, each: u32) -> Self {
        let mut tasks = Vec::new();
        for (index, (sender, url)) in
            [("portal-a", "AMQP_URL_PORTAL_A"), ("portal-b", "AMQP_URL_PORTAL_B")].iter().enumerate()
        {
            let file = world.folder.path().join(format!("{sender}.ndjson"));
            let mut write = world.command("demo");
            write.args(["--applications", &each.to_string(), "--seed", &(index + 1).to_string(), "--write"]).arg(&file);
            assert!(write.status().expect("the program runs").success(), "demo --write");
            let lines: Vec<String> =
                std::fs::read_to_string(&file).expect("lines").lines().map(str::to_owned).collect();
            tasks.push(tokio::spawn(send(sender, url, with_duplicates(lines))));
        }
        Self { tasks }
    }

    pub async fn finish(self) -> Sent {
        let mut all = Sent::default();
        for task in self.tasks {
            let sent = task.await.expect("traffic");
            all.messages += sent.messages;
            all.distinct.extend(sent.distinct);
        }
        all
    }
}

/// Five per cent come twice, the second time some hundred messages later.
fn with_duplicates(lines: Vec<String>) -> Vec<String> {
    let mut out = Vec::with_capacity(lines.len() * 21 / 20);
    for (i, line) in lines.iter().enumerate() {
        out.push(line.clone());
        if i % 20 == 19 && i >= 300 {
            out.push(lines[i - 300].clone());
        }
    }
    out
}

/// Messages a burst: enough for full batches, whose transactions are long enough to be caught in the middle.
const BURST: usize = 400;

async fn send(sender: &'static str, url: &'static str, lines: Vec<String>) -> Sent {
    let mut sent = Sent::default();
    let mut line = connected(url).await;
    for window in lines.chunks(BURST) {
        loop {
            let done = tokio::time::timeout(Duration::from_secs(10), publish(&line.1, sender, window)).await;
            if matches!(done, Ok(Ok(()))) {
                break;
            }
            // Not confirmed: sent again; what arrived twice is a duplicate that the product must see.
            tokio::time::sleep(Duration::from_millis(300)).await;
            line = connected(url).await;
        }
        sent.messages += window.len();
        for text in window {
            let envelope: serde_json::Value = serde_json::from_str(text).expect("JSON");
            sent.distinct.insert((sender.to_owned(), envelope["id"].as_str().expect("id").to_owned()));
        }
        // Spread over the kills, so that there is work at every one of them.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    sent
}

async fn connected(url: &str) -> (Connection, Channel) {
    let (connection, channel) = connect(url).await;
    let _ = channel.confirm_select(ConfirmSelectOptions { nowait: false }).await;
    (connection, channel)
}

async fn publish(channel: &Channel, sender: &str, window: &[String]) -> Result<(), String> {
    let mut confirms = Vec::new();
    for body in window {
        let properties = BasicProperties::default().with_delivery_mode(2).with_user_id(sender.into());
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let exchange = "dunkelwerk.applications".into();
        let sent = channel.basic_publish(exchange, "test.any".into(), options, body.as_bytes(), properties).await;
        confirms.push(sent.map_err(|e| e.to_string())?);
    }
    for confirm in confirms {
        match confirm.await {
            Ok(Confirmation::Ack(None)) => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(())
}

/// Everything on the results and tasks queues, read with nothing but an AMQP client.
pub struct Sink {
    /// Message id → application id.
    pub results: BTreeMap<String, String>,
    pub tasks: BTreeMap<String, String>,
    pub copies: usize,
    pub different_copies: usize,
}

impl Sink {
    pub async fn drain(world: &World) -> Self {
        let copies = Arc::new(AtomicUsize::new(0));
        let different = Arc::new(AtomicUsize::new(0));
        let results = read(world, "dunkelwerk.results", "de.dunkelwerk.decision.v1", &copies, &different).await;
        let tasks = read(world, "dunkelwerk.tasks", "de.dunkelwerk.task.v1", &copies, &different).await;
        let (copies, different_copies) = (copies.load(Ordering::Relaxed), different.load(Ordering::Relaxed));
        Self { results, tasks, copies, different_copies }
    }
}

async fn read(
    world: &World,
    queue: &str,
    kind: &str,
    copies: &AtomicUsize,
    different: &AtomicUsize,
) -> BTreeMap<String, String> {
    let waiting = world.queue_length(queue).await;
    let (_connection, channel) = connect("AMQP_URL_SINK").await;
    channel.basic_qos(1000, BasicQosOptions { global: false }).await.expect("qos");
    let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
    let mut consumer =
        channel.basic_consume(queue.into(), "sink".into(), options, FieldTable::default()).await.expect("consume");
    let mut bodies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut applications = BTreeMap::new();
    let mut seen = 0;
    // Nothing for two seconds means empty; a count right after a restart may be too low.
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(2), consumer.next()).await {
        let message = message.expect("delivery");
        seen += 1;
        let id = message.properties.message_id().as_ref().expect("message-id").to_string();
        let event: serde_json::Value = serde_json::from_slice(&message.data).expect("JSON");
        match bodies.insert(id.clone(), message.data.clone()) {
            None if event["type"] == kind => {
                applications.insert(id, event["data"]["application_id"].as_str().expect("id").to_owned());
            }
            // Conflicts and other events of a case are no decisions, but their copies are equal too.
            None => {}
            Some(first) => {
                copies.fetch_add(1, Ordering::Relaxed);
                different.fetch_add(usize::from(first != message.data), Ordering::Relaxed);
            }
        }
        message.ack(BasicAckOptions { multiple: false }).await.expect("ack");
    }
    assert!(seen >= waiting, "the sink read {seen} of {waiting} messages");
    applications
}
