//! The only place that writes to standard output and standard error.

use std::io::Write;

/// A line of the program's result.
pub fn line(text: &str) {
    // A reader that closed the pipe wants no more.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line for the person at the terminal.
pub fn error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Lines into a file; `-` is standard output.
#[expect(clippy::disallowed_methods, reason = "the one place that writes files for people")]
pub fn write(file: &str, lines: &[String]) -> std::io::Result<()> {
    if file == "-" {
        lines.iter().for_each(|text| line(text));
        return Ok(());
    }
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    lines.iter().try_for_each(|text| writeln!(out, "{text}"))?;
    out.flush()
}

/// What is done of a long run whose end nobody knows, on standard error, where a person looks at it.
pub fn counter() -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let style = indicatif::ProgressStyle::with_template("{spinner} {elapsed}  {msg}");
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}

/// A progress bar over bytes, on standard error, where a person looks at it.
pub fn progress(bytes: usize) -> indicatif::ProgressBar {
    let style = indicatif::ProgressStyle::with_template("{bar:40} {percent} %  {elapsed}");
    let bar = indicatif::ProgressBar::new(bytes as u64);
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}
