//! The file to which checkpoints of the audit are appended, and `cases verify`.

use crate::config::Config;
use crate::failure::Failure;
use crate::{operate, output};
use audit::{Keys, Report, Signer, Verifier, Witness};
use domain::Digest;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use storage::{ChainedRow, Store};
use worker::{OpenSink, Sink, audit_entry, audit_link};

/// Lines of the audit read at once.
const PAGE: u32 = 5_000;
/// Faults that are printed; the count says how many there are.
const SHOWN: usize = 50;

/// Opens the sink where no other process of this machine holds it.
pub fn opener(path: PathBuf) -> Box<OpenSink> {
    Box::new(move || open(&path).map_err(|e| format!("audit sink {}: {e}", path.display())))
}

fn open(path: &Path) -> std::io::Result<Option<Sink>> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut lines = String::new();
    file.read_to_string(&mut lines)?;
    // Half a line that a crash left is ended and stays: the file may be append-only.
    if !lines.is_empty() && !lines.ends_with('\n') {
        file.write_all(b"\n")?;
        lines.push('\n');
    }
    let file = Mutex::new(file);
    let append = move |line: &str| append(&file, line).map_err(|e| format!("the audit sink takes no line: {e}"));
    Ok(Some(Sink { lines, append: Box::new(append) }))
}

fn append(file: &Mutex<File>, line: &str) -> std::io::Result<()> {
    let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Half a line is ended, so that the next one stands alone.
    file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data()).inspect_err(|_| {
        let _ = file.write_all(b"\n");
    })
}

/// `cases verify`
pub async fn verify(config: &Config, sink: Option<PathBuf>) -> Result<(), Failure> {
    let secret = config.existing_secret(Path::new("dunkelwerk-secret.key"))?;
    let (keys, signer) = (Keys::new(&secret), Signer::new(&secret));
    let store = storage::open(&operate::database_url(config)).await?;
    let text = match sink.or_else(|| config.audit_sink()) {
        Some(path) => read(&path)?,
        None => {
            output::error("no audit_sink: whoever has the keys and the database could have rewritten both");
            String::new()
        }
    };
    let (witness, error) = Witness::read(&text, &signer.public_key());
    let report = walk(&*store, &keys, &witness).await?;
    for fault in report.faults.iter().take(SHOWN) {
        output::line(&fault.to_string());
    }
    if let Some(error) = &error {
        output::line(&error.to_string());
    }
    output::line(&summary(&report, &witness));
    if report.faults.is_empty() && error.is_none() { Ok(()) } else { Err(Failure::Findings) }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads and writes the audit's sink")]
fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure::Unreachable(format!("audit sink {}: {e}", path.display())))
}

async fn walk(store: &dyn Store, keys: &Keys, witness: &Witness) -> Result<Report, Failure> {
    let mut verifier = Verifier::new(keys, witness);
    let progress = indicatif::ProgressBar::new_spinner();
    let mut last: Option<ChainedRow> = None;
    loop {
        let after = last.as_ref().map(|row| (row.entry.land.as_str(), row.position.unwrap_or_default()));
        let rows = store.chained(after, PAGE).await?;
        for row in &rows {
            match (audit_entry(&row.entry), row.link(), commitment(row)) {
                (Some(entry), Some(link), Some(commitment)) => verifier.row(&entry, &commitment, &audit_link(&link)),
                _ => verifier.unreadable(row.seq),
            }
        }
        progress.inc(rows.len() as u64);
        let Some(end) = rows.into_iter().next_back() else { break };
        last = Some(end);
    }
    let mut after = i64::MIN;
    loop {
        let rows = store.unchained(after, PAGE).await?;
        for row in &rows {
            match (audit_entry(&row.entry), commitment(row)) {
                _ if row.position == Some(0) && row.entry.commitment.is_empty() => verifier.before_the_chain(),
                (Some(entry), Some(commitment)) => {
                    verifier.unchained(row.seq, &entry, &commitment, row.position.is_none());
                }
                _ => verifier.unreadable(row.seq),
            }
        }
        let Some(end) = rows.last() else { break };
        after = end.seq;
    }
    progress.finish_and_clear();
    Ok(verifier.finish())
}

fn commitment(row: &ChainedRow) -> Option<Digest> {
    Digest::try_from(row.entry.commitment.clone()).ok()
}

fn summary(report: &Report, witness: &Witness) -> String {
    let verdict = match report.faults.len() {
        0 if witness.checkpoints == 0 => "consistent, but nothing witnesses it".to_owned(),
        0 => "intact".to_owned(),
        1 => "1 fault".to_owned(),
        n => format!("{n} faults"),
    };
    let until = witness.last_at.map_or_else(|| "none".to_owned(), |at| at.to_string());
    let oldest = report.oldest_unchained.map_or(String::new(), |at| format!(" (oldest {at})"));
    format!(
        "{} chained entries: {verdict}; {} checkpoints, last {until}; after it {} not witnessed, {} not chained{oldest}",
        report.entries, witness.checkpoints, report.unwitnessed, report.unchained
    )
}
