//! `serve`: wires store, queue, workers and web into one process, and ends it in order.

use crate::cli::{Role, Serve};
use crate::config::Config;
use crate::desk::PipelineDesk;
use crate::failure::Failure;
use crate::intake::{BrokerIntake, StoreIntake};
use crate::operations::PipelineOperations;
use crate::registers::Registers;
use crate::reload::{self, Current, Source};
use crate::telemetry::Telemetry;
use crate::{audit_sink, operate, output};
use domain::{ApplicationId, Secret};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::{Intake, RoleReport, StatusLinks, WebState};
use worker::{
    AmqpSettings, ApplicationPublisher, EventPublisher, Metrics, NoBroker, Pipeline, Publish, Runtime, StormSettings,
};
use workflow::Office;

/// The clock of the process.
#[expect(clippy::disallowed_methods, reason = "the shell owns the clock")]
pub fn clock() -> Timestamp {
    Timestamp::now()
}

/// New application ids: UUIDv7, in the order of intake.
#[expect(clippy::disallowed_methods, reason = "the shell owns randomness")]
pub fn new_id() -> ApplicationId {
    ApplicationId(uuid::Uuid::now_v7())
}

/// A running process: everything that was wired.
pub struct Process {
    pub store: Arc<dyn Store>,
    pub shutdown: CancellationToken,
    pub address: Option<SocketAddr>,
    tasks: JoinSet<()>,
}

/// What to wire.
pub struct Wiring {
    pub office: Current,
    pub store: Arc<dyn Store>,
    pub amqp: Option<AmqpSettings>,
    pub registers: Registers,
    pub listen: SocketAddr,
    pub roles: Vec<Role>,
    pub secret: Secret,
    /// Where the audit is witnessed.
    pub audit_sink: Option<PathBuf>,
    pub traced: bool,
    pub storm: StormSettings,
    pub failure_days: i64,
}

/// Runs the command until SIGTERM or SIGINT.
pub async fn serve(config: Config, arguments: Serve) -> Result<(), Failure> {
    let telemetry = Telemetry::start(&config, false)?;
    let listen = config.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let mut senders = config.senders.clone();
    if senders.is_empty() {
        if !listen.ip().is_loopback() && arguments.roles.contains(&Role::Web) {
            let text =
                "without a configured [[sender]] the intake listens on loopback only; set listen = \"127.0.0.1:8080\"";
            return Err(Failure::Usage(text.into()));
        }
        senders.push(Config::built_in_sender()?);
    }
    let secret = config.secret(Path::new("dunkelwerk-secret.key"))?;
    let source = Source { config, sources: arguments.sources, senders, secret: secret.clone() };
    let current = Current::new(source.office()?);
    let config = &source.config;
    let store = storage::open(&operate::database_url(config)).await?;
    store.migrate().await?;
    let amqp = config.amqp_url.as_deref().map(AmqpSettings::parse).transpose()?;
    let registers = Registers::wire(&config.registers, amqp.as_ref())?;
    if let Some(settings) = &amqp {
        worker::check_topology(settings).await?;
    }
    let traced = telemetry.traced();
    let roles = arguments.roles.clone();
    let office = current.clone();
    let audit_sink = config.audit_sink();
    if audit_sink.is_none() && roles.contains(&Role::Timer) {
        tracing::warn!("audit_sink is not set: the audit is chained, but nothing outside the database witnesses it");
    }
    let (storm, failure_days) = (config.storm.clone(), config.failure_days);
    let wiring =
        Wiring { office, store, amqp, registers, listen, roles, secret, audit_sink, traced, storm, failure_days };
    let process = start(wiring).await?;
    tokio::spawn(reload::on_hangup(current, source, process.shutdown.clone()));
    if let Some(address) = process.address {
        output::error(&format!("dunkelwerk listens on http://{address}"));
    }
    let mut process = process;
    if let Some(role_ended) = process.until_stopped().await {
        return Err(Failure::Unreachable(role_ended));
    }
    tracing::info!("draining: no new work, what is under way is finished");
    process.stop().await;
    telemetry.stop().await;
    Ok(())
}

/// Starts all roles.
pub async fn start(wiring: Wiring) -> Result<Process, Failure> {
    let shutdown = CancellationToken::new();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let registry = Arc::new(registry);
    let office: Arc<dyn Fn() -> Arc<Office> + Send + Sync> = {
        let office = wiring.office.clone();
        Arc::new(move || office.get())
    };
    let store = wiring.store.clone();
    let publisher: Arc<dyn Publish> = match &wiring.amqp {
        Some(settings) => Arc::new(EventPublisher::new(settings.clone())),
        None => Arc::new(NoBroker),
    };
    let runtime = Runtime { clock: Arc::new(clock), new_id, shutdown: shutdown.clone(), traced: wiring.traced };
    let pipeline = Pipeline::new(office.clone(), store.clone(), publisher, metrics, runtime);
    let mut pipeline = pipeline.with_storm(wiring.storm.clone());
    pipeline.failure_days = wiring.failure_days;
    let pipeline = Arc::new(pipeline);
    let mut tasks = JoinSet::new();
    let mut address = None;
    if wiring.roles.contains(&Role::Worker) {
        let pipeline = pipeline.clone();
        match wiring.amqp.clone() {
            Some(settings) => _ = tasks.spawn(worker::run_amqp(pipeline, settings)),
            None => _ = tasks.spawn(worker::run_embedded(pipeline)),
        }
    }
    if wiring.roles.contains(&Role::Worker)
        && let Some(settings) = wiring.amqp.clone().filter(|_| !wiring.registers.users.is_empty())
    {
        tasks.spawn(worker::hear_registers(pipeline.clone(), settings, wiring.registers.users.clone()));
    }
    if wiring.roles.contains(&Role::Relay) {
        let pipeline = pipeline.clone();
        tasks.spawn(async move { worker::relay(&pipeline).await });
    }
    if wiring.roles.contains(&Role::Timer) {
        time(&mut tasks, &pipeline, &wiring);
    }
    if wiring.roles.contains(&Role::Web) {
        let intake: Arc<dyn Intake> = match wiring.amqp.clone() {
            Some(settings) => Arc::new(BrokerIntake { publisher: ApplicationPublisher::new(settings) }),
            None => Arc::new(StoreIntake::start(store.clone())),
        };
        let listener = tokio::net::TcpListener::bind(wiring.listen).await;
        let listener = listener.map_err(|e| {
            Failure::Unreachable(format!("{} cannot be listened on: {e}; choose another address", wiring.listen))
        })?;
        let local = listener.local_addr().map_err(|e| Failure::Unreachable(e.to_string()))?;
        address = Some(local);
        let router = web::router(state(&wiring, office, intake, registry, local, pipeline.clone()));
        let stopped = shutdown.clone().cancelled_owned();
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the web role ended");
            }
        });
    }
    Ok(Process { store, shutdown, address, tasks })
}

/// The role that makes time pass. Several processes may have it.
fn time(tasks: &mut JoinSet<()>, pipeline: &Arc<Pipeline>, wiring: &Wiring) {
    let p = pipeline.clone();
    tasks.spawn(async move { worker::housekeeping(&p).await });
    let (p, secret) = (pipeline.clone(), wiring.secret.clone());
    let open = wiring.audit_sink.clone().map(audit_sink::opener);
    tasks.spawn(async move { worker::sequence(&p, &secret, open).await });
    let p = pipeline.clone();
    tasks.spawn(async move { worker::tick(&p).await });
    let p = pipeline.clone();
    tasks.spawn(async move { worker::work_jobs(&p).await });
    let p = pipeline.clone();
    tasks.spawn(async move { worker::watch_figures(&p).await });
    let (p, names) = (pipeline.clone(), wiring.registers.names());
    tasks.spawn(async move { worker::watch_registers(&p, names).await });
    if !wiring.registers.asked.is_empty() {
        tasks.spawn(worker::ask_registers(pipeline.clone(), wiring.registers.asked.clone()));
    }
}

fn state(
    wiring: &Wiring,
    office: Arc<dyn Fn() -> Arc<Office> + Send + Sync>,
    intake: Arc<dyn Intake>,
    registry: Arc<Registry>,
    local: SocketAddr,
    pipeline: Arc<Pipeline>,
) -> WebState {
    let roles = wiring.roles.clone();
    WebState {
        office,
        store: wiring.store.clone(),
        intake,
        desk: Arc::new(PipelineDesk(pipeline.clone())),
        operations: Arc::new(PipelineOperations(pipeline.clone())),
        clock,
        new_id,
        links: StatusLinks::new(wiring.secret.derive("status-link")),
        metrics: Arc::new(move || {
            let mut text = String::new();
            let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
            text
        }),
        roles: Arc::new(move || roles.iter().filter_map(|role| report(*role, &pipeline)).collect()),
        pages: local.ip().is_loopback(),
    }
}

/// How a role is doing; the web role reports itself.
fn report(role: Role, pipeline: &Pipeline) -> Option<RoleReport> {
    let name = format!("{role:?}").to_lowercase();
    let health = &pipeline.health;
    match role {
        Role::Web => None,
        Role::Timer => {
            let own = [health.audit.get(), health.witness.get(), health.timer.get(), health.jobs.get()];
            let [audit, witness, timer, jobs] = own;
            Some(hindered(name, [audit, witness, timer, jobs, health.registers.get()]))
        }
        Role::Relay => Some(hindered(name, [health.relay.get()])),
        Role::Worker => Some(match health.source.get() {
            Some(why) => RoleReport::unready(name, why),
            None => hindered(name, [health.store.get(), health.answers.get(), health.parked.get()]),
        }),
    }
}

/// It works, but not fully where there are troubles.
fn hindered<const N: usize>(name: String, troubles: [Option<String>; N]) -> RoleReport {
    let troubles: Vec<String> = troubles.into_iter().flatten().collect();
    if troubles.is_empty() { RoleReport::ready(name) } else { RoleReport::degraded(name, troubles.join("; ")) }
}

impl Process {
    /// Waits for the signal to stop; a role that ends by itself is a fault that a supervisor must see.
    async fn until_stopped(&mut self) -> Option<String> {
        tokio::select! {
            () = stop_signal() => None,
            Some(ended) = self.tasks.join_next() => Some(match ended {
                Ok(()) => "a role ended by itself".to_owned(),
                Err(error) => format!("a role ended: {error}"),
            }),
        }
    }

    /// Ends every role: consuming stops, what is under way is finished.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        // A held batch may wait for its store for ever; the broker delivers it again.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(10), drained).await;
    }
}

/// SIGTERM or SIGINT.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
