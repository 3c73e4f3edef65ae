//! Every script is tried once before it decides anything: in a child process that may die, under limits of memory and time.
//!
//! The engine's limits should hold; this is for the hole that nobody knows yet.

use crate::failure::Failure;
use crate::output;
use domain::{ApplicationId, Ars, ClientId, Decision, Digest, Land, ReferralReason, ServiceName};
use rules::{Context, Facts, RuleBook, RuleSet, SourceTree};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Peak memory of the child, beyond which it ends itself.
const MAX_KIB: u64 = 256 * 1024;
/// Loading, and then each script; many times what the operations allow.
const DEADLINE: Duration = Duration::from_secs(20);
/// As on a worker's thread, so that a script that overflows the stack does it here.
const STACK: usize = 2 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Input {
    files: BTreeMap<String, String>,
    /// The application's data; empty reaches less of a script.
    #[serde(default)]
    data: Value,
}

/// What the child says of one script.
#[derive(Serialize)]
struct Tried {
    service: String,
    land: String,
    outcome: String,
    reasons: Vec<ReferralReason>,
    micros: u64,
}

/// What the child says at its end.
#[derive(Serialize)]
struct Summary {
    refused: Vec<String>,
    micros: u64,
    peak_kib: u64,
}

/// Tries all scripts of a tree in a child process.
///
/// # Errors
/// A script that kills the child or does not end; the tree must not be activated.
pub fn run(tree: &SourceTree) -> Result<(), Failure> {
    let dead = |text: String| Failure::Unreachable(format!("the rules were not activated: {text}"));
    let exe = std::env::current_exe().map_err(|e| dead(e.to_string()))?;
    let mut child = Command::new(exe)
        .args(["rules", "trial"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| dead(format!("no child process for the trial: {e}")))?;
    let input = Input { files: without_places(tree), data: Value::Null };
    let bytes = serde_json::to_vec(&input).map_err(|e| dead(e.to_string()))?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // Written beside reading, so that neither waits for the other; a child that died says so by its exit status.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(&bytes)));
        child.wait_with_output()
    });
    let output = output.map_err(|e| dead(e.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().filter_map(|line| line.strip_prefix("? ")).next_back().unwrap_or("the first one");
    Err(dead(format!(
        "the trial of the script of {last} ended with {}; the engine's limits did not hold",
        output.status
    )))
}

/// One invented place per Land stands for all: only scripts are tried, and Kommunen have none.
fn without_places(tree: &SourceTree) -> BTreeMap<String, String> {
    let law = tree.files.iter().filter(|(path, _)| !path.starts_with("kommune/") && !path.contains("/faelle/"));
    let mut files: BTreeMap<String, String> = law.map(|(path, text)| (path.clone(), text.clone())).collect();
    let service = |path: &String| match path.split('/').collect::<Vec<_>>().as_slice() {
        ["bund" | "muster", service, "rahmen.toml"] => Some((*service).to_owned()),
        _ => None,
    };
    let services: Vec<String> = files.keys().filter_map(service).collect();
    for land in Land::ALL.iter() {
        let ars = place(*land);
        let mut text = format!("ars = \"{ars}\"\nname = \"Probe\"\nebene = \"gemeinde\"\n");
        for service in &services {
            text.push_str(&format!(
                "[[zustaendigkeit]]\ndienst = \"{service}\"\nbehoerde = \"Probe\"\nteam = \"probe\"\n"
            ));
        }
        files.insert(format!("kommune/{ars}/kommune.toml"), text);
    }
    files
}

/// An ARS that no municipality has.
fn place(land: Land) -> String {
    format!("{}9990999999", land.code())
}

/// The child: loads, tries, reports; its end is its verdict.
pub fn child() -> Result<(), Failure> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|e| Failure::Unreachable(e.to_string()))?;
    let input: Input = serde_json::from_slice(&bytes).map_err(|e| Failure::Usage(e.to_string()))?;
    let begin = Instant::now();
    let step = Arc::new(Mutex::new(begin));
    let watched = step.clone();
    std::thread::spawn(move || watch(&watched));
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || try_all(input, &step));
    let worker = worker.map_err(|e| Failure::Unreachable(e.to_string()))?;
    let refused = worker.join().map_err(|_| Failure::Findings)?;
    let micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
    let summary = Summary { refused, micros, peak_kib: memory("VmHWM:").unwrap_or_default() };
    output::line(&serde_json::to_string(&summary).unwrap_or_default());
    Ok(())
}

fn try_all(input: Input, step: &Mutex<Instant>) -> Vec<String> {
    let tree = SourceTree { files: input.files };
    let (book, findings) = RuleBook::load(&tree);
    let Some(book) = book else { return findings.iter().map(ToString::to_string).collect() };
    let data = Arc::new(input.data);
    for service in book.services() {
        let mut tried: Vec<&Arc<RuleSet>> = Vec::new();
        for ars in book.places(service) {
            let Some(rules) = book.rule_set(service, ars) else { continue };
            if tried.iter().any(|other| other.shares_scripts(rules)) {
                continue;
            }
            tried.push(rules);
            let land = ars.land().short();
            // Said before it is tried: the last one that was said is the one that died.
            output::line(&format!("? {service} ({land})"));
            let begin = Instant::now();
            *step.lock().unwrap_or_else(PoisonError::into_inner) = begin;
            let Some(decision) = decide(&book, service, ars, &data) else { continue };
            let tried = Tried {
                service: service.to_string(),
                land: land.to_owned(),
                outcome: decision.outcome.as_str().to_owned(),
                reasons: decision.referral.map(|r| r.reasons).unwrap_or_default(),
                micros: u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX),
            };
            output::line(&serde_json::to_string(&tried).unwrap_or_default());
        }
    }
    Vec::new()
}

fn decide(book: &RuleBook, service: &ServiceName, ars: &Ars, data: &Arc<Value>) -> Option<Decision> {
    let facts = Facts {
        application_id: ApplicationId(uuid::Uuid::nil()),
        id: ClientId::new("trial").ok()?,
        service: service.clone(),
        ars: ars.clone(),
        form_version: "trial".into(),
        form_digest: Digest::of(b""),
        data: data.clone(),
        decision_no: 1,
    };
    // A day on which the newest law is in force.
    let at = "2100-01-01T12:00:00Z".parse().ok()?;
    Some(book.decide(&facts, &Context::plain(at)))
}

/// Ends the process where it takes more than it may.
fn watch(step: &Mutex<Instant>) {
    loop {
        std::thread::sleep(Duration::from_millis(2));
        let begin = *step.lock().unwrap_or_else(PoisonError::into_inner);
        if begin.elapsed() > DEADLINE || memory("VmRSS:").is_some_and(|kib| kib > MAX_KIB) {
            std::process::abort();
        }
    }
}

/// A figure of this process, KiB.
#[expect(clippy::disallowed_methods, reason = "what the kernel says of this process")]
fn memory(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
