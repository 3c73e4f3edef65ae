//! The world of the kill test: throw-away services and real worker processes.

use lapin::options::{QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use sqlx::postgres::{PgPool, PgPoolOptions};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run these tests with tests/run"))
}

/// Services and database of one test.
pub struct World {
    pub folder: tempfile::TempDir,
    pub database: PgPool,
    database_url: String,
    pub program: PathBuf,
    script: PathBuf,
    services: String,
    _turn: testkit::Services,
}

impl World {
    /// A new database, empty queues.
    pub async fn fresh(name: &str) -> Self {
        let turn = testkit::services::alone().await.expect("services");
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
            _turn: turn,
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

    pub fn command(&self, subcommand: &str) -> Command {
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

pub async fn connect(variable: &str) -> (Connection, Channel) {
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

    /// Starts it again where it gave up because a service was away while it started: what systemd does.
    pub fn supervise(&mut self, world: &World) {
        if let Ok(Some(status)) = self.child.try_wait() {
            println!("{} ended with {status}; started again", self.name);
            self.restart(world);
        }
    }

    /// Freezes the process at a moment when it has unacknowledged messages *and* an open transaction.
    pub async fn freeze_in_transaction(&mut self, world: &World) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "{} never had both at once", self.name);
            self.supervise(world);
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
