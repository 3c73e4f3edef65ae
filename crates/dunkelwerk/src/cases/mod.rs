//! `cases list`, `cases show` and `cases migrate`: what is stored, for operators and for who answers a citizen.

mod migrate;
mod show;

pub use migrate::migrate;
pub use show::show;

use crate::cli::{CasesList, Sources};
use crate::config::Config;
use crate::failure::Failure;
use crate::serve::clock;
use crate::{load, operate, output};
use domain::berlin_iso;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use storage::{CaseFilter, CaseRow, QuestionRow, masked};
use workflow::WorkflowBook;

/// `cases list`
pub async fn list(config: &Config, arguments: &CasesList) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    let CasesList { service, state, ars, .. } = arguments;
    if let Some(register) = &arguments.waiting {
        let waiting = store.waiting_questions().await?.into_iter().map(|row| row.register);
        let known = config.registers.iter().map(|register| register.name.clone()).chain(waiting);
        must_be_known("register", register, known.collect())?;
        let questions = store.open_questions(register, LAST, arguments.limit).await?;
        let line =
            |question: &QuestionRow| if arguments.json { asked(question).to_string() } else { waiting_text(question) };
        if !arguments.json && !questions.is_empty() {
            output::line(&format!("{:36}  {:25}  {:12}  {:>9}  service, trouble", "case", "asked", "ars", "asked"));
        }
        questions.iter().for_each(|question| output::line(&line(question)));
        return Ok(());
    }
    if let Some(service) = service {
        // Cases of a service outlive its folder.
        let stored = store.overview(clock()).await?.lines.into_iter().map(|line| line.service);
        let files = load::workflow_files(config, &Sources::default()).ok();
        let book = files.and_then(|files| WorkflowBook::load(&files).ok());
        let names: BTreeSet<String> = book.iter().flat_map(WorkflowBook::names).map(ToString::to_string).collect();
        must_be_known("service", service, stored.chain(names).collect())?;
    }
    let (service, state, ars) = (service.clone(), state.clone(), ars.clone());
    let filter = CaseFilter { service, state, ars, ..CaseFilter::default() };
    let cases = store.cases(&filter, arguments.after, arguments.limit).await?;
    if !arguments.json && !cases.is_empty() {
        let (id, at, ars, state, outcome, by) = ("case", "changed", "ars", "state", "outcome", "by");
        output::line(&format!("{id:36}  {at:25}  {ars:12}  {state:<17}  {outcome:<17}  {by:<9}  service"));
    }
    for case in &cases {
        output::line(&if arguments.json { row(case).to_string() } else { text(case) });
    }
    if cases.len() == usize::try_from(arguments.limit).unwrap_or(usize::MAX)
        && let Some(last) = cases.last()
    {
        output::error(&format!("there may be more: --after {}", last.application_id));
    }
    Ok(())
}

/// A word that nothing has is a mistake, not an empty list.
fn must_be_known(what: &str, word: &str, known: BTreeSet<String>) -> Result<(), Failure> {
    if known.contains(word) {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(Failure::Usage(format!("there is no {what} {word}; known are {}", known.join(", "))))
}

/// Later than any question is put again; within the years of every database.
const LAST: Timestamp = Timestamp::constant(4_102_444_800, 0);

fn row(case: &CaseRow) -> Value {
    json!({
        "application_id": case.application_id, "service": case.service, "ars": case.ars, "state": case.state,
        "outcome": case.outcome, "automatic": case.automatic, "updated_at": berlin_iso(case.updated_at),
        "version": case.version,
    })
}

fn text(case: &CaseRow) -> String {
    let by = if case.automatic { "automatic" } else { "person" };
    let CaseRow { application_id, service, ars, state, outcome, .. } = case;
    let at = berlin_iso(case.updated_at);
    format!("{application_id}  {at}  {ars}  {state:<17}  {outcome:<17}  {by:<9}  {service}")
}

fn asked(question: &QuestionRow) -> Value {
    json!({
        "application_id": question.application_id, "service": question.service, "ars": question.ars,
        "register": question.register, "asked_at": berlin_iso(question.asked_at), "attempts": question.attempts,
        "next_at": berlin_iso(question.next_at), "trouble": question.trouble.as_deref().map(masked),
    })
}

fn waiting_text(question: &QuestionRow) -> String {
    let QuestionRow { application_id, service, ars, attempts, trouble, .. } = question;
    let (at, trouble) = (berlin_iso(question.asked_at), trouble.as_deref().map(masked).unwrap_or_default());
    format!("{application_id}  {at}  {ars}  {attempts:>3} times  {service}  {trouble}").trim_end().to_owned()
}
