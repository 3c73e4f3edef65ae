//! Bytes to a [`Submission`], strictly: whatever is wrong with the envelope is said with what to do about it.

use crate::correspondence;
use domain::json::{self, JsonError};
use domain::{
    ApplicationId, Ars, Attachment, Channel, ClientId, Digest, Envelope, Evidence, Sender, ServiceName, TrustLevel,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A readable application from a known sender.
#[derive(Debug, Clone)]
pub struct Submission {
    pub application_id: ApplicationId,
    pub sender: Arc<Sender>,
    pub envelope: Envelope,
    pub observed_at: Timestamp,
    /// Over the canonical JSON of everything but `received_at`: what makes it "the same application again".
    pub content: Digest,
    /// The body as it came.
    pub raw: Vec<u8>,
}

/// Why a message is no application. Text and `code` go back to the sender, or with the raw bytes to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    #[error("the body must be one JSON object, the envelope of an application")]
    NotAnObject,
    #[error(
        "unknown envelope field \"{0}\"; known are id, service, form_version, ars, received_at, channel, trust_level, data, evidence, attachments"
    )]
    UnknownField(String),
    #[error("{field}: {message}")]
    Field { field: &'static str, message: String },
    #[error("unknown service \"{name}\"; this installation has {known}")]
    UnknownService { name: String, known: String },
    #[error("{0}")]
    Ars(String),
    #[error("form_version \"{version}\" is unknown for {service}; known are {known}")]
    UnknownForm { service: String, version: String, known: String },
    #[error("the sender is not known: configure its credential as a [[sender]]")]
    UnknownSender,
    #[error("Idempotency-Key and id must be equal where both are given")]
    IdempotencyKey,
    #[error("this speaks about a case (it has a kind): send it to /api/v1/applications/{{application_id}}/messages")]
    IsMessage,
}

impl Rejection {
    /// A stable word for problems, dead letters and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(JsonError::Empty) => "empty",
            Self::Json(JsonError::TooLarge(_)) => "too_large",
            Self::Json(JsonError::Utf8(_) | JsonError::Syntax(_)) => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::UnknownField(_) => "unknown_field",
            Self::Field { .. } => "invalid_field",
            Self::UnknownService { .. } => "unknown_service",
            Self::Ars(_) => "invalid_ars",
            Self::UnknownForm { .. } => "unknown_form_version",
            Self::UnknownSender => "unknown_sender",
            Self::IdempotencyKey => "idempotency_key_mismatch",
            Self::IsMessage => "is_message",
        }
    }
}

/// The envelope with everything read but nothing looked up.
pub(crate) struct Read {
    pub envelope: Envelope,
    pub content: Digest,
}

/// 1990-01-01 to 2100-01-01 UTC: what every calendar and database in use can hold.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

/// A time that somebody claims to have received something.
pub(crate) fn plausible(received_at: Option<Timestamp>) -> Result<Option<Timestamp>, Rejection> {
    match received_at {
        Some(at) if !PLAUSIBLE_SECONDS.contains(&at.as_second()) => {
            Err(Rejection::Field { field: "received_at", message: "must lie between 1990 and 2100".to_owned() })
        }
        fine => Ok(fine),
    }
}

const FIELDS: [&str; 10] = [
    "id",
    "service",
    "form_version",
    "ars",
    "received_at",
    "channel",
    "trust_level",
    "data",
    "evidence",
    "attachments",
];

/// Reads the envelope. `ars_of_ags` resolves an eight-digit AGS; `id` stands in for a missing id.
pub(crate) fn read(
    bytes: &[u8],
    id: Option<&str>,
    ars_of_ags: impl Fn(&str) -> Option<Ars>,
) -> Result<Read, Rejection> {
    let Value::Object(mut object) = json::parse(bytes)? else { return Err(Rejection::NotAnObject) };
    if correspondence::is_message(&object) {
        return Err(Rejection::IsMessage);
    }
    if let Some(unknown) = object.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(Rejection::UnknownField(unknown.clone()));
    }
    match (id, object.get("id").and_then(Value::as_str)) {
        (Some(key), Some(own)) if key != own => return Err(Rejection::IdempotencyKey),
        (Some(key), None) => {
            object.insert("id".into(), key.into());
        }
        (Some(_) | None, _) => {}
    }
    let received_at = plausible(take(&mut object, "received_at")?)?;
    // The content's identity must not depend on when it was received, nor on how it was written.
    let whole = Value::Object(object);
    let content = Digest::of(&json::canonical(&whole));
    let Value::Object(mut object) = whole else { return Err(Rejection::NotAnObject) };
    let id: String = required(&mut object, "id")?;
    let service: String = required(&mut object, "service")?;
    let ars: String = required(&mut object, "ars")?;
    let named = |field: &'static str| move |e: domain::IdError| Rejection::Field { field, message: e.to_string() };
    let envelope = Envelope {
        id: ClientId::new(id).map_err(named("id"))?,
        service: ServiceName::new(service).map_err(named("service"))?,
        ars: resolve(&ars, ars_of_ags)?,
        form_version: take(&mut object, "form_version")?,
        received_at,
        channel: take::<Channel>(&mut object, "channel")?,
        trust_level: take::<TrustLevel>(&mut object, "trust_level")?,
        evidence: take::<Vec<Evidence>>(&mut object, "evidence")?.unwrap_or_default(),
        attachments: take::<Vec<Attachment>>(&mut object, "attachments")?.unwrap_or_default(),
        data: match object.remove("data") {
            Some(data @ Value::Object(_)) => Arc::new(data),
            Some(_) => return Err(Rejection::Field { field: "data", message: "must be an object: the form".into() }),
            None => return Err(Rejection::Field { field: "data", message: "is missing: the form's data".into() }),
        },
    };
    Ok(Read { envelope, content })
}

fn resolve(text: &str, ars_of_ags: impl Fn(&str) -> Option<Ars>) -> Result<Ars, Rejection> {
    let is_ags = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    if is_ags {
        return ars_of_ags(text)
            .ok_or_else(|| Rejection::Ars(format!("ars: the AGS {text} is not configured; send the 12-digit ARS")));
    }
    Ars::new(text).map_err(|e| Rejection::Ars(e.to_string()))
}

fn required<T: DeserializeOwned>(object: &mut Map<String, Value>, field: &'static str) -> Result<T, Rejection> {
    take(object, field)?.ok_or(Rejection::Field { field, message: "is missing".into() })
}

fn take<T: DeserializeOwned>(object: &mut Map<String, Value>, field: &'static str) -> Result<Option<T>, Rejection> {
    match object.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            serde_json::from_value(value).map(Some).map_err(|e| Rejection::Field { field, message: e.to_string() })
        }
    }
}
