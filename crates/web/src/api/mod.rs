//! The JSON API under `/api/v1`, and its OpenAPI description, made from the same handlers.

mod case_body;
mod case_file;
mod case_list;
mod command;
mod incident_body;
mod incidents;
mod jobs;
mod json_body;
mod message;
mod official;
mod parkings;
#[cfg(test)]
pub(crate) mod sample;
mod scope;
mod sender;
mod shapes;
mod status;
mod submit;
mod switches;
mod tasks;

use crate::ops;
use crate::state::Shared;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "dunkelwerk",
        description = "Takes applications in and says what became of them. An application is answered 202 once it is \
                       durably queued; its status_url answers from that moment on. What applicants say later about a case \
                       goes the same way. Officials see the cases of their places and work on them.",
        license(name = "EUPL-1.2", identifier = "EUPL-1.2")
    ),
    tags(
        (name = "applications", description = "For senders: portals, counters, other authorities"),
        (name = "officials", description = "For the people of an authority, and the desk systems that they use"),
        (name = "operation", description = "For operators")
    ),
    modifiers(&Credentials)
)]
struct Description;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        for who in ["sender", "official"] {
            let mut bearer = Http::new(HttpAuthScheme::Bearer);
            bearer.description = Some(format!("The token of a configured {who}"));
            components.add_security_scheme(who, SecurityScheme::Http(bearer));
        }
    }
}

/// API and operation routes with their description.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(submit::submit))
        .routes(routes!(status::status))
        .routes(routes!(message::message))
        .routes(routes!(tasks::tasks))
        .routes(routes!(case_list::cases))
        .routes(routes!(case_file::case))
        .routes(routes!(case_file::diagram))
        .routes(routes!(command::command))
        .routes(routes!(incidents::incidents))
        .routes(routes!(incidents::failures))
        .routes(routes!(incidents::failure))
        .routes(routes!(jobs::jobs, jobs::begin))
        .routes(routes!(jobs::job))
        .routes(routes!(parkings::park))
        .routes(routes!(parkings::lift))
        .routes(routes!(switches::switches, switches::stop))
        .routes(routes!(switches::lift))
        .merge(ops::routes())
}

/// The OpenAPI 3.1 description as `/openapi.json` serves it.
pub fn openapi_json() -> String {
    // The description is made of plain texts, which always have a JSON form.
    routes().into_openapi().to_pretty_json().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_description_names_every_path_and_the_credential() {
        let api: Value = serde_json::from_str(&openapi_json()).unwrap();
        assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths: Vec<&String> = api["paths"].as_object().unwrap().keys().collect();
        assert_eq!(
            paths,
            [
                "/api/v1/applications",
                "/api/v1/applications/{application_id}",
                "/api/v1/applications/{application_id}/messages",
                "/api/v1/cases",
                "/api/v1/cases/{application_id}",
                "/api/v1/cases/{application_id}/commands",
                "/api/v1/cases/{application_id}/diagram.svg",
                "/api/v1/incidents",
                "/api/v1/incidents/failures",
                "/api/v1/incidents/failures/{failure_id}",
                "/api/v1/incidents/jobs",
                "/api/v1/incidents/jobs/{job_id}",
                "/api/v1/incidents/parkings",
                "/api/v1/incidents/parkings/lift",
                "/api/v1/switches",
                "/api/v1/switches/{stop_id}/lift",
                "/api/v1/tasks",
                "/healthz",
                "/metrics",
                "/readyz"
            ]
        );
        for who in ["sender", "official"] {
            assert_eq!(api["components"]["securitySchemes"][who]["scheme"], "bearer");
        }
    }

    #[test]
    fn every_operation_says_what_it_does_who_may_and_what_can_go_wrong() {
        let api: Value = serde_json::from_str(&openapi_json()).unwrap();
        let paths = api["paths"].as_object().unwrap();
        for (path, operation) in
            paths.iter().flat_map(|(path, item)| item.as_object().unwrap().values().map(move |o| (path, o)))
        {
            assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 10), "{path}");
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert!(problem == "#/components/schemas/Problem" || path == "/readyz", "{path} {status}");
            }
            if path.starts_with("/api/") {
                assert!(responses.contains_key("401") && operation["security"].is_array(), "{path}");
                let official = operation["tags"][0] == "officials";
                assert_eq!(operation["security"].to_string().contains("official"), official, "{path}");
            }
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named: Vec<&Value> = parameters.iter().filter(|p| p["in"] == "path").map(|p| &p["name"]).collect();
            assert_eq!(named.len(), path.matches('{').count(), "{path}");
        }
        // Nothing is named that is not described.
        let text = api.to_string();
        for reference in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(api["components"]["schemas"].get(reference).is_some(), "{reference}");
        }
    }
}
