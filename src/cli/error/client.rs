//! Errors of the use cases, with one next step each.

use serde_json::json;

use crate::cli::exit::ExitStatus;
use crate::cli::sanitize::Text;
use crate::cli::text::{count, shell_word};
use crate::client::session::WorktreeError;
use crate::client::{ClientError, Fate};
use crate::model::RepoPath;
use crate::notes::NoteError;

use super::presented::CliError;
use super::refusal::holders_json;
use super::untrusted;

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let message = || Text::block(&error.to_string());
        match error {
            ClientError::Store(e) => e.into(),
            ClientError::Git(e) => e.into(),
            ClientError::Repo(e) => e.into(),
            ClientError::Changes(e) => e.into(),
            ClientError::Hook(e) => e.into(),
            ClientError::Name(e) => e.into(),
            ClientError::Path(e) => e.into(),
            ClientError::Worktree(e) => e.into(),
            ClientError::Gate(e) => e.into(),
            ClientError::Refused(outcome) => CliError::from_refusal(*outcome),
            ClientError::Fresh(_) => CliError::failed("git", message()),
            ClientError::Pattern { pattern, folder, .. } => {
                let folder = folder.map_or_else(
                    || "a folder".to_owned(),
                    |f| format!("the folder (git coord claim {})", shell_word(&f.to_string_lossy())),
                );
                let word = shell_word(&pattern);
                CliError::usage(message_of_pattern(&pattern))
                    .hint(format!("claim {folder}, or the files: git coord claim $(git ls-files {word})"))
            }
            ClientError::Ambiguous { ref first, .. } => CliError::failed("ambiguous", message())
                .hint(format!("write more of it, for example: {}", first.join(", ")))
                .detail("items", json!(first)),
            ClientError::Uncommitted(files) => uncommitted(&files),
            ClientError::Area(_) => CliError::usage(message()),
            ClientError::Note(_) => CliError::failed("notes", message()),
            ClientError::Settings(_) => CliError::failed("settings", message()),
            ClientError::Binding(_) | ClientError::OwnProgram(_) => CliError::failed("io", message()),
            ClientError::NotesNotExchanged(ref notes) => not_exchanged(notes, message()),
            ClientError::NoVerifyCommand(ref queue) => CliError::usage(message())
                .hint(format!("name one: git coord queue set {queue} --verify-command CMD")),
            ClientError::Untrusted { command, policy } => untrusted::error(&[*command], policy, Vec::new()),
            ClientError::Trust { .. } => {
                CliError::failed("io", message()).hint("check that the file can be read")
            }
            ClientError::NotStarted { .. } => {
                CliError::failed("io", message()).hint("check that it is installed and on PATH")
            }
            ClientError::Left { error, place, branch, fate } => {
                let (error, place) = (CliError::from(*error), place.display());
                let fate = match fate {
                    Fate::Kept => "is kept for the repeated call".to_owned(),
                    stuck => stuck.to_string(),
                };
                let line = format!("the worktree {place} on branch {branch}, which was made for it, {fate}");
                CliError { message: error.message.and(line), ..error }
            }
            session @ (ClientError::Copied(_)
            | ClientError::NoSession { .. }
            | ClientError::Ended(_)
            | ClientError::AtWork { .. }
            | ClientError::BoundTo { .. }) => of_session(&session),
            arbiter => of_arbiter(arbiter),
        }
    }
}

fn message_of_pattern(pattern: &str) -> String {
    format!("{pattern}: not a path but a pattern, and claims are of files and folders")
}

/// Files that `done` would leave behind.
fn uncommitted(files: &[RepoPath]) -> CliError {
    const SHOWN: usize = 10;
    let mut lines = vec![format!("{} not committed:", count(files.len(), "changed file"))];
    lines.extend(files.iter().take(SHOWN).map(|file| format!("  {file}")));
    if files.len() > SHOWN {
        lines.push(format!("  and {} more", files.len() - SHOWN));
    }
    CliError::refused(lines)
        .hint("commit them, then repeat; to finish without them: git coord done --anyway ITEM")
        .detail("rule", json!("uncommitted"))
        .detail("files", json!(files))
}

/// Who may act.
fn of_session(error: &ClientError) -> CliError {
    let message = error.to_string();
    match error {
        ClientError::Copied(_) => CliError::failed("no-session", message)
            .hint("start one for this folder with: git coord session start NAME"),
        ClientError::Ended(name) => {
            CliError::refused(message).hint(format!("start it again: git coord session start {name}"))
        }
        ClientError::AtWork { session, other_host, blockers, .. } => {
            let whose = other_host.as_ref().map(|host| format!(" of another clone, on {host}"));
            CliError::failed("held", message + &whose.unwrap_or_default())
                .status(ExitStatus::Held)
                .hint(format!("take another name, or end it first: git coord session end {session}"))
                .detail("holders", holders_json(blockers))
        }
        ClientError::BoundTo { bound, wanted, .. } => CliError::refused(message)
            .hint(format!(
                "end it first (git coord session end {bound}), use a worktree of its own (git coord session \
                 start {wanted} --worktree DIR), or take this one over with --rebind"
            ))
            .detail("rule", json!("bound"))
            .detail("session", json!(bound)),
        _ => CliError::failed("no-session", message).hint("start one with: git coord session start NAME"),
    }
}

/// What concerns the remote that arbitrates.
fn of_arbiter(error: ClientError) -> CliError {
    let message = error.to_string();
    match error {
        ClientError::NoRemote => CliError::failed("no-remote", message)
            .hint("to share the state between clones: git coord init --remote origin"),
        ClientError::UnknownRemote { known, .. } => {
            CliError::failed("unknown-remote", message).hint(match &known[..] {
                [] => "add one with: git remote add origin URL".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            })
        }
        ClientError::SeveralUrls { .. } => CliError::failed("several-urls", message)
            .hint("add a remote of its own for the arbiter: git remote add coord URL"),
        ClientError::StatesDiffer { remote, .. } => CliError::refused(message)
            .hint(format!("to give up this clone's: git coord init --remote {remote} --discard")),
        ClientError::OldArbiterSilent { error, before } => CliError::from(*error).hint(format!(
            "{before} is the arbiter so far: try again when it can be reached; if it is gone for good, first: \
             git remote remove {before}"
        )),
        _ => CliError::failed("failed", message),
    }
}

fn not_exchanged(error: &NoteError, message: Text) -> CliError {
    match error {
        NoteError::Remote(_) => CliError::remote(message),
        _ => CliError::failed("notes", message)
            .hint("list them with: git for-each-ref refs/notes/coord, then repeat: git coord sync"),
    }
}

impl From<WorktreeError> for CliError {
    fn from(error: WorktreeError) -> Self {
        let message = Text::block(&error.to_string());
        let failed = || CliError::failed("worktree", message.clone());
        let gone = |prunable: bool, place: &std::path::Path| {
            // A locked one may be on a disk that is not there at the moment.
            failed().hint(match prunable {
                true => "let git forget it with: git worktree prune".to_owned(),
                false => format!(
                    "bring it back, or let git forget it with: git worktree remove -ff '{}'",
                    place.display()
                ),
            })
        };
        let other_branch = "name another branch with --branch B";
        match &error {
            WorktreeError::OtherBranch { .. } => failed()
                .hint("leave --branch out to start the session there as it is, or name another folder"),
            WorktreeError::BadBranchName(_) => CliError::usage(message.clone()).hint(other_branch),
            WorktreeError::Unreadable { .. } | WorktreeError::Occupied { .. } => {
                failed().hint("name a folder that does not exist yet")
            }
            WorktreeError::Gone { place, prunable } | WorktreeError::BranchGone { place, prunable, .. } => {
                gone(*prunable, place)
            }
            WorktreeError::CheckedOut { .. } | WorktreeError::Beside { .. } => failed().hint(other_branch),
            WorktreeError::NoCommit(_) => failed().hint("make one: git commit --allow-empty -m 'first'"),
            WorktreeError::HookFailed { .. } => failed().hint("fix the hook, then repeat the command"),
        }
    }
}
