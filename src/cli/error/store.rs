//! Errors of store, git and remote, with one next step each.

use serde_json::json;

use crate::cli::exit::ExitStatus;
use crate::cli::sanitize::Text;
use crate::git::changes::ChangesError;
use crate::git::{GitError, RepoError};
use crate::hook::HookError;
use crate::model::{NameError, PathError, ViewError};
use crate::store::StoreError;
use crate::store::remote::RemoteError;

use super::io::io_hint;
use super::presented::CliError;

/// The chain of causes as one text. What git and servers say may have several lines.
fn chain(error: &dyn std::error::Error) -> Text {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    Text::block(&text)
}

/// What helps when the user has renamed or removed the remote that decides.
pub const NAME_ANOTHER: &str =
    "name the remote that decides now (git remote lists them): git coord init --remote NAME";

/// The error of a remote that could not be used.
fn remote(error: &RemoteError, message: Text) -> CliError {
    let outcome = |outcome: &str, hint: &str| {
        CliError::failed("remote", message.clone())
            .status(ExitStatus::Remote)
            .hint(hint)
            .detail("outcome", json!(outcome))
    };
    match error {
        RemoteError::Unreachable { .. } if error.is_not_configured() => outcome("unchanged", NAME_ANOTHER),
        RemoteError::Unknown { .. } if error.is_not_configured() => outcome("unknown", NAME_ANOTHER),
        RemoteError::Unreachable { .. } => {
            outcome("unchanged", "nothing was changed; try again when the remote can be reached")
        }
        RemoteError::Unknown { .. } => outcome(
            "unknown",
            "run the command again to resolve it; after next, first check what you hold: \
                 git coord queue list --mine",
        ),
        // A server that died while it moved the ref; nothing on the server repairs that.
        RemoteError::Refused { reason, .. } if reason.contains(".lock': File exists") => outcome(
            "unchanged",
            "a stale lock file is left on the server: delete it there, or ask the server's administrator",
        ),
        RemoteError::Refused { .. } => {
            outcome("unchanged", "see what the server allows with: git coord remote probe")
        }
        RemoteError::Contended { .. } => outcome("unchanged", "nothing was changed; try again"),
        RemoteError::Newer { .. } => CliError::failed("newer-format", message).hint(
            "update git-coord; when nobody uses a newer one, put this clone's state back with: \
             git coord doctor --remote --repair",
        ),
        RemoteError::Vanished { .. }
        | RemoteError::Backwards { .. }
        | RemoteError::LeftOut { .. }
        | RemoteError::Foreign { .. } => CliError::failed("remote-state", message)
            .hint("nothing was changed; list what can be restored with: git coord doctor --remote"),
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let message = chain(&error);
        match error {
            StoreError::Absent { .. } => CliError::failed("no-store", message).hint("run: git coord init"),
            StoreError::Newer { .. } => CliError::failed("newer-format", message).hint("update git-coord"),
            StoreError::Busy { .. } => CliError::failed("busy", message)
                .hint("try again; if it persists, look for a hanging git-coord process"),
            StoreError::InDoubt { .. } => CliError::failed("busy", message)
                .detail("outcome", json!("unknown"))
                .hint("look for a git-coord that is stopped; list what you hold with: git coord status"),
            StoreError::NoLocks { .. } => CliError::failed("no-locks", message).hint(
                "keep the repository on a local file system, or mount it with locks (NFS: without nolock)",
            ),
            StoreError::Contended { .. } => {
                CliError::failed("busy", message).hint("stop what writes the store, then try again")
            }
            StoreError::View(_) | StoreError::Objects { .. } => {
                CliError::failed("damaged", message).hint("run: git coord doctor")
            }
            StoreError::Io { source, .. } => CliError::failed("io", message).hint(io_hint(&source)),
            StoreError::Batches(source) => CliError::failed("io", message).hint(io_hint(&source)),
            StoreError::Git(inner) => inner.into(),
            StoreError::Remote(inner) => remote(&inner, message),
        }
    }
}

impl From<ViewError> for CliError {
    fn from(error: ViewError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<GitError> for CliError {
    fn from(error: GitError) -> Self {
        let message = chain(&error);
        match error {
            GitError::Missing { .. } => {
                CliError::failed("no-git", message).hint("install git 2.39 or newer and put it on PATH")
            }
            _ => CliError::failed("git", message),
        }
    }
}

impl From<RepoError> for CliError {
    fn from(error: RepoError) -> Self {
        let message = chain(&error);
        match error {
            RepoError::None { .. } => {
                CliError::failed("no-repository", message).hint("go to a repository, or name one with -C DIR")
            }
            RepoError::Bare { .. } => {
                CliError::failed("bare", message).hint("run it in a worktree or clone of this repository")
            }
            RepoError::Untrusted { .. } => CliError::failed("untrusted", message),
            RepoError::Io { .. } => CliError::failed("io", message),
            RepoError::Path(_) => CliError::failed("no-repository", message).hint("go to a worktree"),
        }
    }
}

impl From<NameError> for CliError {
    fn from(error: NameError) -> Self {
        CliError::usage(error.to_string())
    }
}

impl From<PathError> for CliError {
    fn from(error: PathError) -> Self {
        CliError::failed("bad-path", error.to_string())
            .hint("name files and folders of this repository, relative to the current folder")
    }
}

impl From<ChangesError> for CliError {
    fn from(error: ChangesError) -> Self {
        match error {
            ChangesError::Git(inner) => inner.into(),
            ChangesError::Path(inner) => inner.into(),
            ChangesError::Range { .. } => CliError::usage(error.to_string()),
            other => CliError::failed("git", other.to_string()),
        }
    }
}

impl From<HookError> for CliError {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Git(inner) => inner.into(),
            other => CliError::failed("hooks", Text::block(&other.to_string())),
        }
    }
}
