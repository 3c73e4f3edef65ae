//! The real program as a process: one-shot commands, and `serve` until it is stopped or dropped.

use crate::services::variable;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(45);
/// What a test's own environment says about services must not reach the program unasked.
const CLEARED: [&str; 8] = [
    "DATABASE_URL",
    "AMQP_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "RUST_LOG",
    "DUNKELWERK_CONFIG",
    "DUNKELWERK_LISTEN",
    "DUNKELWERK_TOKEN",
];

/// The program with a folder of its own, in which it runs and keeps its SQLite file and secret.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Program {
    /// `config` becomes its settings file.
    #[expect(clippy::disallowed_methods, reason = "tests write the settings of the program they start")]
    pub fn new(config: &str) -> Result<Self> {
        let path = PathBuf::from(variable("DUNKELWERK_BIN")?);
        if !path.is_file() {
            bail!("DUNKELWERK_BIN={} is no file: cargo build --release --workspace", path.display());
        }
        let folder = TempDir::new()?;
        let file = folder.path().join("dunkelwerk.toml");
        std::fs::write(&file, config)?;
        Ok(Self { path, folder, variables: Vec::new() }.with("DUNKELWERK_CONFIG", &file.to_string_lossy()))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        CLEARED.iter().for_each(|name| _ = command.env_remove(name));
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.args(arguments).envs(variables).current_dir(self.folder.path()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end with this on standard input.
    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Output> {
        let mut child = self.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().context("standard input")?;
        std::thread::scope(|scope| {
            // A program that does not read its input closes the pipe; its exit status says more about it.
            scope.spawn(move || _ = stdin.write_all(input));
            Ok(child.wait_with_output()?)
        })
    }

    /// Starts `serve` on a free port and waits until it listens.
    pub fn serve(&self) -> Result<Running> {
        self.serve_as(&[])
    }

    /// The same with more arguments.
    pub fn serve_as(&self, arguments: &[&str]) -> Result<Running> {
        let mut command = self.command(&[&["serve"], arguments].concat());
        command.env("DUNKELWERK_LISTEN", "127.0.0.1:0").stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().context("standard error")?;
        let log = Arc::new(Mutex::new(String::new()));
        let (found, address) = std::sync::mpsc::channel();
        let lines = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("dunkelwerk listens on ") {
                    let _ = found.send(address.to_owned());
                }
                let mut log = lines.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut running = Running { child, address: String::new(), log };
        match address.recv_timeout(START) {
            Ok(address) => running.address = address,
            Err(_) => bail!("serve does not listen; it wrote:\n{}", running.log()),
        }
        Ok(running)
    }
}

/// A `serve` that listens. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    /// Such as `http://127.0.0.1:40123`.
    pub fn address(&self) -> &str {
        &self.address
    }
    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Whether this very process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGTERM, and wait for an orderly end.
    pub fn stop(mut self) -> Result<ExitStatus> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        if !asked.success() {
            bail!("the process was gone already; it wrote:\n{}", self.log());
        }
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("serve did not end within {STOP:?} after SIGTERM; it wrote:\n{}", self.log())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
