//! `session …`: one file for each of its verbs.

mod end;
mod line;
mod list;
mod show;
mod start;

use clap::Subcommand;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::Answer;

/// Start, list, show or end sessions.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    Start(start::StartArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    End(end::EndArgs),
}

/// Runs `session …`.
pub fn run(app: &App, command: &SessionCommand) -> CliResult<Answer> {
    match command {
        SessionCommand::Start(args) => start::start(app, args),
        SessionCommand::List(_) => list::list(app),
        SessionCommand::Show(args) => show::show(app, args),
        SessionCommand::End(args) => end::end(app, args),
    }
}
