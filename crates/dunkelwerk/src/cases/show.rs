//! `cases show`: one case, and a line in the audit that somebody looked at it.

use super::{row, text};
use crate::cli::{CasesShow, Picture, Sources};
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, operate, output, serve};
use domain::{Ars, Decision, ServiceName, Trace, berlin_iso, json};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use storage::{AuditRow, CaseView, DecisionRow, Store};
use workflow::flow::{Flow, Kind, Visit};
use workflow::{Case, Effect, WorkflowBook, looked_at};

/// `cases show`
pub async fn show(config: &Config, arguments: &CasesShow) -> Result<(), Failure> {
    let id = arguments.application_id;
    let store = storage::open(&operate::database_url(config)).await?;
    let Some(view) = store.case(id).await? else {
        return Err(Failure::Usage(format!("there is no case {id}")));
    };
    let case = case(&view)?;
    let decisions = view.decisions.iter().map(decision).collect::<Result<Vec<_>, _>>()?;
    let workflows = load::workflows(config, &Sources::default())?;
    let flow = case.as_ref().and_then(|case| workflows.get(&case.service)?.flow(&case.flow));
    let lines = match (arguments.diagram, arguments.json) {
        (Some(picture), _) => vec![draw(case.as_ref(), flow, picture)?],
        (None, true) => vec![whole(&view, case.as_ref(), &decisions).to_string()],
        (None, false) => readable(&view, case.as_ref(), &decisions, flow, &workflows),
    };
    // Where that cannot be written down, nothing is shown.
    let what = if arguments.diagram.is_some() { "diagram" } else { "case" };
    written_down(config, &*store, &view, (&arguments.by, what)).await?;
    lines.iter().for_each(|line| output::line(line));
    Ok(())
}

async fn written_down(
    config: &Config,
    store: &dyn Store,
    view: &CaseView,
    (by, what): (&str, &str),
) -> Result<(), Failure> {
    let unreadable = |what: &str| Failure::Unreachable(format!("the stored {what} cannot be read"));
    let service = ServiceName::new(view.case.service.as_str()).map_err(|_| unreadable("service"))?;
    let ars = Ars::new(view.case.ars.as_str()).map_err(|_| unreadable("place"))?;
    let keys = audit::Keys::new(&config.existing_secret(Path::new("dunkelwerk-secret.key"))?);
    let now = serve::clock();
    let line =
        looked_at(&keys, (view.case.application_id, &service, &ars), by, &format!("{what}, on the command line"), now);
    store.commit(worker::batch(vec![Effect::Audit(line)], now)).await?;
    Ok(())
}

/// Nothing where it is older than the bodies of cases, or erased.
fn case(view: &CaseView) -> Result<Option<Case>, Failure> {
    let unreadable = |e: serde_json::Error| Failure::Unreachable(format!("the stored case cannot be read: {e}"));
    (!view.case.body.is_empty()).then(|| Case::read(&view.case.body)).transpose().map_err(unreadable)
}

/// A decision with its trace, as it was stored.
fn decision(row: &DecisionRow) -> Result<Decision, Failure> {
    let unreadable = |e: serde_json::Error| Failure::Unreachable(format!("the stored decision cannot be read: {e}"));
    let mut decision: Decision = serde_json::from_slice(&row.decision).map_err(unreadable)?;
    decision.trace = serde_json::from_slice::<Option<Trace>>(&row.trace).map_err(unreadable)?;
    Ok(decision)
}

fn draw(case: Option<&Case>, flow: Option<&Arc<Flow>>, picture: Picture) -> Result<String, Failure> {
    let Some((case, flow)) = case.zip(flow) else {
        let version = case.map_or("of this case", |case| case.flow.as_str());
        return Err(Failure::Usage(format!("the workflow version {version} is not loaded; set workflows")));
    };
    let way: Vec<Visit> =
        case.path.iter().map(|passed| Visit { step: passed.step.clone(), exit: passed.exit }).collect();
    Ok(match picture {
        Picture::Mermaid => flow.mermaid(&way, Some(&case.step)),
        Picture::Svg => flow.svg(&way, Some(&case.step)),
    })
}

fn whole(view: &CaseView, case: Option<&Case>, decisions: &[Decision]) -> Value {
    let application = &view.application;
    let document = |row: &storage::DocumentRow| {
        json!({
            "key": row.key, "kind": row.kind, "at": berlin_iso(row.at), "actor": row.actor,
            "body": json::parse(&row.body).unwrap_or_else(|_| String::from_utf8_lossy(&row.body).into_owned().into()),
        })
    };
    let entry = |line: &AuditRow| {
        let payload: Value = serde_json::from_slice(&line.payload).unwrap_or_default();
        json!({ "at": berlin_iso(line.at), "actor": line.actor, "action": line.action, "payload": payload })
    };
    json!({
        "case": row(&view.case), "body": case,
        "application": {
            "sender": application.identity.sender, "id": application.identity.client_id,
            "body": json::parse(&application.raw).unwrap_or_default(),
            "received_at": berlin_iso(application.received_at), "observed_at": berlin_iso(application.observed_at),
            "form_version": application.form_version,
        },
        "documents": view.documents.iter().map(document).collect::<Vec<_>>(),
        "decisions": decisions, "decision": decisions.last(),
        "history": view.audit.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn readable(
    view: &CaseView,
    case: Option<&Case>,
    decisions: &[Decision],
    flow: Option<&Arc<Flow>>,
    workflows: &WorkflowBook,
) -> Vec<String> {
    let application = &view.application;
    let mut lines = vec![
        text(&view.case),
        format!(
            "from {} as {}; received {}, observed {}; form {}",
            application.identity.sender,
            application.identity.client_id,
            berlin_iso(application.received_at),
            berlin_iso(application.observed_at),
            application.form_version,
        ),
    ];
    lines.extend(case.into_iter().flat_map(|case| standing(case, view.case.version, flow)));
    lines.extend(heading("Documents", &view.documents));
    for row in &view.documents {
        let (at, size) = (minute(row.at), row.body.len());
        lines.push(format!("{at}  {:<13}  {}  {size} bytes  {}", row.kind, row.actor, row.key));
    }
    lines.extend(heading("Decisions", decisions));
    for (decision, row) in decisions.iter().zip(&view.decisions) {
        let by = decision.decided_by.as_deref().unwrap_or(if decision.automatic { "automatic" } else { "no person" });
        let (number, outcome) = (decision.decision_no, decision.outcome.as_str());
        let grounds = decision.grounds.as_ref().map(|text| format!("  {text}")).unwrap_or_default();
        lines.push(format!("{}  {number}  {outcome:<17}  {by}{grounds}", minute(row.decided_at)));
    }
    if let Some(decision) = decisions.last() {
        let definition = workflows.get(&decision.service);
        let title = definition.map_or_else(|| decision.service.to_string(), |d| d.title.clone());
        let texts = definition.map(|d| d.texts.clone()).unwrap_or_default();
        lines.push(String::new());
        lines.push(authoring::explain(decision, &title, &texts, &|_| None, true).trim_end().to_owned());
    }
    lines.push("\nHistory".into());
    lines.extend(history(view, case));
    lines
}

fn heading<T>(title: &str, rows: &[T]) -> Option<String> {
    (!rows.is_empty()).then(|| format!("\n{title}"))
}

/// Where it stands: step, clocks, what it waits for, who has it.
fn standing(case: &Case, version: i64, flow: Option<&Arc<Flow>>) -> Vec<String> {
    let step = flow.and_then(|flow| flow.step(&case.step));
    let title = step.map(|step| format!(" ({})", step.title)).unwrap_or_default();
    let state = case.state.as_str();
    let mut lines = vec![format!("{state} at {}{title}; workflow {}, version {version}", case.step, case.flow)];
    if let Some(wait) = &case.wait {
        let register = match step.map(|step| &step.kind) {
            Some(Kind::Register(lookup)) if wait.question.is_some() => format!(" for {}", lookup.register),
            _ => String::new(),
        };
        let since = format!("waits{register} since {}", minute(wait.since));
        let more = [("until", wait.until), ("reminder", wait.remind_on)];
        lines.push(with(since, more.map(|(name, day)| Some(format!("{name} {}", day?)))));
    }
    if let Some(work) = &case.work {
        let opened = format!("open task in {} since {}: {}", work.queue, minute(work.opened_at), work.kind.as_str());
        let held = work.claim.as_ref();
        let more = [
            work.team.as_ref().map(|team| format!("team {team}")),
            held.map(|c| format!("held by {} from {} to {}", c.by, minute(c.since), minute(c.until))),
            work.assigned_to.as_ref().map(|name| format!("assigned to {name}")),
            work.follow_up.map(|day| format!("follow up {day}")),
            work.proposal.map(|outcome| format!("proposal {}", outcome.as_str())),
        ];
        lines.push(with(opened, more));
        let reasons: Vec<&str> = work.reasons.iter().map(|reason| reason.as_str()).collect();
        lines.extend((!reasons.is_empty()).then(|| format!("because of {}", reasons.join(", "))));
    }
    lines.extend(case.hints.iter().map(|hint| format!("hint: {hint}")));
    lines.extend(case.unsigned.as_ref().map(|unsigned| {
        format!("unsigned: {} by {} at {}", unsigned.decision.outcome.as_str(), unsigned.by, minute(unsigned.at))
    }));
    let clocks = &case.clocks;
    let days = [
        ("complete", clocks.complete),
        ("paused since", clocks.paused_on),
        ("inaction", clocks.inaction),
        ("fiction", clocks.fiction),
        ("erased on", case.erase_on),
    ];
    let paused = (clocks.paused_days > 0).then(|| format!("paused {} days", clocks.paused_days));
    let days = days.map(|(name, day)| Some(format!("{name} {}", day?)));
    lines.push(with(format!("clocks: received {}", clocks.received), days.into_iter().chain([paused])));
    if let Some(notice) = &case.notice {
        let days = [
            ("retrieved", notice.retrieved),
            ("retrievable until", notice.retrievable),
            ("announced", notice.announced),
            ("remedy until", notice.remedy_until),
        ];
        let sent = format!("notice {} sent {} by {}", notice.id, notice.sent, notice.way);
        lines.push(with(sent, days.map(|(name, day)| Some(format!("{name} {}", day?)))));
    }
    lines
}

/// A sentence with what else there is to say.
fn with(first: String, more: impl IntoIterator<Item = Option<String>>) -> String {
    more.into_iter().flatten().fold(first, |text, part| format!("{text}, {part}"))
}

/// What happened, in its order; under it where the case went, and by which exit.
fn history(view: &CaseView, case: Option<&Case>) -> Vec<String> {
    // The store keeps microseconds.
    let mut lines: Vec<(i64, String)> = Vec::with_capacity(view.audit.len());
    for line in &view.audit {
        let text = format!("{}  {}  {}  {}", minute(line.at), line.actor, line.action, told(line));
        lines.push((line.at.as_microsecond(), text.trim_end().to_owned()));
    }
    if let Some(case) = case {
        let next = case.path.iter().skip(1).map(|passed| &passed.step).chain([&case.step]);
        for (passed, next) in case.path.iter().zip(next) {
            let exit = passed.exit.map_or("from outside", |exit| exit.as_str());
            let text = format!("{}    {} → {next}  ({exit})", minute(passed.at), passed.step);
            lines.push((passed.at.as_microsecond(), text));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, text)| text).collect()
}

/// What a line of the audit says beyond what stands elsewhere: which case it is, where it went, digests.
fn told(line: &AuditRow) -> String {
    const ELSEWHERE: [&str; 8] = ["service", "ars", "sender", "content", "decision", "rule_set", "step", "to"];
    let payload: Map<String, Value> = serde_json::from_slice(&line.payload).unwrap_or_default();
    let told = payload.iter().filter(|(name, value)| !ELSEWHERE.contains(&name.as_str()) && !value.is_null());
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let each = told.map(|(name, what)| match name.as_str() {
        "what" => value(what),
        name => format!("{name} {}", value(what)),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// `2026-05-04 09:00`, German time.
fn minute(at: Timestamp) -> String {
    let iso = berlin_iso(at);
    iso.get(..16).unwrap_or(&iso).replace('T', " ")
}
