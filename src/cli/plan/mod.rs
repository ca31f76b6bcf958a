//! `plan …`: one file for each of its verbs.

mod apply;
mod change;
mod check;
mod error;
mod ready;
mod schedule;
mod show;
mod status;

use clap::Subcommand;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, Ui};
use crate::client::Client;
use crate::planning::{self, State};

/// Plan workstreams, their waves and gates
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    Check(check::CheckArgs),
    Apply(apply::ApplyArgs),
    Show(show::ShowArgs),
    Export(show::ExportArgs),
    Ready(ready::ReadyArgs),
    Schedule(schedule::ScheduleArgs),
    Status(status::StatusArgs),
    Pause(change::PauseArgs),
    Resume(change::ResumeArgs),
    Drop(change::DropArgs),
    Grant(change::GrantArgs),
    Archive(change::ArchiveArgs),
}

/// Runs `plan …`.
pub fn run(app: &App, ui: Ui, command: &PlanCommand) -> CliResult<Answer> {
    match command {
        PlanCommand::Check(args) => check::check(app, args),
        PlanCommand::Apply(args) => apply::apply(app, args),
        PlanCommand::Show(args) => show::show(app, args),
        PlanCommand::Export(_) => show::export(app),
        PlanCommand::Ready(_) => ready::ready(app),
        PlanCommand::Schedule(args) => schedule::schedule(app, args),
        PlanCommand::Status(args) => status::status(app, ui, args),
        PlanCommand::Pause(args) => change::pause(app, &args.workstream, true),
        PlanCommand::Resume(args) => change::pause(app, &args.workstream, false),
        PlanCommand::Drop(args) => change::drop_workstream(app, args),
        PlanCommand::Grant(args) => change::grant(app, args),
        PlanCommand::Archive(_) => change::archive(app),
    }
}

/// The plan in force, as the remote has it where one decides.
pub(super) fn current(client: &Client) -> CliResult<State> {
    client.refresh_if_shown()?;
    Ok(planning::current(&client.store)?)
}
