//! `done`.

use clap::Args;

use crate::model::ItemId;
use crate::model::op::Finish;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::finish::finish;
use crate::cli::output::Answer;

/// Finish items
#[derive(Debug, Args)]
pub struct DoneArgs {
    /// Items that this session holds
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<ItemId>,
    /// Although their files have changes that are not committed
    #[arg(long)]
    anyway: bool,
}

/// Runs `done`.
pub fn done(app: &App, args: &DoneArgs) -> CliResult<Answer> {
    finish(app, &args.items, Finish::Done, args.anyway)
}
