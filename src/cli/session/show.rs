//! `session show`.

use clap::Args;
use serde_json::json;

use crate::model::{Outcome, QueueName, SessionName, session};

use super::one::{line, named, session_json};
use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, paint};
use crate::cli::text;

/// Show a session and what it holds
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which [default: the session of this worktree]
    name: Option<SessionName>,
}

/// Runs `session show`.
pub fn show(app: &App, args: &ShowArgs) -> CliResult<Answer> {
    let name = named(app, args.name.as_ref())?;
    let store = app.store()?;
    app.sweep(&store)?;
    let session = store.read(|view| session::get(view, &name))?.ok_or_else(|| unknown(&name))?;
    let mut lines = vec![line(&session, &store, session.name.as_str().len())];
    if let Some(branch) = &session.branch {
        lines.push(format!("  branch   {branch}"));
    }
    if !session.queues.is_empty() {
        let names: Vec<&str> = session.queues.iter().map(QueueName::as_str).collect();
        lines.push(format!("  queues   {}", names.join(", ")));
    }
    if !session.areas.is_empty() {
        lines.push(format!("  areas    {}", session.areas.join(", ")));
    }
    if let Some(shard) = session.shard {
        let gone = session.without_shard().map(|_| format!("none: the split is over {} now", shard.of()));
        lines.push(format!("  shard    {}", gone.unwrap_or_else(|| shard.to_string())));
    }
    if session.help_others {
        lines.push("  helps    others, when it has no work of its own".to_owned());
    }
    lines.push(format!("  finished {} done, {} failed", session.done, session.failed));
    for lease in &session.leases {
        let what = match &lease.item {
            Some(item) => format!("item {}", item.id),
            None => lease.paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let left = paint(FAINT, format!("{} left", text::until(lease.expires())));
        lines.push(format!("  holds    {what} {left}"));
    }
    for loss in session.lost.iter().rev().take(5) {
        let what = loss.path.as_ref().map(ToString::to_string);
        let what = what.or_else(|| loss.item.as_ref().map(|i| format!("item {i}"))).unwrap_or_default();
        lines.push(format!("  lost     {what}: {}", loss.why));
    }
    Ok(Answer::new(json!({ "session": session_json(&session, &store) }), lines))
}

fn unknown(name: &SessionName) -> CliError {
    CliError::from_refusal(Outcome::Unknown { what: "session".into(), name: name.to_string() })
}
