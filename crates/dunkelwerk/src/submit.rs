//! `submit`: sends envelopes from files, over HTTP or AMQP, with progress and a result a line.

use crate::cli::Submit;
use crate::config::Config;
use crate::failure::Failure;
use crate::{decide, output, serve};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use worker::{AmqpSettings, ApplicationPublisher, Outgoing};

/// Messages in one confirm window.
const WINDOW: usize = 500;

/// Runs the command; exit status 1 where any line was refused.
pub async fn submit(config: Config, arguments: Submit) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for file in &arguments.files {
        lines.extend(envelopes(decide::read(file)?));
    }
    let bar = progress(lines.len() as u64, "senden");
    let refused = if arguments.amqp {
        over_amqp(&config, lines, &bar).await?
    } else {
        over_http(&arguments, lines, &bar).await?
    };
    bar.finish_and_clear();
    if refused == 0 { Ok(()) } else { Err(Failure::Findings) }
}

/// A progress bar with rate and time to go; silent where nobody looks.
pub fn progress(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let template = "{msg:12} [{bar:40}] {pos}/{len} {per_sec:>14} noch {eta}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(what);
    bar
}

/// One JSON document, or one a line.
fn envelopes(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    if domain::json::parse(&bytes).is_ok() {
        return vec![bytes];
    }
    let lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.map(<[u8]>::to_vec).collect()
}

async fn over_http(arguments: &Submit, lines: Vec<Vec<u8>>, bar: &ProgressBar) -> Result<usize, Failure> {
    let client = client()?;
    let url = format!("{}/api/v1/applications", arguments.url.trim_end_matches('/'));
    let send = |(number, body): (usize, Vec<u8>)| {
        let (client, url, token) = (client.clone(), url.clone(), arguments.token.clone());
        async move { (number + 1, post(&client, &url, &token, body).await) }
    };
    let mut refused = 0;
    let mut answers = futures::stream::iter(lines.into_iter().enumerate().map(send)).buffered(arguments.window.max(1));
    while let Some((number, answer)) = answers.next().await {
        bar.inc(1);
        let line = match answer {
            Ok(Answer { status: 202, body }) => json!({"line": number, "status": 202, "accepted": body}),
            Ok(Answer { status, body }) => {
                refused += 1;
                json!({"line": number, "status": status, "error": body})
            }
            Err(error) => {
                return Err(Failure::Unreachable(format!(
                    "line {number}: {url} does not answer: {error}; is `serve` running?"
                )));
            }
        };
        bar.suspend(|| output::line(&line.to_string()));
    }
    Ok(refused)
}

/// An HTTP client for our own intake.
pub fn client() -> Result<reqwest::Client, Failure> {
    let built = reqwest::Client::builder().timeout(std::time::Duration::from_secs(60)).build();
    built.map_err(|e| Failure::Unreachable(format!("no HTTP client: {e}")))
}

/// An answer of the intake.
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

/// Posts one envelope.
pub async fn post(client: &reqwest::Client, url: &str, token: &str, body: Vec<u8>) -> Result<Answer, reqwest::Error> {
    let request = client.post(url).bearer_auth(token).header("content-type", "application/json").body(body);
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok(Answer { status, body: response.json().await.unwrap_or(Value::Null) })
}

/// What is no envelope is sent all the same: the worker keeps it as a dead letter with its cause.
async fn over_amqp(config: &Config, lines: Vec<Vec<u8>>, bar: &ProgressBar) -> Result<usize, Failure> {
    let Some(url) = &config.amqp_url else {
        return Err(Failure::Usage("set AMQP_URL to the broker, with the sender's user".into()));
    };
    let publisher = ApplicationPublisher::new(AmqpSettings::parse(url)?);
    publisher.ready().await?;
    for window in lines.chunks(WINDOW) {
        let messages = window.iter().map(|body| outgoing(body)).collect();
        let sent = publisher.send(messages).await;
        sent.map_err(|e| Failure::Unreachable(format!("{e}; lines from {} on are not confirmed", bar.position() + 1)))?;
        bar.inc(window.len() as u64);
    }
    output::line(&json!({"confirmed": lines.len()}).to_string());
    Ok(0)
}

fn outgoing(body: &[u8]) -> Outgoing {
    let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
    // A routing key is at most 255 bytes, and only a hint: what counts stands in the body.
    let word =
        |name: &str| envelope.get(name).and_then(Value::as_str).unwrap_or("unbekannt").chars().take(64).collect();
    let (service, ars): (String, String) = (word("service"), word("ars"));
    Outgoing {
        routing_key: format!("{service}.{ars}"),
        application_id: None,
        sender: None,
        traceparent: None,
        sent_at: u64::try_from(serve::clock().as_second()).unwrap_or_default(),
        body: body.to_vec(),
    }
}
