//! `demo`: the main job on embedded defaults. Nothing in it is simulated but the applicants: intake, queue, workers,
//! rules and store are those of production.

mod summary;

use crate::cli::{Demo, Role};
use crate::config::Config;
use crate::failure::Failure;
use crate::registers::Registers;
use crate::reload::Current;
use crate::sample::{Generator, Sample, Spot, examples};
use crate::serve::{self, Process, Wiring};
use crate::submit::{self, Answer};
use crate::telemetry::Telemetry;
use crate::{decide, load, output};
use domain::{Ars, Secret, ServiceName};
use futures::StreamExt;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use workflow::{Draw, DrawTime, Office, Place};

/// Requests under way at once.
const WINDOW: usize = 128;
/// Share of applications that a person checks.
const SAMPLE: &str = "0.02";

/// Runs the command.
pub async fn demo(mut config: Config, arguments: Demo) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::Usage("demo listens on loopback only; use `serve` with configured senders".into()));
    }
    if let Some(file) = &arguments.write {
        return write(&config, &arguments, file);
    }
    let telemetry = Telemetry::start(&config, true)?;
    let (folder, temporary) = data_folder(arguments.data_dir.as_deref())?;
    let started_at = first_start(&folder)?;
    if config.risk.sample.is_empty() {
        let share = SAMPLE.parse().map_err(|_| Failure::Usage(format!("{SAMPLE} is no share")))?;
        config.risk.sample.push(Draw { place: Place::default(), share, time: DrawTime::Before });
    }
    // Its applicants bring their evidence with them.
    config.registers.clear();
    let secret = config.secret(&folder.join("secret.key"))?;
    let senders = vec![Config::built_in_sender()?];
    let current = Current::new(load::office(&config, &arguments.sources, senders, &secret)?);
    let office = current.get();
    let store = storage::open(&format!("sqlite://{}", folder.join("dunkelwerk.db").display())).await?;
    store.migrate().await?;
    // Nobody else runs on this file: what an earlier run held is free at once.
    store.release_leases().await?;
    let roles = vec![Role::Web, Role::Worker, Role::Relay, Role::Timer];
    let listen = arguments.listen;
    let traced = telemetry.traced();
    let audit_sink = Some(folder.join("audit.ndjson"));
    let registers = Registers::default();
    let (storm, failure_days) = (config.storm.clone(), config.failure_days);
    let wiring = Wiring {
        office: current,
        store,
        amqp: None,
        registers,
        listen,
        roles,
        secret,
        audit_sink,
        traced,
        storm,
        failure_days,
    };
    let process = serve::start(wiring).await?;
    let generator = generator(&config, &arguments, started_at, &office)?;
    run(&process, generator, arguments.applications).await?;
    if !arguments.exit {
        if let Some(address) = process.address {
            output::line(&format!(
                "\nSeiten: http://{address}/   Schnittstelle: http://{address}/docs   (Strg-C beendet)"
            ));
        }
        serve::stop_signal().await;
    }
    process.stop().await;
    telemetry.stop().await;
    if temporary {
        let _ = std::fs::remove_dir_all(&folder);
    }
    Ok(())
}

/// Sends all applications and waits until every one is decided.
async fn run(process: &Process, mut generator: Generator, count: u32) -> Result<(), Failure> {
    let Some(address) = process.address else { return Ok(()) };
    let url = format!("http://{address}/api/v1/applications");
    let client = submit::client()?;
    let samples = (0..count).map(|_| generator.next());
    let begun = Instant::now();
    let bar = submit::progress(u64::from(count), "eingereicht");
    let send = |sample: Result<Sample, String>| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let envelope = sample.map_err(Failure::Usage)?.envelope;
            let id = envelope.get("id").map(ToString::to_string);
            Ok::<_, Failure>((id, submit::post(&client, &url, "demo", envelope.to_string().into_bytes()).await))
        }
    };
    let mut answers = futures::stream::iter(samples.map(send)).buffer_unordered(WINDOW);
    let mut distinct = BTreeSet::new();
    let mut intake = summary::Intake::default();
    while let Some(sent) = answers.next().await {
        let (id, answer) = sent?;
        bar.inc(1);
        match answer {
            Ok(Answer { status: 202, .. }) => {
                intake.accepted += 1;
                distinct.extend(id);
            }
            Ok(Answer { status: 409, .. }) => intake.conflicts += 1,
            Ok(Answer { status, body }) => {
                intake.refused += 1;
                tracing::warn!(status, detail = %body, "the intake refused an application");
            }
            Err(error) => return Err(Failure::Unreachable(format!("the own intake does not answer: {error}"))),
        }
    }
    bar.finish_and_clear();
    wait(process, distinct.len() as u64).await?;
    summary::print(process, &intake, distinct.len(), begun.elapsed()).await
}

/// Waits until the queue is empty and every distinct application has its case.
async fn wait(process: &Process, expected: u64) -> Result<(), Failure> {
    let bar = submit::progress(expected, "entschieden");
    loop {
        let overview = process.store.overview(serve::clock()).await?;
        let cases: i64 = overview.lines.iter().map(|line| line.count).sum();
        bar.set_position(u64::try_from(cases).unwrap_or_default());
        if overview.waiting == 0 {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Writes the applications instead of sending them.
fn write(config: &Config, arguments: &Demo, file: &str) -> Result<(), Failure> {
    let office = load::office(config, &arguments.sources, Vec::new(), &Secret::new(b"write"))?;
    let today = decide::instant(arguments.at.as_deref())?;
    let mut generator = generator(config, arguments, today, &office)?;
    let lines = (0..arguments.applications).map(|_| Ok(generator.next()?.envelope.to_string()));
    let lines: Vec<String> = lines.collect::<Result<_, String>>().map_err(Failure::Usage)?;
    output::write(file, &lines).map_err(|e| Failure::Unreachable(format!("{file} cannot be written: {e}")))
}

/// The applicants: of every service that has an example, or of those that are named.
fn generator(config: &Config, arguments: &Demo, now: Timestamp, office: &Office) -> Result<Generator, Failure> {
    let mut examples = examples(&load::workflow_files(config, &arguments.sources)?).map_err(Failure::Usage)?;
    for name in &arguments.service {
        let example = ServiceName::new(name.clone()).ok().and_then(|name| examples.get_mut(&name));
        let Some(example) = example else {
            let known: Vec<&str> = examples.keys().map(ServiceName::as_str).collect();
            return Err(Failure::Usage(format!("--service {name}: there are examples of {}", known.join(", "))));
        };
        // One that is left out of the ordinary demo is shown when it is asked for.
        example.weight = example.weight.max(1);
    }
    if !arguments.service.is_empty() {
        examples.retain(|name, _| arguments.service.iter().any(|wanted| wanted == name.as_str()));
    }
    let spot = |ars: &Ars| {
        let name = office.rules.place_name(ars).unwrap_or_default().to_owned();
        Spot { ars: ars.to_string(), name }
    };
    let places = |service: &ServiceName| office.rules.places(service).into_iter().map(spot).collect();
    Ok(Generator::new(arguments.seed, now, examples, &places))
}

/// The given folder, or a temporary one that is removed at the end.
fn data_folder(given: Option<&Path>) -> Result<(PathBuf, bool), Failure> {
    let (folder, temporary) = match given {
        Some(folder) => (folder.to_owned(), false),
        None => (std::env::temp_dir().join(format!("dunkelwerk-demo-{}", std::process::id())), true),
    };
    std::fs::create_dir_all(&folder)
        .map_err(|e| Failure::Unreachable(format!("{} cannot be created: {e}", folder.display())))?;
    Ok((folder, temporary))
}

/// When this folder was first used: the applicants' dates hang on it, so that a second run sends the same applications.
#[expect(clippy::disallowed_methods, reason = "the demo's own folder")]
fn first_start(folder: &Path) -> Result<Timestamp, Failure> {
    let path = folder.join("first-start");
    let failed = |e: std::io::Error| Failure::Unreachable(format!("{}: {e}", path.display()));
    if let Ok(text) = std::fs::read_to_string(&path) {
        return text.trim().parse().map_err(|_| Failure::Usage(format!("{} holds no time", path.display())));
    }
    let now = serve::clock();
    std::fs::write(&path, now.to_string()).map_err(failed)?;
    Ok(now)
}
