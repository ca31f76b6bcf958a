//! `release`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, Text};
use crate::client::claims;

/// Give claimed paths back
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// Files or folders that this session has claimed
    #[arg(required_unless_present = "all", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Everything that this session has claimed by path
    #[arg(long, conflicts_with = "paths")]
    all: bool,
}

/// Runs `release`.
pub fn release(app: &App, args: &ReleaseArgs) -> CliResult<Answer> {
    let paths = if args.all { None } else { Some(app.place.paths(&args.paths)?) };
    let released = claims::release(&app.client()?, paths)?;
    let lines: Vec<String> = released.released.iter().map(|p| format!("released {p}")).collect();
    let text = if lines.is_empty() { Text::from("nothing to release") } else { lines.into() };
    Ok(Answer::of(&released, text))
}
