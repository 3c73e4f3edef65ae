//! What both registers do with a question, whichever way it comes, and how tests disturb them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tests::population;

/// How the registers behave now.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mood {
    /// Neither answers anything.
    pub down: bool,
    /// How long an answer takes.
    pub slow_ms: u64,
    /// Questions with this text in them are refused.
    pub refuse: Option<String>,
}

/// What becomes of a question.
pub enum Said {
    Down,
    Refused(String),
    /// The answer's members beside the id of its question.
    Answer(Value),
}

/// See the module.
pub struct Desk {
    pub token: String,
    mood: Mutex<Mood>,
    log: Mutex<File>,
}

impl Desk {
    pub fn new(token: &str, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("a log that can be written");
        Self { token: token.to_owned(), mood: Mutex::default(), log: Mutex::new(log) }
    }

    pub fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().unwrap()
    }

    /// Answers a question and writes a line about it: who was asked, which question, on which way, what was said.
    pub async fn ask(&self, register: &str, way: &str, question: &Value) -> Said {
        let mood = self.mood().clone();
        tokio::time::sleep(Duration::from_millis(mood.slow_ms)).await;
        // Whoever went down while this one waited answers nothing either.
        let said = if self.mood().down { Said::Down } else { said(register, &mood, question) };
        let word = match &said {
            Said::Down => "down",
            Said::Refused(_) => "refused",
            Said::Answer(answer) if answer["found"] == true => "found",
            Said::Answer(_) => "unknown",
        };
        let id = question.get("question_id");
        let line = json!({ "register": register, "way": way, "question_id": id, "said": word });
        writeln!(self.log.lock().unwrap(), "{line}").expect("a log that can be written");
        said
    }
}

fn said(register: &str, mood: &Mood, question: &Value) -> Said {
    if question.get("register").and_then(Value::as_str) != Some(register) {
        return Said::Refused(format!("Diese Frage ist nicht an das Register {register} gerichtet."));
    }
    if mood.refuse.as_ref().is_some_and(|text| question.to_string().contains(text)) {
        return Said::Refused("Die Frage ist unvollständig: Geburtsname fehlt.".into());
    }
    let asked = question.get("question").cloned().unwrap_or_default();
    let (found, source) = match register {
        "melderegister" => (population::resident(&asked), "Melderegister der Stadt Köln"),
        "fahrzeugregister" => (population::keeper(&asked), "Zentrales Fahrzeugregister"),
        other => return Said::Refused(format!("Ein Register {other} gibt es hier nicht.")),
    };
    let at = Timestamp::now().to_string();
    Said::Answer(match found {
        Some(data) => json!({ "found": true, "data": data, "source": source, "at": at }),
        None => json!({ "found": false, "source": source, "at": at }),
    })
}
