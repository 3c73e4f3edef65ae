//! Findings for people who write law: where, what, what is allowed, by which norm. German, all at once.

use serde::Serialize;
use std::{fmt, ops::Range};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One finding. `line` and `column` are 1-based and count characters; `span` is in bytes of the file's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// A short stable key such as `grenze` or `delegation`.
    pub code: &'static str,
    pub file: String,
    pub line: usize,
    pub column: usize,
    #[serde(skip)]
    pub span: Range<usize>,
    pub message: String,
    /// What is allowed, by which norm, from which layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {} [{}]", self.file, self.line, self.column, self.message, self.code)?;
        self.help.iter().try_for_each(|help| write!(f, " – {help}"))
    }
}

/// Whether any finding forbids loading.
pub fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|d| d.severity == Severity::Error)
}

/// Collects the findings of one file.
pub(crate) struct File<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

impl File<'_> {
    pub fn error(&self, code: &'static str, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let (line, column) = line_column(self.text, span.start);
        Diagnostic {
            severity: Severity::Error,
            code,
            file: self.name.to_owned(),
            line,
            column,
            span,
            message: message.into(),
            help: None,
        }
    }
    /// The same at a line and column, as script positions come.
    pub fn error_at(&self, code: &'static str, line: usize, column: usize, message: impl Into<String>) -> Diagnostic {
        let before: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let start = (before + column.saturating_sub(1)).min(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len()).max(1);
        let end = (start + word).min(self.text.len());
        Diagnostic { line, column, ..self.error(code, start..end, message) }
    }
    pub fn line(&self, offset: usize) -> usize {
        line_column(self.text, offset).0
    }
}

impl Diagnostic {
    /// An error at a place of a file of the tree, for checks that need more than the rules.
    pub fn at(
        tree: &crate::SourceTree,
        code: &'static str,
        file: &str,
        line: usize,
        column: usize,
        message: String,
        help: Option<String>,
    ) -> Self {
        let text = tree.files.get(file).map_or("", String::as_str);
        Self { help, ..File { name: file, text }.error_at(code, line, column, message) }
    }
    pub(crate) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (line, before.get(start..).map_or(0, |s| s.chars().count()) + 1)
}

/// The known word that somebody probably meant, if one is near enough to be a slip.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    const NEAR: f64 = 0.75;
    let scored = known.map(|candidate| (strsim::jaro_winkler(word, candidate), candidate));
    let best = scored.filter(|(score, _)| *score >= NEAR).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, candidate)| candidate)
}
