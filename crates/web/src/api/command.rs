//! `POST /api/v1/cases/{id}/commands`: what officials do with a case, over the version that they saw.

use super::case_file::{self, Address, Opened};
use super::{json_body, official};
use crate::desk::DeskError;
use crate::problem::{Problem, ProblemBody, Winner};
use crate::state::{Shared, WebState};
use axum::Json;
use axum::extract::{Request, State};
use domain::{ApplicationId, berlin_iso, json};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;
use workflow::{Case, CaseState, Command, Office, Official, Refusal, Right, WorkKind};

/// A command: its word, the version that the official saw, and what the word needs.
#[derive(ToSchema)]
#[schema(as = Command)]
#[expect(dead_code, reason = "only its shape is used, in the description")]
pub(super) struct CommandShape {
    /// The version that the case had when the official looked at it
    #[schema(example = 3)]
    version: i64,
    /// claim, release, assign (to), follow_up (on, text), note (text), draft (content), decide (outcome, result, text), sign,
    /// return (text), request_correction (fields), hear (text), forward (to, text), pause (text), resume, extend (until, text),
    /// extend_fiction (until, text), reopen (text), close (text), take (text), pick (text), judge (outcome, result, text), retry (text), migrate (flow, form)
    #[schema(example = "decide")]
    command: String,
    /// Reasons, or a note. With `decide`: what the notice says (§ 39 VwVfG)
    text: Option<String>,
    /// granted, partly_granted or refused
    outcome: Option<String>,
    /// What differs from what the machine computed; exact numbers as texts
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// An official, or the authority to which it goes
    to: Option<String>,
    #[schema(format = Date)]
    on: Option<String>,
    #[schema(format = Date)]
    until: Option<String>,
    /// What the applicant must mend
    fields: Option<Vec<FieldShape>>,
    /// A draft, as its author wants it
    content: Option<Value>,
    /// A version of the workflow
    flow: Option<String>,
}

/// A field that the applicant must mend.
#[derive(ToSchema)]
#[schema(as = Field)]
#[expect(dead_code, reason = "only its shape is used, in the description")]
pub(super) struct FieldShape {
    /// JSON pointer into the form
    #[schema(example = "/fahrzeug/kennzeichen")]
    pointer: String,
    /// For the applicant
    message: String,
}

/// Where the case stands now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// What the next command must name
    version: i64,
    state: &'static str,
    step: String,
}

/// Do something with a case. It is done over the version that the official saw, or not at all: of many who come at the same
/// time one wins, and the others learn who it was.
#[utoipa::path(
    post,
    path = "/api/v1/cases/{application_id}/commands",
    tag = "officials",
    security(("official" = [])),
    params(("application_id" = String, Path, description = "From the list of tasks or cases")),
    request_body = CommandShape,
    responses(
        (status = 200, description = "Done, and durable", body = Done),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The official lacks the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or not theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody was first, or the case does not allow it as it stands, or it is from before cases could be worked on", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No such command, or something in it is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "What is stored cannot be read; it was logged", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The workflow is not loaded, or the store not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn command(State(web): State<Shared>, id: Address, request: Request) -> Result<Json<Done>, Problem> {
    let office = (web.office)();
    let official = official::known(&office, request.headers())?;
    let bytes = json_body::read(request).await?;
    let Opened { case, .. } = case_file::open(&web, &official, id).await?;
    if case.state == CaseState::Erased {
        return Err(case_file::erased());
    }
    let (command, seen) = read(&bytes)?;
    if let Some(fault) = unknown(&office, &official, &case, &command, (web.clock)()) {
        return Err(Problem::refused(Refusal::Invalid(fault)));
    }
    match web.desk.command(case.application_id, command, &official, seen).await {
        Ok(done) => Ok(Json(Done { version: done.version, state: done.state.as_str(), step: done.step })),
        Err(DeskError::Refused(refusal)) => Err(refused(&web, case.application_id, refusal).await),
        Err(DeskError::Unknown) => Err(Problem::UnknownCase),
        Err(DeskError::Broken(text)) => Err(case_file::broken(case.application_id, &text)),
        Err(DeskError::Unavailable(error)) => {
            tracing::warn!(error, "a command could not be carried out");
            Err(Problem::StoreUnavailable)
        }
    }
}

/// What a command names and nobody here knows: said only to who may give it.
fn unknown(office: &Office, by: &Official, case: &Case, command: &Command, now: Timestamp) -> Option<String> {
    let holds = || case.holder(now).is_some_and(|holder| holder.by == by.name);
    match command {
        Command::Assign { to } if by.may(Right::Lead) || holds() => {
            let kind = case.work.as_ref()?.kind;
            let colleague = |other: &&Arc<Official>| {
                other.covers(case.service.as_str(), &case.ars) && other.may(official::right_for(kind))
            };
            let known = office.settings.officials.iter().filter(colleague);
            let signed = case.unsigned.as_ref().filter(|_| kind == WorkKind::Countersign);
            let known = known.map(|other| &other.name).filter(|name| signed.is_none_or(|signed| signed.by != **name));
            let names: Vec<&str> = known.map(String::as_str).collect();
            (!names.contains(&to.as_str())).then(|| match names.as_slice() {
                [] => "to: nobody is configured who could do this here".to_owned(),
                names => format!("to: \"{to:.64}\" cannot do this here; {} can", names.join(", ")),
            })
        }
        Command::Migrate { flow, form } if by.may(Right::Operate) => {
            let definition = office.workflows.get(&case.service)?;
            let lacks = |what: &str, version: &Option<String>, there: Vec<&str>| {
                let version = version.as_deref().filter(|version| !there.contains(version))?;
                Some(format!("{what}: {} has no version \"{version:.64}\"; it has {}", case.service, there.join(", ")))
            };
            let flow = lacks("flow", flow, definition.flow_versions().collect());
            flow.or_else(|| lacks("form", form, definition.form_versions().collect()))
        }
        _ => None,
    }
}

/// A command and the version that its official saw.
fn read(bytes: &[u8]) -> Result<(Command, i64), Problem> {
    let invalid = |text: String| Problem::refused(Refusal::Invalid(text));
    let parsed = json::parse(bytes).map_err(|error| Problem::NoCommand(error.into()))?;
    let Value::Object(mut object) = parsed else { return Err(Problem::NoCommand(workflow::Rejection::NotAnObject)) };
    let version = object.remove("version").and_then(|version| version.as_i64());
    let version =
        version.ok_or_else(|| invalid("version: the version of the case that you saw, a whole number".into()))?;
    let names: Vec<String> = object.keys().cloned().collect();
    let no_day =
        |name: &str| object.get(name).and_then(Value::as_str).is_some_and(|text| text.parse::<Date>().is_err());
    if let Some(name) = ["on", "until"].into_iter().find(|name| no_day(name)) {
        return Err(invalid(format!("{name}: must be a day, such as 2027-01-31")));
    }
    let values = Values::take(&mut object);
    let mut command: Command =
        serde_json::from_value(Value::Object(object)).map_err(|error| invalid(error.to_string()))?;
    values.put(&mut command);
    // A word that needs nothing more takes anything as it is read; what it does not know would be dropped in silence.
    let known = serde_json::to_value(&command).map_err(|error| invalid(error.to_string()))?;
    match names.iter().find(|name| known.get(name.as_str()).is_none()) {
        Some(odd) => Err(invalid(format!("{}: does not know the field \"{odd:.64}\"", command.as_str()))),
        None => Ok((command, version)),
    }
}

/// The parts of a command that may have any numbers. Serde reads the others by their word in a form that does not hold every
/// number, so these go around it and keep their digits.
struct Values {
    content: Option<Value>,
    result: Option<Map<String, Value>>,
}

impl Values {
    fn take(object: &mut Map<String, Value>) -> Self {
        let content = object.get_mut("content").map(Value::take);
        let result = match object.get_mut("result") {
            Some(Value::Object(result)) => Some(std::mem::take(result)),
            _ => None,
        };
        Self { content, result }
    }

    fn put(self, command: &mut Command) {
        match (command, self.content, self.result) {
            (Command::Draft { content }, Some(own), _) => *content = own,
            (Command::Judge { result, .. }, _, Some(own)) => *result = own.into_iter().collect(),
            (Command::Decide(verdict), _, Some(own)) => verdict.result = Some(own.into_iter().collect()),
            _ => {}
        }
    }
}

/// Says, beside what was wrong, which version the case has now, and who made it or holds it.
async fn refused(web: &WebState, id: ApplicationId, refusal: Refusal) -> Problem {
    let winner = match &refusal {
        Refusal::Stale { .. } | Refusal::Taken { .. } => winner(web, id, &refusal).await,
        _ => None,
    };
    Problem::Refused { refusal, winner }
}

async fn winner(web: &WebState, id: ApplicationId, refusal: &Refusal) -> Option<Box<Winner>> {
    let version = web.store.brief(id).await.ok().flatten()?.case.version;
    if let Refusal::Taken { by, since } = refusal {
        // Who was assigned holds it since no time.
        let since = since.parse::<Timestamp>().is_ok().then(|| since.clone());
        return Some(Box::new(Winner { version, by: by.clone(), since }));
    }
    let first = web.store.last_change(id).await.ok().flatten()?;
    Some(Box::new(Winner { version, by: first.actor, since: Some(berlin_iso(first.at)) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use utoipa::PartialSchema;

    fn problem(body: &Value) -> (u16, String) {
        let problem = read(body.to_string().as_bytes()).unwrap_err();
        (problem.status().as_u16(), problem.body().detail)
    }

    #[test]
    fn a_command_is_read_strictly() {
        let (command, version) = read(br#"{"version":3,"command":"note","text":"x"}"#).unwrap();
        assert_eq!((command, version), (Command::Note { text: "x".into() }, 3));
        for (body, part) in [
            (json!({ "command": "claim" }), "version"),
            (json!({ "version": "3", "command": "claim" }), "version"),
            (json!({ "version": 3.5, "command": "claim" }), "version"),
            (json!({ "version": 3 }), "command"),
            (json!({ "version": 3, "command": "grant" }), "grant"),
            (json!({ "version": 3, "command": "claim", "force": true }), "force"),
            (json!({ "version": 3, "command": "note", "text": "x", "to": "y" }), "to"),
            (json!({ "version": 3, "command": "note" }), "text"),
            (json!({ "version": 3, "command": "decide", "outcome": "perhaps", "text": "x" }), "perhaps"),
            (json!({ "version": 3, "command": "decide", "outcome": "granted", "text": "x", "fee": 1 }), "fee"),
            (json!({ "version": 3, "command": "extend", "until": "morgen", "text": "x" }), "until"),
        ] {
            let (status, detail) = problem(&body);
            assert!(status == 422 && detail.contains(part), "{body}: {status} {detail}");
        }
        assert_eq!(problem(&json!([])).0, 400);
        assert_eq!(read(br#"{"version":3,"version":4,"command":"claim"}"#).unwrap_err().status(), 400);
    }

    #[test]
    fn digits_of_a_result_and_a_draft_stay() {
        let body = br#"{"version":3,"command":"draft","content":{"a":[1.10,9999999999999999999999999]}}"#;
        let Command::Draft { content } = read(body).unwrap().0 else { panic!("no draft") };
        assert_eq!(content.to_string(), r#"{"a":[1.10,9999999999999999999999999]}"#);
        let body = br#"{"version":3,"command":"judge","outcome":"granted","result":{"x":2.50},"text":"t"}"#;
        let Command::Judge { result, .. } = read(body).unwrap().0 else { panic!("no judgement") };
        assert_eq!(result["x"].to_string(), "2.50");
        let body =
            br#"{"version":3,"command":"decide","outcome":"granted","result":{"x":99999999999999999999},"text":"t"}"#;
        let Command::Decide(verdict) = read(body).unwrap().0 else { panic!("no verdict") };
        assert_eq!(verdict.result.unwrap()["x"].to_string(), "99999999999999999999");
    }

    /// A word that the description names is one, and all fields that words need are described.
    #[test]
    fn the_described_commands_are_the_commands() {
        let schema = serde_json::to_value(CommandShape::schema()).unwrap();
        let fields: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let words = schema["properties"]["command"]["description"].as_str().unwrap();
        let described: Vec<&str> = words.split([',', '\n']).flat_map(|part| part.split_whitespace().next()).collect();
        let error = serde_json::from_value::<Command>(json!({ "command": "x" })).unwrap_err().to_string();
        let known: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(known.len() > 20, "{error}");
        for word in &known {
            assert!(described.contains(word), "{word} is not described");
            let error = serde_json::from_value::<Command>(json!({ "command": word }));
            if let Err(error) = error {
                let field = error.to_string().split('`').nth(1).unwrap_or_default().to_owned();
                assert!(fields.iter().any(|f| **f == field), "{word} needs {field}");
            }
        }
    }
}
