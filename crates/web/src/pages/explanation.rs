//! Why a decision came out as it did: checks, parameters with their chain of norms, tables, functions, facts.

use super::format;
use domain::{Decision, LayerNorm, ParameterUsed, Reason, TableUsed, Trace, german};

/// A name and a value.
pub(super) struct Row {
    pub label: String,
    pub value: String,
}

pub(super) fn row(label: &str, value: String) -> Row {
    Row { label: label.to_owned(), value }
}

#[derive(Default)]
pub(super) struct Explanation {
    pub checks: Vec<CheckView>,
    pub dates: Vec<Row>,
    pub parameters: Vec<ParameterView>,
    pub tables: Vec<TableView>,
    pub functions: Vec<Row>,
    pub facts: Vec<Row>,
    /// The rule error in the engine's words.
    pub error: Option<String>,
}

pub(super) struct CheckView {
    pub reason: Reason,
    /// Not fulfilled, and nothing follows.
    pub hint: bool,
}

/// A parameter with where its value comes from.
pub(super) struct ParameterView {
    pub name: String,
    pub value: String,
    pub level: &'static str,
    pub norm: String,
    pub source: String,
    pub valid_from: String,
    /// From the federal norm down to the level that set the value.
    pub chain: Vec<Row>,
    /// Nobody has verified it.
    pub unverified: bool,
}

pub(super) struct TableView {
    pub parameter: String,
    pub key: String,
    pub row: String,
    pub at: String,
}

impl Explanation {
    pub(super) fn new(decision: Option<&Decision>, trace: Option<Trace>) -> Self {
        let trace = trace.unwrap_or_default();
        let reasons = decision.map(|d| d.reasons.clone()).unwrap_or_default();
        let dates = decision.map(|d| &d.reference_dates).into_iter().flatten();
        let function = |f: domain::FunctionUsed| Row { label: f.name, value: f.level.title().to_owned() };
        let fact = |f: domain::Fact| Row { label: f.pointer, value: format::value(&f.value) };
        let checks = if trace.checks.is_empty() { reasons } else { trace.checks };
        let check =
            |reason: Reason| CheckView { hint: !reason.fulfilled && trace.hints.contains(&reason.check), reason };
        Self {
            checks: checks.into_iter().map(check).collect(),
            dates: dates.map(|(name, day)| row(&format::label(name), german::text(day))).collect(),
            parameters: trace.parameters.into_iter().map(parameter).collect(),
            tables: trace.tables.into_iter().map(table).collect(),
            functions: trace.functions.into_iter().map(function).collect(),
            facts: trace.facts.into_iter().map(fact).collect(),
            error: trace.error,
        }
    }
}

fn parameter(used: ParameterUsed) -> ParameterView {
    let link = |step: &LayerNorm| row(step.level.title(), step.norm.clone());
    let mut chain: Vec<Row> = used.through.iter().map(link).collect();
    // The last link is the norm that sets the value.
    if used.through.last().is_none_or(|last| last.norm != used.norm) {
        chain.push(row(used.level.title(), used.norm.clone()));
    }
    ParameterView {
        value: format::value(&used.value),
        level: used.level.title(),
        valid_from: german::text(&used.valid_from),
        name: used.name,
        norm: used.norm,
        source: used.source,
        unverified: used.unverified,
        chain,
    }
}

fn table(used: TableUsed) -> TableView {
    TableView { parameter: used.parameter, key: format::value(&used.key), row: format::value(&used.row), at: used.at }
}
