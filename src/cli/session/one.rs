//! One session, as the verbs of `session` show it.

use serde_json::{Value, json};

use crate::model::SessionName;
use crate::model::session::{Session, SessionState};
use crate::store::Store;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{FAINT, GOOD, paint};
use crate::cli::text;

/// The session that is named, or that of this command.
pub fn named(app: &App, name: Option<&SessionName>) -> CliResult<SessionName> {
    name.cloned().map_or_else(|| app.session(), Ok)
}

/// A session in the form that `data.session` has.
pub fn session_json(session: &Session, store: &Store) -> Value {
    let leases: Vec<Value> = session
        .leases
        .iter()
        .map(|l| {
            json!({
                "lease": l.id, "mode": l.mode, "since": l.since.to_string(),
                "expires": l.expires().to_string(), "paths": l.paths,
                "item": l.item.as_ref().map(|i| &i.id),
            })
        })
        .collect();
    json!({
        "name": session.name, "state": session.state, "worktree": session.worktree,
        "branch": session.branch, "host": session.host, "queues": session.queues,
        "areas": session.areas, "shard": session.shard, "help_others": session.help_others,
        "started": session.started.to_string(),
        "ended": session.ended.map(|t| t.to_string()), "done": session.done, "failed": session.failed,
        "leases": leases, "last_seen": store.last_seen(&session.name).map(|t| t.to_string()),
    })
}

/// A session on one line.
pub fn line(session: &Session, store: &Store, width: usize) -> String {
    let state = match session.state {
        SessionState::Active => paint(GOOD, "active"),
        SessionState::Ended => paint(FAINT, "ended "),
    };
    // Of those of other clones it is not known here.
    let seen = store.last_seen(&session.name).map_or_else(|| "-".to_owned(), text::ago);
    let place = session.worktree.as_deref().unwrap_or("-");
    format!("{:width$}  {state}  {place}  {}", session.name.to_string(), paint(FAINT, format!("seen {seen}")))
}
