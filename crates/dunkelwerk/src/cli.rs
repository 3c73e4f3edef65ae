//! The subcommands and their options; `--help` teaches.

mod cases;
mod incidents;

pub use cases::{CasesCommand, CasesList, CasesMigrate, CasesShow};
pub use incidents::{Incidents, IncidentsCommand, Jobs, Lift, Order, Park, Which};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Decides applications of public administration automatically where the law allows it, and hands every other one to a
/// person with a proposal and its grounds.
///
/// Try it: `dunkelwerk demo`. In production: `dunkelwerk migrate`, `dunkelwerk topology`, `dunkelwerk serve`, with
/// DATABASE_URL (postgres://… or sqlite://…) and AMQP_URL (amqp://…) set. Without AMQP_URL the queue is a table in the
/// database, without DATABASE_URL the database is an SQLite file.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Arguments {
    /// Settings file (TOML); unknown keys are refused.
    #[arg(long, global = true, env = "DUNKELWERK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make realistic applications, send them through HTTP intake, queue, workers and rules, and show what became of them.
    Demo(Demo),
    /// Run the production process: HTTP API and pages, workers, outbox relay, timers.
    Serve(Serve),
    /// Send applications (JSON or NDJSON) over HTTP or AMQP.
    Submit(Submit),
    /// Evaluate applications without storing anything; one decision a line.
    Decide(Decide),
    /// Tools for rule authors.
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Stored cases.
    Cases {
        #[command(subcommand)]
        command: CasesCommand,
    },
    /// Stop switches: from the moment in which one is set, everything that it covers goes to people.
    Switch {
        #[command(subcommand)]
        command: SwitchCommand,
    },
    /// Key figures: what was decided by whom, what waits and why, how second looks judge the machine.
    Report {
        /// As JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Create or upgrade the database schema.
    Migrate,
    /// Declare RabbitMQ exchanges and queues.
    Topology,
    /// Print the OpenAPI 3.1 description of the HTTP interface.
    Openapi,
}

#[derive(Subcommand)]
pub enum SwitchCommand {
    /// Sets one. Nothing named: everything stops.
    Stop {
        #[arg(long, value_name = "SERVICE")]
        service: Option<String>,
        /// Such as nw.
        #[arg(long, value_name = "LAND")]
        land: Option<String>,
        /// 12 digits.
        #[arg(long, value_name = "ARS")]
        ars: Option<String>,
        /// For the people who get the cases, and for the audit.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        by: By,
    },
    /// Lifts one; what went to people stays with them.
    Lift {
        id: uuid::Uuid,
        /// Why, for the audit.
        #[arg(long, value_name = "TEXT", default_value = "an operator said so")]
        reason: String,
        #[command(flatten)]
        by: By,
    },
    /// Those that stand; with --all those that were lifted, too.
    List {
        #[arg(long)]
        all: bool,
    },
}

/// Who does it; stands in the audit.
#[derive(Args)]
pub struct By {
    #[arg(long = "as", env = "USER", value_name = "NAME")]
    pub name: String,
}

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

#[derive(Args)]
pub struct Demo {
    /// How many applications.
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    pub applications: u32,
    /// Where to keep the data; default: a temporary folder. The same folder again continues where it stopped.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address of API and pages (loopback only).
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    pub listen: std::net::SocketAddr,
    /// Stop after the summary instead of serving API and pages.
    #[arg(long)]
    pub exit: bool,
    /// Only applications for this service; may be given several times.
    #[arg(long, value_name = "SERVICE")]
    pub service: Vec<String>,
    /// Write the applications to a file (NDJSON, for `submit`) instead of sending them; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub write: Option<String>,
    /// With --write: the day that counts as today for the applicants, as for `decide`.
    #[arg(long, value_name = "DATETIME", requires = "write")]
    pub at: Option<String>,
    /// Other applicants under the same ids.
    #[arg(long, default_value_t = 20_250_115)]
    pub seed: u64,
    #[command(flatten)]
    pub sources: Sources,
}

#[derive(Args)]
pub struct Serve {
    /// Which parts this process runs.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Role::Web, Role::Worker, Role::Relay, Role::Timer])]
    pub roles: Vec<Role>,
    #[command(flatten)]
    pub sources: Sources,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Role {
    Web,
    Worker,
    Relay,
    Timer,
}

#[derive(Args)]
pub struct Submit {
    /// Files with one envelope (JSON) or one a line (NDJSON); `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// HTTP address of the intake.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: String,
    /// Bearer token of the sender (HTTP).
    #[arg(long, env = "DUNKELWERK_TOKEN", hide_env_values = true, default_value = "demo")]
    pub token: String,
    /// Send over AMQP with AMQP_URL instead; its user is the sender.
    #[arg(long)]
    pub amqp: bool,
    /// Requests or messages under way at once.
    #[arg(long, default_value_t = 64)]
    pub window: usize,
}

#[derive(Args)]
pub struct Decide {
    /// One envelope (JSON), or one a line with --ndjson; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: String,
    /// With checks, facts, tables and parameters through the layers.
    #[arg(long)]
    pub explain: bool,
    /// One envelope a line.
    #[arg(long)]
    pub ndjson: bool,
    /// Time of the decision (RFC 3339, or a day); default: now.
    #[arg(long, value_name = "DATETIME")]
    pub at: Option<String>,
    #[command(flatten)]
    pub sources: Sources,
}
