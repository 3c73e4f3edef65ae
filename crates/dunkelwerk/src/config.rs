//! Settings: one TOML file and a few environment variables, read once. Unknown keys are refused.

use crate::failure::Failure;
use crate::registers::{self, RegisterSettings};
use domain::{Land, Secret, Sender};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use worker::StormSettings;
use workflow::{Official, Risk};

#[cfg(test)]
mod samples;

/// The settings file with its defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Option<SocketAddr>,
    secret_file: Option<PathBuf>,
    rules: Option<PathBuf>,
    workflows: Option<PathBuf>,
    sender: Vec<Sender>,
    limits: Limits,
    risk_file: Option<PathBuf>,
    audit_sink: Option<PathBuf>,
    official: Vec<Official>,
    register: Vec<RegisterSettings>,
    storm: StormSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    /// Days that a claimed receipt may lie before the observed one.
    backdating_days: i64,
    /// Days after which the raw message of a failure is deleted.
    failure_days: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { backdating_days: 30, failure_days: worker::FAILURE_DAYS }
    }
}

/// All settings of one process.
#[derive(Debug)]
pub struct Config {
    pub listen: Option<SocketAddr>,
    pub database_url: Option<String>,
    pub amqp_url: Option<String>,
    pub otlp: Option<String>,
    pub rules: Option<PathBuf>,
    pub workflows: Option<PathBuf>,
    pub senders: Vec<Sender>,
    pub backdating_days: i64,
    pub failure_days: i64,
    pub storm: StormSettings,
    pub risk: Risk,
    pub officials: Vec<Official>,
    pub registers: Vec<RegisterSettings>,
    secret_file: Option<PathBuf>,
    audit_sink: Option<PathBuf>,
    /// The settings file itself.
    path: Option<PathBuf>,
}

impl Config {
    /// Reads the settings file again; what a running process can change afterwards is rules, workflows, risk and
    /// officials.
    pub fn reread(&mut self) -> Result<(), Failure> {
        let now = Self::read(self.path.as_deref())?;
        (self.rules, self.workflows, self.risk) = (now.rules, now.workflows, now.risk);
        self.officials = now.officials;
        Ok(())
    }

    /// Reads file and environment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment and the settings file")]
    pub fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let file: File = match path {
            None => File::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| Failure::Unreachable(format!("{} cannot be read: {e}", path.display())))?;
                toml::from_str(&text).map_err(|e| Failure::Usage(format!("{}: {e}", path.display())))?
            }
        };
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let listen = match environment("DUNKELWERK_LISTEN") {
            Some(text) => {
                Some(text.parse().map_err(|_| Failure::Usage("DUNKELWERK_LISTEN must be ADDRESS:PORT".into()))?)
            }
            None => file.listen,
        };
        if let Some(sender) = file.sender.iter().find(|s| s.trusted_evidence.iter().any(|k| k == Sender::EVERY_KIND)) {
            let text = format!("sender {}: trusted_evidence names each kind; \"*\" is no kind", sender.name);
            return Err(Failure::Usage(text));
        }
        people(&file.official).and_then(|()| registers::check(&file.register)).map_err(Failure::Usage)?;
        if let Some(fault) = file.storm.fault() {
            return Err(Failure::Usage(format!("[storm] {fault}")));
        }
        if file.limits.failure_days < 1 {
            return Err(Failure::Usage("[limits] failure_days must be at least 1".into()));
        }
        let risk_file = environment("DUNKELWERK_RISK").map(PathBuf::from).or(file.risk_file);
        let risk = risk_file.as_deref().map(risk).transpose()?.unwrap_or_default();
        Ok(Self {
            listen,
            database_url: environment("DATABASE_URL"),
            amqp_url: environment("AMQP_URL"),
            otlp: environment("OTEL_EXPORTER_OTLP_ENDPOINT")
                .or_else(|| environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")),
            rules: file.rules,
            workflows: file.workflows,
            senders: file.sender,
            backdating_days: file.limits.backdating_days,
            failure_days: file.limits.failure_days,
            storm: file.storm,
            risk,
            officials: file.official,
            registers: file.register,
            secret_file: file.secret_file,
            audit_sink: environment("DUNKELWERK_AUDIT_SINK").map(PathBuf::from).or(file.audit_sink),
            path: path.map(Path::to_owned),
        })
    }

    /// Where the audit is witnessed: as configured, else beside the SQLite file that the program makes itself.
    pub fn audit_sink(&self) -> Option<PathBuf> {
        let own = self.database_url.is_none().then(|| PathBuf::from("dunkelwerk-audit.ndjson"));
        self.audit_sink.clone().or(own)
    }

    /// The master secret that is there already: what is proved with a new one proves nothing.
    pub fn existing_secret(&self, fallback: &Path) -> Result<Secret, Failure> {
        let path = self.secret_file.as_deref().unwrap_or(fallback);
        if !path.exists() {
            return Err(Failure::Usage(format!("there is no secret file {}; set secret_file", path.display())));
        }
        self.secret(path)
    }

    /// The master secret: from the configured file, or from `fallback`, which is made on first use.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads and makes the secret")]
    pub fn secret(&self, fallback: &Path) -> Result<Secret, Failure> {
        let path = self.secret_file.as_deref().unwrap_or(fallback);
        let unreadable = |e: std::io::Error| Failure::Unreachable(format!("secret file {}: {e}", path.display()));
        if self.secret_file.is_none() && !path.exists() {
            let mut bytes = [0; 32];
            aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure::Unreachable("no randomness".into()))?;
            write_private(path, &bytes).map_err(unreadable)?;
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        if bytes.len() < 32 {
            return Err(Failure::Usage(format!("secret file {} must have at least 32 bytes", path.display())));
        }
        Ok(Secret::new(&bytes))
    }

    /// A sender for loopback, where nobody configured one: its token is `demo`.
    pub fn built_in_sender() -> Result<Sender, Failure> {
        let name = domain::SenderName::new("demo").map_err(|e| Failure::Usage(e.to_string()))?;
        Ok(Sender { token_sha256: Some(domain::Digest::of(b"demo").hex()), ..Sender::for_trying(name) })
    }
}

/// Names under which no person acts.
const NOBODY: [&str; 3] = ["dunkelwerk", "storm", "local page"];

/// Names that are unique, places, rights and hashes that are some, deputies that are there.
fn people(officials: &[Official]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut tokens = BTreeSet::new();
    for official in officials {
        if let Some(fault) = official.fault().or_else(|| fault(official)) {
            return Err(format!("official {}: {fault}", official.name));
        }
        if !names.insert(&official.name) || official.token_sha256.as_ref().is_some_and(|hash| !tokens.insert(hash)) {
            return Err(format!("official {}: name and token_sha256 must be its own", official.name));
        }
    }
    let known = |official: &Official| official.deputy.iter().find(|deputy| !names.contains(&deputy.name)).cloned();
    match officials.iter().find_map(|official| Some((official, known(official)?))) {
        Some((official, odd)) => Err(format!("official {}: the deputy {} is no official", official.name, odd.name)),
        None => Ok(()),
    }
}

/// What would let somebody in or keep somebody out without anybody noticing.
fn fault(official: &Official) -> Option<String> {
    let hex = |hash: &String| hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let land = |place: &&String| place.get(..2).and_then(Land::from_code).is_none();
    if NOBODY.contains(&official.name.as_str()) {
        return Some("name: nobody is called that; the program itself acts under it".to_owned());
    }
    if official.token_sha256.as_ref().is_some_and(|hash| !hex(hash)) {
        return Some("token_sha256: write the SHA-256 of the token as 64 lower-case hex digits".to_owned());
    }
    if official.rights.is_empty() {
        return Some("rights: name at least one of decide, countersign, lead, control, operate".to_owned());
    }
    let odd = official.places.iter().find(land);
    odd.map(|place| format!("place \"{place}\": an ARS begins with 01 to 16, for its Land"))
}

/// The risk settings: who may read them is a right of its own.
fn risk(path: &Path) -> Result<Risk, Failure> {
    let text = private_text(path, "risk file")?;
    toml::from_str(&text).map_err(|e| Failure::Usage(format!("{}: {e}", path.display())))
}

/// A file that must not be open to everyone on the machine.
#[expect(clippy::disallowed_methods, reason = "the one place that reads files of the settings")]
pub fn private_text(path: &Path, what: &str) -> Result<String, Failure> {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o007;
    let unreadable = |e: std::io::Error| Failure::Unreachable(format!("{what} {}: {e}", path.display()));
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
    if mode & OTHERS != 0 {
        let path = path.display();
        return Err(Failure::Usage(format!("{what} {path} is open to everyone; run: chmod o-rwx {path}")));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// Readable by its owner only, and there as a whole or not at all: two processes may start at once.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        // Another process was first: its secret counts.
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: &str) -> String {
        let hash = "0123456789abcdef".repeat(4);
        let whole = [
            ("name", "name = \"Amsel\"".to_owned()),
            ("token_sha256", format!("token_sha256 = \"{hash}\"")),
            ("places", "places = [\"05315\"]".to_owned()),
            ("rights", "rights = [\"decide\"]".to_owned()),
        ];
        let name = change.split(' ').next().unwrap();
        let lines =
            whole.iter().map(|(own, line)| if *own == name { change } else { line.as_str() }).collect::<Vec<_>>();
        let file: File = toml::from_str(&format!("[[official]]\n{}\n", lines.join("\n"))).unwrap();
        people(&file.official).err().unwrap_or_default()
    }

    #[test]
    fn an_official_who_could_never_sign_in_or_do_anything_is_refused_by_name() {
        assert_eq!(refused("nothing = 1"), "");
        let upper = format!("token_sha256 = \"{}\"", "AB".repeat(32));
        for (change, part) in [
            ("name = \"storm\"", "nobody is called that"),
            ("name = \"\"", "1-64 characters"),
            ("token_sha256 = \"secret\"", "64 lower-case hex digits"),
            (upper.as_str(), "64 lower-case hex digits"),
            ("rights = []", "at least one"),
            ("places = [\"99\"]", "01 to 16"),
            ("places = [\"053\", \"0531\"]", "0531"),
        ] {
            let text = refused(change);
            assert!(text.starts_with("official ") && text.contains(part), "{change}: {text}");
        }
    }
}
