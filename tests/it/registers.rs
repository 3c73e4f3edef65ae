//! One register and its moods: what counts as an answer, what is refused, what is too late.

use crate::http;
use crate::stage::{Answering, Setting, Stage, databases};
use crate::standin::{Town, Way};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use storage::QuestionRow;
use testkit::Program;
use testkit::applications::parking;
use tests::population::Person;
use worker::{Asked, HttpRegister, HttpSettings, Register};
use workflow::{AnswerOnFile, CaseEvent, CaseState};

fn good() -> Value {
    json!({ "found": true, "data": { "n": 1 }, "source": "Amt", "at": "2026-05-04T08:00:00+02:00" })
}

/// A register that does something else at each path; the address without path.
async fn strange() -> String {
    let app = axum::Router::new()
        .route(
            "/good",
            post(|headers: axum::http::HeaderMap, body: String| async move {
                let authorized = headers[header::AUTHORIZATION] == "Bearer geheim";
                let same = body == r#"{"a":1}"# && headers[header::CONTENT_TYPE] == "application/json";
                if authorized && same {
                    axum::Json(good()).into_response()
                } else {
                    StatusCode::IM_A_TEAPOT.into_response()
                }
            }),
        )
        .route("/nobody", post(|| async { (StatusCode::NOT_FOUND, r#"{"found": false}"#) }))
        .route("/known-404", post(|| async { (StatusCode::NOT_FOUND, axum::Json(good())) }))
        .route("/page", post(|| async { "<html>Wartung</html>" }))
        .route("/twice", post(|| async { r#"{"found": false, "found": true}"# }))
        .route("/large", post(|| async { format!(r#"{{"found": false, "x": "{}"}}"#, "x".repeat(3_000_000)) }))
        .route("/future", post(|| async { r#"{"found": false, "at": "2026-05-05T08:00:00+02:00"}"# }))
        .route("/moved", post(|| async { (StatusCode::FOUND, [(header::LOCATION, "/good")]) }))
        .route("/slow", post(|| async { tokio::time::sleep(Duration::from_secs(5)).await }))
        .route("/refused", post(|| async { (StatusCode::BAD_REQUEST, "Geburtsname\u{0} fehlt: Zwiebelfischer") }))
        .route("/denied", post(|| async { StatusCode::UNAUTHORIZED }))
        .route("/busy", post(|| async { StatusCode::TOO_MANY_REQUESTS }))
        .route("/broken", post(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn over_http(url: String) -> Result<HttpRegister, String> {
    let timeout = Duration::from_secs(1);
    let settings = HttpSettings { name: "melderegister".into(), url, token: Some("geheim".into()), timeout };
    HttpRegister::new(settings, Arc::new(|| "2026-05-04T09:00:00+02:00".parse().unwrap()))
}

fn question() -> QuestionRow {
    QuestionRow {
        question_id: uuid::Uuid::nil(),
        application_id: crate::stage::new_id(),
        register: "melderegister".into(),
        service: "bewohnerparkausweis".into(),
        ars: "053150000000".into(),
        body: br#"{"a":1}"#.to_vec(),
        asked_at: Timestamp::UNIX_EPOCH,
        next_at: Timestamp::UNIX_EPOCH,
        attempts: 0,
        trouble: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_only_an_answer_is_an_answer() {
    let address = strange().await;
    let asked = async |path: &str| over_http(format!("{address}{path}")).unwrap().ask(&question()).await;
    let Asked::Answered(answer) = asked("/good").await else { panic!("token and bytes arrive, the answer is read") };
    assert_eq!((answer.data, answer.source.as_str()), (Some(json!({ "n": 1 })), "Amt"));
    let Asked::Answered(answer) = asked("/nobody").await else { panic!("404 may say that nobody is known") };
    assert_eq!(answer.data, None);
    // Nothing of these says anything about the person, so the decision waits.
    for (path, why) in [
        ("/page", "JSON"),
        ("/twice", "JSON"),
        ("/moved", "302"),
        ("/slow", "no answer within 1 s"),
        ("/denied", "401"),
        ("/busy", "429"),
        ("/broken", "500"),
        ("/known-404", "404"),
        ("/no-such-path", "404"),
    ] {
        let Asked::Unreachable(text) = asked(path).await else { panic!("{path} is no answer") };
        assert!(text.contains(why), "{path}: {text}");
    }
    // These are about this question: an operator has to look.
    for (path, why) in [
        ("/large", "more than 1048576 bytes"),
        ("/future", "in the future"),
        ("/refused", "400 Bad Request: Geburtsname  fehlt: Zwiebelfischer"),
    ] {
        let Asked::Refused(text) = asked(path).await else { panic!("{path} is refused") };
        assert!(text.contains(why), "{path}: {text}");
    }
    let closed = over_http("http://127.0.0.1:1/".into()).unwrap().ask(&question()).await;
    assert!(matches!(&closed, Asked::Unreachable(text) if text.starts_with("no connection")), "{closed:?}");
}

#[test]
fn personal_data_leave_the_machine_encrypted_only() {
    for url in ["http://melderegister.example/", "http://10.0.0.7/", "ftp://127.0.0.1/", "melderegister"] {
        assert!(over_http(url.into()).is_err(), "{url}");
    }
    for url in ["https://melderegister.example/v1", "http://127.0.0.1:8000/", "http://[::1]/", "http://localhost/"] {
        assert!(over_http(url.into()).is_ok(), "{url}");
    }
}

#[test]
fn a_register_that_cannot_be_asked_ends_serve_with_a_sentence() {
    let register = |more: &str| format!("[[register]]\nname = \"melderegister\"\n{more}\n");
    let open = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = format!("url = \"https://a.example\"\ntoken_file = \"{}\"", open.path().display());
    for (settings, sentence) in [
        (register(""), "set either url (HTTP) or routing_key (AMQP)"),
        (register("routing_key = \"a\""), "routing_key needs amqp_user"),
        (register("url = \"https://a.example\"\namqp_user = \"a\""), "routing_key needs amqp_user"),
        (register("routing_key = \"a\"\namqp_user = \"a\""), "set AMQP_URL"),
        (register("url = \"https://a.example\"\nseconds = 3600"), "between 1 and 60"),
        (register("url = \"http://a.example\""), "https://"),
        (register(&open), "is open to everyone"),
        (register("url = \"https://a.example\"").repeat(2), "is there twice"),
        (register("url = \"https://a.example\"\nwait = 3"), "unknown field"),
    ] {
        let output = Program::new(&settings).unwrap().run(&["serve"], b"").unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{settings}{said}");
        assert!(said.contains(sentence), "{settings}{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_question_waits_for_an_operator_and_others_go_on() {
    let mut town = Town::new(Way::Http, None, None).await;
    // Person 1 alone is called so among the first twenty.
    town.register.control(json!({ "refuse": Person::of(1).familienname })).await;
    town.apply(0..5).await;
    town.until_done(4, Duration::from_secs(60)).await;
    let waiting = town.store.waiting_questions().await.unwrap();
    assert_eq!(waiting.iter().map(|w| (w.register.as_str(), w.count)).collect::<Vec<_>>(), [("melderegister", 1)]);
    let verbatim = "400 Bad Request: Die Frage ist unvollständig: Geburtsname fehlt.";
    assert_eq!(waiting[0].trouble.as_deref(), Some(verbatim));
    let detail = town.readiness(|detail| detail.contains("1 decision waits")).await;
    assert!(!detail.contains("Geburtsname") && !town.log().contains("Geburtsname"), "what it says may be personal");
    // It is put again in an hour, not before.
    let next = town.store.open_questions("melderegister", Timestamp::MAX, 9).await.unwrap().remove(0).next_at;
    assert!(next.as_second() - Timestamp::now().as_second() > 3_000);
    assert_eq!(town.counts().await.get("waiting"), Some(&1));
    town.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_fourteen_days_a_person_decides_without_the_register() {
    for (database, url, _alive) in databases().await {
        let registers = vec!["melderegister", "fahrzeugregister"];
        let stage = Stage::new(&url, Setting { registers, ..Setting::default() }).await;
        stage.set("2026-05-04T09:00+02:00");
        let mut application: Value = parking("lange");
        application["evidence"] = json!([]);
        application.as_object_mut().unwrap().remove("received_at");
        application["data"]["parken"]["beginn"] = "2026-06-01".into();
        let id = stage.apply(&application).await;
        let question = stage.store.open_questions("melderegister", stage.now(), 1).await.unwrap().remove(0).question_id;
        let down = Answering::new("melderegister", None, stage.now());
        for day in ["2026-05-05T09:00+02:00", "2026-05-12T09:00+02:00", "2026-05-18T23:59+02:00"] {
            stage.until(day).await;
            assert!(matches!(worker::ask_once(&stage.pipeline, &down, 9).await.unwrap(), worker::Round::Down(_)));
            let case = stage.case(id).await.0;
            assert_eq!((case.state, case.decisions), (CaseState::Waiting, 0), "{database} {day}");
        }
        stage.until("2026-05-19T00:00:01+02:00").await;
        let view = stage.view(id).await;
        assert_eq!(view.case.state, "referred", "{database}");
        assert!(view.task.unwrap().reasons.contains(&"register_unavailable".to_owned()), "{database}");
        // Nobody asks any more, and what comes late is kept, but decides nothing.
        assert!(stage.store.waiting_questions().await.unwrap().is_empty(), "{database}");
        let answer = AnswerOnFile {
            register: "melderegister".into(),
            evidence: "melderegister".into(),
            question: json!({}),
            answer: Some(json!({})),
            source: "Melderegister".into(),
            at: stage.now(),
        };
        stage.pipeline.advance(&[(id, CaseEvent::Answered { question, answer })]).await.unwrap();
        let view = stage.view(id).await;
        assert_eq!(
            (view.case.state.as_str(), view.decisions.len(), view.documents.len()),
            ("referred", 1, 1),
            "{database}"
        );
        let history = ["received", "timer.deadline", "decided", "register.answered"];
        assert_eq!(stage.history(id).await, history, "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_needs_no_registers() {
    let settings = format!("{}[[register]]\nname = \"melderegister\"\nurl = \"https://a.example\"\n", http::config());
    let program = Program::new(&settings).unwrap();
    let arguments = ["demo", "--applications", "200", "--exit", "--listen", "127.0.0.1:0"];
    let output = program.run(&arguments, b"").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
