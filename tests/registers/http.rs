//! `POST /melderegister`, `POST /fahrzeugregister` with a bearer token; `POST /control` sets the mood.

use crate::desk::{Desk, Mood, Said};
use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use std::sync::Arc;

pub fn router(desk: Arc<Desk>) -> Router {
    Router::new().route("/control", post(control)).route("/{register}", post(ask)).with_state(desk)
}

async fn control(State(desk): State<Arc<Desk>>, Json(mood): Json<Mood>) {
    *desk.mood() = mood;
}

async fn ask(
    State(desk): State<Arc<Desk>>,
    Path(register): Path<String>,
    headers: HeaderMap,
    Json(question): Json<Value>,
) -> Response {
    let bearer = format!("Bearer {}", desk.token);
    if headers.get(AUTHORIZATION).is_none_or(|given| given.as_bytes() != bearer.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match desk.ask(&register, "http", &question).await {
        Said::Down => (StatusCode::SERVICE_UNAVAILABLE, "Wartung").into_response(),
        Said::Refused(text) => (StatusCode::BAD_REQUEST, text).into_response(),
        Said::Answer(answer) if answer["found"] == false => (StatusCode::NOT_FOUND, Json(answer)).into_response(),
        Said::Answer(answer) => Json(answer).into_response(),
    }
}
