//! Messages that wait for the session of a command: shown once, after the command's own answer.
//!
//! A command must not pay for this when there is no message. Within a clone, `agents/<session>.mail` in the
//! store says that there may be one; where a remote decides, the record of the session is read each time, which
//! costs nothing beside the network.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::agent::DIR;
use crate::model::SessionName;
use crate::model::session;
use crate::store::Store;

use crate::cli::app::App;

fn file(store: &Store, session: &SessionName, end: &str) -> PathBuf {
    store.path().join(DIR).join(format!("{session}.{end}"))
}

/// Notes that a message was left for a session.
pub fn mark(store: &Store, session: &SessionName) {
    // A message that is shown later is not worth failing for.
    let _ = std::fs::create_dir_all(store.path().join(DIR));
    let _ = std::fs::write(file(store, session, "mail"), "");
}

/// A message that has not been shown.
#[derive(Debug)]
pub struct Mail {
    /// For people.
    pub line: String,
    /// For programs.
    pub json: Value,
}

/// The messages for the session of a command that have not been shown; they count as shown from now on.
pub fn take(app: &App) -> Vec<Mail> {
    // What goes wrong here was not asked for.
    try_take(app).unwrap_or_default()
}

fn try_take(app: &App) -> Option<Vec<Mail>> {
    let session = app.place.session_if_any().ok()??;
    let dir = app.place.repo.common_dir.join(crate::store::STORE_DIR).join(DIR);
    let marked = dir.join(format!("{session}.mail")).exists();
    let store = if marked {
        Store::open(&app.place.repo.common_dir, app.place.store_options()).ok()?
    } else {
        remote_store(app)?
    };
    let record = store.read(|view| session::get(view, &session)).ok()??;
    if marked {
        let _ = std::fs::remove_file(file(&store, &session, "mail"));
    }
    let shown = file(&store, &session, "read");
    let until: Option<jiff::Timestamp> =
        std::fs::read_to_string(&shown).ok().and_then(|t| t.trim().parse().ok());
    let new = record.inbox.iter().filter(|message| until.is_none_or(|until| message.at > until));
    let mail: Vec<Mail> = new
        .map(|message| {
            let from =
                message.from.as_ref().map_or_else(|| "message".to_owned(), |from| format!("{from} says"));
            Mail {
                line: format!("{from}: {}", message.text),
                json: json!({ "at": message.at.to_string(), "from": message.from, "text": message.text }),
            }
        })
        .collect();
    if let Some(last) = record.inbox.last().filter(|_| !mail.is_empty()) {
        let _ = std::fs::create_dir_all(store.path().join(DIR));
        let _ = std::fs::write(shown, last.at.to_string());
    }
    Some(mail)
}

/// The store, if a remote decides: then a message may have come from another clone.
fn remote_store(app: &App) -> Option<Store> {
    let store = Store::open(&app.place.repo.common_dir, app.place.store_options()).ok()?;
    store.arbiter().ok()??;
    Some(store)
}
