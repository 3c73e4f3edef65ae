//! A request's body where it must be JSON.

use crate::body::{self, BodyError};
use crate::problem::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use domain::json::{self, MAX_BYTES};
use serde::de::DeserializeOwned;
use workflow::{Refusal, Rejection};

/// The bytes of a body that is declared as JSON.
pub(super) async fn read(request: Request) -> Result<Vec<u8>, Problem> {
    require_json(request.headers())?;
    body::read(request.into_body(), MAX_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Problem::TooLarge,
        BodyError::Broken => Problem::BodyBroken,
    })
}

/// The same as a shape that knows all its fields.
pub(super) async fn read_as<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let parsed = json::parse(&read(request).await?).map_err(|error| Problem::NoCommand(error.into()))?;
    if !parsed.is_object() {
        return Err(Problem::NoCommand(Rejection::NotAnObject));
    }
    serde_json::from_value(parsed).map_err(|error| Problem::refused(Refusal::Invalid(error.to_string())))
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let essence = given.as_deref().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Problem::MediaType(given)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn json_is_required_with_or_without_parameters() {
        let of = |text: &'static str| {
            require_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(text))]))
        };
        assert_eq!(of("application/json"), Ok(()));
        assert_eq!(of("Application/JSON; charset=utf-8"), Ok(()));
        assert!(of("application/cloudevents+json").is_err());
        assert_eq!(require_json(&HeaderMap::new()), Err(Problem::MediaType(None)));
    }
}
