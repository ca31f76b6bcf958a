//! `fail`.

use clap::Args;

use crate::model::ItemId;
use crate::model::op::Finish;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::finish::finish;
use crate::cli::output::Answer;

/// Give items back after a failed attempt
#[derive(Debug, Args)]
pub struct FailArgs {
    /// Items that this session holds
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<ItemId>,
    /// Say why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Allow no further attempt
    #[arg(long = "final")]
    last: bool,
}

/// Runs `fail`.
pub fn fail(app: &App, args: &FailArgs) -> CliResult<Answer> {
    finish(app, &args.items, Finish::Fail { reason: args.reason.clone(), last: args.last }, false)
}
