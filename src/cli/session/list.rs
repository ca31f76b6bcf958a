//! `session list`.

use clap::Args;

use super::line::line;
use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, Text};
use crate::client::session;

/// List all sessions
#[derive(Debug, Args)]
pub struct ListArgs {}

/// Runs `session list`.
pub fn list(app: &App) -> CliResult<Answer> {
    let found = session::list(&app.client()?)?;
    let width = found.sessions.iter().map(|s| s.name.as_str().len()).max().unwrap_or(0);
    let lines: Vec<String> = found.sessions.iter().map(|s| line(s, width)).collect();
    let text = if lines.is_empty() { Text::from("no session has been started") } else { lines.into() };
    Ok(Answer::of(&found, text))
}
