//! `session end`.

use clap::Args;
use serde_json::json;

use crate::binding::Binding;
use crate::model::{Op, Outcome, SessionName};

use super::one::{named, session_json};
use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::Answer;
use crate::cli::text;

/// End a session and give back everything it holds
#[derive(Debug, Args)]
pub struct EndArgs {
    /// Which [default: the session of this worktree]
    name: Option<SessionName>,
}

/// Runs `session end`.
pub fn end(app: &App, args: &EndArgs) -> CliResult<Answer> {
    let name = named(app, args.name.as_ref())?;
    let store = app.store()?;
    let outcome = app.submit(&store, &Op::EndSession { name: name.clone() }, None)?;
    let Outcome::Session { session, released, dropped } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    // A binding to a session that has ended would only confuse the next command.
    if let Ok(Some(binding)) = Binding::read(&app.repo)
        && binding.session == name
    {
        Binding::remove(&app.repo.git_dir).map_err(|e| CliError::failed("io", e.to_string()))?;
    }
    let text = format!(
        "session {name} has ended; given back: {}, {}",
        text::count(released.len(), "path"),
        text::count(dropped.len(), "item")
    );
    let data = json!({ "session": session_json(&session, &store), "released": released, "dropped": dropped });
    Ok(Answer::new(data, text))
}
