//! What can go wrong with the store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::git::GitError;
use crate::model::ViewError;

use crate::store::arbiter::remote::RemoteError;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store in this repository.
    #[error("{path}: git-coord is not set up in this repository")]
    Absent {
        /// Where it would be.
        path: PathBuf,
    },
    /// A file or folder of the store could not be used.
    #[error("{path}: {what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// gix could not read or write an object or ref.
    #[error("{path}: {what}: {reason}")]
    Objects {
        /// What was being done.
        what: &'static str,
        /// The store.
        path: PathBuf,
        /// What gix said.
        reason: String,
    },
    /// A newer version wrote it.
    #[error("{path}: written by a newer git-coord (format {found}, this one knows {known})")]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this version writes.
        known: u32,
    },
    /// Another process writes and does not come to an end.
    #[error("{path}: another git-coord has been writing for {}s", waited.as_secs())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long this process has waited.
        waited: Duration,
    },
    /// Another process has taken the operation and does not come to an end.
    #[error("{path}: another git-coord has taken this operation and not finished it: it may still be done")]
    InDoubt {
        /// The store.
        path: PathBuf,
    },
    /// The ref changes again and again under our hands.
    #[error("{path}: refs/coord/state keeps changing; something writes it without git-coord's lock")]
    Contended {
        /// The store.
        path: PathBuf,
    },
    /// A lock that is held keeps nobody out.
    #[error(
        "{path}: locks do not exclude each other on this file system, so writers would disturb each other"
    )]
    NoLocks {
        /// The lock file.
        path: PathBuf,
    },
    /// The remote that decides could not be used.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The items of an import cannot be read back.
    #[error("the items to import cannot be read back from the temporary file: {0}")]
    Batches(#[source] std::io::Error),
    /// The state cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl StoreError {
    /// True when it is not known whether the operation was, or will be, done.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, StoreError::InDoubt { .. } | StoreError::Remote(RemoteError::Unknown { .. }))
    }

    /// Turns an I/O error into one that names what was done with which file.
    pub(crate) fn io<'a>(
        what: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(std::io::Error) -> StoreError + 'a {
        move |source| StoreError::Io { what, path: path.to_owned(), source }
    }

    /// Turns an error of gix into one that names the store.
    pub(crate) fn objects<'a, E: std::fmt::Display>(
        what: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(E) -> StoreError + 'a {
        move |e| StoreError::Objects { what, path: path.to_owned(), reason: e.to_string() }
    }
}
