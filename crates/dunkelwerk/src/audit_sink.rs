//! The file to which checkpoints of the audit are appended.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Error, Result, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use worker::{OpenSink, Sink};

/// Takes one line; an error of its own ends the reading.
type EachLine<'e> = dyn FnMut(&str) -> std::result::Result<(), String> + 'e;

/// Opens the sink where no other process of this machine holds it.
pub fn opener(path: PathBuf) -> Arc<OpenSink> {
    Arc::new(move |each| open(&path, each).map_err(|e| format!("audit sink {}: {e}", path.display())))
}

fn open(path: &Path, each: &mut EachLine<'_>) -> Result<Option<Sink>> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let whole = lines(&file, each)?;
    // Half a line that a crash left is ended and stays: the file may be append-only.
    if !whole {
        file.write_all(b"\n")?;
    }
    let length = file.metadata()?.len();
    let held = Mutex::new(Held { file, path: path.to_owned(), length });
    let append = move |line: &str| {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        held.append(line).map_err(|e| format!("the audit sink {} takes no line: {e}", held.path.display()))
    };
    Ok(Some(Sink(Arc::new(append))))
}

/// Hands over each line of a sink; whether the last one is a whole one.
fn lines(file: &File, each: &mut EachLine<'_>) -> Result<bool> {
    let mut reader = BufReader::new(file);
    let mut line = String::new();
    loop {
        let whole = line.is_empty() || line.ends_with('\n');
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(whole);
        }
        each(line.trim_end_matches('\n')).map_err(Error::other)?;
    }
}

/// Reads a sink without holding it.
#[expect(clippy::disallowed_methods, reason = "the one place that reads and writes the audit's sink")]
pub fn read(path: &Path, each: &mut EachLine<'_>) -> Result<()> {
    lines(&File::open(path)?, each).map(|_| ())
}

/// The sink while it is ours.
struct Held {
    file: File,
    path: PathBuf,
    /// What was read and written, bytes.
    length: u64,
}

impl Held {
    fn append(&mut self, line: &str) -> Result<()> {
        let same = |a: &Metadata, b: &Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        let (own, there) = (self.file.metadata()?, std::fs::metadata(&self.path)?);
        if !same(&own, &there) || there.len() != self.length {
            return Err(Error::other("somebody else emptied, exchanged or wrote it"));
        }
        let line = format!("{line}\n");
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.length += line.len() as u64;
        Ok(())
    }
}
