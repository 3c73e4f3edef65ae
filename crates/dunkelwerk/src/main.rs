//! dunkelwerk: decides applications of German public administration automatically where the law allows it.
//!
//! The one binary: it reads environment and files, wires the crates and carries the subcommands. Start with [`cli`].

mod audit_sink;
mod cases;
mod cli;
mod config;
mod decide;
mod demo;
mod desk;
mod failure;
mod incidents;
mod intake;
mod load;
mod operate;
mod operations;
mod output;
mod pack;
mod registers;
mod reload;
mod replay;
mod report;
mod rules_check;
mod rules_tools;
mod rules_workflow;
mod sample;
mod serve;
mod submit;
mod switch;
mod telemetry;
mod trial;
mod verify;

use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

// Evaluation makes many short-lived small values; this allocator takes a quarter off the whole.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Four times what the deepest script may use; see `trial`.
const STACK: usize = 8 * 1024 * 1024;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(Failure::Unreachable(format!("no threads can be started: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}

async fn run(arguments: cli::Arguments) -> Result<(), Failure> {
    use cli::{Command, RulesCommand};
    let config = config::Config::read(arguments.config.as_deref())?;
    match arguments.command {
        Command::Demo(demo) => demo::demo(config, demo).await,
        Command::Serve(serve) => serve::serve(config, serve).await,
        Command::Submit(submit) => submit::submit(config, submit).await,
        Command::Decide(decide) => decide::decide(config, &decide),
        Command::Rules { command } => match command {
            RulesCommand::Check(check) => rules_check::check(&config, &check),
            RulesCommand::Test(test) => rules_tools::test(config, &test),
            RulesCommand::Coverage(coverage) => rules_tools::coverage(config, &coverage),
            RulesCommand::Explain(explain) => rules_tools::explain(config, &explain),
            RulesCommand::Pack(arguments) => pack::pack(&config, &arguments),
            RulesCommand::Overview(sources) => rules_tools::overview(&config, &sources),
            RulesCommand::Workflow(workflow) => rules_workflow::workflow(&config, &workflow),
            RulesCommand::Diff(diff) => rules_tools::diff(&config, &diff),
            RulesCommand::Simulate(simulate) => rules_tools::simulate(config, &simulate).await,
            RulesCommand::Trial => trial::child(),
        },
        Command::Cases { command: cli::CasesCommand::List(list) } => cases::list(&config, &list).await,
        Command::Cases { command: cli::CasesCommand::Show(show) } => cases::show(&config, &show).await,
        Command::Cases { command: cli::CasesCommand::Migrate(migrate) } => cases::migrate(&config, &migrate).await,
        Command::Cases { command: cli::CasesCommand::Failures(command) } => incidents::run(&config, command).await,
        Command::Cases { command: cli::CasesCommand::Replay } => replay::replay(&config).await,
        Command::Cases { command: cli::CasesCommand::Verify { sink } } => verify::verify(&config, sink).await,
        Command::Switch { command } => switch::switch(&config, command).await,
        Command::Report { json } => report::report(&config, json).await,
        Command::Migrate => operate::migrate(&config).await,
        Command::Topology => operate::topology(&config).await,
        Command::Openapi => operate::openapi(),
    }
}
