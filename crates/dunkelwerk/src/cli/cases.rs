//! `cases` and its subcommands.

use super::{IncidentsCommand, Picture, Sources};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use domain::ApplicationId;
use std::path::PathBuf;
use workflow::CaseState;

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
    /// Walk the chain over the audit and compare it with what is stored: any entry, application or decision that was
    /// changed, inserted, removed or exchanged is named with its place; exit status 1 on any. Needs the master secret and
    /// the sink of the checkpoints.
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
    /// Who looks, for the audit.
    #[arg(long = "as", env = "USER", value_name = "NAME", default_value = "operator")]
    pub by: String,
}

#[derive(Args)]
pub struct CasesMigrate {
    #[arg(long, value_name = "SERVICE")]
    pub service: String,
    /// The version of the workflow to which they go.
    #[arg(long, value_name = "VERSION", required_unless_present = "form")]
    pub to: Option<String>,
    /// The version of the form that they obey from now on; cases whose data do not obey it stay.
    #[arg(long, value_name = "VERSION")]
    pub form: Option<String>,
    /// Change nothing; say of each case whether it would go, and why not.
    #[arg(long)]
    pub dry_run: bool,
    /// Only where the ARS begins so, such as 05 or 053150000000.
    #[arg(long, value_name = "ARS")]
    pub ars: Option<String>,
    /// Who does it, for the audit.
    #[arg(long = "as", env = "USER", value_name = "NAME", default_value = "operator")]
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
    #[arg(long, value_name = "STATE", hide_possible_values = true, value_parser = states())]
    pub state: Option<String>,
    /// Only where the ARS begins so, such as 05 or 053150000000.
    #[arg(long, value_name = "ARS", value_parser = beginning)]
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

fn states() -> PossibleValuesParser {
    CaseState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().into()
}

/// How an ARS begins.
fn beginning(text: &str) -> Result<String, String> {
    match (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("write 1 to 12 digits of an ARS".to_owned()),
    }
}
