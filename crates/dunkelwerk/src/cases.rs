//! `cases list` and `cases show`: what is stored, for operators and for who answers a citizen.

use crate::cli::{CasesList, Sources};
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, operate, output};
use domain::{ApplicationId, Decision, Trace, berlin_iso, json};
use serde_json::{Value, json};
use storage::{AuditRow, CaseFilter, CaseRow, CaseView};

/// `cases list`
pub async fn list(config: &Config, arguments: &CasesList) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    let CasesList { service, state, ars, .. } = arguments;
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

fn row(case: &CaseRow) -> Value {
    json!({
        "application_id": case.application_id, "service": case.service, "ars": case.ars, "state": case.state,
        "outcome": case.outcome, "automatic": case.automatic, "updated_at": berlin_iso(case.updated_at),
    })
}

fn text(case: &CaseRow) -> String {
    let by = if case.automatic { "automatic" } else { "person" };
    let CaseRow { application_id, service, ars, state, outcome, .. } = case;
    let at = berlin_iso(case.updated_at);
    format!("{application_id}  {at}  {ars}  {state:<17}  {outcome:<17}  {by:<9}  {service}")
}

/// `cases show`
pub async fn show(config: &Config, id: ApplicationId, as_json: bool) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    let Some(view) = store.case(id).await? else {
        return Err(Failure::Usage(format!("there is no case {id}")));
    };
    let decision = decision(&view)?;
    if as_json {
        let history: Vec<Value> = view.audit.iter().map(entry).collect();
        let whole = json!({ "case": row(&view.case), "application": application(&view), "decision": decision, "history": history });
        output::line(&whole.to_string());
        return Ok(());
    }
    output::line(&text(&view.case));
    let application = &view.application;
    output::line(&format!(
        "from {} as {}; received {}, observed {}; form {}",
        application.identity.sender,
        application.identity.client_id,
        berlin_iso(application.received_at),
        berlin_iso(application.observed_at),
        application.form_version,
    ));
    if let Some(task) = &view.task {
        output::line(&format!("open task in {} since {}", task.queue, berlin_iso(task.opened_at)));
    }
    if let Some(decision) = decision {
        let workflows = load::workflows(config, &Sources::default())?;
        let definition = workflows.get(&decision.service);
        let title = definition.map_or_else(|| decision.service.to_string(), |d| d.title.clone());
        let texts = definition.map(|d| d.texts.clone()).unwrap_or_default();
        output::line("");
        output::line(authoring::explain(&decision, &title, &texts, &|_| None, true).trim_end());
    }
    output::line("\nHistory");
    for line in &view.audit {
        let payload = String::from_utf8_lossy(&line.payload);
        output::line(&format!("{}  {}  {}  {payload}", berlin_iso(line.at), line.actor, line.action));
    }
    Ok(())
}

/// The newest decision with its trace, as it was stored.
fn decision(view: &CaseView) -> Result<Option<Decision>, Failure> {
    let Some(row) = view.decisions.last() else { return Ok(None) };
    let unreadable = |e: serde_json::Error| Failure::Unreachable(format!("the stored decision cannot be read: {e}"));
    let mut decision: Decision = serde_json::from_slice(&row.decision).map_err(unreadable)?;
    decision.trace = serde_json::from_slice::<Option<Trace>>(&row.trace).map_err(unreadable)?;
    Ok(Some(decision))
}

fn application(view: &CaseView) -> Value {
    let application = &view.application;
    let body = json::parse(&application.raw).unwrap_or_default();
    json!({
        "sender": application.identity.sender, "id": application.identity.client_id, "body": body,
        "received_at": berlin_iso(application.received_at), "observed_at": berlin_iso(application.observed_at),
        "form_version": application.form_version,
    })
}

fn entry(line: &AuditRow) -> Value {
    let payload: Value = serde_json::from_slice(&line.payload).unwrap_or_default();
    json!({ "at": berlin_iso(line.at), "actor": line.actor, "action": line.action, "payload": payload })
}
