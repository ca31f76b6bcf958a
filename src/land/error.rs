//! Why a landing, a rollback or a question about them gave no answer.

use std::path::{Path, PathBuf};

use crate::git::GitError;
use crate::model::{Outcome, ViewError};
use crate::notes::NoteError;
use crate::store::StoreError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum LandError {
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A note could not be written.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store refused a step: another integrator is at work, or has taken over.
    #[error("the store refused: {0:?}")]
    Refused(Box<Outcome>),
    /// A rule says no. Nothing was changed.
    #[error("{message}")]
    Rule {
        /// Which, as a word for programs.
        rule: &'static str,
        /// What and why.
        message: String,
        /// The next step.
        hint: String,
    },
    /// Something named does not exist, or is not what it must be.
    #[error("{message}")]
    Unknown {
        /// What and why.
        message: String,
        /// The next step.
        hint: String,
    },
    /// git cannot read or merge a commit.
    #[error("git cannot merge {commit}: {reason}")]
    Unreadable {
        /// The commit.
        commit: String,
        /// What git says.
        reason: String,
    },
    /// The remote did not answer, or did not accept the branch.
    #[error("remote {remote}: {reason}")]
    Remote {
        /// Its name.
        remote: String,
        /// What git says.
        reason: String,
        /// False: nothing was changed there. True: whether it was is not known.
        unknown: bool,
    },
}

impl LandError {
    /// A file that could not be read or written.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> LandError + '_ {
        move |source| LandError::Io { path: path.to_owned(), source }
    }

    /// What git says about a commit.
    pub(super) fn unreadable(commit: &str, stderr: &[u8]) -> LandError {
        let reason = String::from_utf8_lossy(stderr).trim().to_owned();
        LandError::Unreadable { commit: commit.to_owned(), reason }
    }

    /// A rule that says no.
    pub(super) fn rule(rule: &'static str, message: impl Into<String>, hint: impl Into<String>) -> LandError {
        LandError::Rule { rule, message: message.into(), hint: hint.into() }
    }
}

impl From<ViewError> for LandError {
    fn from(error: ViewError) -> Self {
        LandError::Store(error.into())
    }
}
