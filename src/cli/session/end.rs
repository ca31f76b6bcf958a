//! `session end`.

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, WARN, paint};
use crate::cli::text::count;
use crate::client::refresh;
use crate::client::session::{self, EndedSession};
use crate::model::SessionName;

/// Uncommitted files that are named.
const SHOWN: usize = 5;

/// End a session and give back everything it holds
#[derive(Debug, Args)]
pub struct EndArgs {
    /// Which [default: the session of this worktree]
    name: Option<SessionName>,
    /// Give up on its commits that have not landed: nobody needs them in their branch any longer
    #[arg(long)]
    discard: bool,
}

/// Runs `session end`.
pub fn end(app: &App, args: &EndArgs) -> CliResult<Answer> {
    let name = args.name.clone().map_or_else(|| app.place.session(), Ok)?;
    let client = app.client()?;
    let ended = session::end(&client, &name)?;
    if args.discard {
        refresh::give_up(&client, &name, None)?;
    }
    let text = format!(
        "session {name} has ended; given back: {}, {}",
        count(ended.released.len(), "path"),
        count(ended.dropped.len(), "item")
    );
    let mut answer = Answer::of(&ended, text);
    for note in left_behind(&ended) {
        answer = answer.note(note);
    }
    Ok(answer)
}

/// What stays: nobody else knows of it.
fn left_behind(ended: &EndedSession) -> Vec<String> {
    let place = ended.session.worktree.as_deref().unwrap_or("its worktree");
    let mut notes = Vec::new();
    if let Some(files) = ended.uncommitted.as_ref().filter(|files| !files.is_empty()) {
        let mut names: Vec<String> = files.iter().take(SHOWN).map(ToString::to_string).collect();
        if files.len() > names.len() {
            names.push("…".to_owned());
        }
        let what = paint(WARN, format!("{} not committed", count(files.len(), "changed file")));
        notes.push(format!("{what} in {place}: {}", names.join(", ")));
    }
    if let Some(unmerged) = &ended.unmerged {
        let what = paint(WARN, format!("{} not merged", count(unmerged.commits as usize, "commit")));
        notes.push(format!("{what}: only branch {} has them", unmerged.branch));
    }
    notes
}
