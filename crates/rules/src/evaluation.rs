//! One evaluation in progress: what scripts may see, and the record of what they did.

use crate::decide::Facts;
use crate::document::Root;
use crate::grammar::Parameter;
use crate::layers::RuleSet;
use crate::table::{Cell, Row};
use domain::{
    Ars, Channel, Decimal, FunctionUsed, Level, ParameterUsed, ReferralReason, TableUsed, TrustLevel, german,
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everything variable around a decision. Stored with it, so that replay needs no clock and no configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// End of machine processing.
    pub decided_at: Timestamp,
    /// Legal receipt: claimed where the sender may claim it, else observed.
    pub received_at: Timestamp,
    pub channel: Channel,
    pub trust_level: TrustLevel,
    /// Evidence that counts (from senders trusted for its kind), by kind.
    pub evidence: BTreeMap<String, Value>,
    /// Something stands in a free-text field (§ 24 Abs. 1 S. 3 VwVfG and siblings).
    pub free_text: bool,
    /// Attachments that the form does not ask for.
    pub unexpected_attachments: bool,
    /// Claimed receipt lies further back than the configured days.
    pub backdated: bool,
    /// Earlier claims of the application's once-only keys, by key name.
    pub earlier: BTreeMap<String, Vec<EarlierClaim>>,
    /// Drawn for the random sample.
    pub sample: bool,
    /// Risk flags raised by settings outside the rules.
    pub risk: bool,
    /// A stop switch covers this application.
    pub stopped: bool,
    /// Stop switches that depend on a computed amount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped_over: Vec<StopOver>,
    /// The applicant wants a person to decide (Art. 22 Abs. 3 GDPR).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub person_requested: bool,
    /// Why a person decides whatever the rules say: what happened in the case before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refer: Vec<ReferralReason>,
}

impl Context {
    /// Nothing special: received and decided at one moment, online, without evidence. For trials, tests and benchmarks.
    pub fn plain(at: Timestamp) -> Self {
        Self {
            decided_at: at,
            received_at: at,
            channel: Channel::default(),
            trust_level: TrustLevel::default(),
            evidence: BTreeMap::new(),
            free_text: false,
            unexpected_attachments: false,
            backdated: false,
            earlier: BTreeMap::new(),
            sample: false,
            risk: false,
            stopped: false,
            stopped_over: Vec::new(),
            person_requested: false,
            refer: Vec::new(),
        }
    }
}

/// A stop switch for amounts: results above it go to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopOver {
    /// Name of the result, such as `gebuehr`.
    pub result: String,
    #[serde(with = "domain::decimal_text")]
    pub above: Decimal,
}

/// An earlier application that used a once-only key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierClaim {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
}

impl EarlierClaim {
    /// Whether it touches a period; a claim without dates always does.
    pub fn overlaps(&self, from: Date, to: Date) -> bool {
        self.from.is_none_or(|f| f <= to) && self.to.is_none_or(|t| from <= t)
    }
}

pub(crate) struct Recorded {
    pub id: String,
    pub fulfilled: bool,
    pub text: String,
}

#[derive(Default)]
pub(crate) struct Record {
    pub checks: Vec<Recorded>,
    pub facts: BTreeMap<String, Value>,
    pub parameters: BTreeMap<String, ParameterUsed>,
    pub tables: Vec<TableUsed>,
    /// What stands in `tables` already: parameter, place of the row, keys.
    tables_seen: BTreeSet<(String, String, BTreeMap<String, Cell>)>,
    pub functions: BTreeSet<FunctionUsed>,
    /// Values that were used though nobody has verified them, as sentences.
    pub unverified: BTreeSet<String>,
    /// Why the script could not go on, where it was not an error of its own.
    pub missing: Option<(ReferralReason, String)>,
}

/// Upper bound of recorded checks, facts and table rows; a script that passes it is referred.
pub(crate) const MAX_RECORDS: usize = 1_000;

/// What host functions may do in one evaluation, in bytes and rows looked at. rhai's operations count calls, not what
/// a call costs. A decision of fifteen checks spends some ten thousand.
const MAX_WORK: u64 = 2_000_000;

pub(crate) struct Evaluation {
    pub rules: Arc<RuleSet>,
    /// The place of the application; the office that decides may serve several.
    pub ars: Ars,
    pub data: Arc<Value>,
    pub evidence: Value,
    pub dates: BTreeMap<String, Date>,
    pub channel: Channel,
    pub trust_level: TrustLevel,
    pub earlier: BTreeMap<String, Vec<EarlierClaim>>,
    record: Mutex<Record>,
    work: AtomicU64,
}

impl Evaluation {
    pub fn new(rules: Arc<RuleSet>, facts: &Facts, dates: BTreeMap<String, Date>, context: &Context) -> Self {
        Self {
            rules,
            ars: facts.ars.clone(),
            data: facts.data.clone(),
            evidence: Value::Object(context.evidence.clone().into_iter().collect()),
            dates,
            channel: context.channel,
            trust_level: context.trust_level,
            earlier: context.earlier.clone(),
            record: Mutex::default(),
            work: AtomicU64::new(0),
        }
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pays for work of a host function.
    pub fn spend(&self, units: usize) -> Result<(), String> {
        let units = u64::try_from(units).unwrap_or(u64::MAX).saturating_add(1);
        let before = self.work.fetch_add(units.min(MAX_WORK), Ordering::Relaxed);
        if before + units > MAX_WORK { Err("die Regel ist zu aufwendig".into()) } else { Ok(()) }
    }

    pub fn fact(&self, root: Root, pointer: &str, value: &Value) -> Result<(), String> {
        self.spend(pointer.len())?;
        let key = match root {
            Root::Application => pointer.to_owned(),
            Root::Evidence => format!("nachweise{pointer}"),
        };
        let mut record = self.record();
        if record.facts.len() >= MAX_RECORDS && !record.facts.contains_key(&key) {
            return Err("zu viele Felder in einer Entscheidung".into());
        }
        record.facts.entry(key).or_insert_with(|| value.clone());
        Ok(())
    }

    /// The day that picks a parameter's version, and a table's row.
    pub fn day_of(&self, declared: &Parameter) -> Result<Date, String> {
        let name = self.rules.base.reference_date(declared);
        self.dates.get(name).copied().ok_or_else(|| format!("der Stichtag „{name}“ fehlt"))
    }

    /// A parameter's value on its reference date, recorded with its way through the layers.
    pub fn parameter(&self, name: &str) -> Result<Option<crate::value::Value>, String> {
        let base = &self.rules.base;
        let declared = base.parameter(name).ok_or_else(|| format!("parameter.{name} ist im Rahmen nicht erklärt"))?;
        let date_name = base.reference_date(declared);
        let day = self.day_of(declared)?;
        let Some(version) = self.rules.value(name, day) else {
            if declared.pflicht {
                let text = format!("Für „{name}“ gilt am {day} kein Wert.");
                self.record().missing = Some((ReferralReason::NotConfigured, text.clone()));
                return Err(text);
            }
            return Ok(None);
        };
        let mut record = self.record();
        if version.unverified() {
            let what = declared.description.as_deref().unwrap_or(name);
            let from = german::day(version.from);
            let text = format!("Nicht geprüft ist der Wert „{what}“ (ab {from}; Quelle: {}).", version.source);
            record.unverified.insert(text);
        }
        record.parameters.entry(name.to_owned()).or_insert_with(|| ParameterUsed {
            name: name.to_owned(),
            value: version.value.json(),
            level: version.level,
            norm: version.norm.clone(),
            source: version.source.clone(),
            valid_from: version.from.to_string(),
            reference_date: format!("{date_name} {day}"),
            through: version.through.clone(),
            unverified: version.unverified(),
        });
        Ok(Some(version.value.clone()))
    }

    pub fn table_row(&self, parameter: &str, keys: &BTreeMap<String, Cell>, row: &Row, columns: &[String]) -> bool {
        let mut record = self.record();
        if row.unverified {
            record.unverified.insert(format!("Nicht geprüft ist eine Zeile der Tabelle „{parameter}“ ({}).", row.at));
        }
        if !record.tables_seen.insert((parameter.to_owned(), row.at.clone(), keys.clone())) {
            return true;
        }
        if record.tables.len() >= MAX_RECORDS {
            return false;
        }
        let cells = columns.iter().cloned().zip(row.keys.iter().map(Cell::json));
        let used = TableUsed {
            parameter: parameter.to_owned(),
            key: keys.iter().map(|(k, v)| (k.clone(), v.json())).collect(),
            row: cells.chain([("wert".to_owned(), row.value.json())]).collect(),
            at: row.at.clone(),
        };
        record.tables.push(used);
        true
    }

    pub fn ran(&self, name: &str, level: Level) {
        self.record().functions.insert(FunctionUsed { name: name.to_owned(), level });
    }
}
