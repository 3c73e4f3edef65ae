//! Options of the tools for rule authors.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum RulesCommand {
    /// Check all rules: exit status 1 on any error. Every finding with file:line:column and what is allowed.
    Check(RulesCheck),
    /// Run the legal cases that stand beside the law (faelle/*.yaml); exit status 1 where one differs.
    Test(RulesTest),
    /// Which branches, checks, parameters and openings no legal case touches; by file.
    Coverage(RulesCoverage),
    /// One application as a readable text: result, reasons with norms, where every value comes from.
    Explain(RulesExplain),
    /// All rules as one file with its hash, for production: `rules = "rules.pack"` or --rules rules.pack.
    Pack(RulesPack),
    /// What changes for whom between two folders of rules.
    Diff(RulesDiff),
    /// Which Länder and Kommunen set law of their own, and how well it is supported: tables in Markdown.
    Overview(Sources),
    /// The workflows of the services as pictures: steps, exits, deadlines.
    Workflow(RulesWorkflow),
    /// Decide applications under old and new rules: what would end differently, and sums.
    Simulate(RulesSimulate),
    /// Tries every script once under limits; `serve` starts it as a child before it activates rules. Files come as JSON
    /// on standard input.
    #[command(hide = true)]
    Trial,
}

#[derive(Args)]
pub struct RulesTest {
    #[command(flatten)]
    pub sources: Sources,
    /// Only cases whose file or name contains this.
    #[arg(value_name = "TEXT", default_value = "")]
    pub filter: String,
}

#[derive(Args)]
pub struct RulesCoverage {
    #[command(flatten)]
    pub sources: Sources,
    /// Exit status 1 where less than this share (per cent) is touched.
    #[arg(long, default_value_t = 0, value_name = "PERCENT")]
    pub min: usize,
}

#[derive(Args)]
pub struct RulesExplain {
    /// One envelope (JSON); `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Time of the decision (RFC 3339, or a day); default: now.
    #[arg(long, value_name = "DATETIME")]
    pub at: Option<String>,
    /// Only what a citizen reads, without proposal and inner reasons.
    #[arg(long)]
    pub outward: bool,
    #[command(flatten)]
    pub sources: Sources,
}

#[derive(Args)]
pub struct RulesPack {
    #[command(flatten)]
    pub sources: Sources,
    /// File to write; `-` is standard output.
    #[arg(value_name = "OUT")]
    pub out: String,
    /// The pack in force: only what opens automatic decisions beyond it needs a release.
    #[arg(long, value_name = "PACK")]
    pub previous: Option<PathBuf>,
    /// A person who releases what newly opens automatic decisions; two are needed. The pack names them.
    #[arg(long, value_name = "NAME")]
    pub approved_by: Vec<String>,
}

#[derive(Args)]
pub struct RulesDiff {
    /// Folder of the old rules.
    pub old: PathBuf,
    /// Folder of the new rules.
    pub new: PathBuf,
}

#[derive(Args)]
pub struct RulesWorkflow {
    /// Only this service, its newest workflow, without a heading.
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// What kind of picture.
    #[arg(long, value_enum, default_value_t = Picture::Mermaid)]
    pub format: Picture,
    #[command(flatten)]
    pub sources: Sources,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Picture {
    /// Text that documents and repositories show as a flowchart.
    Mermaid,
    Svg,
}

#[derive(Args)]
pub struct RulesSimulate {
    /// Folder of the new rules; --rules (or the embedded ones) are the old.
    #[arg(long, value_name = "DIR")]
    pub new: PathBuf,
    /// Files with one envelope a line (NDJSON); `-` is standard input.
    #[arg(required_unless_present = "stored", value_name = "FILE")]
    pub files: Vec<String>,
    /// Applications of the database (DATABASE_URL) instead of files.
    #[arg(long, conflicts_with = "files")]
    pub stored: bool,
    /// Time of both decisions (RFC 3339, or a day); default: now.
    #[arg(long, value_name = "DATETIME")]
    pub at: Option<String>,
    /// Write a page with a picture of before and after.
    #[arg(long, value_name = "FILE")]
    pub html: Option<String>,
    #[command(flatten)]
    pub sources: Sources,
}

#[derive(Args)]
pub struct RulesCheck {
    #[command(flatten)]
    pub sources: Sources,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The day on which norms of automation must be in force (RFC 3339, or a day); default: now.
    #[arg(long, value_name = "DATETIME")]
    pub at: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: place, underlined text, what is allowed.
    Text,
    Json,
    /// SARIF 2.1.0, for code review and build servers.
    Sarif,
}

/// Where law and services come from.
#[derive(Args, Clone, Default)]
pub struct Sources {
    /// Folder of rules; default: the embedded ones. Given more than once, files of a later folder replace earlier ones.
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,
    /// Folder of workflows; default: the embedded ones.
    #[arg(long, value_name = "DIR")]
    pub workflows: Option<PathBuf>,
}
