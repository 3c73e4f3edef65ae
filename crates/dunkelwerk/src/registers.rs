//! Registers of the settings: checked, and wired as something that can be asked.

use crate::config;
use crate::failure::Failure;
use crate::serve::clock;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use worker::{AmqpSettings, HttpRegister, HttpSettings, MessageRegister, Register};

/// How one register is asked: over HTTP at `url`, or by message with `routing_key`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterSettings {
    /// As workflows name it.
    pub name: String,
    #[serde(default)]
    url: Option<String>,
    /// File with the bearer token for `url`.
    #[serde(default)]
    token_file: Option<PathBuf>,
    /// How long an answer over HTTP may take.
    #[serde(default = "ten")]
    seconds: u64,
    #[serde(default)]
    routing_key: Option<String>,
    /// Its user at RabbitMQ: nobody else's answers by message count.
    #[serde(default)]
    amqp_user: Option<String>,
}

fn ten() -> u64 {
    10
}

/// Longest time for one answer: others wait behind it.
const MAX_SECONDS: u64 = 60;

/// Whether every register can be asked in exactly one way; otherwise a sentence.
pub fn check(registers: &[RegisterSettings]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for register in registers {
        let wrong = |what: &str| Err(format!("register {}: {what}", register.name));
        let RegisterSettings { name, url, token_file, seconds, routing_key, amqp_user } = register;
        if !names.insert(name) {
            return wrong("is there twice");
        }
        if url.is_some() == routing_key.is_some() {
            return wrong("set either url (HTTP) or routing_key (AMQP)");
        }
        if routing_key.is_some() != amqp_user.is_some() {
            return wrong("routing_key needs amqp_user, the RabbitMQ user whose answers count, and url needs none");
        }
        if token_file.is_some() && url.is_none() {
            return wrong("token_file is for url");
        }
        if !(1..=MAX_SECONDS).contains(seconds) {
            return wrong("seconds must be between 1 and 60");
        }
    }
    Ok(())
}

/// All registers of a process.
#[derive(Default)]
pub struct Registers {
    pub asked: Vec<Arc<dyn Register>>,
    /// Who answers by message: RabbitMQ user by name of the register.
    pub users: BTreeMap<String, String>,
}

impl Registers {
    /// # Errors
    /// An address, token or broker that is missing or cannot be used.
    pub fn wire(settings: &[RegisterSettings], amqp: Option<&AmqpSettings>) -> Result<Self, Failure> {
        let mut registers = Self::default();
        for register in settings {
            let wrong = |text: String| Failure::Usage(format!("register {}: {text}", register.name));
            let name = register.name.clone();
            if let Some(url) = &register.url {
                let token = register.token_file.as_deref().map(token).transpose()?;
                let timeout = Duration::from_secs(register.seconds);
                let http = HttpRegister::new(HttpSettings { name, url: url.clone(), token, timeout }, Arc::new(clock));
                registers.asked.push(Arc::new(http.map_err(wrong)?));
            } else if let Some((key, user)) = register.routing_key.as_ref().zip(register.amqp_user.as_ref()) {
                let amqp = amqp.ok_or_else(|| wrong("routing_key needs a broker; set AMQP_URL".into()))?;
                registers.users.insert(name.clone(), user.clone());
                registers.asked.push(Arc::new(MessageRegister::new(name, key.clone(), amqp.clone())));
            }
        }
        Ok(registers)
    }

    pub fn names(&self) -> BTreeSet<String> {
        self.asked.iter().map(|register| register.name().to_owned()).collect()
    }
}

/// The one line of a token file.
fn token(path: &Path) -> Result<String, Failure> {
    let text = config::private_text(path, "token file")?;
    let token = text.trim();
    if token.is_empty() {
        return Err(Failure::Usage(format!("token file {} is empty", path.display())));
    }
    Ok(token.to_owned())
}
