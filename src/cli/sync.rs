//! `sync`.

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, GOOD, WARN, paint};
use crate::cli::text::count;
use crate::client::sync;

/// Exchange state and notes with the remote, both ways
#[derive(Debug, Args)]
pub struct SyncArgs {}

/// Runs `sync`.
pub fn sync(app: &App) -> CliResult<Answer> {
    let synced = sync::sync(&app.client()?)?;
    let mut lines = vec![format!(
        "{} with {}: {} and {} sent, {} received",
        paint(GOOD, "exchanged"),
        synced.remote,
        count(synced.acts, "operation"),
        count(synced.notes_pushed, "note ref"),
        count(synced.notes_fetched, "note ref"),
    )];
    if synced.refused > 0 {
        let many = format!("{} of these operations refused", synced.refused);
        lines.push(format!("{}; why: git coord log", paint(WARN, many)));
    }
    Ok(Answer::of(&synced, lines))
}
