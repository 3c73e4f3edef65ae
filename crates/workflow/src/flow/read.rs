//! Reads `ablauf/<version>.toml`. What such a file may say stands in docs/howto/ablauf.md.

use super::{Condition, Exit, Fiction, Flow, Interrupts, Kind, Lookup, Step, StepId, period};
use calendar::Period;
use domain::{Outcome, json};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// Something wrong with a workflow; the text says what to do, in German.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowError {
    /// Of the file, from 1; nothing where it is about the whole.
    pub line: Option<usize>,
    pub message: String,
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.iter().try_for_each(|line| write!(f, "Zeile {line}: "))?;
        f.write_str(&self.message)
    }
}

impl std::error::Error for FlowError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    titel: String,
    beginn: StepId,
    unterbrechung: WrittenInterrupts,
    genehmigungsfiktion: Option<Spanned<WrittenFiction>>,
    // Read one by one, so that each tells what is wrong with it.
    schritt: Vec<Spanned<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenInterrupts {
    ruecknahme: StepId,
    aenderung: StepId,
    mensch: StepId,
    wiederaufnahme: StepId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFiction {
    monate: i64,
    norm: String,
    quelle: String,
    vorwarnung_tage: i64,
    weiter: StepId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    id: StepId,
    art: String,
    titel: String,
    #[serde(default)]
    weiter: BTreeMap<Exit, StepId>,
    #[serde(default)]
    wenn: Vec<WrittenCondition>,
    frist: Option<String>,
    erinnerung: Option<String>,
    #[serde(default)]
    pausiert: bool,
    // Of some kinds only.
    register: Option<String>,
    nachweis: Option<String>,
    frage: Option<BTreeMap<String, String>>,
    team: Option<String>,
    bekanntgabe: Option<String>,
    thema: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCondition {
    #[serde(default)]
    ergebnis: Vec<String>,
    automatisch: Option<bool>,
    wiederaufgenommen: Option<bool>,
    betrag: Option<WrittenAmount>,
    feld: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAmount {
    wert: String,
    ueber: String,
}

impl Flow {
    /// Reads one version. That it is complete and ends is another question: that of the check at load.
    ///
    /// # Errors
    /// Everything that is wrong with its steps; a file that is no TOML, or lacks its head, says only that.
    pub fn read(version: &str, text: &str) -> Result<Self, Vec<FlowError>> {
        let line = |offset: usize| text.get(..offset).map(|before| before.matches('\n').count() + 1);
        let file: Written = toml::from_str(text).map_err(|e| {
            vec![FlowError {
                line: e.span().and_then(|span| line(span.start)),
                message: rules::toml_in_german(e.message()),
            }]
        })?;
        let (mut steps, mut errors) = (Vec::new(), Vec::new());
        for entry in file.schritt {
            let at = line(entry.span().start);
            match read_step(entry.into_inner(), at.unwrap_or_default()) {
                Ok(step) => steps.push(step),
                Err(found) => errors.extend(found.into_iter().map(|message| FlowError { line: at, message })),
            }
        }
        let fiction = file.genehmigungsfiktion.and_then(|entry| {
            let at = line(entry.span().start);
            read_fiction(entry.into_inner()).map_err(|message| errors.push(FlowError { line: at, message })).ok()
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        let to = file.unterbrechung;
        Ok(Self {
            version: version.to_owned(),
            title: file.titel,
            start: file.beginn,
            steps,
            interrupts: Interrupts {
                withdrawal: to.ruecknahme,
                amendment: to.aenderung,
                person: to.mensch,
                reopening: to.wiederaufnahme,
            },
            fiction,
        })
    }
}

fn read_fiction(written: WrittenFiction) -> Result<Fiction, String> {
    let WrittenFiction { monate: months, norm, quelle: source, vorwarnung_tage: warning_days, weiter: next } = written;
    if months < 1 || norm.trim().is_empty() || source.trim().is_empty() {
        return Err("[genehmigungsfiktion] braucht monate ab 1 und norm und quelle, die sie anordnen".into());
    }
    if warning_days < 1 {
        return Err("[genehmigungsfiktion] braucht vorwarnung_tage ab 1: wann jemand von der Fiktion erfährt".into());
    }
    Ok(Fiction { months, norm, source, warning_days, next })
}

fn read_step(table: toml::Table, line: usize) -> Result<Step, Vec<String>> {
    let named = table.get("id").and_then(toml::Value::as_str).map(|id| format!("Schritt „{id}“: "));
    let named = |message: String| format!("{}{message}", named.as_deref().unwrap_or("ein Schritt: "));
    let mut written: WrittenStep =
        table.try_into().map_err(|e: toml::de::Error| vec![named(rules::toml_in_german(e.message()))])?;
    let mut errors = Vec::new();
    if !is_name(&written.id) {
        errors.push(format!("die id besteht aus {NAME}"));
    }
    if written.titel.trim().is_empty() {
        errors.push("titel ist leer: sagen Sie, was hier geschieht".into());
    }
    let deadline = read_period("frist", written.frist.take(), &mut errors);
    let reminder = read_period("erinnerung", written.erinnerung.take(), &mut errors);
    let conditions: Vec<_> = std::mem::take(&mut written.wenn).into_iter().map(read_condition).collect();
    let kind = read_kind(&mut written, &mut errors);
    let mut when = Vec::new();
    for condition in conditions {
        condition.map_or_else(|found| errors.push(found), |condition| when.push(condition));
    }
    match kind.filter(|_| errors.is_empty()) {
        Some(kind) => Ok(Step {
            id: written.id,
            title: written.titel,
            line,
            kind,
            exits: written.weiter,
            when,
            deadline,
            reminder,
            pauses: written.pausiert,
        }),
        None => Err(errors.into_iter().map(named).collect()),
    }
}

fn read_period(key: &str, text: Option<String>, errors: &mut Vec<String>) -> Option<Period> {
    let text = text?;
    let read = period::read(&text);
    if read.is_none() {
        errors.push(format!("{key} = \"{text}\": schreiben Sie etwa \"14 Tage\", \"6 Wochen\" oder \"1 Monat\""));
    }
    read
}

/// The kind with what belongs to it; keys that belong to another kind are refused.
fn read_kind(written: &mut WrittenStep, errors: &mut Vec<String>) -> Option<Kind> {
    let art = written.art.clone();
    let lacks = |key: &str| format!("zur Art „{art}“ gehört der Schlüssel {key}");
    let kind = match art.as_str() {
        "formular" => Kind::Form,
        "register" => {
            let mut text = |key: &str, value: Option<String>| {
                value.filter(|text| is_name(text)).or_else(|| {
                    errors.push(format!("{}, aus {NAME}", lacks(key)));
                    None
                })
            };
            let register = text("register", written.register.take());
            let evidence = text("nachweis", written.nachweis.take());
            let question = written.frage.take().filter(|question| !question.is_empty());
            if question.is_none() {
                errors.push(lacks("frage = { name = \"/feld\" }"));
            }
            Kind::Register(Lookup { register: register?, question: question?, evidence: evidence? })
        }
        "entscheidung" => Kind::Decide,
        "sachbearbeitung" => Kind::Desk { team: written.team.take() },
        "gegenzeichnung" => Kind::Countersign { team: written.team.take() },
        "nachforderung" => Kind::Correction,
        "anhoerung" => Kind::Hearing,
        // Where the step does not say it, the service does: filled in when the definition is loaded.
        "bescheid" => Kind::Notice { way: written.bekanntgabe.take().unwrap_or_default() },
        "veroeffentlichung" => {
            let topic = written.thema.take().filter(|topic| is_topic(topic));
            if topic.is_none() {
                errors.push(format!("{}, aus kleinen Buchstaben, Ziffern, - und Punkten dazwischen", lacks("thema")));
            }
            Kind::Publish { topic: topic? }
        }
        "nachkontrolle" => Kind::Control,
        "rechtsbehelf" => Kind::Remedy,
        "abgabe" => Kind::Forward,
        "ende" => Kind::End,
        _ => {
            errors.push(format!("die Art „{art}“ gibt es nicht; möglich sind {}", KINDS.join(", ")));
            return None;
        }
    };
    let left = [
        ("register", written.register.is_some()),
        ("nachweis", written.nachweis.is_some()),
        ("frage", written.frage.is_some()),
        ("team", written.team.is_some()),
        ("bekanntgabe", written.bekanntgabe.is_some()),
        ("thema", written.thema.is_some()),
    ];
    let left = left.iter().filter(|(_, there)| *there);
    errors.extend(left.map(|(key, _)| format!("{key} gehört nicht zur Art „{art}“: nehmen Sie den Schlüssel heraus")));
    Some(kind)
}

/// The words of all kinds, as [`Kind::as_str`] gives them.
pub(super) const KINDS: [&str; 13] = [
    "formular",
    "register",
    "entscheidung",
    "sachbearbeitung",
    "gegenzeichnung",
    "nachforderung",
    "anhoerung",
    "bescheid",
    "veroeffentlichung",
    "nachkontrolle",
    "rechtsbehelf",
    "abgabe",
    "ende",
];

fn read_condition(written: WrittenCondition) -> Result<Condition, String> {
    let german = |word: &String| {
        let known = Outcome::ALL.into_iter();
        known.clone().find(|outcome| outcome.german() == word).ok_or_else(|| {
            let words: Vec<&str> = known.map(Outcome::german).collect();
            format!("wenn: das Ergebnis „{word}“ gibt es nicht; möglich sind {}", words.join(", "))
        })
    };
    let amount = |amount: WrittenAmount| match json::decimal(&amount.ueber) {
        Some(limit) => Ok((amount.wert, limit)),
        None => Err(format!("wenn: ueber = \"{}\" ist kein Betrag; schreiben Sie etwa \"1000.00\"", amount.ueber)),
    };
    let condition = Condition {
        outcome: written.ergebnis.iter().map(german).collect::<Result<_, _>>()?,
        automatic: written.automatisch,
        reopened: written.wiederaufgenommen,
        above: written.betrag.map(amount).transpose()?,
        field: written.feld,
    };
    if condition == Condition::default() {
        return Err("wenn: eine Bedingung ohne Angabe gilt immer; nehmen Sie sie heraus".into());
    }
    Ok(condition)
}

const NAME: &str = "kleinen Buchstaben, Ziffern, - und _; am Anfang ein Buchstabe";

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
}

fn is_topic(text: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    text.split('.').all(word)
}
