//! `session list`.

use clap::Args;
use serde_json::{Value, json};

use crate::model::session;

use super::one::{line, session_json};
use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, Text};

/// List all sessions
#[derive(Debug, Args)]
pub struct ListArgs {}

/// Runs `session list`.
pub fn list(app: &App) -> CliResult<Answer> {
    let store = app.store()?;
    app.sweep(&store)?;
    let mut sessions = store.read(|view| session::all(view))?;
    // What a clone keeps ready is nobody's work.
    sessions.retain(|s| !s.prefetch);
    let width = sessions.iter().map(|s| s.name.as_str().len()).max().unwrap_or(0);
    let lines: Vec<String> = sessions.iter().map(|s| line(s, &store, width)).collect();
    let text = if lines.is_empty() { Text::from("no session has been started") } else { lines.into() };
    let data: Vec<Value> = sessions.iter().map(|s| session_json(s, &store)).collect();
    Ok(Answer::new(json!({ "sessions": data }), text))
}
