//! A whole authority on a real store, with a clock that tests set: applications, messages, registers, officials.

use async_trait::async_trait;
use domain::{ApplicationId, Secret, Sender, SenderName};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use storage::{CaseView, QuestionRow, Store};
use tokio_util::sync::CancellationToken;
use worker::{Advanced, Answer, Asked, Delivery, Disposition, Metrics, NoBroker, Pipeline, Register, Runtime};
use workflow::{Case, CaseEvent, Command, Office, Official, Refusal, Right, Risk, Settings, WorkflowBook};

/// The two databases, and what they need to live.
pub async fn databases() -> Vec<(&'static str, String, Box<dyn std::any::Any>)> {
    let services = testkit::services::shared().await.unwrap();
    let postgres = services.database().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}", folder.path().join("cases.db").display());
    vec![("PostgreSQL", postgres, Box::new(services)), ("SQLite", sqlite, Box::new(folder))]
}

/// The master secret of the authority.
pub const SECRET: &[u8] = b"a master secret of thirty-two bytes";

/// See the module.
pub struct Stage {
    office: Arc<RwLock<Arc<Office>>>,
    pub store: Arc<dyn Store>,
    pub pipeline: Arc<Pipeline>,
    now: Arc<AtomicI64>,
}

/// What a stage is made with.
pub struct Setting {
    pub workflows: BTreeMap<String, String>,
    pub rules: BTreeMap<String, String>,
    pub risk: Risk,
    pub registers: Vec<&'static str>,
}

impl Default for Setting {
    fn default() -> Self {
        let (workflows, rules) = (crate::repository::files("workflows"), crate::repository::files("rules"));
        Self { workflows, rules, risk: Risk::default(), registers: Vec::new() }
    }
}

/// Everybody who works there; their name says what they may.
pub fn officials() -> Vec<Official> {
    let everywhere = (1..=16).map(|land| format!("{land:02}"));
    let official = |name: &str, rights: &[Right]| Official {
        name: name.into(),
        token_sha256: Some(domain::Digest::of(name.as_bytes()).hex()),
        places: everywhere.clone().filter(|land| land != "09").collect(),
        services: Vec::new(),
        rights: rights.to_vec(),
        teams: vec!["leitung".into()],
        deputy: Vec::new(),
    };
    let desk = [Right::Decide, Right::Countersign];
    vec![
        official("Amsel", &desk),
        official("Buchfink", &desk),
        official("Dohle", &desk),
        official("Eule", &[Right::Decide, Right::Countersign, Right::Lead, Right::Control]),
        Official { teams: Vec::new(), ..official("Neu", &desk) },
        official("Technik", &[Right::Operate]),
        Official { places: vec!["09".into()], ..official("Fremd", &desk) },
        Official { places: everywhere.clone().collect(), ..official("Überall", &desk) },
        Official {
            places: everywhere.clone().collect(),
            ..official("Auch", &[Right::Decide, Right::Countersign, Right::Control])
        },
    ]
}

fn sender() -> Sender {
    Sender {
        name: SenderName::new("portal").unwrap(),
        token_sha256: None,
        amqp_user: None,
        trusted_evidence: Vec::new(),
        may_claim: vec!["channel".into(), "trust_level".into()],
    }
}

pub fn office(setting: &Setting) -> Office {
    let settings = Settings {
        senders: vec![
            Arc::new(sender()),
            Arc::new(Sender { name: SenderName::new("other").unwrap(), ..sender() }),
            // A scanning office: it says when a letter came in.
            Arc::new(Sender {
                name: SenderName::new("post").unwrap(),
                may_claim: vec!["received_at".into()],
                ..sender()
            }),
        ],
        backdating_days: 30,
        risk: setting.risk.clone(),
        registers: setting.registers.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(),
        officials: officials().into_iter().map(Arc::new).collect(),
    };
    let workflows = WorkflowBook::load(&setting.workflows).unwrap();
    let rules = crate::repository::rule_book(&rules::SourceTree { files: setting.rules.clone() });
    Office::new(workflows, rules, settings, &Secret::new(SECRET))
}

impl Stage {
    /// A migrated, empty store.
    pub async fn new(url: &str, setting: Setting) -> Self {
        let store = storage::open(url).await.unwrap();
        store.migrate().await.unwrap();
        Self::on(store, setting)
    }

    pub fn on(store: Arc<dyn Store>, setting: Setting) -> Self {
        let office = Arc::new(RwLock::new(Arc::new(office(&setting))));
        let now = Arc::new(AtomicI64::new(0));
        let reading = now.clone();
        let clock: worker::Clock =
            Arc::new(move || Timestamp::from_microsecond(reading.load(Ordering::Relaxed)).unwrap());
        let publisher = Arc::new(NoBroker);
        let mut registry = prometheus_client::registry::Registry::default();
        let runtime = Runtime { clock, new_id, shutdown: CancellationToken::new(), traced: false };
        let current = office.clone();
        let current = Arc::new(move || current.read().unwrap().clone());
        let metrics = Metrics::register(&mut registry);
        let pipeline = Arc::new(Pipeline::new(current, store.clone(), publisher, metrics, runtime));
        Self { office, store, pipeline, now }
    }

    /// Other rules, workflows or registers are in force from now on.
    pub fn put_in_force(&self, setting: &Setting) {
        *self.office.write().unwrap() = Arc::new(office(setting));
    }

    pub fn now(&self) -> Timestamp {
        (self.pipeline.runtime.clock)()
    }

    /// Sets the clock, such as `2026-03-02T10:00[Europe/Berlin]` or `2026-03-02T09:00Z`; nothing happens by that.
    pub fn set(&self, at: &str) {
        let berlin = jiff::tz::get!("Europe/Berlin");
        let at = match at.strip_suffix("[Europe/Berlin]") {
            Some(local) => local.parse::<jiff::civil::DateTime>().unwrap().to_zoned(berlin).unwrap().timestamp(),
            None => at.parse().unwrap(),
        };
        self.now.store(at.as_microsecond(), Ordering::Relaxed);
    }

    /// Sets the clock and lets everything happen that is due, whatever follows from it.
    pub async fn until(&self, at: &str) {
        self.set(at);
        worker::tick_once(&self.pipeline).await.unwrap();
        let due = self.store.due(self.now(), 10).await.unwrap();
        assert!(due.is_empty(), "a case is still due after it was woken: {due:?}");
    }

    /// Something from the portal, as its worker gets it.
    pub async fn send(&self, body: &Value) -> Disposition {
        self.send_as("portal", body, None).await
    }

    pub async fn send_as(&self, sender: &str, body: &Value, id: Option<ApplicationId>) -> Disposition {
        let delivery = Delivery {
            body: body.to_string().into_bytes(),
            sender: Some(sender.to_owned()),
            application_id: id,
            redelivered: false,
            traceparent: None,
            foreign_trace: None,
            observed_at: self.now(),
        };
        self.pipeline.take(&[delivery]).await.unwrap().remove(0)
    }

    /// An application; its case.
    pub async fn apply(&self, body: &Value) -> ApplicationId {
        let id = new_id();
        assert_eq!(self.send_as("portal", body, Some(id)).await, Disposition::Ack);
        id
    }

    /// A message about a case; its key is made of kind and text.
    pub async fn say(&self, id: ApplicationId, kind: &str, more: Value) -> Disposition {
        let mut body =
            json!({ "id": format!("{kind}-{}", self.now().as_second()), "application_id": id, "kind": kind });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send(&body).await
    }

    /// What an official asks for, having seen the newest version.
    pub async fn ask(&self, id: ApplicationId, name: &str, command: Value) -> Result<i64, Refusal> {
        let seen = self.case(id).await.1;
        self.ask_of(id, name, command, seen).await
    }

    pub async fn ask_of(&self, id: ApplicationId, name: &str, command: Value, seen: i64) -> Result<i64, Refusal> {
        let command: Command = serde_json::from_value(command).unwrap();
        let by = officials().into_iter().find(|official| official.name == name).unwrap();
        match self.pipeline.advance(&[(id, CaseEvent::Commanded { command, by, seen })]).await.unwrap().remove(0) {
            Advanced::Done { version, .. } => Ok(version),
            Advanced::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// The same where it must be done.
    pub async fn does(&self, id: ApplicationId, name: &str, command: Value) {
        let said = command.to_string();
        if let Err(refusal) = self.ask(id, name, command).await {
            panic!("{name}: {said}: {refusal}");
        }
    }

    /// Lets a register answer everything that is asked of it.
    pub async fn answers(&self, register: &Answering) {
        while worker::ask_once(&self.pipeline, register, 100).await.unwrap() == worker::Round::Worked {}
    }

    pub async fn view(&self, id: ApplicationId) -> CaseView {
        self.store.case(id).await.unwrap().unwrap()
    }

    /// The case and its version.
    pub async fn case(&self, id: ApplicationId) -> (Case, i64) {
        let row = self.view(id).await.case;
        (Case::read(&row.body).unwrap(), row.version)
    }

    /// Where it stands: the step of the workflow.
    pub async fn step(&self, id: ApplicationId) -> String {
        self.case(id).await.0.step
    }

    /// The actions of the history, in their order.
    pub async fn history(&self, id: ApplicationId) -> Vec<String> {
        self.view(id).await.audit.into_iter().map(|row| row.action).collect()
    }
}

/// Ids in the order of making, as the real ones are.
pub fn new_id() -> ApplicationId {
    ApplicationId(uuid::Uuid::now_v7())
}

/// A register that answers from a list, or does not answer.
pub struct Answering {
    pub name: &'static str,
    pub says: Mutex<Option<Value>>,
    pub at: Timestamp,
}

impl Answering {
    pub fn new(name: &'static str, says: Option<Value>, at: Timestamp) -> Self {
        Self { name, says: Mutex::new(says), at }
    }
}

#[async_trait]
impl Register for Answering {
    fn name(&self) -> &str {
        self.name
    }
    async fn ask(&self, _question: &QuestionRow) -> Asked {
        match self.says.lock().unwrap().clone() {
            Some(data) => Asked::Answered(Answer { data: Some(data), source: "Probe".into(), at: self.at }),
            None => Asked::Unreachable("it is off".into()),
        }
    }
}
