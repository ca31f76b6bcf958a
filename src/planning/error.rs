//! Why something with a plan cannot be done.

use std::path::PathBuf;

use crate::git::GitError;
use crate::model::ViewError;
use crate::plan::Problem;
use crate::store::StoreError;

/// Why something with a plan cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The plan's file cannot be read.
    #[error("read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The plan has mistakes.
    #[error("{file} has {} mistakes", problems.len())]
    Bad {
        /// The file's name.
        file: String,
        /// All of them.
        problems: Vec<Problem>,
    },
    /// A plan is not in force.
    #[error("a plan is not in force here")]
    None,
    /// A name that the plan does not have.
    #[error("the plan does not have a {what} {name}")]
    Unknown {
        /// `workstream`, `wave`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}
