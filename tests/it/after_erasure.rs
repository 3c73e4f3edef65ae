//! What comes under the id of an application that was erased: nothing of it is kept, for nobody would ever erase it.

use crate::office::House;
use crate::raw::Raw;
use crate::repository::{files, rule_book};
use crate::rows::{at, case_over};
use crate::stage::{Setting, Stage, databases, new_id};
use domain::{ClientId, Secret, SenderName, ServiceName};
use serde_json::json;
use storage::{Batch, ErasedRow};
use testkit::applications::dog;
use worker::Disposition;
use workflow::{Office, Settings, WorkflowBook};

const CANARY: &str = "Kanarienvogel";

#[tokio::test(flavor = "multi_thread")]
async fn an_application_under_the_id_of_an_erased_one_leaves_a_line_of_the_audit_only() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let id = stage.apply(&dog("forgotten")).await;
        stage.until("2037-03-02T10:00[Europe/Berlin]").await;
        stage.until("2048-03-02T10:00[Europe/Berlin]").await;
        assert_eq!(stage.view(id).await.case.state, "erased", "{database}");
        let mut again = dog("forgotten");
        again["data"]["besondere_umstaende"] = CANARY.into();
        let second = new_id();
        assert_eq!(stage.send_as("portal", &again, Some(second)).await, Disposition::Ack, "{database}");
        assert_eq!(Raw::open(&url).await.holding(CANARY).await, [].into(), "{database}");
        assert_eq!(stage.store.status(second).await.unwrap().unwrap().state, "erased", "{database}");
        assert_eq!(stage.history(id).await.last().unwrap(), "duplicate", "{database}");
        assert_eq!(stage.send(&again).await, Disposition::Ack, "{database}: without an id of ours, too");
        assert_eq!(Raw::open(&url).await.holding(CANARY).await, [].into(), "{database}");
        let other = stage.apply(&dog("another")).await;
        assert_ne!(stage.view(other).await.case.state, "erased", "{database}: another id is another application");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_the_sender_is_told_that_it_was_erased() {
    let services = testkit::services::shared().await.unwrap();
    let url = services.database().await.unwrap();
    for house in [House::new(Some(&url)).await, House::new(None).await] {
        let decided = house.portal.decides(&dog("forgotten")).await;
        let application_id = decided["application_id"].as_str().unwrap().parse().unwrap();
        let secret = Secret::new(&std::fs::read(house.program.folder().join("dunkelwerk-secret.key")).unwrap());
        let workflows = WorkflowBook::load(&files("workflows")).unwrap();
        let rules = rule_book(&rules::SourceTree { files: files("rules") });
        let office = Office::new(workflows, rules, Settings::default(), &secret);
        let sender = SenderName::new("portal-a").unwrap();
        let service = ServiceName::new("hundesteuer").unwrap();
        let tombstone = office.tombstone(&sender, &service, &ClientId::new("forgotten").unwrap()).as_str().to_owned();
        let case = house.store.case(application_id).await.unwrap().unwrap().case;
        let gone = storage::CaseRow {
            application_id,
            version: case.version,
            state: "erased".into(),
            ..case_over("x", 1, None)
        };
        let erased = vec![ErasedRow { application_id, tombstone }];
        house.store.commit(Batch { at: at(0), cases: vec![gone], erased, ..Batch::default() }).await.unwrap();
        let answer = house.portal.post(dog("forgotten").to_string()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (409, "id_conflict"), "{}", answer.text);
        assert_eq!(answer.json()["application_id"], json!(application_id));
        assert!(answer.json()["detail"].as_str().unwrap().contains("was erased"), "{}", answer.text);
    }
}
