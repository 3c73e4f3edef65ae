//! `/docs/errors`: what every problem code means and what to do. English, because programs' authors read it.

use crate::pages;
use crate::state::Shared;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/docs/errors", get(page))
}

async fn page() -> Response {
    pages::render(StatusCode::OK, &ErrorsPage { codes: &CODES })
}

#[derive(Template)]
#[template(path = "errors.html")]
struct ErrorsPage {
    codes: &'static [Code],
}

struct Code {
    name: &'static str,
    status: u16,
    meaning: &'static str,
    remedy: &'static str,
}

const fn code(name: &'static str, status: u16, meaning: &'static str, remedy: &'static str) -> Code {
    Code { name, status, meaning, remedy }
}

const CODES: [Code; 46] = [
    code("empty", 400, "The body is empty.", "Send one application as a JSON object."),
    code(
        "invalid_json",
        400,
        "The body is not JSON, or not unambiguous JSON: duplicate keys, U+0000, more than 64 levels, \
        invalid UTF-8, a number without exact decimal.",
        "Mend the place that the detail names.",
    ),
    code("not_an_object", 400, "The body is JSON, but not an object.", "Send one envelope, not a list."),
    code("unknown_field", 400, "The envelope has a field that does not exist.", "Form fields belong into data."),
    code(
        "is_message",
        400,
        "The body speaks about a case (it has a kind), but the address takes applications.",
        "Send it to /api/v1/applications/{application_id}/messages.",
    ),
    code(
        "invalid_query",
        400,
        "A parameter of the address does not exist, or says nothing.",
        "Mend the one that the detail names.",
    ),
    code(
        "invalid_field",
        400,
        "A field of the envelope or message is missing or has the wrong form.",
        "Mend the field that the \
        detail names. Violations of the form itself are no error: they become a decision correction_needed.",
    ),
    code("unknown_service", 400, "This installation does not have the service.", "Use one of the services named."),
    code("invalid_ars", 400, "The ARS is malformed, or an AGS that is not configured.", "Send the 12-digit ARS."),
    code(
        "unknown_form_version",
        400,
        "The service has no such form version.",
        "Use one of the versions named, or none.",
    ),
    code("idempotency_key_mismatch", 400, "Idempotency-Key and id differ.", "Send one of them, or both equal."),
    code("body_incomplete", 400, "The connection ended within the body.", "Send it again with the same id."),
    code("unauthorized", 401, "No credential, or an unknown one.", "Send Authorization: Bearer with your token."),
    code(
        "unknown_application",
        404,
        "There is no such application for you.",
        "Use the status_url of the receipt, or \
        the token of the sender.",
    ),
    code(
        "unknown_case",
        404,
        "There is no such case, or it is none of yours. Over RabbitMQ: a message about a case of which this sender knows nothing.",
        "See GET /api/v1/tasks and GET /api/v1/cases; a message names application_id, or application (your key) with service.",
    ),
    code(
        "unknown_failure",
        404,
        "There is no such failure or order over failures, or it is none of yours.",
        "See GET /api/v1/incidents and GET /api/v1/incidents/jobs.",
    ),
    code(
        "unknown_switch",
        404,
        "No such stop switch stands, or nothing that it covers is yours.",
        "See GET /api/v1/switches.",
    ),
    code("unknown_path", 404, "There is nothing at this path.", "See /docs."),
    code("method_not_allowed", 405, "The path does not take this method.", "See the Allow header."),
    code(
        "id_conflict",
        409,
        "The id was used for an application or message with other content.",
        "Use a new id for a new \
        one; the same may be sent again at any time.",
    ),
    code(
        "message_conflict",
        409,
        "The id of the message was used for one with other content, which was heard; this one is kept, but was not heard.",
        "Use a new id for a new message; an operator can give it one.",
    ),
    code(
        "stale",
        409,
        "The case has changed since you looked at it; version, by and since say how far and through whom.",
        "Look at it again, and decide anew what to do.",
    ),
    code("taken", 409, "Somebody else works on the case; by and since say who.", "Wait, or ask them to release it."),
    code(
        "wrong_state",
        409,
        "The case does not allow it as it stands; the detail says why.",
        "Often: claim it first. Else look where it stands.",
    ),
    code(
        "old_case",
        409,
        "The case was decided by a program that kept no cases yet: it can be seen, but not worked on.",
        "Look at it with dunkelwerk cases show or on the page, and finish it outside of this program.",
    ),
    code(
        "too_many_messages",
        409,
        "The case has as many messages as it takes: 200, or 32 MiB of them. Nothing was taken in.",
        "Write to the authority in another way.",
    ),
    code(
        "forbidden",
        403,
        "The official lacks the right, or orders more than lies in their places and services.",
        "Ask somebody who may.",
    ),
    code("too_large", 413, "The body has more than 8 MiB.", "Send attachments by reference."),
    code("unsupported_media_type", 415, "The body is not declared as JSON.", "Send Content-Type: application/json."),
    code(
        "invalid_command",
        422,
        "The command does not exist, or something in it is missing or wrong.",
        "Mend what the detail names.",
    ),
    code(
        "broken_case",
        500,
        "What is stored of the case cannot be read; it was logged.",
        "An operator has to look at it.",
    ),
    code(
        "internal",
        500,
        "An error inside the service; it was logged.",
        "Look what was done, or send it again; what has an id with the same one.",
    ),
    code(
        "queue_unavailable",
        503,
        "The queue did not confirm the application; nothing was taken in.",
        "Send it again \
        with the same id after Retry-After seconds.",
    ),
    code(
        "store_unavailable",
        503,
        "The database does not answer; a case is not shown where the look at it cannot be written down.",
        "Ask again after Retry-After seconds.",
    ),
    code(
        "no_flow",
        503,
        "The version of the workflow to which the case keeps is not loaded.",
        "Load it again, or move its cases with cases migrate.",
    ),
    code(
        "timed_out",
        503,
        "The answer took longer than 30 seconds; perhaps it was done.",
        "Look, or send it again; what has an id with the same one.",
    ),
    code(
        "unknown_sender",
        0,
        "The RabbitMQ user of the message is no configured sender.",
        "Configure it, then send once more.",
    ),
    code(
        "store_refused",
        0,
        "The database cannot keep this application.",
        "See its reason; mend the database, then retry.",
    ),
    code("case_refused", 0, "The case cannot take this message.", "See its reason."),
    code("attempts_exhausted", 0, "Processing began again and again and never ended.", "Look at the body, then retry."),
    code(
        "unreadable_answer",
        0,
        "What came as a register's answer is none.",
        "Mend the register; its question is put again by itself.",
    ),
    code(
        "foreign_answer",
        0,
        "Somebody answers for a register whose amqp_user they are not.",
        "Find out who; the question stays open.",
    ),
    code(
        "parked",
        0,
        "The service is parked: what arrives is kept, nothing of it is decided.",
        "It is tried when the service is lifted.",
    ),
    code("rule_error", 0, "A rule ended with an error; a person has the case.", "Mend the rule, then retry."),
    code(
        "rule_incomplete",
        0,
        "A rule did not record a check that it must record; a person has the case.",
        "Mend the rule, then retry.",
    ),
    code(
        "question_refused",
        0,
        "The register refuses the question; the reason is in its words.",
        "Ask the register; the question is put again every hour.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;
    use domain::ApplicationId;
    use domain::json::JsonError;
    use workflow::{Refusal, Rejection};

    fn every_problem() -> Vec<Problem> {
        let text = String::new;
        let rejections = [
            Rejection::Json(JsonError::Empty),
            Rejection::Json(JsonError::TooLarge(9)),
            Rejection::Json(JsonError::Utf8(1)),
            Rejection::NotAnObject,
            Rejection::UnknownField(text()),
            Rejection::Field { field: "id", message: text() },
            Rejection::UnknownService { name: text(), known: text() },
            Rejection::Ars(text()),
            Rejection::UnknownForm { service: text(), version: text(), known: text() },
            Rejection::UnknownSender,
            Rejection::IdempotencyKey,
            Rejection::IsMessage,
        ];
        let refusals = [
            Refusal::Stale { seen: 1, now: 2 },
            Refusal::Taken { by: text(), since: text() },
            Refusal::Forbidden(""),
            Refusal::State { state: "", text: "" },
            Refusal::Invalid(text()),
            Refusal::MessageConflict,
            Refusal::NoFlow(text()),
        ];
        let own = [
            Problem::Unauthorized,
            Problem::MediaType(None),
            Problem::TooLarge,
            Problem::BodyBroken,
            Problem::NoMessage(Rejection::NotAnObject),
            Problem::NoCommand(Rejection::NotAnObject),
            Problem::Query(text()),
            Problem::Conflict { first: ApplicationId(uuid::Uuid::nil()) },
            Problem::Erased { first: ApplicationId(uuid::Uuid::nil()) },
            Problem::MessageConflict,
            Problem::QueueUnavailable,
            Problem::StoreUnavailable,
            Problem::UnknownApplication,
            Problem::UnknownCase,
            Problem::UnknownFailure,
            Problem::UnknownSwitch,
            Problem::OldCase,
            Problem::TooManyMessages,
            Problem::Broken,
            Problem::UnknownPath,
            Problem::WrongMethod,
            Problem::TimedOut,
            Problem::Internal,
        ];
        let refused = refusals.into_iter().map(Problem::refused);
        rejections.into_iter().map(Problem::from).chain(refused).chain(own).collect()
    }

    #[test]
    fn every_code_is_explained_with_its_status() {
        for problem in every_problem() {
            let found = CODES.iter().find(|c| c.name == problem.code());
            assert_eq!(found.map(|c| c.status), Some(problem.status().as_u16()), "{}", problem.code());
        }
    }

    #[test]
    fn a_problem_has_the_members_of_rfc_9457() {
        let first = ApplicationId(uuid::Uuid::from_u128(1));
        let value = serde_json::to_value(Problem::Conflict { first }.body()).unwrap();
        assert_eq!(value["type"], "/docs/errors#id_conflict");
        assert_eq!(value["status"], 409);
        assert_eq!(value["application_id"], first.to_string());
        assert!(value["detail"].as_str().unwrap().contains(&first.to_string()));
        let value = serde_json::to_value(Problem::Unauthorized.body()).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 5);
    }

    #[test]
    fn the_page_shows_every_code() {
        let html = ErrorsPage { codes: &CODES }.render().unwrap();
        assert!(CODES.iter().all(|c| html.contains(&format!("id=\"{}\"", c.name))));
    }
}
