//! `sync`.

use clap::Args;
use serde_json::json;

use crate::model::{Op, session};
use crate::notes::{NoteError, sync};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, GOOD, Text, WARN, paint};
use crate::cli::text;

/// Exchange state and notes with the remote, both ways
#[derive(Debug, Args)]
pub struct SyncArgs {}

/// Runs `sync`: what waits goes out, what is new comes in, then the notes of all sessions.
pub fn sync(app: &App) -> CliResult<Answer> {
    let store = app.store()?;
    if store.arbiter()?.is_none() {
        return Err(crate::cli::remote::no_remote());
    }
    store.sync_begins()?;
    let waiting = store.deferred()?;
    let began = crate::clock::now();
    let before = store.tip()?;
    app.submit(&store, &Op::Sweep, None)?;
    let sent = waiting - store.deferred()?.min(waiting);
    let mut refused = 0;
    store.log(|event| {
        refused += usize::from(event.event == "refused" && event.time >= began);
        event.time >= began
    })?;
    let is_new = store.tip()? != before;
    // Read anew: a folder that was moved has another name by now.
    let Some(arbiter) = store.arbiter()? else { return Err(crate::cli::remote::no_remote()) };
    let sessions = store.read(|view| session::all(view))?;
    let elsewhere = |s: &session::Session| {
        s.state == session::SessionState::Active && s.clone.as_ref().is_some_and(|c| *c != arbiter.clone)
    };
    let own: Vec<_> = sessions.into_iter().filter(|s| !elsewhere(s)).map(|s| s.name).collect();
    let patience = app.store_options().patience;
    let notes = sync::sync(&app.repo, &arbiter.remote, &own, patience).map_err(|e| {
        let message = Text::block(&format!("the notes were not exchanged: {e}"));
        match e {
            NoteError::Remote(_) => CliError::remote(message),
            NoteError::Git(_) | NoteError::Objects { .. } | NoteError::Contended { .. } => {
                CliError::failed("notes", message)
                    .hint("look at them with: git for-each-ref refs/notes/coord, then repeat: git coord sync")
            }
        }
    })?;
    let pushed = sent + notes.pushed;
    let fetched = usize::from(is_new) + notes.fetched;
    let mut lines = vec![format!(
        "{} with {}: {} and {} sent, {} received",
        paint(GOOD, "exchanged"),
        arbiter.remote,
        text::count(sent, "act"),
        text::count(notes.pushed, "note ref"),
        text::count(notes.fetched, "note ref"),
    )];
    if refused > 0 {
        let many = format!("{refused} of these acts refused");
        lines.push(format!("{}; why: git coord log", paint(WARN, many)));
    }
    let data = json!({
        "pushed": pushed, "fetched": fetched, "remote": arbiter.remote,
        "acts": sent, "refused": refused, "notes_pushed": notes.pushed, "notes_fetched": notes.fetched,
    });
    Ok(Answer::new(data, lines))
}
