//! `queue …`: one file for each of its verbs.

pub mod export;
pub mod import;
mod import_answer;
pub mod list;
pub mod names;
pub mod row;
pub mod set;
pub mod show;
pub mod split;
pub mod update;
pub mod why;

use clap::Subcommand;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, Ui};

/// Import and look at items of work.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    Import(import::ImportArgs),
    Export(export::ExportArgs),
    Set(set::SetArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Why(why::WhyArgs),
    Update(update::UpdateArgs),
    Split(split::SplitArgs),
}

/// Runs `queue …`.
pub fn run(app: &App, ui: Ui, command: &QueueCommand) -> CliResult<Answer> {
    match command {
        QueueCommand::Import(args) => import::import(app, ui, args),
        QueueCommand::Export(args) => export::export(app, args),
        QueueCommand::Set(args) => set::set(app, args),
        QueueCommand::List(args) => list::list(app, args),
        QueueCommand::Show(args) => show::show(app, args),
        QueueCommand::Why(args) => why::why(app, args),
        QueueCommand::Update(args) => update::update(app, args),
        QueueCommand::Split(args) => split::split(app, args),
    }
}
