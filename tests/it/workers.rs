//! The world of the kill test: throw-away services, real worker processes, traffic of two senders, an independent sink.

use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
    QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use sqlx::postgres::{PgPool, PgPoolOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run these tests with tests/run"))
}

/// Services and database of one test.
pub struct World {
    folder: tempfile::TempDir,
    pub database: PgPool,
    database_url: String,
    pub program: PathBuf,
    script: PathBuf,
    services: String,
}

impl World {
    /// A new database, empty queues.
    pub async fn fresh(name: &str) -> Self {
        let admin = environment("DATABASE_URL");
        let pool = PgPoolOptions::new().max_connections(1).connect(&admin).await.expect("PostgreSQL answers");
        let database = format!("{name}_{}", std::process::id());
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("drop database if exists {database} with (force)")))
            .execute(&pool)
            .await
            .expect("old database goes");
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {database}"))).execute(&pool).await.expect("new");
        let (base, _) = admin.rsplit_once('/').expect("an URL with a database");
        let database_url = format!("{base}/{database}");
        let database = PgPoolOptions::new().max_connections(4).connect_lazy(&database_url).expect("an URL");
        let folder = tempfile::tempdir().expect("a folder");
        let world = Self {
            folder,
            database,
            database_url,
            program: environment("DUNKELWERK_BIN").into(),
            script: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("services"),
            services: environment("DUNKELWERK_TEST_SERVICES"),
        };
        let sender = |name: &str| {
            format!(
                "[[sender]]\nname = \"{name}\"\namqp_user = \"{name}\"\n\
                 trusted_evidence = [\"melderegister\", \"fahrzeughalter\"]\nmay_claim = [\"received_at\", \"channel\", \"trust_level\"]\n"
            )
        };
        let secret = world.folder.path().join("secret.key");
        std::fs::write(&secret, [7; 32]).expect("secret");
        let head = format!("secret_file = \"{}\"\n", secret.display());
        let config = format!("{head}{}{}", sender("portal-a"), sender("portal-b"));
        std::fs::write(world.config(), config).expect("config");
        let migrated = world.command("migrate").status().expect("the program runs");
        assert!(migrated.success(), "migrate");
        let (_connection, channel) = connect("AMQP_ADMIN_URL").await;
        for queue in ["applications", "results", "tasks", "dead"] {
            let name = format!("dunkelwerk.{queue}");
            channel.queue_purge(name.as_str().into(), QueuePurgeOptions { nowait: false }).await.expect("purge");
        }
        world
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("dunkelwerk.toml")
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand).current_dir(self.folder.path());
        command.env("DATABASE_URL", &self.database_url).env("DUNKELWERK_CONFIG", self.config());
        command.env("AMQP_URL", environment("AMQP_URL")).stdout(Stdio::null());
        command
    }

    /// `tests/services` on this world's services.
    pub fn services(&self, arguments: &[&str]) {
        let (first, rest) = arguments.split_first().expect("a command");
        let done = Command::new(&self.script).arg(first).arg(&self.services).args(rest).stdout(Stdio::null()).status();
        assert!(done.expect("tests/services runs").success(), "tests/services {arguments:?}");
    }

    fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        let done = Command::new(&self.script).args(["rabbitmqctl", &self.services, "-q"]).args(arguments).output();
        String::from_utf8_lossy(&done.expect("rabbitmqctl runs").stdout).into_owned()
    }

    pub async fn queue_length(&self, queue: &str) -> u32 {
        let (_connection, channel) = connect("AMQP_ADMIN_URL").await;
        let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await.expect("queue").message_count()
    }

    /// Waits until all applications have a case, nothing waits in queue or outbox; says what it saw last.
    pub async fn wait_until_quiet(&self, expected: i64, patience: Duration) -> Quiet {
        let deadline = Instant::now() + patience;
        loop {
            let counts: Result<(i64, i64), _> = sqlx::query_as(
                "select (select count(*) from cases), (select count(*) from outbox where published_at is null)",
            )
            .fetch_one(&self.database)
            .await;
            let (cases, unpublished) = counts.unwrap_or((-1, -1));
            let waiting = self.queue_length("dunkelwerk.applications").await;
            let quiet = Quiet { cases, unpublished, waiting };
            // A sabotaged build never gets there: the assertions after this say what is missing.
            if (cases >= expected && unpublished == 0 && waiting == 0) || Instant::now() > deadline {
                return quiet;
            }
            if waiting == 0 && self.unacknowledged().is_empty() && unpublished == 0 && cases >= 0 {
                return quiet;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Consuming channels with unacknowledged messages: `connection name → count`.
    fn unacknowledged(&self) -> BTreeMap<String, u64> {
        let channels = self.rabbitmqctl(&["list_channels", "connection", "messages_unacknowledged"]);
        channels
            .lines()
            .filter_map(|line| line.rsplit_once('\t'))
            .filter_map(|(name, count)| Some((name.to_owned(), count.trim().parse().ok().filter(|n| *n > 0)?)))
            .collect()
    }

    pub async fn cases(&self) -> Vec<CaseLine> {
        sqlx::query_as(
            "select a.sender, a.client_id, a.application_id::text as application_id, c.state, \
             (select count(*) from decisions d where d.application_id = a.application_id) as decisions, \
             (select notice_id::text from decisions d where d.application_id = a.application_id limit 1) as notice_id \
             from applications a join cases c using (application_id)",
        )
        .fetch_all(&self.database)
        .await
        .expect("cases")
    }
}

/// What was still waiting.
#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
pub struct Quiet {
    cases: i64,
    unpublished: i64,
    waiting: u32,
}

#[derive(Debug, sqlx::FromRow)]
pub struct CaseLine {
    pub sender: String,
    pub client_id: String,
    pub application_id: String,
    pub state: String,
    pub decisions: i64,
    pub notice_id: Option<String>,
}

async fn connect(variable: &str) -> (Connection, Channel) {
    let url = environment(variable);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let connected = async {
            let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            Ok::<_, lapin::Error>((connection, channel))
        };
        match connected.await {
            Ok(pair) => return pair,
            Err(error) => assert!(Instant::now() < deadline, "RabbitMQ does not answer: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A real worker process.
pub struct Worker {
    pub name: &'static str,
    child: Child,
}

impl Worker {
    pub fn start(world: &World, name: &'static str) -> Self {
        Self { name, child: spawn(world, name) }
    }

    pub fn restart(&mut self, world: &World) {
        self.child = spawn(world, self.name);
    }

    /// Freezes the process at a moment when it has unacknowledged messages *and* an open transaction.
    pub async fn freeze_in_transaction(&mut self, world: &World) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "{} never had both at once", self.name);
            if self.open_transaction(world).await.is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await;
                continue;
            }
            self.signal("STOP");
            // What was on its way to the server when it froze arrives now.
            tokio::time::sleep(Duration::from_millis(20)).await;
            if let Some(statement) = self.open_transaction(world).await {
                let held: u64 = world.unacknowledged().values().sum();
                if held > 0 {
                    return format!("{held} unacknowledged messages, open transaction at «{statement}»");
                }
            }
            self.signal("CONT");
        }
    }

    async fn open_transaction(&self, world: &World) -> Option<String> {
        let row: Result<Option<String>, _> = sqlx::query_scalar(
            "select left(query, 40) from pg_stat_activity where application_name = $1 and xact_start is not null \
             and state in ('active', 'idle in transaction') and query like 'insert%' limit 1",
        )
        .bind(self.name)
        .fetch_optional(&world.database)
        .await;
        // While PostgreSQL is away there is no transaction either.
        row.unwrap_or_else(|error| {
            println!("{}: {error}", self.name);
            None
        })
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args([&format!("-{name}"), &pid]).status();
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("dead");
    }

    /// SIGTERM: drains and ends well.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let status = self.child.wait().expect("ended");
        assert!(status.success(), "{} ended with {status}", self.name);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(world: &World, name: &str) -> Child {
    let mut command = world.command("serve");
    command.args(["--roles", "worker,relay"]);
    command.env("DATABASE_URL", format!("{}?application_name={name}", world.database_url));
    let log = std::fs::File::options().create(true).append(true).open(world.folder.path().join(format!("{name}.log")));
    command.stderr(log.expect("log")).spawn().expect("the worker starts")
}

/// Two senders with the same ids, sending all the while; what the broker confirmed counts.
pub struct Traffic {
    tasks: Vec<tokio::task::JoinHandle<Sent>>,
}

#[derive(Default)]
pub struct Sent {
    pub messages: usize,
    pub distinct: BTreeSet<(String, String)>,
}

impl Traffic {
    pub async fn start(world: &World, each: u32) -> Self {
        let mut tasks = Vec::new();
        for (index, (sender, url)) in [("portal-a", "AMQP_URL_PORTAL_A"), ("portal-b", "AMQP_URL_PORTAL_B")].iter().enumerate() {
            let file = world.folder.path().join(format!("{sender}.ndjson"));
            let mut write = world.command("demo");
            write.args(["--applications", &each.to_string(), "--seed", &(index + 1).to_string(), "--write"]).arg(&file);
            assert!(write.status().expect("the program runs").success(), "demo --write");
            let lines: Vec<String> =
                std::fs::read_to_string(&file).expect("lines").lines().map(str::to_owned).collect();
            tasks.push(tokio::spawn(send(sender, url, with_duplicates(lines))));
        }
        Self { tasks }
    }

    pub async fn finish(self) -> Sent {
        let mut all = Sent::default();
        for task in self.tasks {
            let sent = task.await.expect("traffic");
            all.messages += sent.messages;
            all.distinct.extend(sent.distinct);
        }
        all
    }
}

/// Five per cent come twice, the second time some hundred messages later.
fn with_duplicates(lines: Vec<String>) -> Vec<String> {
    let mut out = Vec::with_capacity(lines.len() * 21 / 20);
    for (i, line) in lines.iter().enumerate() {
        out.push(line.clone());
        if i % 20 == 19 && i >= 300 {
            out.push(lines[i - 300].clone());
        }
    }
    out
}

/// Messages a burst: enough for full batches, whose transactions are long enough to be caught in the middle.
const BURST: usize = 400;

async fn send(sender: &'static str, url: &'static str, lines: Vec<String>) -> Sent {
    let mut sent = Sent::default();
    let mut line = connected(url).await;
    for window in lines.chunks(BURST) {
        loop {
            let done = tokio::time::timeout(Duration::from_secs(10), publish(&line.1, sender, window)).await;
            if matches!(done, Ok(Ok(()))) {
                break;
            }
            // Not confirmed: sent again; what arrived twice is a duplicate that the product must see.
            tokio::time::sleep(Duration::from_millis(300)).await;
            line = connected(url).await;
        }
        sent.messages += window.len();
        for text in window {
            let envelope: serde_json::Value = serde_json::from_str(text).expect("JSON");
            sent.distinct.insert((sender.to_owned(), envelope["id"].as_str().expect("id").to_owned()));
        }
        // Spread over the kills, so that there is work at every one of them.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    sent
}

async fn connected(url: &str) -> (Connection, Channel) {
    let (connection, channel) = connect(url).await;
    let _ = channel.confirm_select(ConfirmSelectOptions { nowait: false }).await;
    (connection, channel)
}

async fn publish(channel: &Channel, sender: &str, window: &[String]) -> Result<(), String> {
    let mut confirms = Vec::new();
    for body in window {
        let properties = BasicProperties::default().with_delivery_mode(2).with_user_id(sender.into());
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let exchange = "dunkelwerk.applications".into();
        let sent = channel.basic_publish(exchange, "test.any".into(), options, body.as_bytes(), properties).await;
        confirms.push(sent.map_err(|e| e.to_string())?);
    }
    for confirm in confirms {
        match confirm.await {
            Ok(Confirmation::Ack(None)) => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(())
}

/// Everything on the results and tasks queues, read with nothing but an AMQP client.
pub struct Sink {
    /// Message id → application id.
    pub results: BTreeMap<String, String>,
    pub tasks: BTreeMap<String, String>,
    pub copies: usize,
    pub different_copies: usize,
}

impl Sink {
    pub async fn drain(world: &World) -> Self {
        let copies = Arc::new(AtomicUsize::new(0));
        let different = Arc::new(AtomicUsize::new(0));
        let results = read(world, "dunkelwerk.results", "de.dunkelwerk.decision.v1", &copies, &different).await;
        let tasks = read(world, "dunkelwerk.tasks", "de.dunkelwerk.task.v1", &copies, &different).await;
        let (copies, different_copies) = (copies.load(Ordering::Relaxed), different.load(Ordering::Relaxed));
        Self { results, tasks, copies, different_copies }
    }
}

async fn read(
    world: &World,
    queue: &str,
    kind: &str,
    copies: &AtomicUsize,
    different: &AtomicUsize,
) -> BTreeMap<String, String> {
    let waiting = world.queue_length(queue).await;
    let (_connection, channel) = connect("AMQP_URL_SINK").await;
    channel.basic_qos(1000, BasicQosOptions { global: false }).await.expect("qos");
    let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
    let mut consumer =
        channel.basic_consume(queue.into(), "sink".into(), options, FieldTable::default()).await.expect("consume");
    let mut bodies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut applications = BTreeMap::new();
    let mut seen = 0;
    // Nothing for two seconds means empty; a count right after a restart may be too low.
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(2), consumer.next()).await {
        let message = message.expect("delivery");
        seen += 1;
        let id = message.properties.message_id().as_ref().expect("message-id").to_string();
        let event: serde_json::Value = serde_json::from_slice(&message.data).expect("JSON");
        if event["type"] == kind {
            match bodies.insert(id.clone(), message.data.clone()) {
                None => _ = applications.insert(id, event["data"]["application_id"].as_str().expect("id").to_owned()),
                Some(first) => {
                    copies.fetch_add(1, Ordering::Relaxed);
                    different.fetch_add(usize::from(first != message.data), Ordering::Relaxed);
                }
            }
        }
        message.ack(BasicAckOptions { multiple: false }).await.expect("ack");
    }
    assert!(seen >= waiting, "the sink read {seen} of {waiting} messages");
    applications
}
