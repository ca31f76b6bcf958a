//! Why a run cannot go on.

use std::path::{Path, PathBuf};

use crate::binding::BindingError;
use crate::exec::ExecError;
use crate::git::{GitError, RepoError};
use crate::hook::HookError;
use crate::model::{Outcome, SessionName};
use crate::store::StoreError;
use crate::store::remote::RemoteError;

/// Why a run cannot go on. What it held is given back.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// It cannot be found out what a branch lacks, or be merged.
    #[error(transparent)]
    Fresh(#[from] crate::fresh::FreshError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Hooks could not be installed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A worktree could not be bound to its session.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// A worktree of the pool is none.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The store said no.
    #[error("the store refuses: {0:?}")]
    Refused(Box<Outcome>),
    /// A file or a program.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// Another process works as this session.
    #[error("another git coord work or run is at work as session {0}")]
    Busy(SessionName),
    /// Somebody has ended the session of a slot.
    #[error("session {0} was ended by somebody else")]
    Ended(SessionName),
    /// A commit has no author.
    #[error("cannot commit what commands change, because git does not know who you are: {0}")]
    Identity(String),
    /// git did not come to an end.
    #[error("`git {command}` in {dir} did not come to an end in {seconds}s")]
    Slow {
        /// The words of the command.
        command: String,
        /// Where it ran.
        dir: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The run was stopped before a worktree was in order.
    #[error("the run was stopped before a worktree was in order")]
    Halted,
    /// There is nothing to start from.
    #[error("{0} is no commit to start from")]
    Base(String),
}

impl RunnerError {
    /// True when the same act may succeed later: the remote did not answer, or not in time.
    pub(super) fn may_pass(&self) -> bool {
        use RemoteError::{Contended, Unknown, Unreachable};
        let RunnerError::Store(StoreError::Remote(error)) = self else { return false };
        matches!(error, Unreachable { .. } | Unknown { .. } | Contended { .. })
    }

    /// True when it is certain that the act which failed has changed nothing, here or at the remote.
    pub(super) fn changed_nothing(&self) -> bool {
        match self {
            RunnerError::Store(StoreError::Remote(error)) => !matches!(error, RemoteError::Unknown { .. }),
            RunnerError::Store(_) => false,
            _ => true,
        }
    }

    /// An I/O error for `map_err`.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let error = ExecError::io(what, path);
        move |source| error(source).into()
    }
}
