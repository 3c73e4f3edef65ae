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
