//! `POST /api/v1/applications`: reads one application, asks the store once whether it is known, hands it to the queue.
//!
//! Writes nothing itself. 202 means: RabbitMQ has confirmed it, or the store has it.

use super::shapes::{Envelope, Receipt};
use super::{json_body, sender};
use crate::intake::{Accepted, IntakeError};
use crate::problem::{Problem, ProblemBody};
use crate::state::{Shared, WebState};
use crate::telemetry;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::json;
use domain::{ApplicationId, Sender};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use storage::{Identity, Known};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use workflow::Submission;

/// Longest wait for the look-up. Intake stays open without a database: the worker recognises what came twice.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(2);

/// Send one application. The same application again (same sender, service, id and content) gives the same answer.
#[utoipa::path(
    post,
    path = "/api/v1/applications",
    tag = "applications",
    security(("sender" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Stands for a missing id; equal to it where both are given")),
    request_body = Envelope,
    responses(
        (status = 202, description = "Durably queued", body = Receipt),
        (status = 400, description = "Not an application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known sender", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The id is taken by another application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The queue is not reachable; nothing was taken in", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn submit(State(web): State<Shared>, request: Request) -> Response {
    let span = tracing::info_span!(
        "http.intake",
        otel.kind = "server",
        http.request.method = "POST",
        http.route = "/api/v1/applications",
        http.response.status_code = Empty,
        error.type = Empty,
        application.id = Empty,
        application.service = Empty,
        application.ars = Empty,
        sender = Empty,
        trace_id = Empty,
    );
    if let Some(traceparent) = telemetry::traceparent(&span) {
        // For the log: whoever reads a line finds its trace.
        span.record("trace_id", traceparent.split('-').nth(1));
    }
    telemetry::link_foreign(&span, request.headers());
    let answer = take_in(&web, request).instrument(span.clone()).await;
    let response = match answer {
        Ok(id) => receipt(&web, id),
        Err(problem) => {
            span.record("error.type", problem.code());
            span.in_scope(|| tracing::info!(code = problem.code(), "an application was not taken in"));
            problem.into_response()
        }
    };
    span.record("http.response.status_code", response.status().as_u16());
    response
}

async fn take_in(web: &WebState, request: Request) -> Result<ApplicationId, Problem> {
    let received = (web.clock)();
    let office = (web.office)();
    let sender = sender::known(&office, request.headers())?;
    Span::current().record("sender", sender.name.as_str());
    let key = idempotency_key(request.headers());
    let bytes = json_body::read(request).await?;
    let submission = office.decode_with_key(bytes, key.as_deref(), &sender, (web.new_id)(), received)?;
    let span = Span::current();
    span.record("application.service", submission.envelope.service.as_str());
    span.record("application.ars", submission.envelope.ars.as_str());
    let tombstone = office.tombstone(&sender.name, &submission.envelope.service, &submission.envelope.id);
    if let Some(known) = look_up(web, &sender, &submission, tombstone.as_str()).await {
        span.record("application.id", tracing::field::display(known.application_id));
        if known.is_erased() {
            return Err(Problem::Erased { first: known.application_id });
        }
        let same = known.content == submission.content;
        return if same { Ok(known.application_id) } else { Err(Problem::Conflict { first: known.application_id }) };
    }
    let id = submission.application_id;
    span.record("application.id", tracing::field::display(id));
    enqueue(web, submission, key.is_some(), telemetry::traceparent(&span)).await?;
    Ok(id)
}

async fn look_up(web: &WebState, sender: &Sender, submission: &Submission, tombstone: &str) -> Option<Known> {
    let identity = Identity {
        sender: sender.name.to_string(),
        service: submission.envelope.service.to_string(),
        client_id: submission.envelope.id.as_str().to_owned(),
    };
    let (identities, tombstones) = ([identity], [tombstone.to_owned()]);
    match tokio::time::timeout(LOOK_UP_LIMIT, web.store.look_up_ever(&identities, &tombstones)).await {
        Ok(Ok(known)) => known.into_iter().next().flatten(),
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "the store did not say whether an application is known; queueing it");
            None
        }
        Err(_) => {
            tracing::warn!("the store took too long to say whether an application is known; queueing it");
            None
        }
    }
}

async fn enqueue(
    web: &WebState,
    submission: Submission,
    keyed: bool,
    traceparent: Option<String>,
) -> Result<(), Problem> {
    let envelope = submission.envelope;
    let body = if keyed { with_id(submission.raw, envelope.id.as_str()) } else { submission.raw };
    if body.len() > json::MAX_BYTES {
        // With its id it is more than a worker reads.
        return Err(Problem::TooLarge);
    }
    let accepted = Accepted {
        application_id: submission.application_id,
        sender: submission.sender.name.clone(),
        body,
        received: submission.observed_at,
        about: Some((envelope.service, envelope.ars)),
        traceparent,
    };
    web.intake.accept(accepted).await.map_err(|error| {
        let IntakeError::Unavailable(cause) = error;
        tracing::warn!(cause, "an application could not be queued; its sender was told to try again");
        Problem::QueueUnavailable
    })
}

/// The envelope with the id that came as `Idempotency-Key`: behind the queue nobody sees the header any more.
/// Numbers keep their digits (`arbitrary_precision`).
fn with_id(raw: Vec<u8>, id: &str) -> Vec<u8> {
    match json::parse(&raw) {
        Ok(Value::Object(mut object)) if object.get("id").and_then(Value::as_str) != Some(id) => {
            object.insert("id".to_owned(), id.into());
            serde_json::to_vec(&object).unwrap_or(raw)
        }
        Ok(_) | Err(_) => raw,
    }
}

/// The header's text; quoted as the IETF draft writes it, or bare.
fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get("idempotency-key")?.as_bytes()).into_owned();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Some(bare.map_or(text.clone(), str::to_owned))
}

fn receipt(web: &Arc<WebState>, id: ApplicationId) -> Response {
    let status_url = web.links.path(id);
    let location = HeaderValue::from_str(&status_url).ok();
    let mut response = (StatusCode::ACCEPTED, Json(Receipt { application_id: id, status_url })).into_response();
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_the_header_goes_into_the_queued_body_and_digits_stay() {
        let raw = br#"{"data":{"n":1.10,"big":9999999999999999999999999999},"id":null}"#.to_vec();
        let text = String::from_utf8(with_id(raw, "a-1")).unwrap();
        assert_eq!(text, r#"{"data":{"big":9999999999999999999999999999,"n":1.10},"id":"a-1"}"#);
        let own = br#"{ "id": "a-1" }"#.to_vec();
        assert_eq!(with_id(own.clone(), "a-1"), own);
    }

    #[test]
    fn an_idempotency_key_may_be_quoted() {
        let of = |text: &'static str| {
            idempotency_key(&HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("idempotency-key"),
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(of("\"a-1\"").as_deref(), Some("a-1"));
        assert_eq!(of("a-1").as_deref(), Some("a-1"));
        assert_eq!(idempotency_key(&HeaderMap::new()), None);
    }
}
