//! Errors as RFC 9457 problems: one variant a situation, each with a stable code that the page `/docs/errors` explains.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::ApplicationId;
use domain::json::MAX_BYTES;
use serde::Serialize;
use workflow::{CaseMessage, Refusal, Rejection};

/// What went wrong, as the sender must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No credential, or one that nobody configured.
    Unauthorized,
    MediaType(Option<String>),
    TooLarge,
    BodyBroken,
    /// The envelope is no application.
    Rejected(Rejection),
    /// The body is no message about a case.
    NoMessage(Rejection),
    /// The body is no command.
    NoCommand(Rejection),
    /// A parameter of the address is none, or says nothing.
    Query(String),
    /// The machine refuses a command.
    Refused {
        refusal: Refusal,
        winner: Option<Box<Winner>>,
    },
    /// The id is taken by an application with other content.
    Conflict {
        first: ApplicationId,
    },
    /// The id was taken by an application that is erased by now.
    Erased {
        first: ApplicationId,
    },
    /// The id is taken by a message with other content.
    MessageConflict,
    QueueUnavailable,
    StoreUnavailable,
    UnknownApplication,
    UnknownCase,
    /// No such failure, or no such order over failures.
    UnknownFailure,
    /// No such stop switch, or none that stands.
    UnknownSwitch,
    /// A case from before there were cases that could be worked on.
    OldCase,
    /// A case takes no more messages.
    TooManyMessages,
    UnknownPath,
    WrongMethod,
    TimedOut,
    /// What is stored cannot be read.
    Broken,
    Internal,
}

/// Who was first with a case, or holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Winner {
    /// That the case has now.
    pub version: i64,
    pub by: String,
    pub since: Option<String>,
}

/// The body on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Where the code is explained.
    #[serde(rename = "type")]
    #[schema(example = "/docs/errors#invalid_json")]
    pub kind: String,
    pub title: &'static str,
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
    /// A stable word for programs.
    #[schema(example = "invalid_json")]
    pub code: &'static str,
    /// With `id_conflict`: the application that has the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub application_id: Option<ApplicationId>,
    /// With `stale` and `taken`: the version that the case has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// With `stale` and `taken`: who changed it last, or holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// With `stale` and `taken`: since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl Problem {
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self::Refused { refusal, winner: None }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyBroken | Self::Rejected(_) | Self::NoMessage(_) | Self::NoCommand(_) | Self::Query(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Refused { refusal, .. } => match refusal {
                Refusal::Stale { .. } | Refusal::Taken { .. } | Refusal::State { .. } | Refusal::MessageConflict => {
                    StatusCode::CONFLICT
                }
                Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
                Refusal::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Refusal::NoFlow(_) => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::Conflict { .. }
            | Self::Erased { .. }
            | Self::MessageConflict
            | Self::OldCase
            | Self::TooManyMessages => StatusCode::CONFLICT,
            Self::QueueUnavailable | Self::StoreUnavailable | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnknownApplication
            | Self::UnknownCase
            | Self::UnknownFailure
            | Self::UnknownSwitch
            | Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Broken | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::MediaType(_) => "unsupported_media_type",
            Self::TooLarge => "too_large",
            Self::BodyBroken => "body_incomplete",
            Self::Rejected(rejection) | Self::NoMessage(rejection) | Self::NoCommand(rejection) => rejection.code(),
            Self::Query(_) => "invalid_query",
            Self::Refused { refusal, .. } => refusal.code(),
            Self::Conflict { .. } | Self::Erased { .. } | Self::MessageConflict => "id_conflict",
            Self::QueueUnavailable => "queue_unavailable",
            Self::StoreUnavailable => "store_unavailable",
            Self::UnknownApplication => "unknown_application",
            Self::UnknownCase => "unknown_case",
            Self::UnknownFailure => "unknown_failure",
            Self::UnknownSwitch => "unknown_switch",
            Self::OldCase => "old_case",
            Self::TooManyMessages => "too_many_messages",
            Self::UnknownPath => "unknown_path",
            Self::WrongMethod => "method_not_allowed",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken_case",
            Self::Internal => "internal",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Unauthorized => "The credential is missing or unknown",
            Self::MediaType(_) => "The media type is not application/json",
            Self::TooLarge => "The body is too large",
            Self::BodyBroken => "The body did not arrive completely",
            Self::Rejected(_) => "The body is not an application",
            Self::NoMessage(_) => "The body is not a message about a case",
            Self::NoCommand(_) => "The body is not a command",
            Self::Query(_) => "A parameter of the address is wrong",
            Self::Refused { refusal, .. } => match refusal {
                Refusal::Stale { .. } => "Somebody was first",
                Refusal::Taken { .. } => "Somebody else is working on it",
                Refusal::Forbidden(_) => "The right is missing",
                Refusal::State { .. } => "The case does not allow it as it stands",
                Refusal::Invalid(_) => "The command is incomplete or wrong",
                Refusal::MessageConflict => "The id is taken by another message",
                Refusal::NoFlow(_) => "The workflow of the case is not loaded",
            },
            Self::Conflict { .. } | Self::Erased { .. } => "The id is taken by another application",
            Self::MessageConflict => "The id is taken by another message",
            Self::QueueUnavailable | Self::StoreUnavailable => "A part of the service is not reachable",
            Self::UnknownApplication => "There is no such application",
            Self::UnknownCase => "There is no such case",
            Self::UnknownFailure => "There is no such failure or order",
            Self::UnknownSwitch => "There is no such stop switch",
            Self::OldCase => "The case is from before cases could be worked on",
            Self::TooManyMessages => "The case takes no more messages",
            Self::UnknownPath => "There is nothing at this path",
            Self::WrongMethod => "This path does not take this method",
            Self::TimedOut => "The answer took too long",
            Self::Broken => "What is stored of the case cannot be read",
            Self::Internal => "An error inside the service",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Unauthorized => "send Authorization: Bearer with the token of a configured sender or official".into(),
            Self::MediaType(None) => "send Content-Type: application/json".into(),
            Self::MediaType(Some(given)) => format!("send Content-Type: application/json instead of {given:.100}"),
            Self::TooLarge => {
                format!("the body has more than {MAX_BYTES} bytes (8 MiB); send attachments by reference")
            }
            Self::BodyBroken => "the connection ended within the body; send it again with the same id".into(),
            Self::Rejected(rejection) => rejection.to_string(),
            Self::NoMessage(Rejection::NotAnObject) => "the body must be one JSON object with id and kind".into(),
            Self::NoCommand(Rejection::NotAnObject) => {
                "the body must be one JSON object; /docs says what belongs into it".into()
            }
            Self::OldCase => "it was decided by a program that kept no cases, and cannot be stepped; look at it with \
                              dunkelwerk cases show, and finish it outside of this program"
                .into(),
            Self::TooManyMessages => CaseMessage::FULL.into(),
            Self::NoMessage(rejection) | Self::NoCommand(rejection) => rejection.to_string(),
            Self::Query(text) => text.clone(),
            Self::Refused { refusal, winner } => match (refusal, winner.as_deref()) {
                (Refusal::Stale { .. }, Some(Winner { by, since: Some(since), .. })) => {
                    format!("{refusal}: {by} changed it at {since}")
                }
                _ => refusal.to_string(),
            },
            Self::MessageConflict => {
                "a message with this id and other content is in the file; use a new id for a new message".into()
            }
            Self::Conflict { first } => format!(
                "application {first} was sent with this id and other content; use a new id for a new application"
            ),
            Self::Erased { first } => format!(
                "application {first} had this id and was erased when its retention period was over; use a new id"
            ),
            Self::QueueUnavailable => "nothing was taken in; send it again with the same id in a few seconds".into(),
            Self::StoreUnavailable => "the store does not answer now; ask again in a few seconds".into(),
            Self::UnknownApplication => {
                "unknown application, or neither the link's key nor the credential opens it".into()
            }
            Self::UnknownCase => "unknown, or none of yours: see GET /api/v1/tasks and GET /api/v1/cases".into(),
            Self::UnknownFailure => "unknown, or none of yours: see GET /api/v1/incidents".into(),
            Self::UnknownSwitch => "unknown, lifted already, or none of yours: see GET /api/v1/switches".into(),
            Self::UnknownPath => "see /docs for the paths of this API".into(),
            Self::WrongMethod => "the Allow header names the methods".into(),
            Self::TimedOut => {
                "perhaps it was done; look, or send it again, where it has an id with the same one".into()
            }
            Self::Broken => "it was logged, and an operator has to look at it; nothing was changed".into(),
            Self::Internal => {
                "the error was logged; look what was done, or send it again, where it has an id with the same one"
                    .into()
            }
        }
    }

    pub(crate) fn body(&self) -> ProblemBody {
        let application_id = match self {
            Self::Conflict { first } | Self::Erased { first } => Some(*first),
            _ => None,
        };
        let winner = match self {
            Self::Refused { winner, .. } => winner.as_deref().cloned(),
            _ => None,
        };
        ProblemBody {
            kind: format!("/docs/errors#{}", self.code()),
            title: self.title(),
            status: self.status().as_u16(),
            detail: self.detail(),
            code: self.code(),
            application_id,
            version: winner.as_ref().map(|winner| winner.version),
            since: winner.as_ref().and_then(|winner| winner.since.clone()),
            by: winner.map(|winner| winner.by),
        }
    }

    /// What a client must do next, in a header.
    fn advice(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"dunkelwerk\"")))
            }
            Self::QueueUnavailable | Self::StoreUnavailable | Self::TimedOut => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("5")))
            }
            _ => None,
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection.code() {
            "too_large" => Self::TooLarge,
            "unknown_sender" => Self::Unauthorized,
            _ => Self::Rejected(rejection),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A struct of texts always has a JSON form.
        let bytes = serde_json::to_vec(&self.body()).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        let mut response = (self.status(), kind, bytes).into_response();
        if let Some((name, value)) = self.advice() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
