//! What leaves the house, as CloudEvents 1.0 in structured mode. The same message has the same id and bytes every time.

use crate::case::{Case, Work};
use crate::effects::Message;
use domain::{ApplicationId, Ars, Decision, ServiceName, berlin_iso};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A stable id for something that happens once in a case.
pub(crate) fn event_id(application: ApplicationId, what: &str) -> Uuid {
    Uuid::new_v5(&application.0, what.as_bytes())
}

/// The result of a decision, as far as it may leave.
pub(crate) fn result(decision: &Decision, now: Timestamp) -> Message {
    let no = decision.decision_no;
    let outward = decision.outward();
    cloud_event(EventMessage {
        application_id: decision.application_id,
        exchange: "dunkelwerk.results",
        routing_key: format!("{}.{}.{}", decision.service, decision.ars, decision.outcome.as_str()),
        id: decision.notice_id.map_or_else(|| event_id(decision.application_id, &format!("decision/{no}")), |n| n.0),
        kind: "de.dunkelwerk.decision.v1",
        authority: decision.authority.as_deref(),
        data: serde_json::to_value(&outward).unwrap_or_default(),
        now,
    })
}

/// Work for a person, with everything that the person needs. Inside the house only.
pub(crate) fn task(decision: &Decision, now: Timestamp) -> Option<Message> {
    let referral = decision.referral.as_ref()?;
    let data = json!({
        "application_id": decision.application_id, "id": decision.id, "service": decision.service,
        "ars": decision.ars, "authority": decision.authority, "referral": referral, "result": decision.result,
        "reasons": decision.reasons,
    });
    Some(cloud_event(EventMessage {
        application_id: decision.application_id,
        exchange: "dunkelwerk.tasks",
        routing_key: format!("{}.{}", decision.ars, referral.queue),
        id: event_id(decision.application_id, &format!("task/{}", decision.decision_no)),
        kind: "de.dunkelwerk.task.v1",
        authority: decision.authority.as_deref(),
        data,
        now,
    }))
}

/// Work that no referral announces: a second signature, a reminder, an escalation.
pub(crate) fn work(case: &Case, work: &Work, more: Value, once: &str, now: Timestamp) -> Message {
    let mut data = json!({
        "application_id": case.application_id, "id": case.id, "service": case.service, "ars": case.ars,
        "kind": work.kind.as_str(), "queue": work.queue, "team": work.team, "hints": case.hints,
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut data, more) {
        all.extend(more);
    }
    cloud_event(EventMessage {
        application_id: case.application_id,
        exchange: "dunkelwerk.tasks",
        routing_key: format!("{}.{}", case.ars, work.queue),
        id: event_id(case.application_id, &format!("work/{once}")),
        kind: "de.dunkelwerk.task.v1",
        authority: None,
        data,
        now,
    })
}

/// Something else that the sender must know of its case.
pub(crate) struct News<'a> {
    pub application_id: ApplicationId,
    /// The sender's key.
    pub id: &'a str,
    pub service: &'a ServiceName,
    pub ars: &'a Ars,
    /// The word at the end of the routing key, such as `hearing`.
    pub word: &'a str,
    /// What makes it one event of its case.
    pub once: String,
    pub more: Value,
}

pub(crate) fn news(news: News<'_>, now: Timestamp) -> Message {
    let mut data = json!({
        "application_id": news.application_id, "id": news.id, "service": news.service, "ars": news.ars,
        "state": news.word,
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut data, news.more) {
        all.extend(more);
    }
    cloud_event(EventMessage {
        application_id: news.application_id,
        exchange: "dunkelwerk.results",
        routing_key: format!("{}.{}.{}", news.service, news.ars, news.word),
        id: event_id(news.application_id, &format!("case/{}", news.once)),
        kind: "de.dunkelwerk.case.v1",
        authority: None,
        data,
        now,
    })
}

struct EventMessage<'a> {
    application_id: ApplicationId,
    exchange: &'static str,
    routing_key: String,
    id: Uuid,
    kind: &'static str,
    authority: Option<&'a str>,
    data: Value,
    now: Timestamp,
}

fn cloud_event(message: EventMessage<'_>) -> Message {
    let source = message.authority.map_or_else(|| "urn:dunkelwerk".to_owned(), urn);
    // A BTreeMap gives the same bytes for the same message whatever map serde_json uses.
    let event: BTreeMap<&str, Value> = BTreeMap::from([
        ("specversion", "1.0".into()),
        ("id", message.id.to_string().into()),
        ("source", source.into()),
        ("type", message.kind.into()),
        ("subject", message.application_id.to_string().into()),
        ("time", berlin_iso(message.now).into()),
        ("datacontenttype", "application/json".into()),
        ("data", message.data),
    ]);
    Message {
        application_id: message.application_id,
        exchange: message.exchange,
        routing_key: message.routing_key,
        message_id: message.id,
        body: serde_json::to_vec(&event).unwrap_or_default(),
    }
}

/// CloudEvents wants a URI reference as source: the authority's name, percent-encoded (RFC 3986).
fn urn(authority: &str) -> String {
    let encoded: String = authority
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("urn:dunkelwerk:behoerde:{encoded}")
}
