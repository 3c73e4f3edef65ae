//! By message: reads the common queue of questions, answers where the question says. While it is down, questions wait.

use crate::desk::{Desk, Said};
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const QUEUE: &str = "dunkelwerk.registers";
const SIDE_BY_SIDE: usize = 16;

/// Answers for ever.
pub async fn answer(desk: Arc<Desk>, url: String) {
    loop {
        if !desk.mood().down
            && let Err(error) = serve(&desk, &url).await
        {
            println!("registers: {error}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Until it is to be down; what is unacknowledged then goes back to the queue.
async fn serve(desk: &Desk, url: &str) -> Result<(), lapin::Error> {
    let user = url.parse::<AMQPUri>().expect("an AMQP address").authority.userinfo.username;
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions { nowait: false }).await?;
    channel.basic_qos(64, BasicQosOptions { global: false }).await?;
    let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
    let consumer = channel.basic_consume(QUEUE.into(), "register".into(), options, FieldTable::default()).await?;
    let mut done = consumer.map(|message| one(desk, &channel, &user, message)).buffer_unordered(SIDE_BY_SIDE);
    while let Some(done) = done.next().await {
        if !done? {
            break;
        }
    }
    drop(done);
    connection.close(200, "down".into()).await
}

/// One question; false where it is down.
async fn one(
    desk: &Desk,
    channel: &Channel,
    user: &str,
    message: Result<Delivery, lapin::Error>,
) -> Result<bool, lapin::Error> {
    let message = message?;
    let question: Value = serde_json::from_slice(&message.data).expect("a question is JSON");
    let id = message.properties.message_id().clone().expect("a question has a message id");
    let mut answer = match desk.ask(message.routing_key.as_str(), "amqp", &question).await {
        Said::Down => return Ok(false),
        Said::Refused(text) => json!({ "refused": text }),
        Said::Answer(answer) => answer,
    };
    answer["question_id"] = id.as_str().into();
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_correlation_id(id)
        .with_user_id(user.into());
    let to = message.properties.reply_to().clone().expect("a question says where its answer goes");
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let (key, body) = (message.routing_key.clone(), answer.to_string().into_bytes());
    let sent = channel.basic_publish(to, key, options, &body, properties);
    sent.await?.await?;
    message.acker.ack(BasicAckOptions { multiple: false }).await?;
    Ok(true)
}
