//! `drop`.

use clap::Args;

use crate::model::ItemId;
use crate::model::op::Finish;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::finish::finish;
use crate::cli::output::Answer;

/// Give items back untouched
#[derive(Debug, Args)]
pub struct DropArgs {
    /// Items that this session holds
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<ItemId>,
}

/// Runs `drop`.
pub fn drop_items(app: &App, args: &DropArgs) -> CliResult<Answer> {
    finish(app, &args.items, Finish::Drop, false)
}
