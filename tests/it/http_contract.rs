//! The HTTP interface as the contract has it, against a real `serve` on SQLite and the embedded queue.

use crate::http::{Answer, Portal, TOKEN, config};
use domain::{ApplicationId, Digest, json};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::applications::{SECRET_NAME, SECRET_STREET, dog, parking};
use testkit::{Program, Running};

fn served() -> (Program, Running, Portal) {
    // A second sender, who may know nothing of the first one's applications.
    let hash = Digest::of(b"token-of-portal-b").hex();
    let config = format!("{}[[sender]]\nname = \"portal-b\"\ntoken_sha256 = \"{hash}\"\n", config());
    let program = Program::new(&config).unwrap();
    let serve = program.serve().unwrap();
    let portal = Portal::new(serve.address());
    (program, serve, portal)
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_must_be_known_and_say_json() {
    let (_program, _serve, portal) = served();
    let body = dog("known").to_string();
    let nobody = portal.send(portal.application_as(None, body.clone())).await;
    refused(&nobody, 401, "unauthorized");
    assert!(nobody.header("www-authenticate").starts_with("Bearer"));
    refused(&portal.send(portal.application_as(Some("wrong"), body.clone())).await, 401, "unauthorized");
    let basic = portal.application_as(None, body.clone()).basic_auth("portal-a", Some(TOKEN));
    refused(&portal.send(basic).await, 401, "unauthorized");
    for kind in [Some("text/plain"), Some("application/cloudevents+json"), None] {
        let request = portal.request(Method::POST, "/api/v1/applications").bearer_auth(TOKEN).body(body.clone());
        let request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
        refused(&portal.send(request).await, 415, "unsupported_media_type");
    }
    refused(&portal.post(vec![b' '; (8 << 20) + 1]).await, 413, "too_large");
    refused(&portal.send(portal.request(Method::DELETE, "/api/v1/applications")).await, 405, "method_not_allowed");
    refused(&portal.get("/api/v2/x").await, 404, "unknown_path");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_is_the_same_application_and_other_content_is_a_conflict() {
    let (_program, _serve, portal) = served();
    let mut envelope = dog("again");
    let (first, url) = portal.accepted(envelope.to_string()).await;
    // At once, before anything is decided, another id may be given; it answers for the same application.
    let (_, at_once) = portal.accepted(envelope.to_string()).await;
    assert_eq!(portal.outcome(&url).await["decision"]["outcome"], "granted");
    assert_eq!(portal.outcome(&at_once).await["application_id"], first.as_str());
    // Later it is the same id; order of keys, spelling of numbers and the time of receipt make no other content.
    envelope["received_at"] = "2026-01-13T10:00:00+01:00".into();
    let respelled = envelope.to_string().replace("\"steuerjahr\":2026", "\"steuerjahr\":2026.0");
    assert_ne!(respelled, envelope.to_string());
    assert_eq!(portal.accepted(respelled).await, (first.clone(), url.clone()));
    let pretty = serde_json::to_string_pretty(&envelope).unwrap();
    assert_eq!(portal.accepted(pretty).await, (first.clone(), url.clone()));

    envelope["data"]["hunde"][0]["name"] = "Rex".into();
    let conflict = portal.post(envelope.to_string()).await;
    refused(&conflict, 409, "id_conflict");
    assert_eq!(conflict.json()["application_id"], first.as_str());
    // The same id from another sender is another application.
    let other = portal.send(portal.application_as(Some("token-of-portal-b"), dog("again").to_string())).await;
    assert_eq!(other.status, 202, "{}", other.text);
    assert_ne!(other.json()["application_id"], first.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_contents_under_one_id_at_once_are_both_kept() {
    let (program, _serve, portal) = served();
    let mut other = dog("race");
    other["data"]["hunde"][0]["name"] = "Rex".into();
    let (one, two) = (dog("race").to_string(), other.to_string());
    let answers = <[Answer; 2]>::from(tokio::join!(portal.post(one), portal.post(two)));
    let mut states = Vec::new();
    for answer in &answers {
        match answer.status {
            202 => states.push(portal.outcome(answer.json()["status_url"].as_str().unwrap()).await["state"].clone()),
            _ => refused(answer, 409, "id_conflict"),
        }
    }
    assert_eq!(states.iter().filter(|state| **state == "decided").count(), 1, "{states:?}");
    assert!(states.iter().all(|state| state == "decided" || state == "conflict"), "{states:?}");
    let store = storage::open(&format!("sqlite://{}", program.folder().join("dunkelwerk.db").display())).await.unwrap();
    let overview = store.overview("2026-11-01T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(overview.conflicts, states.len() as i64 - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_stands_for_a_missing_id() {
    let (_program, _serve, portal) = served();
    let mut envelope = dog("key-1");
    let keyed = |key: &str, envelope: &Value| portal.application(envelope.to_string()).header("idempotency-key", key);
    refused(&portal.send(keyed("key-2", &envelope)).await, 400, "idempotency_key_mismatch");
    envelope.as_object_mut().unwrap().remove("id");
    refused(&portal.post(envelope.to_string()).await, 400, "invalid_field");
    refused(&portal.send(keyed("key 1", &envelope)).await, 400, "invalid_field");
    let answer = portal.send(keyed("key-1", &envelope)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let receipt = answer.json();
    let status = portal.outcome(receipt["status_url"].as_str().unwrap()).await;
    assert_eq!(status["decision"]["id"], "key-1");
    // With the id in the body, in the header, or in both, it is the same application.
    assert_eq!(portal.send(keyed("\"key-1\"", &envelope)).await.json(), receipt);
    assert_eq!(portal.send(keyed("key-1", &dog("key-1"))).await.json(), receipt);
    assert_eq!(portal.post(dog("key-1").to_string()).await.json(), receipt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_shown_to_whoever_holds_its_link_or_sent_it() {
    let (program, _serve, portal) = served();
    let (id, url) = portal.accepted(dog("mine").to_string()).await;
    let first = portal.get(&url).await;
    assert_eq!(first.status, 200, "from the first moment on: {}", first.text);
    let status = portal.outcome(&url).await;
    assert_eq!((&status["automatic"], &status["decision"]["automatic"]), (&json!(true), &json!(true)));
    assert_eq!(status["reasons"], status["decision"]["reasons"]);
    assert!(status["decision"]["notice_id"].is_string() && status["decision"]["trace"].is_null());

    let path = format!("/api/v1/applications/{id}");
    let asked = |token: Option<&str>, path: &str| {
        let request = portal.request(Method::GET, path);
        portal.send(token.into_iter().fold(request, |request, token| request.bearer_auth(token)))
    };
    assert_eq!(asked(Some(TOKEN), &path).await.json(), status);
    refused(&asked(None, &path).await, 401, "unauthorized");
    refused(&asked(Some("token-of-portal-b"), &path).await, 404, "unknown_application");
    let nobody = format!("/api/v1/applications/{}", ApplicationId(uuid::Uuid::nil()));
    refused(&asked(Some(TOKEN), &nobody).await, 404, "unknown_application");
    // A key opens its own application only, and a broken one opens nothing.
    let key = url.split_once("?k=").unwrap().1;
    for wrong in [format!("{nobody}?k={key}"), format!("{path}?k={}", &key[1..]), format!("{path}?k=")] {
        refused(&portal.get(&wrong).await, 404, "unknown_application");
    }
    refused(&portal.get(&format!("/api/v1/applications/x?k={key}")).await, 404, "unknown_application");

    // What was written for the audit has canonical bytes without a person's data, under a digest that needs a key.
    let store = storage::open(&format!("sqlite://{}", program.folder().join("dunkelwerk.db").display())).await.unwrap();
    let case = store.case(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(case.application.raw, dog("mine").to_string().into_bytes(), "the body as it came");
    assert_eq!(case.audit.len(), 1);
    for row in &case.audit {
        assert_ne!(row.commitment, Digest::of(&row.payload).0.to_vec());
        assert_eq!(row.payload, json::canonical(&json::parse(&row.payload).unwrap()));
        let text = String::from_utf8(row.payload.clone()).unwrap();
        assert!(!text.contains(SECRET_NAME) && !text.contains(SECRET_STREET), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_referred_application_shows_neither_proposal_nor_reasons() {
    let (_program, _serve, portal) = served();
    let mut envelope = parking("refer");
    envelope["data"]["fahrzeug"]["laenge_mm"] = 5601.into();
    envelope["data"]["besondere_umstaende"] = "Der Wagen ist geliehen.".into();
    let (_, url) = portal.accepted(envelope.to_string()).await;
    let status = portal.outcome(&url).await;
    assert_eq!((&status["state"], &status["outcome"]), (&json!("referred"), &json!("referred")), "{status}");
    let text = status.to_string();
    for inner in
        ["refused", "free_text", "refusal_needs_person", "gates", "referral", "hoechstlaenge", "trace", "gebuehr"]
    {
        assert!(!text.contains(inner), "{inner} is shown: {text}");
    }
    assert_eq!((&status["automatic"], &status["decision"]["result"]), (&json!(false), &json!({})));
}

/// The referral reasons of an application as officials see them.
async fn inward(program: &Program, application_id: &Value) -> Vec<String> {
    let store = storage::open(&format!("sqlite://{}", program.folder().join("dunkelwerk.db").display())).await.unwrap();
    let id = application_id.as_str().unwrap().parse().unwrap();
    store.case(id).await.unwrap().unwrap().task.unwrap().reasons
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_and_claims_count_only_from_senders_with_the_right() {
    let (program, _serve, portal) = served();
    let sent = portal.application_as(Some("token-of-portal-b"), parking("rights").to_string());
    let url = portal.send(sent).await.json()["status_url"].as_str().unwrap().to_owned();
    let status = portal.outcome(&url).await;
    assert_eq!(status["state"], "referred", "{status}");
    let reasons = inward(&program, &status["application_id"]).await;
    assert!(reasons.contains(&"evidence_missing".to_owned()), "{reasons:?}");
    let received = status["decision"]["reference_dates"]["antrag"].as_str().unwrap();
    assert_ne!(received, "2025-03-18", "the observed day counts, not the claimed one");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_permit_of_a_resident_goes_to_a_person() {
    let (program, _serve, portal) = served();
    portal.decides(&parking("permit")).await;
    let mut second = parking("permit");
    second["id"] = "permit-2".into();
    second["data"]["person"]["familienname"] = format!(" {} PERMIT", SECRET_NAME.to_uppercase()).into();
    second["evidence"][1]["data"]["halter"]["familienname"] = second["data"]["person"]["familienname"].clone();
    let (_, url) = portal.accepted(second.to_string()).await;
    let status = portal.outcome(&url).await;
    assert_eq!(status["state"], "referred", "{status}");
    assert_eq!(inward(&program, &status["application_id"]).await, ["once_only"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_security_headers_and_operators_get_theirs() {
    let (_program, serve, portal) = served();
    portal.decides(&dog("figures")).await;
    for path in
        ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs/", "/docs/errors", "/nowhere", "/api/v1/x"]
    {
        let answer = portal.get(path).await;
        assert!(answer.header("content-security-policy").contains("default-src 'self'"), "{path}");
        assert!(!answer.header("content-security-policy").contains("unsafe-eval"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    assert_eq!((portal.get("/healthz").await.status, portal.get("/nowhere").await.status), (200, 404));
    let ready = portal.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &json!(true)), "{}", ready.text);
    let roles = ready.json()["roles"].as_array().unwrap().iter().map(|r| r["role"].clone()).collect::<Vec<_>>();
    assert_eq!(roles, ["web", "worker", "relay", "timer"]);

    let metrics = portal.get("/metrics").await;
    let figure =
        "dunkelwerk_applications_total{service=\"hundesteuer\",land=\"sn\",outcome=\"granted\",automatic=\"true\"} 1";
    assert!(metrics.text.contains(figure), "{}", metrics.text);
    for private in [SECRET_NAME, SECRET_STREET, "figures"] {
        assert!(!metrics.text.contains(private) && !serve.log().contains(private), "{private} leaks");
    }
    let api = portal.get("/openapi.json").await.json();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(api["paths"]["/api/v1/applications"]["post"]["responses"]["409"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_described_path_answers_and_every_error_is_documented() {
    let (_program, _serve, portal) = served();
    let api = portal.get("/openapi.json").await.json();
    for (path, item) in api["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let address = path.replace("{application_id}", "00000000-0000-0000-0000-000000000000");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = portal.send(portal.request(method, &address)).await;
            let expected = if path.starts_with("/api/") { 401 } else { 200 };
            assert_eq!(answer.status, expected, "{path}: {}", answer.text);
        }
    }
    let page = portal.get("/docs/errors").await.text;
    let explained = explained(&page);
    assert_eq!(tabled(&crate::repository::read("docs/errors/README.md")), explained);
    let words = crate::repository::read("crates/web/src/pages/words.rs");
    for cause in worker::CAUSES {
        assert!(explained.iter().any(|(code, _)| code == cause), "/docs/errors does not explain {cause}");
        assert!(words.contains(&format!("\"{cause}\"")), "no German words for {cause}");
    }
}

/// The codes of `/docs/errors`, each with its status, in order of the alphabet.
fn explained(page: &str) -> Vec<(String, String)> {
    let code = |part| -> Option<_> {
        let (code, rest): (&str, &str) = str::split_once(part, '"')?;
        Some((code.to_owned(), rest.split_once("class=\"tag\">")?.1.split_once('<')?.0.to_owned()))
    };
    let mut codes: Vec<_> = page.split("<section id=\"").skip(1).filter_map(code).collect();
    codes.sort();
    codes
}

/// The same of the document's table.
fn tabled(document: &str) -> Vec<(String, String)> {
    let code = |line| -> Option<_> {
        let (code, rest): (&str, &str) = str::strip_prefix(line, "| `")?.split_once("` | ")?;
        Some((code.to_owned(), rest.split([' ', '|']).next()?.to_owned()))
    };
    let mut codes: Vec<_> = document.lines().filter_map(code).collect();
    codes.sort();
    codes
}

/// What a page loads: the texts of its src and href attributes.
fn loaded(html: &str) -> Vec<&str> {
    let after = |name| html.split(name).skip(1).filter_map(|rest| rest.split('"').next());
    after("src=\"").chain(after("href=\"")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_loads_nothing_from_elsewhere() {
    let (_program, _serve, portal) = served();
    let page = portal.get("/docs/").await;
    assert_eq!(page.status, 200);
    let parts = loaded(&page.text);
    assert!(parts.len() >= 3, "{}", page.text);
    for part in parts {
        assert!(!part.contains("//") && !part.starts_with("http"), "{part} comes from elsewhere");
        let answer = portal.get(&format!("/docs/{}", part.trim_start_matches("./").trim_start_matches("/docs/"))).await;
        assert_eq!(answer.status, 200, "{part}");
        assert!(!answer.text.contains("@import") && !answer.text.contains("url(http"), "{part} loads from elsewhere");
    }
    let root = portal.get("/").await;
    assert!(loaded(&root.text).iter().all(|part| !part.contains("//")), "the first page");
}
