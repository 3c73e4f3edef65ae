//! The officials' view of the HTTP interface: an authority with people, on a real `serve`.

use crate::http::{Answer, Portal, TOKEN, config};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::Store;
use testkit::applications::dog;
use testkit::{Program, Running};

const PATIENCE: Duration = Duration::from_secs(30);

/// People whose names say what they may; all but the last in Saxony and North Rhine-Westphalia.
const PEOPLE: [(&str, &str, &str); 6] = [
    ("Amsel", r#"["decide", "countersign"]"#, r#"["05", "14"]"#),
    ("Buchfink", r#"["decide", "countersign"]"#, r#"["05", "14"]"#),
    ("Leitung", r#"["decide", "lead"]"#, r#"["05", "14"]"#),
    ("Eule", r#"["decide", "countersign", "control"]"#, r#"["05", "14"]"#),
    ("Technik", r#"["operate"]"#, r#"["05", "14"]"#),
    ("Fremd", r#"["decide", "countersign", "lead", "control", "operate"]"#, r#"["09", "13"]"#),
];

/// A hundred more, who all do the same work.
pub fn crowd(n: usize) -> String {
    format!("Mensch-{n}")
}

pub fn token(name: &str) -> String {
    format!("token-of-{name}")
}

/// The settings: two portals, the people, the crowd.
fn settings() -> String {
    let hash = |name: &str| domain::Digest::of(token(name).as_bytes()).hex();
    let mut text = format!("{}[[sender]]\nname = \"portal-b\"\ntoken_sha256 = \"{}\"\n", config(), hash("portal-b"));
    let official = |text: &mut String, name: &str, rights: &str, places: &str| {
        text.push_str(&format!(
            "[[official]]\nname = \"{name}\"\ntoken_sha256 = \"{}\"\nplaces = {places}\nrights = {rights}\n",
            hash(name)
        ));
    };
    for (name, rights, places) in PEOPLE {
        official(&mut text, name, rights, places);
    }
    for n in 0..100 {
        official(&mut text, &crowd(n), r#"["decide", "countersign"]"#, r#"["14713"]"#);
    }
    for (name, services) in [("Steuer", r#"["hundesteuer", "kindergeld"]"#), ("Wohnen", r#"["wohngeld"]"#)] {
        official(&mut text, name, r#"["decide"]"#, r#"["14"]"#);
        text.push_str(&format!("services = {services}\n"));
    }
    // A guest of another service, who neither decides nor operates.
    official(&mut text, "Gast", r#"["countersign"]"#, r#"["05", "14"]"#);
    text.push_str("services = [\"kindergeld\"]\n");
    // Kranich is away; Buchfink stands in.
    text.push_str("[[official]]\nname = \"Kranich\"\nplaces = [\"14\"]\nrights = [\"decide\"]\n");
    text.push_str("deputy = [{ name = \"Buchfink\", from = 2020-01-01, to = 2099-12-31 }]\n");
    text
}

/// See the module.
pub struct House {
    pub portal: Portal,
    pub store: Arc<dyn Store>,
    _serve: Running,
    pub program: Program,
}

impl House {
    /// With PostgreSQL at `database`, or SQLite.
    pub async fn new(database: Option<&str>) -> Self {
        Self::with(database, "", |program| program).await
    }

    /// The same where every automatic decision is drawn for a second look.
    pub async fn controlled(database: Option<&str>) -> Self {
        Self::with(database, "", |program| {
            let path = program.folder().join("risk.toml");
            std::fs::write(&path, "[[sample]]\nshare = \"1\"\ntime = \"after\"\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            let path = path.to_string_lossy().into_owned();
            program.with("DUNKELWERK_RISK", &path)
        })
        .await
    }

    pub async fn with(database: Option<&str>, more: &str, change: impl FnOnce(Program) -> Program) -> Self {
        let mut program = change(Program::new(&format!("{}{more}", settings())).unwrap());
        let own = format!("sqlite://{}", program.folder().join("dunkelwerk.db").display());
        if let Some(url) = database {
            program = program.with("DATABASE_URL", url);
        }
        let serve = program.serve().unwrap();
        let store = storage::open(database.unwrap_or(&own)).await.unwrap();
        Self { portal: Portal::new(serve.address()), store, _serve: serve, program }
    }

    pub async fn get(&self, name: &str, path: &str) -> Answer {
        self.portal.send(self.portal.request(Method::GET, path).bearer_auth(token(name))).await
    }

    /// The case as an official gets it.
    pub async fn case(&self, name: &str, id: &str) -> Value {
        let answer = self.get(name, &format!("/api/v1/cases/{id}")).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        answer.json()
    }

    /// The ids of the work that an official gets listed.
    pub async fn tasks(&self, name: &str, query: &str) -> Vec<Value> {
        let answer = self.get(name, &format!("/api/v1/tasks{query}")).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        answer.json()["tasks"].as_array().unwrap().clone()
    }

    pub async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        let request = self.portal.request(Method::POST, path).bearer_auth(token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        self.portal.send(request).await
    }

    /// A command over a version of the case.
    pub async fn command_over(&self, name: &str, id: &str, version: i64, command: Value) -> Answer {
        let mut body = command;
        body["version"] = version.into();
        self.post(&token(name), &format!("/api/v1/cases/{id}/commands"), &body).await
    }

    /// A command over the newest version; reads it from the store, so that nobody looked.
    pub async fn command(&self, name: &str, id: &str, command: Value) -> Answer {
        let version = self.version(id).await;
        self.command_over(name, id, version, command).await
    }

    pub async fn version(&self, id: &str) -> i64 {
        self.store.case(id.parse().unwrap()).await.unwrap().unwrap().case.version
    }

    /// A command that must be done; where the case stands then.
    pub async fn does(&self, name: &str, id: &str, command: Value) -> Value {
        let said = command.to_string();
        let answer = self.command(name, id, command).await;
        assert_eq!(answer.status, 200, "{name}: {said}: {}", answer.text);
        answer.json()
    }

    /// A message of portal-a about a case.
    pub async fn say(&self, id: &str, body: &Value) -> Answer {
        self.post(TOKEN, &format!("/api/v1/applications/{id}/messages"), body).await
    }

    /// A message that must be taken in.
    pub async fn says(&self, id: &str, body: Value) {
        let answer = self.say(id, &body).await;
        assert_eq!((answer.status, &answer.json()["id"]), (202, &body["id"]), "{}", answer.text);
    }

    /// What a portal learns of a case, once it is in a state.
    pub async fn until(&self, id: &str, state: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let path = format!("/api/v1/applications/{id}");
            let answer = self.portal.send(self.portal.request(Method::GET, &path).bearer_auth(TOKEN)).await;
            if answer.status == 200 && answer.json()["state"] == state {
                return answer.json();
            }
            assert!(Instant::now() < until, "{id} is never {state}: {}", answer.text);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many documents of a kind are in the file, once there are that many.
    pub async fn until_filed(&self, id: &str, kind: &str, count: usize) {
        let until = Instant::now() + PATIENCE;
        loop {
            let view = self.store.case(id.parse().unwrap()).await.unwrap().unwrap();
            let found = view.documents.iter().filter(|document| document.kind == kind).count();
            if found == count {
                return;
            }
            assert!(Instant::now() < until, "{found} of {count} documents {kind}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// An application of today that a person has to decide; its id.
    pub async fn referred(&self, key: &str) -> String {
        let mut application = dog(key);
        // What came in long ago is woken by its timers while a test looks at it.
        application.as_object_mut().unwrap().remove("received_at");
        self.referred_of(application).await
    }

    /// One that came in so long ago that it is overdue.
    pub async fn overdue(&self, key: &str) -> String {
        self.referred_of(dog(key)).await
    }

    async fn referred_of(&self, mut application: Value) -> String {
        application["data"]["besondere_umstaende"] = "Bitte rufen Sie an.".into();
        let (id, _) = self.portal.accepted(application.to_string()).await;
        self.until(&id, "referred").await;
        id
    }
}

pub fn claim() -> Value {
    json!({ "command": "claim" })
}

pub fn decide(outcome: &str) -> Value {
    json!({ "command": "decide", "outcome": outcome, "text": "Nach Prüfung des Einzelfalls." })
}
