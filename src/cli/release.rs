//! `release`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::model::{Op, Outcome};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, Text};

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
    let paths = if args.all { None } else { Some(app.paths(&args.paths)?) };
    let store = app.store()?;
    let session = app.session()?;
    let outcome = app.submit(&store, &Op::Release { session: session.clone(), paths }, None)?;
    store.touch_session(&session);
    let Outcome::Released { paths } = outcome else { return Err(CliError::from_refusal(outcome)) };
    let lines: Vec<String> = paths.iter().map(|p| format!("released {p}")).collect();
    let text = if lines.is_empty() { Text::from("nothing to release") } else { lines.into() };
    Ok(Answer::new(json!({ "released": paths }), text))
}
