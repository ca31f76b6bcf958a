//! Exchanging state and notes with the remote.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::session::{self, Session, SessionState};
use crate::model::{Op, SessionName};
use crate::notes::{self, NoteError};

use super::{Client, ClientError, ClientResult};

/// What an exchange has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Synced {
    /// Operations and refs of notes that were sent.
    pub pushed: usize,
    /// States and refs of notes that were received.
    pub fetched: usize,
    /// The remote.
    pub remote: String,
    /// Operations that were sent.
    pub acts: usize,
    /// How many of them the state refused; `log` says why.
    pub refused: usize,
    /// Refs of notes that were sent.
    pub notes_pushed: usize,
    /// Refs of notes that were received.
    pub notes_fetched: usize,
}

/// Sends what waits, receives what is new, then exchanges the notes of all sessions.
///
/// # Errors
/// [`ClientError::NoRemote`] in a clone that decides by itself; when the remote cannot be reached.
pub fn sync(client: &Client) -> ClientResult<Synced> {
    let store = &client.store;
    if store.arbiter()?.is_none() {
        return Err(ClientError::NoRemote);
    }
    store.sync_begins()?;
    let waiting = store.deferred()?;
    let began = crate::clock::now();
    let before = store.tip()?;
    client.submit(&Op::Sweep, None)?;
    let acts = waiting - store.deferred()?.min(waiting);
    let mut refused = 0;
    store.log(|event| {
        refused += usize::from(event.event == crate::model::EventKind::Refused && event.time >= began);
        event.time >= began
    })?;
    let is_new = store.tip()? != before;
    // Read again: a folder that was moved has another clone name now.
    let arbiter = store.arbiter()?.ok_or(ClientError::NoRemote)?;
    let own = own_sessions(client, &arbiter.clone)?;
    let patience = client.store_options().patience;
    let notes = notes::sync::sync(&client.place.repo, &arbiter.remote, &own, patience)
        .map_err(ClientError::NotesNotExchanged)?;
    Ok(Synced {
        pushed: acts + notes.pushed,
        fetched: usize::from(is_new) + notes.fetched,
        remote: arbiter.remote,
        acts,
        refused,
        notes_pushed: notes.pushed,
        notes_fetched: notes.fetched,
    })
}

/// Sessions whose notes this clone may write: all but those that are at work in another clone.
fn own_sessions(client: &Client, clone: &str) -> ClientResult<Vec<SessionName>> {
    let elsewhere = |s: &Session| {
        s.state == SessionState::Active && s.clone.as_deref().is_some_and(|theirs| theirs != clone)
    };
    let sessions = client.store.read(|view| session::all(view))?;
    Ok(sessions.into_iter().filter(|s| !elsewhere(s)).map(|s| s.name).collect())
}

/// True when an exchange of notes failed because of the remote.
pub fn is_of_remote(error: &NoteError) -> bool {
    matches!(error, NoteError::Remote(_))
}
