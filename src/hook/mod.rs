//! git hooks of ours: where they go, how they get there, and whether git runs them.
//!
//! One small `sh` shim (`hooks/shim.sh`) serves all hooks. It runs the hook that it took the
//! place of, then `git-coord hook <name>`.
//!
//! Guarantees:
//! - Shims stand where git looks in *every* worktree of the clone. `core.hooksPath` is obeyed
//!   and never changed; where obeying it would touch other repositories or tracked files,
//!   nothing at all is installed.
//! - What was there is kept beside the shim as `<hook>.coord-chained`, the same file with the
//!   same mode, and is moved back by [`uninstall`].
//! - Installing twice changes nothing. Two installations at once do what one does.
//! - When the hook that a shim has run puts itself over the shim (lefthook does, after a change
//!   of its configuration), the shim sets `GIT_COORD_HOOK_DISPLACED` for `git-coord hook`, which
//!   is to call [`install`] again.
//! - At no instant is an existing hook absent, whenever the process is killed ([`install`] says
//!   what each point leaves).

pub mod git_call;
mod hook_file;
mod hooks_dir;
mod install;
mod others;
mod server;
mod shim;
mod status;
#[cfg(test)]
mod tests;
mod uninstall;
mod watch;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::git::GitError;

pub use install::{Change, Installed, install};
pub use others::{OtherError, others, run_others};
pub use server::{ServerHook, install_server, server_status, uninstall_server};
pub use shim::{Tool, VERSION};
pub use status::{HookStatus, State, status};
pub use uninstall::{Removed, uninstall};
pub use watch::{Watched, watch};

/// The hooks that are installed, in clones and on servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Refuses a commit that edits what is not claimed.
    PreCommit,
    /// The same for the commit of a merge without conflicts, which skips `pre-commit`.
    PreMergeCommit,
    /// Adds trailers; runs even when the checks are skipped.
    PrepareCommitMsg,
    /// Adds the trailers that had to wait for the editor.
    CommitMsg,
    /// Records what was committed.
    PostCommit,
    /// Greets a new worktree.
    PostCheckout,
    /// Keeps records of commits that an amend or rebase replaces.
    PostRewrite,
    /// Checks again what is about to leave this clone.
    PrePush,
    /// Judges what arrives in a bare repository; none of a clone's hooks.
    Update,
}

impl Hook {
    /// All of a clone, in the order in which a commit meets them.
    pub const ALL: [Hook; 8] = [
        Hook::PreCommit,
        Hook::PreMergeCommit,
        Hook::PrepareCommitMsg,
        Hook::CommitMsg,
        Hook::PostCommit,
        Hook::PostCheckout,
        Hook::PostRewrite,
        Hook::PrePush,
    ];

    /// The name that git knows it by (githooks(5)).
    pub fn name(self) -> &'static str {
        match self {
            Hook::PreCommit => "pre-commit",
            Hook::PreMergeCommit => "pre-merge-commit",
            Hook::PrepareCommitMsg => "prepare-commit-msg",
            Hook::CommitMsg => "commit-msg",
            Hook::PostCommit => "post-commit",
            Hook::PostCheckout => "post-checkout",
            Hook::PostRewrite => "post-rewrite",
            Hook::PrePush => "pre-push",
            Hook::Update => "update",
        }
    }

    /// What `git-coord hook` knows it by.
    pub fn command(self) -> &'static str {
        match self {
            Hook::Update => "server-update",
            other => other.name(),
        }
    }

    /// The hook of that name, if it is one of ours.
    pub fn parse(name: &str) -> Option<Hook> {
        Hook::ALL.into_iter().find(|h| h.name() == name)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why hooks could not be installed, removed or looked at.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// git did not answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file or folder could not be read or changed.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `core.hooksPath` names hooks that other repositories use as well.
    #[error(
        "core.hooksPath is {dir}, outside this repository: hooks there run in other repositories too. Nothing was \
         installed. Do one of these, then repeat:\n  \
         - give this repository hooks of its own: git -C {worktree} config --local core.hooksPath {common}/hooks\n  \
         - or call git-coord from the shared hooks: end {dir}/pre-commit with the line `git coord hook pre-commit \"$@\"`, \
         and likewise the other hooks\n  \
         - or stop using shared hooks, for all repositories: git config --global --unset core.hooksPath"
    )]
    Outside {
        /// Where git looks for hooks.
        dir: PathBuf,
        /// A worktree for which it looks there.
        worktree: PathBuf,
        /// The git folder of the clone.
        common: PathBuf,
    },
    /// `core.hooksPath` names files of the project.
    #[error(
        "core.hooksPath is {dir}, which {} in {worktree}: installing there would change the project itself. Nothing was \
         installed. Do one of these, then repeat:\n  \
         - call git-coord from the project's hooks: end {dir}/pre-commit with the line `git coord hook pre-commit \"$@\"`, \
         and likewise the other hooks\n  \
         - or let this clone use hooks of its own: git -C {worktree} config --local core.hooksPath {common}/hooks\n  \
         - or keep generated hooks in a folder that git ignores, as husky does with .husky/_",
        if *tracked { "is tracked" } else { "is not ignored" }
    )]
    InProject {
        /// Where git looks for hooks.
        dir: PathBuf,
        /// The worktree that the folder is part of.
        worktree: PathBuf,
        /// The git folder of the clone.
        common: PathBuf,
        /// True when the folder holds tracked files, false when they would show as untracked.
        tracked: bool,
    },
    /// `core.hooksPath` of a bare repository leads out of it.
    #[error(
        "core.hooksPath is {dir}, outside {bare}: hooks there run in other repositories too. Nothing was changed. \
         To give this repository hooks of its own: git -C {bare} config core.hooksPath hooks"
    )]
    ServerOutside {
        /// Where git looks for hooks.
        dir: PathBuf,
        /// The repository.
        bare: PathBuf,
    },
    /// Where a hook belongs there is a folder, a device or the like.
    #[error("{path} is neither a file nor a link; move it away, then repeat: a hook belongs there")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Another process is installing or removing hooks and does not end.
    #[error("{path}: another process is changing the hooks of this clone; repeat when it is done")]
    Busy {
        /// The folder that it holds.
        path: PathBuf,
    },
    /// The file kept changing under our hands.
    #[error("{path} is being changed by another program; repeat when that is done")]
    Unsteady {
        /// The hook.
        path: PathBuf,
    },
    /// The program's path cannot be written into a shell script.
    #[error("{path}: a program at this path cannot be called from a hook; install git-coord elsewhere")]
    Binary {
        /// The program.
        path: PathBuf,
    },
}

/// How long another installation may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> HookError + 'a {
    move |source| HookError::Io { what, path: path.to_owned(), source }
}

/// Keeps other installations of the clone out while it lives. The kernel takes it back from a
/// process that dies, and as the git folder itself is locked, no file is left.
#[must_use]
struct InstallLock {
    _folder: Option<File>,
}

impl InstallLock {
    fn wait(common_dir: &Path) -> Result<Self, HookError> {
        let folder = File::open(common_dir).map_err(io("open", common_dir))?;
        let begin = Instant::now();
        loop {
            match folder.try_lock() {
                Ok(()) => return Ok(InstallLock { _folder: Some(folder) }),
                Err(std::fs::TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    return Err(HookError::Busy { path: common_dir.to_owned() });
                }
                // Some network file systems cannot lock folders. Each step is safe by itself;
                // the lock only keeps installations from seeing each other's middle.
                Err(std::fs::TryLockError::Error(_)) => return Ok(InstallLock { _folder: None }),
            }
        }
    }
}
