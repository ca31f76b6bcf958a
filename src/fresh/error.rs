//! Why it could not be found out whether a branch is fresh.

use std::path::PathBuf;

use crate::git::GitError;
use crate::model::ViewError;
use crate::store::StoreError;

/// Why it could not be found out, or be made so.
#[derive(Debug, thiserror::Error)]
pub enum FreshError {
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// What was found out cannot be kept.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
