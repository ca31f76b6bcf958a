//! `upkeep`.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::Answer;

/// Run upkeep of the store (starts by itself when needed)
#[derive(Debug, Args)]
pub struct UpkeepArgs {}

/// Runs `upkeep`.
pub fn upkeep(app: &App) -> CliResult<Answer> {
    let done = app.client()?.store.upkeep()?;
    let text = if done.busy {
        "another process is at it".to_owned()
    } else {
        format!("cut {} states, removed {} objects", done.cut, done.removed)
    };
    Ok(Answer::new(json!({ "cut": done.cut, "removed": done.removed, "busy": done.busy }), text))
}
