//! `plan ready`.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, GOOD, paint};

/// Show what can start now, and what the rest waits for
#[derive(Debug, Args)]
pub struct ReadyArgs {}

/// Runs `plan ready`.
pub fn ready(app: &App) -> CliResult<Answer> {
    let client = app.client()?;
    let state = super::current(&client)?;
    let readiness = state.standing(crate::clock::now()).readiness();
    let title = |id: &str| state.plan().workstream(id).map(|w| w.title.clone()).unwrap_or_default();
    let mut lines: Vec<String> =
        readiness.ready.iter().map(|id| format!("{} {id}  {}", paint(GOOD, "ready"), title(id))).collect();
    for waiting in &readiness.waiting {
        lines.push(format!(
            "      {}  {} waits for {}",
            waiting.id,
            title(&waiting.id),
            waiting.what.join(", ")
        ));
    }
    if lines.is_empty() {
        lines.push("all workstreams have begun".into());
    }
    Ok(Answer::new(json!(readiness), lines))
}
