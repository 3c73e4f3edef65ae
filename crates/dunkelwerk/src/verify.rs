//! `cases verify`: the chain over the audit, its witness, and what is stored, each against the others.

use crate::config::Config;
use crate::failure::Failure;
use crate::{audit_sink, operate, output};
use audit::{
    Application, Case, Comparison, Decision, Document, Faults, Keys, Line, Report, Row, Signer, Subject, Tail, Thing,
    Verifier, Witness,
};
use domain::{ApplicationId, Digest, Land, NoticeId};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storage::{AuditRow, AuditedCase, ChainedRow, Part, Store};
use uuid::Uuid;
use worker::{audit_entry, audit_mark};

/// Lines of the audit read at once.
const LINES: u32 = 5_000;
/// Applications read at once; each may have bodies of megabytes.
const APPLICATIONS: u32 = 500;

/// What all walks share.
struct Walk {
    store: Arc<dyn Store>,
    keys: Keys,
    witness: Witness,
    entries: AtomicU64,
    applications: AtomicU64,
    progress: indicatif::ProgressBar,
}

/// `cases verify`
pub async fn verify(config: &Config, sink: Option<PathBuf>) -> Result<(), Failure> {
    let secret = config.existing_secret(Path::new("dunkelwerk-secret.key"))?;
    let store = storage::open(&operate::database_url(config)).await?;
    let (witness, trouble) = witness(config, sink, &*store, &Signer::new(&secret)).await?;
    let keys = Keys::new(&secret);
    let (entries, applications) = Default::default();
    let progress = output::counter();
    let walk = Arc::new(Walk { store, keys, witness, entries, applications, progress });
    let (chaining, comparing) = (walk.clone(), walk.clone());
    // Two tasks: either costs as much as the other.
    let comparing = tokio::spawn(async move { comparing.compare().await });
    let chains = chaining.chains().await;
    let compared = comparing.await.map_err(|e| Failure::Unreachable(e.to_string()))?;
    walk.progress.finish_and_clear();
    let (mut report, tail) = chains?;
    let (applications, faults) = compared?;
    [tail.faults.clone(), faults].into_iter().for_each(|faults| report.faults.extend(faults));
    let faults = report.faults.first();
    faults.iter().for_each(|fault| output::line(&fault.to_string()));
    let more = report.faults.total() - faults.len() as u64;
    if more > 0 {
        output::line(&format!("and {more} faults more"));
    }
    trouble.iter().for_each(|text| output::line(text));
    let total = report.faults.total() + trouble.len() as u64;
    output::line(&summary(&report, &tail, applications, &walk.witness, total));
    if total == 0 { Ok(()) } else { Err(Failure::Findings) }
}

/// What the sink witnesses, and what is wrong with it.
async fn witness(
    config: &Config,
    sink: Option<PathBuf>,
    store: &dyn Store,
    signer: &Signer,
) -> Result<(Witness, Vec<String>), Failure> {
    // Asked for first: a running service adds to the sink before it notes it.
    let noted = store.witness().await?.map(|row| audit_mark(&row)).transpose();
    let mut trouble: Vec<String> = noted.as_ref().err().map(ToString::to_string).into_iter().collect();
    let Some(path) = sink.or_else(|| config.audit_sink()) else {
        output::error("no audit_sink: whoever has the keys and the database could have rewritten both");
        return Ok((Witness::default(), trouble));
    };
    let mut witness = Witness::new(noted.unwrap_or_default());
    let key = signer.public_key();
    let read = audit_sink::read(&path, &mut |line| {
        // What follows a line that does not count is not believed.
        if trouble.is_empty()
            && let Err(error) = witness.follow(line, &key)
        {
            trouble.push(error.to_string());
        }
        Ok(())
    });
    read.map_err(|e| Failure::Unreachable(format!("audit sink {}: {e}", path.display())))?;
    if let (Some(lost), true) = (witness.trail().lost(), trouble.is_empty()) {
        let number = lost.number;
        trouble.push(format!(
            "checkpoint {number} was taken, but the sink is without it: emptied, exchanged or an old copy"
        ));
    }
    Ok((witness, trouble))
}

impl Walk {
    /// Every chain, and what stands outside them.
    async fn chains(&self) -> Result<(Report, Tail), Failure> {
        let mut whole = Report::default();
        for land in Land::ALL {
            let report = self.chain(*land).await?;
            whole.entries += report.entries;
            whole.unwitnessed += report.unwitnessed;
            whole.faults.extend(report.faults);
        }
        let mut tail = Tail::default();
        let lands: Vec<&str> = Land::ALL.iter().map(|land| land.short()).collect();
        self.store.strangers(&lands).await?.into_iter().for_each(|id| tail.unreadable(id));
        let mut after = i64::MIN;
        while let Some(rows) = page(self.store.unchained(after, LINES).await?) {
            rows.iter().for_each(|row| self.outside(row, &mut tail));
            after = rows.last().map_or(i64::MAX, |row| row.seq);
        }
        Ok((whole, tail))
    }

    async fn chain(&self, land: Land) -> Result<Report, Failure> {
        let mut verifier = Verifier::new(&self.keys, &self.witness, land);
        let mut after = (0, 0);
        while let Some(rows) = page(self.store.chained(land.short(), after, LINES).await?) {
            for row in &rows {
                let entry = row.entry.as_ref();
                verifier.row(&Row {
                    // What is no number stands behind all numbers.
                    position: row.position.and_then(|position| u64::try_from(position).ok()).unwrap_or(u64::MAX),
                    entry: entry.and_then(audit_entry),
                    commitment: entry.and_then(commitment),
                    head: row.head,
                });
            }
            after = rows.last().map_or(after, |row| (row.position.unwrap_or(i64::MAX), row.seq));
            self.done(&self.entries, rows.len());
        }
        Ok(verifier.finish())
    }

    /// A line without a place.
    fn outside(&self, row: &ChainedRow, tail: &mut Tail) {
        match row.entry.as_ref().and_then(|row| Some((audit_entry(row)?, commitment(row)?))) {
            Some((entry, commitment)) => {
                tail.unchained(&self.keys, row.seq, &entry, &commitment, row.position.is_none());
            }
            None => tail.unreadable(row.seq),
        }
    }

    /// Every application with its lines.
    async fn compare(&self) -> Result<(u64, Faults), Failure> {
        let mut comparison = Comparison::new(&self.keys);
        let mut from = Some(Uuid::nil());
        while let Some(first) = from {
            let cases = self.store.audited(ApplicationId(first), APPLICATIONS).await?;
            cases.iter().for_each(|case| comparison.take(case.application_id, subject(case)));
            let next = |last: &AuditedCase| last.application_id.0.as_u128().checked_add(1).map(Uuid::from_u128);
            from = cases.last().and_then(next);
            self.done(&self.applications, cases.len());
        }
        Ok(comparison.finish())
    }

    fn done(&self, counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
        let [entries, applications] = [&self.entries, &self.applications].map(|count| count.load(Ordering::Relaxed));
        self.progress.set_message(format!("{entries} entries, {applications} applications"));
    }
}

/// A page that is not the end.
fn page(rows: Vec<ChainedRow>) -> Option<Vec<ChainedRow>> {
    (!rows.is_empty()).then_some(rows)
}

fn commitment(row: &AuditRow) -> Option<Digest> {
    Digest::try_from(row.commitment.as_slice()).ok()
}

/// What is stored of an application as the comparison sees it.
fn subject(case: &AuditedCase) -> Subject<'_> {
    let application = case.application.as_ref().map(|row| Application {
        sender: &row.identity.sender,
        service: &row.identity.service,
        client_id: &row.identity.client_id,
        ars: &row.ars,
        form_version: &row.form_version,
        observed_at: row.observed_at,
        received_at: row.received_at,
        content: &row.content.0,
        raw: &row.raw,
    });
    let of_case = case.case.as_ref().map(|row| Case {
        service: &row.service,
        ars: &row.ars,
        state: &row.state,
        outcome: &row.outcome,
        automatic: row.automatic,
    });
    let decisions = case.decisions.iter().map(|row| Decision {
        number: row.decision_no.into(),
        notice_id: row.notice_id.map(NoticeId),
        rule_set: row.rule_set.as_deref(),
        decided_at: row.decided_at,
        decision: &row.decision,
        trace: &row.trace,
        context: &row.context,
        data: row.data.as_deref(),
    });
    let documents = case.documents.iter().map(|row| Document {
        key: row.key,
        kind: &row.kind,
        at: row.at,
        actor: &row.actor,
        body: &row.body,
    });
    let thing = |part: &Part| match part {
        Part::Application => Thing::Application,
        Part::Case => Thing::Case,
        Part::Decision(number) => Thing::Decision((*number).into()),
        Part::Document(key) => Thing::Document(*key),
    };
    Subject {
        application,
        case: of_case,
        decisions: decisions.collect(),
        documents: documents.collect(),
        lines: case.lines.iter().filter_map(line).collect(),
        unreadable: case.unreadable.iter().map(thing).collect(),
    }
}

/// A line of the audit as the comparison sees it; what cannot be read says nothing.
fn line(row: &ChainedRow) -> Option<Line<'_>> {
    let line = row.entry.as_ref()?;
    Some(Line { id: row.seq, position: row.position, entry: audit_entry(line)?, commitment: &line.commitment })
}

fn summary(report: &Report, tail: &Tail, applications: u64, witness: &Witness, faults: u64) -> String {
    let trail = witness.trail();
    let (end, at) = (trail.end(), trail.last_at().map(|at| at.to_string()).unwrap_or_default());
    let until =
        end.map_or_else(|| "without checkpoint".to_owned(), |mark| format!("up to checkpoint {} ({at})", mark.number));
    let oldest = tail.oldest.map_or(String::new(), |at| format!(" (oldest {at})"));
    let verdict = match faults {
        0 if end.is_none() => "consistent, but nothing witnesses it".to_owned(),
        0 => "intact".to_owned(),
        1 => "1 fault".to_owned(),
        n => format!("{n} faults"),
    };
    format!(
        "{} entries verified {until}; after it {} not witnessed, {} not chained{oldest}; {applications} \
         applications compared: {verdict}",
        report.entries, report.unwitnessed, tail.waiting
    )
}
