//! The subcommands and their options; `--help` teaches.

mod incidents;
mod rules;

pub use incidents::{Incidents, IncidentsCommand, Jobs, Lift, Order, Park, Which};
pub use rules::*;

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::ApplicationId;
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
pub enum CasesCommand {
    /// Cases in the order of intake.
    List(CasesList),
    /// One case: where it stands, who has it, its file, its decisions with grounds, its history. Writes a line into the
    /// audit that somebody looked; needs the master secret for that.
    Show(CasesShow),
    /// Move cases that have not ended to another version of their workflow. A case moves where the version has its step;
    /// exit status 1 where one could not.
    Migrate(CasesMigrate),
    /// Decide stored cases again from their archived rule sets and compare byte for byte; exit status 1 on any difference.
    /// Needs no folder of rules.
    Replay,
    #[command(flatten)]
    Failures(IncidentsCommand),
    /// Walk the chain over the audit: any entry changed, inserted, removed or exchanged is named with its place; exit status
    /// 1 on any. Needs the master secret and the sink of the checkpoints.
    Verify {
        /// The file with the checkpoints; default: `audit_sink` of the settings.
        #[arg(long, value_name = "FILE")]
        sink: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct CasesShow {
    pub application_id: ApplicationId,
    /// Everything, as JSON.
    #[arg(long)]
    pub json: bool,
    /// Only its workflow as a picture, with the way that it took.
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    pub diagram: Option<Picture>,
    /// Who looks, for the audit; default: $USER.
    #[arg(long = "as", value_name = "NAME")]
    pub by: Option<String>,
}

#[derive(Args)]
pub struct CasesMigrate {
    #[arg(long, value_name = "SERVICE")]
    pub service: String,
    /// The version to which they go.
    #[arg(long, value_name = "VERSION")]
    pub to: String,
    /// Change nothing; say of each case whether it would go, and why not.
    #[arg(long)]
    pub dry_run: bool,
    /// Only where the ARS begins so, such as 05 or 053150000000.
    #[arg(long, value_name = "ARS")]
    pub ars: Option<String>,
    /// Who does it, for the audit.
    #[arg(long = "as", value_name = "NAME", default_value = "operator")]
    pub by: String,
    #[command(flatten)]
    pub sources: Sources,
}

#[derive(Args)]
pub struct CasesList {
    /// Only this service.
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// Only in this state: waiting, referred, countersign, correction_needed, hearing, decided, forwarded, withdrawn, closed,
    /// erased.
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// Only where the ARS begins so, such as 05 or 053150000000.
    #[arg(long, value_name = "ARS")]
    pub ars: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: u32,
    /// Only behind this one: for the next page.
    #[arg(long, value_name = "APPLICATION_ID")]
    pub after: Option<ApplicationId>,
    /// Only what waits for an answer of this register, with how often it was asked and what went wrong.
    #[arg(long, value_name = "REGISTER", conflicts_with_all = ["service", "state", "ars", "after"])]
    pub waiting: Option<String>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
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
