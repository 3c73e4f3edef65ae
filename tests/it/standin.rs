//! The stand-in for registers as a process, and a town that applies for parking permits from the real program.

use crate::http::{self, Portal};
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::Store;
use testkit::applications::parking;
use testkit::{Program, Running};
use tests::population::{Person, Quirk};

const TOKEN: &str = "token-of-the-registers";

/// How the program asks both registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Http,
    Amqp,
}

/// The process. Dropping it kills it.
pub struct StandIn {
    child: Child,
    address: String,
    amqp: Option<String>,
    folder: tempfile::TempDir,
}

impl StandIn {
    pub fn start(amqp: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (child, address) = spawn("127.0.0.1:0", &folder.path().join("asked.ndjson"), amqp.as_deref());
        Self { child, address, amqp, folder }
    }

    /// Kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Back at the same address.
    pub fn again(&mut self) {
        let listen = self.address.trim_start_matches("http://").to_owned();
        (self.child, self.address) = spawn(&listen, &self.log(), self.amqp.as_deref());
    }

    /// Changes how it behaves, such as `{"down": true}`; what is not named is as usual.
    pub async fn control(&self, mood: Value) {
        let request = reqwest::Client::new().post(format!("{}/control", self.address)).json(&mood);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("asked.ndjson")
    }

    /// How often each question was answered.
    pub fn answered(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in std::fs::read_to_string(self.log()).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["said"] == "found" || line["said"] == "unknown" {
                *counts.entry(line["question_id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// Both registers as the program's settings have them.
    pub fn settings(&self, way: Way) -> String {
        let file = self.folder.path().join("token");
        let mut options = std::fs::File::options();
        let mut token = options.create(true).write(true).truncate(true).mode(0o600).open(&file).unwrap();
        std::io::Write::write_all(&mut token, TOKEN.as_bytes()).unwrap();
        let one = |name: &str| match way {
            Way::Http => format!(
                "[[register]]\nname = \"{name}\"\nurl = \"{}/{name}\"\ntoken_file = \"{}\"\nseconds = 5\n",
                self.address,
                file.display()
            ),
            Way::Amqp => {
                format!("[[register]]\nname = \"{name}\"\nrouting_key = \"{name}\"\namqp_user = \"register\"\n")
            }
        };
        [one("melderegister"), one("fahrzeugregister")].concat()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(listen: &str, log: &std::path::Path, amqp: Option<&str>) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registers"));
    command.args(["--listen", listen, "--token", TOKEN, "--log"]).arg(log).stdout(Stdio::piped());
    if let Some(url) = amqp {
        command.args(["--amqp", url]);
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("registers listen on ").unwrap().to_owned();
    std::thread::spawn(move || lines.for_each(drop));
    (child, address)
}

/// The real program with both registers, and the store behind it.
pub struct Town {
    pub register: StandIn,
    program: Program,
    running: Option<Running>,
    pub store: Arc<dyn Store>,
}

impl Town {
    /// On PostgreSQL and RabbitMQ where their addresses are given, otherwise on SQLite with the embedded queue.
    pub async fn new(way: Way, servers: Option<(&str, &str)>, registers: Option<String>) -> Self {
        let register = StandIn::start(registers);
        let program = Program::new(&format!("{}{}", http::config(), register.settings(way))).unwrap();
        let (program, url) = match servers {
            Some((database, broker)) => {
                (program.with("DATABASE_URL", database).with("AMQP_URL", broker), database.to_owned())
            }
            None => {
                let url = format!("sqlite://{}", program.folder().join("dunkelwerk.db").display());
                (program, url)
            }
        };
        let running = Some(program.serve().unwrap());
        let store = storage::open(&url).await.unwrap();
        Self { register, program, running, store }
    }

    pub fn portal(&self) -> Portal {
        Portal::new(self.running.as_ref().unwrap().address())
    }

    /// What the program wrote.
    pub fn log(&self) -> String {
        self.running.as_ref().unwrap().log()
    }

    /// Kill -9 of the program, and a new one.
    pub fn kill_program(&mut self) {
        self.running = None;
        self.running = Some(self.program.serve().unwrap());
    }

    pub fn stop(&mut self) {
        assert!(self.running.take().unwrap().stop().unwrap().success());
    }

    /// These people apply; every application must be accepted.
    pub async fn apply(&self, people: Range<u32>) {
        let portal = self.portal();
        let each = people.map(|n| portal.accepted(application(n).to_string()));
        futures::stream::iter(each).buffer_unordered(64).for_each(|_| async {}).await;
    }

    /// How many cases stand how: by outcome, or by what they wait for.
    pub async fn counts(&self) -> BTreeMap<String, i64> {
        let overview = self.store.overview(jiff::Timestamp::now()).await.unwrap();
        let mut counts = BTreeMap::new();
        for line in overview.lines {
            assert_eq!(line.automatic, line.outcome == "granted", "{line:?}");
            *counts.entry(line.outcome).or_default() += line.count;
        }
        counts
    }

    /// Waits until so many cases are decided or with a person; how long that took.
    pub async fn until_done(&self, count: i64, patience: Duration) -> Duration {
        let begun = Instant::now();
        loop {
            let counts = self.counts().await;
            let done: i64 = counts.iter().filter(|(outcome, _)| *outcome != "waiting").map(|(_, count)| count).sum();
            if done >= count {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < patience, "only {counts:?} after {patience:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until so many cases wait for a register, and nothing else happened.
    pub async fn until_waiting(&self, count: i64, patience: Duration) {
        let begun = Instant::now();
        while self.counts().await.get("waiting") != Some(&count) {
            assert!(begun.elapsed() < patience, "only {:?} after {patience:?}\n{}", self.counts().await, self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What readiness says of the role that asks registers, once it is what `wanted` looks for.
    pub async fn readiness(&self, wanted: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let answer = self.portal().get("/readyz").await;
            assert_eq!(answer.status, 200, "a register that is away makes nothing unready: {}", answer.text);
            let readiness = answer.json();
            let roles = readiness["roles"].as_array().unwrap();
            let timer = roles.iter().find(|role| role["role"] == "timer").unwrap();
            let detail = timer["detail"].as_str().unwrap();
            assert_eq!(timer["degraded"], !detail.is_empty(), "{readiness}");
            if wanted(detail) {
                return detail.to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "readiness does not change: {readiness}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Everybody below `count` got what is right for them: once, and with a person exactly where registers contradict them.
    pub async fn everybody_is_served(&self, count: u32) {
        let odd = |quirk: Quirk| i64::from((0..count).filter(|n| Quirk::of(*n) == Some(quirk)).count() as u32);
        let all: i64 = [Quirk::Unknown, Quirk::Moved, Quirk::Blocked, Quirk::OtherKeeper, Quirk::UnknownPlate]
            .map(odd)
            .iter()
            .sum();
        let expected = BTreeMap::from([("granted".to_owned(), i64::from(count) - all), ("referred".to_owned(), all)]);
        assert_eq!(self.counts().await, expected);
        let reasons: BTreeMap<String, i64> =
            self.store.overview(jiff::Timestamp::now()).await.unwrap().reasons.into_iter().collect();
        println!("people decide {all} of {count}: {reasons:?}");
        let expected = BTreeMap::from([
            ("evidence_missing".to_owned(), odd(Quirk::Unknown) + odd(Quirk::UnknownPlate)),
            ("evidence_conflict".to_owned(), odd(Quirk::Moved) + odd(Quirk::OtherKeeper)),
            ("rule".to_owned(), odd(Quirk::Blocked)),
        ]);
        assert_eq!(reasons, expected);
        let decisions = self.store.replayable(None, 4 * count).await.unwrap();
        assert_eq!(decisions.len(), count as usize, "a decision each");
        assert!(decisions.iter().all(|row| row.decision.decision_no == 1), "somebody was decided twice");
        assert!(self.store.waiting_questions().await.unwrap().is_empty());
        let log = self.log();
        for n in (0..count).step_by(97) {
            let person = Person::of(n);
            let names = [person.familienname, &person.kennzeichen].map(str::to_owned);
            assert!(names.iter().all(|name| !log.contains(name.as_str())), "the log speaks of {person:?}");
        }
    }
}

/// A parking permit for somebody, from today in two weeks, without evidence.
pub fn application(n: u32) -> Value {
    let person = Person::of(n);
    let mut application = parking(&format!("stadt-{n}"));
    application["evidence"] = json!([]);
    application.as_object_mut().unwrap().remove("received_at");
    let data = &mut application["data"];
    data["person"] = person.name();
    for (name, value) in person.address().as_object().unwrap() {
        data["anschrift"][name] = value.clone();
    }
    data["fahrzeug"]["kennzeichen"] = person.kennzeichen.as_str().into();
    let begins = domain::berlin_date(jiff::Timestamp::now()).saturating_add(jiff::ToSpan::days(14));
    data["parken"]["beginn"] = begins.to_string().into();
    application
}
