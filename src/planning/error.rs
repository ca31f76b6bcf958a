//! Why something with a plan cannot be done.

use std::path::PathBuf;

use crate::client::ClientError;
use crate::exec::ExecError;
use crate::git::GitError;
use crate::land::LandError;
use crate::model::{RepoPath, SessionName, ViewError};
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
    /// What it needs has not landed, or its day has not come.
    #[error("{id} waits for {}", open.join(", "))]
    NeedsOpen {
        /// The workstream.
        id: String,
        /// What it waits for.
        open: Vec<String>,
    },
    /// Neither the integration branch nor the base is there.
    #[error("branch {branch}, at which workstreams begin, does not exist")]
    NoBase {
        /// The plan's base.
        branch: String,
    },
    /// The repository tracks a file with the name of the start file.
    #[error("{file} is tracked: it cannot be the start file of workstreams")]
    Tracked {
        /// The name.
        file: String,
    },
    /// A file cannot be written.
    #[error("write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The exclude file of git cannot be written.
    #[error("write info/exclude: {source}")]
    Exclude {
        /// What the system said.
        source: std::io::Error,
    },
    /// A window could not be opened.
    #[error("`{command}` failed: {why}")]
    Window {
        /// The command.
        command: String,
        /// What it said.
        why: String,
    },
    /// The set-up command of a worktree could not be run.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The session does not work on a workstream.
    #[error("session {session} does not work on a workstream of the plan")]
    NoWorkstream {
        /// The session.
        session: SessionName,
    },
    /// A rule says no.
    #[error("{message}")]
    Rule {
        /// The rule, as a word for programs.
        rule: &'static str,
        /// In words.
        message: String,
        /// What to do instead.
        hint: String,
        /// The paths that it is about.
        paths: Vec<RepoPath>,
    },
    /// A landing did not come to its end.
    #[error(transparent)]
    Land(#[from] LandError),
    /// A use case did not come to its end.
    #[error(transparent)]
    Client(Box<ClientError>),
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

impl From<ClientError> for PlanError {
    fn from(error: ClientError) -> Self {
        PlanError::Client(Box::new(error))
    }
}
