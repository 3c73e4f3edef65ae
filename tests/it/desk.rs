//! Officials at work over HTTP, on both databases: who may see and do what, and what happens when many come at once.

use crate::http::{Answer, TOKEN};
use crate::office::{House, claim, crowd, decide, token};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::applications::{SECRET_STREET, dog};

/// Runs a test on PostgreSQL and on SQLite.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let services = testkit::services::shared().await.unwrap();
            let url = services.database().await.unwrap();
            cases::$test(Some(&url)).await;
            cases::$test(None).await;
        }
    )* };
}
on_both!(
    of_a_hundred_claims_exactly_one_wins,
    of_a_hundred_signatures_exactly_one_counts,
    what_is_not_theirs_is_not_there,
    rights_decide_what_is_seen_and_done,
    work_is_given_out_and_deputies_stand_in,
    a_case_is_handled_from_list_to_reopening,
    refused_commands_say_why,
    whoever_looks_is_written_down,
);

/// Exactly one was done; the others are conflicts that name the one.
fn one_winner(answers: &[Answer], names: &[String]) -> String {
    let won: Vec<usize> = (0..answers.len()).filter(|i| answers[*i].status == 200).collect();
    assert_eq!(won.len(), 1, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let winner = names[won[0]].clone();
    for (i, answer) in answers.iter().enumerate().filter(|(i, _)| *i != won[0]) {
        let code = answer.problem();
        assert_eq!(answer.status, 409, "{}: {}", names[i], answer.text);
        assert!(code == "stale" || code == "taken", "{code}");
        let problem = answer.json();
        assert_eq!(problem["by"], winner.as_str(), "{}", answer.text);
        // Whoever was refused before it was done knows the version before.
        let versions = [problem["version"].as_i64(), answers[won[0]].json()["version"].as_i64()].map(Option::unwrap);
        assert!(versions[0] == versions[1] || versions[0] + 1 == versions[1], "{}", answer.text);
        assert!(
            problem["since"].is_string() && problem["detail"].as_str().unwrap().contains(&winner),
            "{}",
            answer.text
        );
    }
    winner
}

mod cases {
    use super::*;

    pub async fn of_a_hundred_claims_exactly_one_wins(database: Option<&str>) {
        let house = House::new(database).await;
        let id = house.referred("claims").await;
        let version = house.version(&id).await;
        let names: Vec<String> = (0..100).map(crowd).collect();
        let all = names.iter().map(|name| house.command_over(name, &id, version, claim()));
        let answers = futures::future::join_all(all).await;
        let winner = one_winner(&answers, &names);
        let case = house.case("Amsel", &id).await;
        assert_eq!(case["work"]["claim"]["by"], winner.as_str());
        assert_eq!(case["version"], version + 1, "nothing else was written");
        let held = house.tasks("Amsel", &format!("?claimed_by={winner}")).await;
        assert_eq!((held.len(), &held[0]["application_id"]), (1, &json!(id)));
    }

    pub async fn of_a_hundred_signatures_exactly_one_counts(database: Option<&str>) {
        let house = House::new(database).await;
        let id = house.referred("signs").await;
        house.does("Amsel", &id, claim()).await;
        assert_eq!(house.does("Amsel", &id, decide("refused")).await["state"], "countersign");
        // The applicant learns only that a person is at it.
        assert_eq!(house.until(&id, "referred").await["outcome"], "referred");
        house.does(&crowd(0), &id, claim()).await;
        let version = house.version(&id).await;
        // Half of them is the one who holds it, in many windows at once.
        let names: Vec<String> = (0..100).map(|n| crowd(if n % 2 == 0 { 0 } else { n })).collect();
        let sign = json!({ "command": "sign" });
        let all = names.iter().map(|name| house.command_over(name, &id, version, sign.clone()));
        let answers = futures::future::join_all(all).await;
        assert_eq!(one_winner(&answers, &names), crowd(0));
        let case = house.case("Amsel", &id).await;
        let signed = case["history"].as_array().unwrap().iter().filter(|line| line["action"] == "command.sign");
        assert_eq!((case["state"].as_str(), signed.count()), (Some("decided"), 1));
        let last = case["decisions"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["outcome"], &last["decided_by"]), (&json!("refused"), &json!("Amsel")));
    }

    pub async fn what_is_not_theirs_is_not_there(database: Option<&str>) {
        let house = House::new(database).await;
        let id = house.referred("foreign").await;
        let before = house.store.case(id.parse().unwrap()).await.unwrap().unwrap().audit.len();
        let nobody = "00000000-0000-0000-0000-000000000000";
        assert_eq!(house.tasks("Steuer", "").await.len(), 1);
        for name in ["Fremd", "Gast", "Wohnen"] {
            assert!(house.tasks(name, "").await.is_empty(), "{name}");
            for path in ["/api/v1/cases/ID", "/api/v1/cases/ID/diagram.svg"] {
                let [foreign, unknown, odd] = [&id, nobody, "x"].map(|id| path.replace("ID", id));
                let foreign = house.get(name, &foreign).await;
                assert_eq!((foreign.status, foreign.problem().as_str()), (404, "unknown_case"), "{name}");
                assert_eq!(foreign.text, house.get(name, &unknown).await.text, "{name}: not to be told apart");
                assert_eq!(foreign.text, house.get(name, &odd).await.text, "{name}");
            }
            let foreign = house.command_over(name, &id, 1, claim()).await;
            assert_eq!((foreign.status, foreign.problem().as_str()), (404, "unknown_case"), "{name}");
            assert_eq!(foreign.text, house.command_over(name, nobody, 1, claim()).await.text, "{name}");
        }
        let after = house.store.case(id.parse().unwrap()).await.unwrap().unwrap().audit.len();
        assert_eq!(after, before, "who saw nothing looked at nothing");
        // A credential of another kind is none.
        for token in [Some(TOKEN), Some("wrong"), None] {
            for (method, path) in [(Method::GET, "/api/v1/tasks"), (Method::GET, "/api/v1/cases/x")] {
                let request = house.portal.request(method, path);
                let answer = house.portal.send(token.into_iter().fold(request, |r, t| r.bearer_auth(t))).await;
                assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthorized"));
            }
        }
        let official = house.portal.application_as(Some(&token("Amsel")), dog("x").to_string());
        assert_eq!(house.portal.send(official).await.status, 401, "an official sends no applications");
    }

    pub async fn rights_decide_what_is_seen_and_done(database: Option<&str>) {
        let house = House::new(database).await;
        let id = house.referred("rights").await;
        let case = house.case("Technik", &id).await;
        assert_eq!(
            (&case["sight"], &case["state"], &case["step"]),
            (&json!("operation"), &json!("referred"), &json!("sachbearbeitung"))
        );
        let text = case.to_string();
        for content in
            [SECRET_STREET, "Bello", "free_text", "besondere", "history", "documents", "decisions", "granted"]
        {
            assert!(!text.contains(content), "{content}: {text}");
        }
        assert!(house.tasks("Technik", "").await.is_empty());
        let whole = house.case("Amsel", &id).await;
        assert_eq!(whole["application"]["body"]["data"]["anschrift"]["strasse"], SECRET_STREET);
        assert_eq!(whole["work"]["reasons"], json!(["free_text"]));
        let last = whole["decisions"].as_array().unwrap().last().unwrap();
        assert!(last["trace"]["facts"].as_array().is_some_and(|facts| !facts.is_empty()), "{last}");
        let picture = house.get("Amsel", &format!("/api/v1/cases/{id}/diagram.svg")).await;
        assert_eq!((picture.status, picture.header("content-type")), (200, "image/svg+xml"));
        assert!(
            picture.text.starts_with("<svg") && picture.text.contains("Gegangen: Formular prüfen"),
            "{}",
            picture.text
        );
        let operator = house.get("Technik", &format!("/api/v1/cases/{id}/diagram.svg")).await;
        assert!(operator.status == 200 && !operator.text.contains("Gegangen"), "no way without the right");
        for (name, command) in [
            ("Technik", claim()),
            ("Technik", json!({ "command": "note", "text": "x" })),
            ("Amsel", json!({ "command": "assign", "to": "Buchfink" })),
            ("Amsel", json!({ "command": "retry", "text": "x" })),
            ("Leitung", json!({ "command": "sign" })),
        ] {
            let answer = house.command(name, &id, command.clone()).await;
            assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"), "{name}: {command}");
        }
        let retried =
            house.does("Technik", &id, json!({ "command": "retry", "text": "Regel mit Fehler ersetzt" })).await;
        assert_eq!(retried["state"], "referred");
    }

    pub async fn work_is_given_out_and_deputies_stand_in(database: Option<&str>) {
        let house = House::new(database).await;
        let (one, two) = (house.referred("one").await, house.referred("two").await);
        let listed = house.tasks("Leitung", "?kind=desk&service=hundesteuer&reason=free_text").await;
        assert_eq!(listed.iter().map(|t| t["application_id"].clone()).collect::<Vec<_>>(), [json!(one), json!(two)]);
        assert!(listed[0]["age_seconds"].as_i64().unwrap() < 600 && listed[0]["due_at"].is_string(), "{}", listed[0]);
        assert_eq!(house.tasks("Leitung", "?limit=1&offset=1").await[0]["application_id"], json!(two));
        let late = house.overdue("late").await;
        let overdue = house.tasks("Leitung", "?overdue=true").await;
        assert_eq!(overdue.iter().map(|t| t["application_id"].clone()).collect::<Vec<_>>(), [json!(late)]);
        assert_eq!(house.tasks("Leitung", "?overdue=false").await.len(), 3);
        for none in ["?kind=countersign", "?service=wohngeld", "?reason=risk", "?claimed_by=Amsel"] {
            assert!(house.tasks("Leitung", none).await.is_empty(), "{none}");
        }
        let more = house.get("Leitung", "/api/v1/tasks?limit=1").await.json();
        assert_eq!((&more["more"], more["tasks"].as_array().unwrap().len()), (&json!(true), 1));
        let wrong = house.get("Leitung", "/api/v1/tasks?kind=Schreibtisch").await;
        assert_eq!((wrong.status, wrong.problem().as_str()), (400, "invalid_query"));

        // Nobody of that name, without the right, without the place, without the service.
        for to in ["Storch", "Technik", "Fremd", "Wohnen"] {
            let answer = house.command("Leitung", &one, json!({ "command": "assign", "to": to })).await;
            assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid_command"), "{to}: {}", answer.text);
            assert!(answer.json()["detail"].as_str().unwrap().contains("Buchfink"), "{}", answer.text);
        }
        let flow = json!({ "command": "migrate", "flow": "9" });
        let answer = house.command("Technik", &one, flow).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid_command"), "{}", answer.text);
        assert!(answer.json()["detail"].as_str().unwrap().ends_with("it has 1"), "{}", answer.text);
        house.does("Leitung", &one, json!({ "command": "assign", "to": "Kranich" })).await;
        let taken = house.command("Amsel", &one, claim()).await;
        assert_eq!(
            (taken.status, taken.problem().as_str(), taken.json()["by"].clone()),
            (409, "taken", json!("Kranich"))
        );
        house.does("Buchfink", &one, claim()).await;
        let held = house.tasks("Amsel", "?claimed_by=Buchfink").await;
        assert_eq!((&held[0]["claimed_by"], &held[0]["assigned_to"]), (&json!("Buchfink"), &json!("Kranich")));
        house
            .does("Buchfink", &one, json!({ "command": "follow_up", "on": "2099-01-04", "text": "Ratsbeschluss" }))
            .await;
        house.does("Buchfink", &one, json!({ "command": "draft", "content": { "entwurf": "1.50" } })).await;
        house.does("Buchfink", &one, json!({ "command": "release" })).await;
        let case = house.case("Amsel", &one).await;
        assert_eq!((&case["work"]["claim"], &case["work"]["follow_up"]), (&Value::Null, &json!("2099-01-04")));
        let kinds: Vec<&str> =
            case["documents"].as_array().unwrap().iter().map(|d| d["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["note", "draft"]);
        assert_eq!(case["documents"][1]["body"]["entwurf"], "1.50");
    }

    pub async fn a_case_is_handled_from_list_to_reopening(database: Option<&str>) {
        let house = House::new(database).await;
        let id = house.referred("whole").await;
        assert_eq!(house.tasks("Amsel", "").await[0]["application_id"], json!(id));
        let seen = house.case("Amsel", &id).await["version"].as_i64().unwrap();
        let claimed = house.command_over("Amsel", &id, seen, claim()).await.json();
        assert_eq!((&claimed["version"], &claimed["step"]), (&json!(seen + 1), &json!("sachbearbeitung")));
        let fields = json!([{ "pointer": "/hunde", "message": "Bitte Chipnummer angeben." }]);
        house.does("Amsel", &id, json!({ "command": "request_correction", "fields": fields })).await;
        let asked = house.until(&id, "correction_needed").await;
        assert_eq!(asked["decision"]["errors"][0]["message"], "Bitte Chipnummer angeben.");
        assert!(asked["reply_until"].is_string() && asked["decision"]["decided_by"].is_null(), "{asked}");
        house.says(&id, json!({ "id": "whole-s1", "kind": "supplement", "data": {}, "text": "Chip 276…" })).await;
        house.until(&id, "referred").await;
        house.does("Amsel", &id, claim()).await;
        house.does("Amsel", &id, json!({ "command": "hear", "text": "Wir wollen ablehnen, weil …" })).await;
        let heard = house.until(&id, "hearing").await;
        assert_eq!(heard["text"], "Wir wollen ablehnen, weil …");
        assert!(heard["reply_until"].is_string() && heard.get("decision").is_none(), "{heard}");
        house.says(&id, json!({ "id": "whole-r1", "kind": "hearing_reply", "text": "Bitte nicht." })).await;
        house.until(&id, "referred").await;
        house.does("Amsel", &id, claim()).await;
        house.does("Amsel", &id, decide("refused")).await;
        let own = house.command("Amsel", &id, claim()).await;
        assert_eq!((own.status, own.problem().as_str()), (403, "forbidden"), "nobody signs their own");
        house.does("Buchfink", &id, claim()).await;
        let unsigned = house.case("Buchfink", &id).await;
        assert_eq!(
            (&unsigned["unsigned"]["by"], &unsigned["unsigned"]["decision"]["outcome"]),
            (&json!("Amsel"), &json!("refused"))
        );
        house.does("Buchfink", &id, json!({ "command": "return", "text": "Bitte milder." })).await;
        house.does("Amsel", &id, claim()).await;
        house.does("Amsel", &id, decide("granted")).await;
        let decided = house.until(&id, "decided").await;
        assert_eq!(
            (&decided["outcome"], &decided["decision"]["grounds"]),
            (&json!("granted"), &json!("Nach Prüfung des Einzelfalls."))
        );
        assert!(!decided.to_string().contains("Amsel"), "names stay in the house: {decided}");
        let reopened =
            house.does("Leitung", &id, json!({ "command": "reopen", "text": "Die Steuer war falsch." })).await;
        assert_eq!(reopened["state"], "referred");
        let case = house.case("Amsel", &id).await;
        assert!(case["hints"].as_array().is_some_and(|hints| !hints.is_empty()), "the law of reopening: {case}");
        assert_eq!(case["reopened"], true);
        let exits: Vec<Value> = case["path"].as_array().unwrap().iter().map(|p| p["exit"].clone()).collect();
        assert!(exits.contains(&json!("geaeussert")) && exits.contains(&Value::Null), "{exits:?}");
    }

    pub async fn refused_commands_say_why(database: Option<&str>) {
        let house = House::new(database).await;
        let id = house.referred("refused").await;
        let stale = house.command_over("Amsel", &id, 0, claim()).await;
        assert_eq!((stale.status, stale.problem().as_str()), (409, "stale"));
        assert_eq!((&stale.json()["version"], &stale.json()["by"]), (&json!(1), &json!("dunkelwerk")));
        for (command, status, code) in [
            (decide("granted"), 409, "wrong_state"),
            (json!({ "command": "resume" }), 409, "wrong_state"),
            (json!({ "command": "grant" }), 422, "invalid_command"),
            (json!({ "command": "claim", "now": true }), 422, "invalid_command"),
            (json!({ "command": "extend_fiction", "until": "2099-01-01", "text": "x" }), 409, "wrong_state"),
        ] {
            let answer = house.command("Amsel", &id, command.clone()).await;
            assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{command}: {}", answer.text);
        }
        house.does("Amsel", &id, claim()).await;
        for (command, status) in [
            (json!({ "command": "decide", "outcome": "granted", "text": " " }), 422),
            (json!({ "command": "decide", "outcome": "referred", "text": "x" }), 422),
            (json!({ "command": "request_correction", "fields": [] }), 422),
            (json!({ "command": "request_correction", "fields": [{ "pointer": "/x", "message": "y" }] }), 422),
            (json!({ "command": "follow_up", "on": "2020-01-01" }), 422),
        ] {
            let answer = house.command("Amsel", &id, command.clone()).await;
            assert_eq!((answer.status, answer.problem().as_str()), (status, "invalid_command"), "{command}");
        }
        let path = format!("/api/v1/cases/{id}/commands");
        let text = house.portal.request(Method::POST, &path).bearer_auth(token("Amsel")).body("claim");
        assert_eq!(house.portal.send(text).await.status, 415);
        assert_eq!(house.post(&token("Amsel"), &path, &json!([])).await.problem(), "not_an_object");
        assert_eq!(house.version(&id).await, 2, "what is refused changes nothing");
    }

    pub async fn whoever_looks_is_written_down(database: Option<&str>) {
        let house = House::new(database).await;
        let id = house.referred("looks").await;
        house.case("Amsel", &id).await;
        house.case("Technik", &id).await;
        house.get("Buchfink", &format!("/api/v1/cases/{id}/diagram.svg")).await;
        for arguments in [vec!["cases", "show", &id], vec!["cases", "show", &id, "--diagram", "svg"]] {
            let shown = house.program.run(&[&arguments[..], &["--as", "Revision"]].concat(), b"").unwrap();
            assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        }
        let page = house.portal.get(&format!("/vorgaenge/{id}")).await;
        assert!(page.status == 200 && page.text.contains(&id), "{}", page.text);
        let view = house.store.case(id.parse().unwrap()).await.unwrap().unwrap();
        let reads = view.audit.iter().filter(|line| line.action == "read");
        let reads: Vec<(&str, Value)> = reads
            .map(|line| (line.actor.as_str(), serde_json::from_slice::<Value>(&line.payload).unwrap()["what"].clone()))
            .collect();
        assert_eq!(
            reads,
            [
                ("Amsel", json!("case")),
                ("Technik", json!("where it stands")),
                ("Buchfink", json!("diagram")),
                ("Revision", json!("case, on the command line")),
                ("Revision", json!("diagram, on the command line")),
                ("local page", json!("case, on the page")),
            ]
        );
        assert_eq!(view.case.version, 1, "looking changes nothing");
        let lines = |case: &Value| -> Vec<String> {
            let history = case["history"].as_array().unwrap();
            history.iter().map(|line| line["action"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(lines(&house.case("Amsel", &id).await), ["decided"], "what happened, not who looked");
        let all = house.get("Amsel", &format!("/api/v1/cases/{id}?reads=true")).await.json();
        assert_eq!(lines(&all).iter().filter(|action| *action == "read").count(), 7, "{all}");
        let odd = house.get("Amsel", &format!("/api/v1/cases/{id}?blicke=alle")).await;
        assert_eq!((odd.status, odd.problem().as_str()), (400, "invalid_query"));
        let pages = ["", "?blicke=alle"].map(|query| format!("/vorgaenge/{id}{query}"));
        assert!(!house.portal.get(&pages[0]).await.text.contains(">angesehen<"));
        assert!(house.portal.get(&pages[1]).await.text.contains(">angesehen<"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_not_shown() {
    let services = testkit::services::shared().await.unwrap();
    let url = services.database().await.unwrap();
    let house = House::new(Some(&url)).await;
    let id = house.referred("silent").await;
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let refuse = "alter table audit add constraint silent check (action <> 'read') not valid";
    sqlx::raw_sql(refuse).execute(&pool).await.unwrap();
    for path in [format!("/api/v1/cases/{id}"), format!("/api/v1/cases/{id}/diagram.svg")] {
        let answer = house.get("Amsel", &path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "store_unavailable"));
        assert!(!answer.text.contains(SECRET_STREET), "{}", answer.text);
    }
    let page = house.portal.get(&format!("/vorgaenge/{id}")).await;
    assert!(page.status == 503 && !page.text.contains(SECRET_STREET), "{}", page.text);
    let shown = house.program.run(&["cases", "show", &id], b"").unwrap();
    assert!(shown.status.code() == Some(3) && shown.stdout.is_empty(), "{shown:?}");
    sqlx::raw_sql("alter table audit drop constraint silent").execute(&pool).await.unwrap();
    house.case("Amsel", &id).await;
}
