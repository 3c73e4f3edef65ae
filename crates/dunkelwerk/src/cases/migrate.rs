//! `cases migrate`: open cases go on by another version of their workflow, each through the machine like a command.

use crate::cli::CasesMigrate;
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, operate, output, serve};
use domain::{ApplicationId, Land, ServiceName};
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use storage::{CaseFilter, Store};
use tokio_util::sync::CancellationToken;
use worker::{Advanced, AmqpSettings, EventPublisher, Metrics, NoBroker, Pipeline, Publish, Runtime};
use workflow::{CaseEvent, CaseState, Command, Dossier, Office, Official, Refusal, Right, Surroundings};

/// Cases read and stepped at once.
const PAGE: u32 = 256;
/// How often a case is tried that others are working on.
const TRIES: u32 = 3;

/// Runs the command.
pub async fn migrate(config: &Config, arguments: &CasesMigrate) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    let secret = config.existing_secret(Path::new("dunkelwerk-secret.key"))?;
    let office = load::office(config, &arguments.sources, config.senders.clone(), &secret)?;
    let service = known(&office, arguments)?;
    let filter = CaseFilter { service: Some(service.to_string()), ars: arguments.ars.clone(), ..CaseFilter::default() };
    let ids = open_cases(&*store, &filter).await?;
    let mover = Mover::new(config, office, store, arguments)?;
    let progress = output::progress(ids.len());
    let mut tally = Tally::default();
    for page in ids.chunks(PAGE as usize) {
        for (id, went) in mover.page(page).await? {
            let text = tally.count(&went, arguments.dry_run);
            if arguments.dry_run || matches!(went, Went::Not(_)) {
                progress.suspend(|| output::line(&format!("{id}  {text}")));
            }
        }
        progress.inc(page.len() as u64);
    }
    progress.finish_and_clear();
    mover.pipeline.flush_marks().await;
    tally.print(arguments);
    if tally.reasons.is_empty() { Ok(()) } else { Err(Failure::Findings) }
}

/// The service, where it has those versions.
fn known(office: &Office, arguments: &CasesMigrate) -> Result<ServiceName, Failure> {
    let service = ServiceName::new(arguments.service.as_str()).map_err(|e| Failure::Usage(e.to_string()))?;
    let Some(definition) = office.workflows.get(&service) else {
        let known: Vec<&str> = office.workflows.names().map(ServiceName::as_str).collect();
        return Err(Failure::Usage(format!("there is no service {service}; known are {}", known.join(", "))));
    };
    let lacks = |what: &str, version: &Option<String>, there: Vec<&str>| {
        let version = version.as_deref().filter(|version| !there.contains(version))?;
        Some(format!("{service} has no {what} version {version}; it has {}", there.join(", ")))
    };
    let flow = lacks("workflow", &arguments.to, definition.flow_versions().collect());
    match flow.or(lacks("form", &arguments.form, definition.form_versions().collect())) {
        Some(text) => Err(Failure::Usage(text)),
        None => Ok(service),
    }
}

/// Cases that have not ended: what still waits, be it for the end of the remedy period.
async fn open_cases(store: &dyn Store, filter: &CaseFilter) -> Result<Vec<ApplicationId>, Failure> {
    let ended =
        [CaseState::Closed, CaseState::Forwarded, CaseState::Withdrawn, CaseState::Erased].map(CaseState::as_str);
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let rows = store.cases(filter, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(ids) };
        after = Some(last.application_id);
        ids.extend(rows.iter().filter(|row| !ended.contains(&row.state.as_str())).map(|row| row.application_id));
    }
}

/// What became of a case.
enum Went {
    Moved,
    /// It keeps to those versions already.
    Already,
    Not(String),
}

struct Mover {
    pipeline: Pipeline,
    store: Arc<dyn Store>,
    office: Arc<Office>,
    to: Option<String>,
    form: Option<String>,
    by: Official,
    dry_run: bool,
}

impl Mover {
    fn new(config: &Config, office: Office, store: Arc<dyn Store>, arguments: &CasesMigrate) -> Result<Self, Failure> {
        let clock: worker::Clock = Arc::new(serve::clock);
        let publisher: Arc<dyn Publish> = match config.amqp_url.as_deref() {
            Some(url) => Arc::new(EventPublisher::new(AmqpSettings::parse(url)?)),
            None => Arc::new(NoBroker),
        };
        let runtime = Runtime { clock, new_id: serve::new_id, shutdown: CancellationToken::new(), traced: false };
        let office = Arc::new(office);
        let of_pipeline = office.clone();
        let metrics = Metrics::register(&mut Registry::default());
        let office_now = Arc::new(move || of_pipeline.clone());
        Ok(Self {
            pipeline: Pipeline::new(office_now, store.clone(), publisher, metrics, runtime),
            store,
            office,
            to: arguments.to.clone(),
            form: arguments.form.clone(),
            by: Official {
                name: arguments.by.clone(),
                token_sha256: None,
                places: Land::ALL.iter().map(|land| land.code().to_owned()).collect(),
                services: Vec::new(),
                rights: vec![Right::Operate],
                teams: Vec::new(),
                deputy: Vec::new(),
            },
            dry_run: arguments.dry_run,
        })
    }

    /// Moves these cases, or says what would happen. Who is written by another meanwhile is looked at again.
    async fn page(&self, ids: &[ApplicationId]) -> Result<Vec<(ApplicationId, Went)>, Failure> {
        let mut done = Vec::with_capacity(ids.len());
        let mut open = ids.to_vec();
        for tries in 1..=TRIES {
            let mut events = Vec::with_capacity(open.len());
            for (id, row) in open.iter().zip(self.store.dossiers(&open).await?) {
                match row.map(|row| worker::dossier(&self.office, row)) {
                    None => done.push((*id, Went::Not("it is gone".into()))),
                    Some(Err(error)) => done.push((*id, Went::Not(error))),
                    Some(Ok(dossier)) if self.is_there(&dossier) => done.push((*id, Went::Already)),
                    Some(Ok(dossier)) if self.dry_run => done.push((*id, self.would(&dossier))),
                    Some(Ok(dossier)) => events.push((*id, self.event(&dossier))),
                }
            }
            open.clear();
            let results = self.pipeline.advance(&events).await?;
            for ((id, _), result) in events.into_iter().zip(results) {
                match result {
                    Advanced::Done { .. } => done.push((id, Went::Moved)),
                    Advanced::Refused(Refusal::Stale { .. }) if tries < TRIES => open.push(id),
                    Advanced::Refused(refusal) => done.push((id, Went::Not(refusal.to_string()))),
                    Advanced::Unknown => done.push((id, Went::Not("it is gone".into()))),
                    Advanced::Broken(error) | Advanced::Unstored(error) => done.push((id, Went::Not(error))),
                }
            }
            if open.is_empty() {
                break;
            }
        }
        Ok(done)
    }

    fn event(&self, dossier: &Dossier) -> CaseEvent {
        let command = Command::Migrate { flow: self.to.clone(), form: self.form.clone() };
        CaseEvent::Commanded { command, by: self.by.clone(), seen: dossier.version }
    }

    fn is_there(&self, dossier: &Dossier) -> bool {
        let same = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|wanted| wanted == has);
        same(&self.to, &dossier.case.flow) && same(&self.form, &dossier.case.form_version)
    }

    fn would(&self, dossier: &Dossier) -> Went {
        let stepped = self.office.advance(dossier, &self.event(dossier), &Surroundings::default(), serve::clock());
        stepped.map_or_else(|refusal| Went::Not(refusal.to_string()), |_| Went::Moved)
    }
}

#[derive(Default)]
struct Tally {
    moved: usize,
    already: usize,
    reasons: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts one, and says what became of it.
    fn count(&mut self, went: &Went, dry_run: bool) -> String {
        match went {
            Went::Moved => {
                self.moved += 1;
                if dry_run { "would move".into() } else { "moved".into() }
            }
            Went::Already => {
                self.already += 1;
                "is there already".into()
            }
            Went::Not(why) => {
                *self.reasons.entry(why.clone()).or_default() += 1;
                format!("stays: {why}")
            }
        }
    }

    fn print(&self, arguments: &CasesMigrate) {
        let word = if arguments.dry_run { "would move" } else { "moved" };
        let stay: usize = self.reasons.values().sum();
        let (moved, already) = (self.moved, self.already);
        let named = |what: &str, to: &Option<String>| to.as_ref().map(|to| format!("{what} version {to}"));
        let to: Vec<String> =
            named("workflow", &arguments.to).into_iter().chain(named("form", &arguments.form)).collect();
        let to = to.join(" and ");
        output::line(&format!("{moved} {word} to {to}, {already} were there already, {stay} stay"));
        for (why, count) in &self.reasons {
            output::line(&format!("{count:>7}  {why}"));
        }
    }
}
