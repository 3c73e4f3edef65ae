//! What the applicant says about a case after the application: read strictly, kept as a document, handled by the machine.

use crate::Rejection;
use crate::decode::plausible;
use domain::json;
use domain::{ApplicationId, ClientId, Sender, ServiceName};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::sync::Arc;
use uuid::Uuid;

/// Which application a message speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// By the id that this program gave it.
    Id(ApplicationId),
    /// By the sender's own key; may come before the application itself.
    Key(ServiceName, ClientId),
}

/// A readable message from a known sender.
#[derive(Debug, Clone)]
pub struct Message {
    pub about: About,
    pub sender: Arc<Sender>,
    /// The sender's key of this message, unique for ever per sender.
    pub id: ClientId,
    pub body: Said,
    pub observed_at: Timestamp,
    /// Claimed where the sender may claim it.
    pub received_at: Timestamp,
    /// The message as it came.
    pub raw: Vec<u8>,
}

impl Message {
    /// Its key in the file of its case: the same message again has the same.
    pub fn key(&self) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("{}/{}", self.sender.name, self.id.as_str()).as_bytes())
    }
    /// Whether a case takes it whose file has so many other messages with so many bytes. Each step of a case reads them all.
    pub fn fits(&self, count: usize, bytes: usize) -> bool {
        count < MOST_MESSAGES && bytes.saturating_add(self.raw.len()) <= MOST_BYTES
    }
    /// Why it does not fit.
    pub const FULL: &'static str =
        "its file has as many messages as a case takes (200, or 32 MiB); write to the authority in another way";
}

/// No applicant who is a person comes near it: a supplement a day for half a year, attachments by reference.
const MOST_MESSAGES: usize = 200;
const MOST_BYTES: usize = 32 * 1024 * 1024;

const NAMESPACE: Uuid = Uuid::from_u128(0x6475_6e6b_656c_7765_726b_0000_6d73_6731);

/// What it says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Answers a request for correction: a JSON Merge Patch (RFC 7396) on the form's data.
    Supplement {
        data: Value,
        text: String,
    },
    /// Changes the application without being asked: a JSON Merge Patch, too.
    Amendment {
        data: Value,
        text: String,
    },
    Withdrawal {
        text: String,
    },
    /// Against a decision.
    Objection {
        text: String,
    },
    /// A person, please (Art. 22 Abs. 3 GDPR).
    Person {
        text: String,
    },
    /// In a hearing.
    HearingReply {
        text: String,
    },
    /// The portal says that a notice was retrieved, by an authenticated person; none named: the newest.
    Retrieved {
        notice: Option<Uuid>,
    },
}

impl Said {
    /// Every such word.
    pub const WORDS: [&'static str; 7] =
        ["supplement", "amendment", "withdrawal", "objection", "person", "hearing_reply", "retrieved"];
    /// The word of the messages, of the file and of the audit.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Supplement { .. } => "supplement",
            Self::Amendment { .. } => "amendment",
            Self::Withdrawal { .. } => "withdrawal",
            Self::Objection { .. } => "objection",
            Self::Person { .. } => "person",
            Self::HearingReply { .. } => "hearing_reply",
            Self::Retrieved { .. } => "retrieved",
        }
    }
    pub fn text(&self) -> &str {
        match self {
            Self::Supplement { text, .. }
            | Self::Amendment { text, .. }
            | Self::Withdrawal { text }
            | Self::Objection { text }
            | Self::Person { text }
            | Self::HearingReply { text } => text,
            Self::Retrieved { .. } => "",
        }
    }
    /// What it changes of the form's data.
    pub fn patch(&self) -> Option<&Value> {
        match self {
            Self::Supplement { data, .. } | Self::Amendment { data, .. } => Some(data),
            _ => None,
        }
    }
}

/// Whether a body speaks about a case instead of being an application.
pub(crate) fn is_message(object: &Map<String, Value>) -> bool {
    object.contains_key("kind")
}

/// Reads one message.
pub(crate) fn read(
    bytes: Vec<u8>,
    about: Option<ApplicationId>,
    sender: &Arc<Sender>,
    observed_at: Timestamp,
) -> Result<Message, Rejection> {
    let Value::Object(object) = json::parse(&bytes)? else { return Err(Rejection::NotAnObject) };
    let field = |field: &'static str, message: String| Rejection::Field { field, message };
    // Fields that a newer portal adds are kept with the message and change nothing.
    let text = |name: &'static str| match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(field(name, "must be text".into())),
    };
    let id = text("id")?.ok_or_else(|| field("id", "is missing: your own key of this message".into()))?;
    let id = ClientId::new(id).map_err(|e| field("id", e.to_string()))?;
    let about = match (about, text("application_id")?, text("application")?, text("service")?) {
        (Some(id), _, _, _) => About::Id(id),
        (None, Some(id), _, _) => {
            About::Id(id.parse().map_err(|e: domain::IdError| field("application_id", e.to_string()))?)
        }
        (None, None, Some(key), Some(service)) => About::Key(
            ServiceName::new(service).map_err(|e| field("service", e.to_string()))?,
            ClientId::new(key).map_err(|e| field("application", e.to_string()))?,
        ),
        (None, None, _, _) => {
            let message = "is missing: application_id, or application (your key of it) with service".to_owned();
            return Err(field("application_id", message));
        }
    };
    let said = text("text")?.unwrap_or_default();
    let data = || match object.get("data") {
        Some(data @ Value::Object(_)) => Ok(data.clone()),
        Some(_) | None => Err(field("data", "must be an object: the fields of the form that change".into())),
    };
    let needed = |said: String| match said.trim().is_empty() {
        true => Err(field("text", "is missing".into())),
        false => Ok(said),
    };
    let kind = text("kind")?.unwrap_or_default();
    let body = match kind.as_str() {
        "supplement" => Said::Supplement { data: data()?, text: said },
        "amendment" => Said::Amendment { data: data()?, text: said },
        "withdrawal" => Said::Withdrawal { text: said },
        "objection" => Said::Objection { text: said },
        "person" => Said::Person { text: said },
        "hearing_reply" => Said::HearingReply { text: needed(said)? },
        "retrieved" => {
            let notice =
                text("notice_id")?.map(|id| id.parse().map_err(|_| field("notice_id", "must be a UUID".into())));
            Said::Retrieved { notice: notice.transpose()? }
        }
        other => {
            let known = Said::WORDS.join(", ");
            return Err(field("kind", format!("\"{other}\" is unknown; known are {known}")));
        }
    };
    let claimed = match text("received_at")? {
        None => None,
        Some(at) => Some(at.parse::<Timestamp>().map_err(|e| field("received_at", e.to_string()))?),
    };
    let received_at = plausible(claimed)?.filter(|_| sender.may_claim("received_at")).unwrap_or(observed_at);
    Ok(Message { about, sender: sender.clone(), id, body, observed_at, received_at, raw: bytes })
}

/// Fields that say nothing but of which application, and when.
const ADDRESS: [&str; 4] = ["application_id", "application", "service", "received_at"];

/// Whether two bodies about one application are the same message: in whatever spelling, however they name the application,
/// and whenever they are said to have come.
pub fn same_message(one: &[u8], other: &[u8]) -> bool {
    let content = |bytes: &[u8]| match json::parse(bytes) {
        Ok(Value::Object(mut object)) => {
            object.retain(|field, _| !ADDRESS.contains(&field.as_str()));
            Some(json::canonical(&Value::Object(object)))
        }
        Ok(_) | Err(_) => None,
    };
    one == other || content(one).is_some_and(|one| Some(one) == content(other))
}

/// JSON Merge Patch (RFC 7396).
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_the_same_however_it_is_written_and_addressed() {
        let one = br#"{"id":"m","kind":"person","application_id":"x","received_at":"2026-01-01T00:00:00Z","n":1.0}"#;
        let other = br#"{ "n":1.0, "service":"hund", "application":"y", "kind":"person", "id":"m" }"#;
        assert!(same_message(one, other));
        for other in
            [&br#"{"id":"m","kind":"person","n":1.1}"#[..], br#"{"id":"m","kind":"withdrawal","n":1.0}"#, b"", b"[]"]
        {
            assert!(!same_message(one, other));
        }
        assert!(!same_message(b"[", b"]"), "what cannot be read is only like itself");
    }

    /// The examples of RFC 7396, Appendix A.
    #[test]
    fn merges_as_the_rfc_shows() {
        for (before, patch, after) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut target = before.clone();
            merge(&mut target, &patch);
            assert_eq!(target, after, "{before} with {patch}");
        }
    }
}
