//! `session start`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, STRONG, paint};
use crate::cli::text::shell_word;
use crate::client::session::{self, MadeWorktree, NewWorktree, StartRequest, Started};
use crate::model::shard::Shard;
use crate::model::{QueueName, SessionName};

/// Start a session in this worktree, or in a new one
#[derive(Debug, Args)]
#[command(
    after_help = "Starting a session that is known resumes it. The worktree is bound to it: commands\n\
                        and hooks there act for it. Areas are patterns such as 'src/payments/**'."
)]
pub struct StartArgs {
    /// Its name: letters, digits, '.', '_', '-'
    name: SessionName,
    /// Offer it work from this queue only; may be given several times
    #[arg(long = "queue", value_name = "Q")]
    queues: Vec<QueueName>,
    /// Files that are its own to edit and that its items must touch, from the top of the
    /// repository; may be given several times
    #[arg(long = "area", value_name = "PATTERN")]
    areas: Vec<String>,
    /// Offer it only its part of the items, by their files: 2/5 is the second of five, 1/1 is all
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Let it take other sessions' items when its own have run out; '=false' ends that
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    help_others: Option<bool>,
    /// Make a new worktree there and start the session in it
    #[arg(long, value_name = "DIR")]
    worktree: Option<PathBuf>,
    /// Branch of the new worktree, created if missing [default: the session's name]
    #[arg(long, value_name = "B", requires = "worktree")]
    branch: Option<String>,
    /// Take this worktree over from the session that it is bound to
    #[arg(long)]
    rebind: bool,
}

/// Runs `session start`.
pub fn start(app: &App, args: &StartArgs) -> CliResult<Answer> {
    let given = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let worktree = args.worktree.clone().map(|dir| NewWorktree { dir, branch: args.branch.clone() });
    let request = StartRequest {
        name: args.name.clone(),
        queues: (!args.queues.is_empty()).then(|| args.queues.clone()),
        areas: given(&args.areas),
        shard: args.shard,
        help_others: args.help_others,
        worktree,
        rebind: args.rebind,
    };
    let started = session::start(&app.client()?, &request)?;
    let mut answer = Answer::of(&started, headline(&started));
    for note in notes(&started) {
        answer = answer.note(note);
    }
    Ok(answer)
}

fn headline(started: &Started) -> String {
    let session = &started.session;
    let on = session.branch.as_ref().map(|b| format!(" on {b}")).unwrap_or_default();
    let place = session.worktree.as_deref().unwrap_or("?");
    let name = paint(STRONG, &session.name);
    match started.resumed {
        true => format!("session {name} is resumed in {place}{on}"),
        false => format!("session {name} is at work in {place}{on}"),
    }
}

fn notes(started: &Started) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(made) = &started.made {
        notes.extend(made_notes(made));
    }
    if let Some(before) = &started.was_bound_to {
        notes.push(format!("this worktree was bound to {before}, which continues under: --session {before}"));
    }
    notes.extend(started.without_shard.clone());
    // They may be made later.
    notes.extend(started.missing.clone().if_any().map(|missing| missing.to_string()));
    let there =
        started.made.as_ref().map(|made| format!("cd {} && ", shell_word(&made.path.to_string_lossy())));
    notes.push(format!("next: {}git coord next, or git coord claim PATH", there.unwrap_or_default()));
    notes
}

fn made_notes(made: &MadeWorktree) -> Vec<String> {
    let kind = if made.new_branch { "new" } else { "existing" };
    let mut notes = vec![format!("made worktree {} on {kind} branch {}", made.path.display(), made.branch)];
    if let Some(outer) = &made.inside {
        notes.push(format!(
            "it is inside the worktree {}, where git shows it as untracked unless .gitignore names it",
            outer.display()
        ));
    }
    notes
}
