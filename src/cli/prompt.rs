//! `prompt`: a word for the prompt of a shell.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::Answer;
use crate::client::{Client, ClientError};
use crate::model::session::{self, SessionState};
use crate::store::StoreError;

/// Print the session of this worktree and what it holds, for a shell's prompt
#[derive(Debug, Args)]
#[command(after_help = "For bash: PS1='$(git coord prompt 2>/dev/null)'$PS1\n\
                        It prints nothing where no session is at work, and asks no remote.")]
pub struct PromptArgs {}

/// Runs `prompt`. It is run at each prompt: nothing but the record of the session is read, and nothing that
/// is missing is an error.
pub fn prompt(app: CliResult<App>) -> CliResult<Answer> {
    let nothing = || Answer::new(json!({ "session": null }), "");
    let Ok(app) = app else { return Ok(nothing()) };
    let client = match Client::open(app.place.clone(), app.listener()) {
        Err(ClientError::Store(StoreError::Absent { .. })) => return Ok(nothing()),
        client => client?,
    };
    let Some(name) = client.session_if_any()? else { return Ok(nothing()) };
    let Some(record) = client.store.read(|view| session::get(view, &name))? else { return Ok(nothing()) };
    let ended = record.state == SessionState::Ended;
    let items: Vec<_> = record.leases.iter().filter_map(|l| l.item.as_ref()).map(|i| &i.id).collect();
    let paths: usize = record.leases.iter().filter(|l| l.item.is_none()).map(|l| l.paths.len()).sum();
    let mut words = vec![name.to_string()];
    match &items[..] {
        [] => {}
        [one] => words.push(one.to_string()),
        several => words.push(format!("{} items", several.len())),
    }
    if paths > 0 {
        words.push(format!("+{paths}"));
    }
    if ended {
        words.push("ended".to_owned());
    }
    let data = json!({ "session": name, "ended": ended, "items": items, "paths": paths });
    Ok(Answer::new(data, words.join(" ")))
}
