//! `cases list`, `cases show` and `cases migrate`: what is stored, for operators and for who answers a citizen.

mod migrate;
mod show;

pub use migrate::migrate;
pub use show::show;

use crate::cli::CasesList;
use crate::config::Config;
use crate::failure::Failure;
use crate::{operate, output};
use domain::berlin_iso;
use jiff::Timestamp;
use serde_json::{Value, json};
use storage::{CaseFilter, CaseRow, QuestionRow};

/// `cases list`
pub async fn list(config: &Config, arguments: &CasesList) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    let CasesList { service, state, ars, .. } = arguments;
    if let Some(register) = &arguments.waiting {
        let questions = store.open_questions(register, LAST, arguments.limit).await?;
        let line =
            |question: &QuestionRow| if arguments.json { asked(question).to_string() } else { waiting(question) };
        questions.iter().for_each(|question| output::line(&line(question)));
        return Ok(());
    }
    let filter = CaseFilter { service: service.clone(), state: state.clone(), ars: ars.clone() };
    let cases = store.cases(&filter, arguments.after, arguments.limit).await?;
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
        "next_at": berlin_iso(question.next_at), "trouble": question.trouble,
    })
}

fn waiting(question: &QuestionRow) -> String {
    let QuestionRow { application_id, service, ars, attempts, trouble, .. } = question;
    let (at, trouble) = (berlin_iso(question.asked_at), trouble.as_deref().unwrap_or_default());
    format!("{application_id}  {at}  {ars}  {attempts:>3} times  {service}  {trouble}").trim_end().to_owned()
}
