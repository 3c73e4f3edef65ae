//! Errors as RFC 9457 problems: one variant a situation, each with a stable code that the page `/docs/errors` explains.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::ApplicationId;
use domain::json::MAX_BYTES;
use serde::Serialize;
use workflow::Rejection;

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
    /// The id is taken by an application with other content.
    Conflict {
        first: ApplicationId,
    },
    QueueUnavailable,
    StoreUnavailable,
    UnknownApplication,
    UnknownPath,
    WrongMethod,
    TimedOut,
    Internal,
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
}

impl Problem {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyBroken | Self::Rejected(_) => StatusCode::BAD_REQUEST,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::QueueUnavailable | Self::StoreUnavailable | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnknownApplication | Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::MediaType(_) => "unsupported_media_type",
            Self::TooLarge => "too_large",
            Self::BodyBroken => "body_incomplete",
            Self::Rejected(rejection) => rejection.code(),
            Self::Conflict { .. } => "id_conflict",
            Self::QueueUnavailable => "queue_unavailable",
            Self::StoreUnavailable => "store_unavailable",
            Self::UnknownApplication => "unknown_application",
            Self::UnknownPath => "unknown_path",
            Self::WrongMethod => "method_not_allowed",
            Self::TimedOut => "timed_out",
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
            Self::Conflict { .. } => "The id is taken by another application",
            Self::QueueUnavailable | Self::StoreUnavailable => "A part of the service is not reachable",
            Self::UnknownApplication => "There is no such application",
            Self::UnknownPath => "There is nothing at this path",
            Self::WrongMethod => "This path does not take this method",
            Self::TimedOut => "The answer took too long",
            Self::Internal => "An error inside the service",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Unauthorized => "send Authorization: Bearer with the token of a configured sender".into(),
            Self::MediaType(None) => "send Content-Type: application/json".into(),
            Self::MediaType(Some(given)) => format!("send Content-Type: application/json instead of {given:.100}"),
            Self::TooLarge => {
                format!("the body has more than {MAX_BYTES} bytes (8 MiB); send attachments by reference")
            }
            Self::BodyBroken => "the connection ended within the body; send it again with the same id".into(),
            Self::Rejected(rejection) => rejection.to_string(),
            Self::Conflict { first } => format!(
                "application {first} was sent with this id and other content; use a new id for a new application"
            ),
            Self::QueueUnavailable => "nothing was taken in; send it again with the same id in a few seconds".into(),
            Self::StoreUnavailable => "the status cannot be read now; ask again in a few seconds".into(),
            Self::UnknownApplication => {
                "unknown application, or neither the link's key nor the credential opens it".into()
            }
            Self::UnknownPath => "see /docs for the paths of this API".into(),
            Self::WrongMethod => "the Allow header names the methods".into(),
            Self::TimedOut => "send it again with the same id".into(),
            Self::Internal => "the error was logged; sending again with the same id does no harm".into(),
        }
    }

    pub(crate) fn body(&self) -> ProblemBody {
        let application_id = match self {
            Self::Conflict { first } => Some(*first),
            _ => None,
        };
        ProblemBody {
            kind: format!("/docs/errors#{}", self.code()),
            title: self.title(),
            status: self.status().as_u16(),
            detail: self.detail(),
            code: self.code(),
            application_id,
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
