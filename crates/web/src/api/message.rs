//! `POST /api/v1/applications/{id}/messages`: what an applicant says about a case after the application.
//!
//! Read strictly at once, then queued like an application: 202 means that it is durable.

use super::case_file::{self, Address};
use super::{json_body, sender};
use crate::intake::{Accepted, IntakeError};
use crate::problem::{Problem, ProblemBody};
use crate::state::{Shared, WebState};
use crate::telemetry;
use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{ApplicationId, Ars, Sender, ServiceName, json};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use storage::{CaseRow, StoreError};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use utoipa::ToSchema;
use workflow::{CaseMessage, CaseState, Rejection, Said, same_message};

/// Longest wait for the look-up. Without a database a message is queued, and the worker finds out whose case it is.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(2);

/// A message about a case.
#[derive(ToSchema)]
#[schema(as = Message)]
#[expect(dead_code, reason = "only its shape is used, in the description")]
pub(super) struct MessageShape {
    /// The sender's own key, 1-128 of [A-Za-z0-9._:-]; unique for ever per sender. The same again changes nothing
    #[schema(example = "nachtrag-17")]
    id: String,
    /// supplement (answers a correction), amendment, withdrawal, objection, person (Art. 22 Abs. 3 GDPR), hearing_reply or
    /// retrieved (the notice was retrieved)
    #[schema(example = "supplement")]
    kind: String,
    /// In the applicant's words
    text: Option<String>,
    /// With supplement and amendment: a JSON Merge Patch (RFC 7396) on the form's data
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    /// Claimed legal date of receipt, RFC 3339; needs the sender's right
    received_at: Option<String>,
}

/// The answer to a message that was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageReceipt {
    #[schema(value_type = String, format = Uuid)]
    application_id: ApplicationId,
    /// The sender's key of the message
    id: String,
}

/// Say something about a case: a supplement, an amendment, a withdrawal, an objection and so on. The same message again
/// (same sender, id and content) is answered the same and changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/applications/{application_id}/messages",
    tag = "applications",
    security(("sender" = [])),
    params(
        ("application_id" = String, Path, description = "From the receipt"),
        ("k" = Option<String>, Query, description = "The key of the status_url: with it a message is taken in as soon as its application is")
    ),
    request_body = MessageShape,
    responses(
        (status = 202, description = "Durably queued", body = MessageReceipt),
        (status = 400, description = "Not a message", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known sender", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another sender's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The id is taken by another message, or the case is erased, or takes no more messages", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The queue is not reachable; nothing was taken in", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn message(
    State(web): State<Shared>,
    id: Address,
    Query(query): Query<HashMap<String, String>>,
    request: Request,
) -> Response {
    let span = tracing::info_span!(
        "http.intake",
        otel.kind = "server",
        http.request.method = "POST",
        http.route = "/api/v1/applications/{application_id}/messages",
        http.response.status_code = Empty,
        error.type = Empty,
        application.id = Empty,
        sender = Empty,
    );
    telemetry::link_foreign(&span, request.headers());
    let answer = take_in(&web, id, query.get("k").map(String::as_str), request).instrument(span.clone()).await;
    let response = match answer {
        Ok(receipt) => (StatusCode::ACCEPTED, Json(receipt)).into_response(),
        Err(problem) => {
            span.record("error.type", problem.code());
            span.in_scope(|| tracing::info!(code = problem.code(), "a message was not taken in"));
            problem.into_response()
        }
    };
    span.record("http.response.status_code", response.status().as_u16());
    response
}

async fn take_in(web: &WebState, id: Address, key: Option<&str>, request: Request) -> Result<MessageReceipt, Problem> {
    let received = (web.clock)();
    let office = (web.office)();
    let sender = sender::known(&office, request.headers())?;
    Span::current().record("sender", sender.name.as_str());
    let bytes = json_body::read(request).await?;
    let id: ApplicationId = id.ok().and_then(|Path(text)| text.parse().ok()).ok_or(Problem::UnknownApplication)?;
    let message = office.read_message(bytes, Some(id), &sender, received).map_err(not_a_message)?;
    let body = about(&message, id)?;
    let found = match tokio::time::timeout(LOOK_UP_LIMIT, find(web, &sender, id, key)).await {
        Ok(found) => found?,
        Err(_) => Found::NoAnswer,
    };
    let receipt = |application_id| MessageReceipt { application_id, id: message.id.as_str().to_owned() };
    let (application_id, place, body) = match found {
        Found::Case(case) if case.state == CaseState::Erased.as_str() => return Err(case_file::erased()),
        Found::Case(case) => match tokio::time::timeout(LOOK_UP_LIMIT, filed(web, &message, case.application_id)).await
        {
            Ok(Ok(Filed::Before(known))) => {
                let same = same_message(&known, &message.raw);
                return if same { Ok(receipt(case.application_id)) } else { Err(Problem::MessageConflict) };
            }
            Ok(Ok(Filed::Full)) => return Err(Problem::TooManyMessages),
            // Where the store does not say, the worker finds out.
            Ok(Ok(Filed::Not) | Err(_)) | Err(_) => {
                (case.application_id, place(&case), addressed(body, case.application_id))
            }
        },
        Found::OnItsWay | Found::NoAnswer => (id, None, addressed(body, id)),
    };
    if body.len() > json::MAX_BYTES {
        // With its address it is more than a worker reads.
        return Err(Problem::TooLarge);
    }
    Span::current().record("application.id", tracing::field::display(application_id));
    let accepted = Accepted {
        application_id,
        sender: sender.name.clone(),
        body,
        received,
        about: place,
        traceparent: telemetry::traceparent(&Span::current()),
    };
    web.intake.accept(accepted).await.map_err(|error| {
        let IntakeError::Unavailable(cause) = error;
        tracing::warn!(cause, "a message could not be queued; its sender was told to try again");
        Problem::QueueUnavailable
    })?;
    Ok(receipt(application_id))
}

fn not_a_message(rejection: Rejection) -> Problem {
    match Problem::from(rejection) {
        Problem::Rejected(rejection) => Problem::NoMessage(rejection),
        other => other,
    }
}

/// The message as JSON. Where it names an application itself, that must be the one of the address.
fn about(message: &CaseMessage, id: ApplicationId) -> Result<Value, Problem> {
    let body = json::parse(&message.raw).map_err(|error| Problem::NoMessage(error.into()))?;
    let named = body.get("application_id").and_then(Value::as_str);
    if named.is_some_and(|named| named.parse() != Ok(id)) {
        let message = "is another one than that of the address; leave it out".to_owned();
        return Err(Problem::NoMessage(Rejection::Field { field: "application_id", message }));
    }
    Ok(body)
}

/// The bytes for the queue, which has no addresses. Numbers keep their digits (`arbitrary_precision`).
fn addressed(mut body: Value, id: ApplicationId) -> Vec<u8> {
    if let Value::Object(object) = &mut body {
        object.insert("application_id".to_owned(), id.to_string().into());
    }
    // A parsed value always has a JSON form.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// What the store knows of the application.
enum Found {
    Case(Box<CaseRow>),
    /// We gave out its link, and no worker has had it yet.
    OnItsWay,
    /// The store does not say.
    NoAnswer,
}

async fn find(web: &WebState, sender: &Sender, id: ApplicationId, key: Option<&str>) -> Result<Found, Problem> {
    let unsure = |error: StoreError| {
        tracing::warn!(error = %error, "the store did not say whose case a message is about; queueing it");
        Ok(Found::NoAnswer)
    };
    match web.store.brief(id).await {
        Ok(Some(brief)) if brief.sender == sender.name.as_str() => Ok(Found::Case(Box::new(brief.case))),
        Ok(Some(_)) => Err(Problem::UnknownApplication),
        Ok(None) => match without_case(web, sender, id, key).await {
            Ok(true) => Ok(Found::OnItsWay),
            Ok(false) => Err(Problem::UnknownApplication),
            Err(error) => unsure(error),
        },
        Err(error) => unsure(error),
    }
}

/// Whether an application without a case will have one: it is kept while its service is parked, or no worker has had it yet.
async fn without_case(
    web: &WebState,
    sender: &Sender,
    id: ApplicationId,
    key: Option<&str>,
) -> Result<bool, StoreError> {
    if let Some(kept) = web.store.kept(id).await? {
        return Ok(kept.sender == sender.name.as_str());
    }
    // One that has an end, but no case: a conflict, or something that could never become an application.
    Ok(key.is_some_and(|key| web.links.proves(id, key)) && web.store.status(id).await?.is_none())
}

/// What the file of a case says of a message.
enum Filed {
    Not,
    /// It, or another one under its id, lies there already.
    Before(Vec<u8>),
    Full,
}

async fn filed(web: &WebState, message: &CaseMessage, id: ApplicationId) -> Result<Filed, StoreError> {
    if let Some(known) = web.store.document(id, message.key()).await? {
        return Ok(Filed::Before(known.body));
    }
    let (count, bytes) = web.store.file_size(id, &Said::WORDS).await?;
    let number = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
    Ok(if message.fits(number(count), number(bytes)) { Filed::Not } else { Filed::Full })
}

fn place(case: &CaseRow) -> Option<(ServiceName, Ars)> {
    Some((ServiceName::new(case.service.as_str()).ok()?, Ars::new(case.ars.as_str()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_address_goes_into_the_queued_body_and_digits_stay() {
        let id = ApplicationId(Uuid::from_u128(7));
        let body = json::parse(br#"{"id":"m","kind":"supplement","data":{"n":1.10}}"#).unwrap();
        let text = String::from_utf8(addressed(body, id)).unwrap();
        assert_eq!(text, format!(r#"{{"application_id":"{id}","data":{{"n":1.10}},"id":"m","kind":"supplement"}}"#));
    }
}
