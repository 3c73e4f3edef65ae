//! `workflows/<service>/`: what a service is. Form versions, workflow, free-text fields, expected attachments, once-only
//! keys.

mod flows;

use crate::flow::Flow;
use crate::texts::Texts;
use crate::validate::Form;
use domain::{Digest, ServiceName};
use jiff::civil::{Date, date};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file of `workflows/` that cannot be used; the text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct WorkflowError {
    pub file: String,
    pub message: String,
}

/// One service.
#[derive(Debug)]
pub struct Definition {
    pub service: ServiceName,
    pub title: String,
    /// The key of the service in the Leistungskatalog (LeiKa/FIM), where one is known.
    pub leika: Option<String>,
    /// JSON pointers of free-text fields; text there brings a person.
    pub free_text: Vec<String>,
    /// JSON pointer of the field in which the applicant asks for a person (Art. 22 Abs. 3 GDPR).
    pub person: Option<String>,
    /// Names of attachments that the procedure expects.
    pub attachments: Vec<String>,
    pub once: Vec<OnceRule>,
    /// Texts for pages and notices, by name.
    pub texts: Texts,
    /// How long it keeps what is personal; nothing where its files do not say.
    pub retention: Option<Retention>,
    forms: Vec<(Date, Arc<Form>)>,
    flows: Vec<(Date, Arc<Flow>)>,
}

impl Definition {
    pub fn form(&self, version: &str) -> Option<&Arc<Form>> {
        self.forms.iter().map(|(_, form)| form).find(|form| form.version == version)
    }
    /// The newest form in force on a day.
    pub fn form_on(&self, day: Date) -> Option<&Arc<Form>> {
        newest(&self.forms, day)
    }
    pub fn form_versions(&self) -> impl Iterator<Item = &str> {
        self.forms.iter().map(|(_, form)| form.version.as_str())
    }

    pub fn flow(&self, version: &str) -> Option<&Arc<Flow>> {
        self.flows.iter().map(|(_, flow)| flow).find(|flow| flow.version == version)
    }
    /// The newest workflow in force on a day; before all of them the first.
    pub fn flow_on(&self, day: Date) -> Option<&Arc<Flow>> {
        let first = || self.flows.iter().min_by_key(|(from, _)| *from).map(|(_, flow)| flow);
        newest(&self.flows, day).or_else(first)
    }
    pub fn flow_versions(&self) -> impl Iterator<Item = &str> {
        self.flows().map(|flow| flow.version.as_str())
    }
    /// All versions, by the day from which they hold.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.iter().map(|(_, flow)| flow.as_ref())
    }
}

fn newest<T>(versions: &[(Date, T)], day: Date) -> Option<&T> {
    versions.iter().filter(|(from, _)| *from <= day).max_by_key(|(from, _)| *from).map(|(_, version)| version)
}

/// "One permit a resident", "second dog of the household": a keyed digest of declared fields, held by a unique index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnceRule {
    pub name: String,
    #[serde(rename = "bereich")]
    pub area: Area,
    #[serde(rename = "felder")]
    pub fields: Vec<String>,
    /// Result fields that bound the time of the claim.
    #[serde(default, rename = "von")]
    pub from: Option<String>,
    #[serde(default, rename = "bis")]
    pub to: Option<String>,
    /// Pointer to a list; as many are claimed as it has entries.
    #[serde(default, rename = "anzahl")]
    pub count: Option<String>,
}

/// How long everything personal about a case is kept after its end (Art. 5 Abs. 1 lit. e GDPR).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    #[serde(rename = "jahre")]
    pub years: i64,
    pub norm: String,
    #[serde(rename = "quelle")]
    pub source: String,
    #[serde(default, rename = "hinweis")]
    pub hint: Option<String>,
}

/// Where a once-only key must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    Kommune,
    Land,
    Bund,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dienst: String,
    titel: String,
    #[serde(default)]
    leika: Option<String>,
    formular: Vec<VersionEntry>,
    #[serde(default = "first_flow")]
    ablauf: Vec<VersionEntry>,
    #[serde(default)]
    bekanntgabe: Option<String>,
    freitext: FreeText,
    #[serde(default)]
    mensch_verlangt: Option<String>,
    #[serde(default)]
    anlagen: Attachments,
    #[serde(default)]
    einmal: Vec<OnceRule>,
    #[serde(default)]
    aufbewahrung: Option<Retention>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionEntry {
    version: String,
    #[serde(deserialize_with = "day")]
    ab: Date,
}

/// What a retention period can be.
const YEARS: std::ops::RangeInclusive<i64> = 1..=100;

/// Where a service names no workflow: the first one that all services share.
fn first_flow() -> Vec<VersionEntry> {
    vec![VersionEntry { version: "1".into(), ab: date(2020, 1, 1) }]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FreeText {
    felder: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachments {
    #[serde(default)]
    erwartet: Vec<String>,
}

/// A day as TOML writes it.
pub(crate) fn day<'de, D: Deserializer<'de>>(reader: D) -> Result<Date, D::Error> {
    let day = toml::value::Datetime::deserialize(reader)?;
    day.to_string().parse().map_err(|_| serde::de::Error::custom("ein Tag ohne Uhrzeit ist nötig (JJJJ-MM-TT)"))
}

/// All services.
#[derive(Debug, Default)]
pub struct WorkflowBook {
    services: BTreeMap<ServiceName, Definition>,
}

impl WorkflowBook {
    /// Loads all of `workflows/` from texts by relative path; all errors at once.
    pub fn load(files: &BTreeMap<String, String>) -> Result<Self, Vec<WorkflowError>> {
        let mut errors = Vec::new();
        let mut services = BTreeMap::new();
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with("/workflow.toml")) {
            match definition(path, text, files) {
                Ok(definition) => {
                    services.insert(definition.service.clone(), definition);
                }
                // What is wrong with a shared file is said once.
                Err(found) => found.into_iter().for_each(|error| {
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                }),
            }
        }
        if errors.is_empty() { Ok(Self { services }) } else { Err(errors) }
    }

    pub fn get(&self, service: &ServiceName) -> Option<&Definition> {
        self.services.get(service)
    }
    pub fn names(&self) -> impl Iterator<Item = &ServiceName> {
        self.services.keys()
    }
}

fn definition(path: &str, text: &str, files: &BTreeMap<String, String>) -> Result<Definition, Vec<WorkflowError>> {
    let error = |file: &str, message: String| WorkflowError { file: file.to_owned(), message };
    let file: File = toml::from_str(text).map_err(|e| vec![error(path, e.to_string())])?;
    let folder = path.trim_end_matches("workflow.toml");
    let service = match ServiceName::new(file.dienst.clone()) {
        Ok(name) if folder == format!("{name}/") => name,
        Ok(_) | Err(_) => return Err(vec![error(path, "dienst muss heißen wie der Ordner".into())]),
    };
    let mut errors = Vec::new();
    let mut forms = Vec::new();
    for entry in &file.formular {
        let form_path = format!("{folder}form/{}.schema.json", entry.version);
        let Some(schema) = files.get(&form_path) else {
            errors.push(error(&form_path, "diese Datei fehlt".into()));
            continue;
        };
        match Form::compile(&entry.version, schema) {
            Ok(form) => {
                let named = file.freitext.felder.iter().chain(&file.mensch_verlangt);
                let missing = named.filter(|pointer| !form.has_field(pointer));
                errors.extend(missing.map(|pointer| error(&form_path, format!("das Feld {pointer} fehlt"))));
                forms.push((entry.ab, Arc::new(form)));
            }
            Err(message) => errors.push(error(&form_path, message)),
        }
    }
    if file.freitext.felder.is_empty() {
        let message = "jedes Formular braucht ein Freitextfeld für besondere Umstände: schreiben Sie [freitext] felder = [\"/besondere_umstaende\"]";
        errors.push(error(path, message.into()));
    }
    if file.formular.is_empty() {
        errors.push(error(path, "es gibt kein Formular".into()));
    }
    if file.aufbewahrung.as_ref().is_some_and(|retention| !YEARS.contains(&retention.years)) {
        let message = "aufbewahrung: jahre muss zwischen 1 und 100 liegen";
        errors.push(error(path, message.into()));
    }
    let flows = flows::load(folder, &file, &forms, files, &mut errors);
    let texts_path = format!("{folder}texte.toml");
    let texts = match files.get(&texts_path).map(|text| toml::from_str(text)) {
        Some(Ok(texts)) => texts,
        Some(Err(e)) => {
            errors.push(error(&texts_path, e.to_string()));
            Texts::default()
        }
        None => Texts::default(),
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Definition {
        service,
        title: file.titel,
        leika: file.leika,
        free_text: file.freitext.felder,
        person: file.mensch_verlangt,
        attachments: file.anlagen.erwartet,
        once: file.einmal,
        texts,
        retention: file.aufbewahrung,
        forms,
        flows,
    })
}

impl Form {
    /// Content hash of the schema text: part of every rule-set hash.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}
