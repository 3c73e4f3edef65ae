//! Cases that are no open work are found, old ones say what they are, and a case takes no more messages than it can bear.

use crate::http::TOKEN;
use crate::office::{House, claim, decide};
use crate::tables::Tables;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use storage::FailureFilter;
use testkit::applications::{SECRET_STREET, dog};

const MOST: usize = 200;

async fn houses() -> Vec<(House, String, Option<testkit::Services>)> {
    let services = testkit::services::shared().await.unwrap();
    let url = services.database().await.unwrap();
    let sqlite = House::new(None).await;
    let file = format!("sqlite://{}", sqlite.program.folder().join("dunkelwerk.db").display());
    vec![(House::new(Some(&url)).await, url, Some(services)), (sqlite, file, None)]
}

async fn listed(house: &House, name: &str, query: &str) -> Vec<Value> {
    let answer = house.get(name, &format!("/api/v1/cases{query}")).await;
    assert_eq!(answer.status, 200, "{name} {query}: {}", answer.text);
    assert!(!answer.text.contains(SECRET_STREET), "no content: {}", answer.text);
    answer.json()["cases"].as_array().unwrap().clone()
}

fn ids(cases: &[Value]) -> Vec<&str> {
    cases.iter().map(|case| case["application_id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_found_whatever_its_state_by_whose_it_is() {
    for (house, _url, _alive) in houses().await {
        let decided = house.portal.decides(&dog("fertig")).await["application_id"].as_str().unwrap().to_owned();
        let open = house.referred("offen").await;
        house.does("Amsel", &open, claim()).await;
        let all = listed(&house, "Amsel", "").await;
        assert_eq!(ids(&all), [decided.as_str(), open.as_str()], "in the order of intake");
        let (first, second) = (&all[0], &all[1]);
        assert_eq!((&first["state"], &first["service"]), (&json!("decided"), &json!("hundesteuer")));
        assert!(first["received"].is_string() && first["waiting_since"].is_string() && first.get("work").is_none());
        assert_eq!((&second["work"], &second["claimed_by"]), (&json!("desk"), &json!("Amsel")));
        assert_eq!(second["step"], "sachbearbeitung");
        for (query, expected) in [
            ("?state=decided", vec![decided.as_str()]),
            ("?state=waiting", vec![]),
            ("?service=hundesteuer&ars=14713", vec![decided.as_str(), open.as_str()]),
            ("?service=wohngeld", vec![]),
            ("?ars=05", vec![]),
            ("?limit=1", vec![decided.as_str()]),
        ] {
            assert_eq!(ids(&listed(&house, "Amsel", query).await), expected, "{query}");
        }
        let rest = house.get("Amsel", &format!("/api/v1/cases?limit=1&after={decided}")).await.json();
        assert_eq!((ids(rest["cases"].as_array().unwrap()), &rest["more"]), (vec![open.as_str()], &json!(false)));
        // Who operates sees where cases stand, and not who works on them; others see nothing.
        let operator = listed(&house, "Technik", "").await;
        assert!(operator.len() == 2 && operator.iter().all(|case| case.get("work").is_none()), "{operator:?}");
        for name in ["Fremd", "Gast", "Wohnen"] {
            assert!(listed(&house, name, "").await.is_empty(), "{name}");
        }
        assert_eq!(house.get("Amsel", "/api/v1/cases?state=fertig").await.problem(), "invalid_query");
        assert_eq!(house.get("Niemand", "/api/v1/cases").await.problem(), "unauthorized");

        let run = |arguments: &[&str]| {
            let output = house.program.run(&[&["cases", "list"], arguments].concat(), b"").unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (output.status.code(), text(&output.stdout), text(&output.stderr))
        };
        let (status, list, _) = run(&["--service", "hundesteuer"]);
        assert!(status == Some(0) && list.starts_with("case ") && list.contains(&decided), "{list}");
        for (arguments, part) in [
            (["--state", "fertig"], "correction_needed"),
            (["--service", "hundesteur"], "hundesteuer"),
            (["--waiting", "meldereg"], "there is no register"),
            (["--ars", "koeln"], "12 digits"),
        ] {
            let (status, list, said) = run(&arguments);
            assert!(status == Some(2) && list.is_empty() && said.contains(part), "{arguments:?}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_from_before_there_were_cases_says_so_and_is_no_work() {
    for (house, url, _alive) in houses().await {
        let id = house.referred("alt").await;
        Tables::open(&url).await.run("update cases set body = substr(body, 1, 0)".into()).await;
        for path in [format!("/api/v1/cases/{id}"), format!("/api/v1/cases/{id}/diagram.svg")] {
            let answer = house.get("Amsel", &path).await;
            assert_eq!((answer.status, answer.problem().as_str()), (409, "old_case"), "{path}");
            assert_eq!(house.get("Fremd", &path).await.problem(), "unknown_case");
        }
        let refused = house.command("Amsel", &id, decide("granted")).await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, "old_case"));
        assert!(house.tasks("Amsel", "").await.is_empty(), "nobody could close it");
        assert_eq!(ids(&listed(&house, "Amsel", "").await), [id.as_str()], "but it is there");
        let page = house.portal.get(&format!("/vorgaenge/{id}")).await;
        assert!(page.status == 200 && page.text.contains(&id), "{}", page.text);
        assert!(house.program.run(&["cases", "show", &id], b"").unwrap().status.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_takes_two_hundred_messages_and_what_is_more_is_not_lost() {
    for (house, url, _alive) in houses().await {
        let id = house.referred("viel").await;
        let said = |n: usize| json!({ "id": format!("m{n}"), "kind": "retrieved" });
        house.says(&id, said(0)).await;
        house.until_filed(&id, "retrieved", 1).await;
        // The others, as they would lie in the file.
        let tables = Tables::open(&url).await;
        let key = |n: usize| match url.starts_with("postgres") {
            true => format!("'{}'", uuid::Uuid::from_u128(n as u128)),
            false => format!("x'{:032x}'", n),
        };
        for n in 1..MOST - 1 {
            let copy = "insert into documents (application_id, key, kind, at, actor, body) select application_id, KEY, kind, at, actor, body \
                        from documents where kind = 'retrieved' order by at limit 1";
            tables.run(copy.replace("KEY", &key(n))).await;
        }
        house.says(&id, said(1)).await;
        house.until_filed(&id, "retrieved", MOST).await;
        let full = house.say(&id, &said(2)).await;
        assert_eq!((full.status, full.problem().as_str()), (409, "too_many_messages"), "{}", full.text);
        assert_eq!(house.say(&id, &said(1)).await.status, 202, "what is there may be said again");
        // One that is on its way already becomes a failure.
        let row = storage::QueueRow {
            application_id: id.parse().unwrap(),
            sender: "portal-a".into(),
            traceparent: None,
            body: json!({ "id": "m3", "kind": "withdrawal", "application_id": id }).to_string().into_bytes(),
            enqueued_at: jiff::Timestamp::now(),
        };
        house.store.enqueue(&[row]).await.unwrap();
        let begun = Instant::now();
        let failure = loop {
            if let Some(row) = house.store.failures(&FailureFilter::default(), None, 9).await.unwrap().pop() {
                break row;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "it is nowhere");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!((failure.cause.as_str(), failure.state.as_str()), ("case_refused", "open"), "{failure:?}");
        assert!(failure.detail.contains("200") && String::from_utf8(failure.body).unwrap().contains("withdrawal"));
        house.until(&id, "referred").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_with_its_address_is_refused_at_once() {
    let house = House::new(None).await;
    let id = house.referred("gross").await;
    let body = |more: usize| format!(r#"{{"id":"g","kind":"person","text":"{}"}}"#, "x".repeat(more));
    let whole = (8 << 20) - body(0).len();
    let send = async |path: &str, body: String, key: Option<&str>| {
        let request = house.portal.request(reqwest::Method::POST, path).bearer_auth(TOKEN);
        let request = request.header("content-type", "application/json").body(body);
        house.portal.send(key.into_iter().fold(request, |request, key| request.header("idempotency-key", key))).await
    };
    let path = format!("/api/v1/applications/{id}/messages");
    let answer = send(&path, body(whole), None).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too_large"), "exactly 8 MiB, but for its address");
    let mut application = dog("gross");
    application.as_object_mut().unwrap().remove("id");
    application["data"]["besondere_umstaende"] = "".into();
    let text = "x".repeat((8 << 20) - application.to_string().len());
    application["data"]["besondere_umstaende"] = text.into();
    let answer = send("/api/v1/applications", application.to_string(), Some("gross-2")).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too_large"), "and for its id");
}
