//! `setup`: the entries of git-coord in the configuration of agent programs.
//!
//! Each program has its own files and forms, see `programs`. Everything else in such a file stays as it is,
//! byte for byte: comments, other hooks, line ends. What was there before is kept beside the user's state, so
//! that `--remove` can put exactly that back when nobody has changed the file since.

mod block;
mod entries;
mod files;
mod json;
mod plan;
mod programs;
mod proof;
mod toml;

use std::path::PathBuf;

pub use block::TEXT as INSTRUCTIONS;
pub use plan::{check, remove, write};
pub use programs::{Program, all, find};
pub use proof::prove;

/// Where files of configuration are, and what goes into them.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The user's home folder.
    pub home: PathBuf,
    /// Where programs keep configuration: `~/.config` unless the user has another place.
    pub config_home: PathBuf,
    /// Where programs keep state: `~/.local/state` unless the user has another place.
    pub state_home: PathBuf,
    /// Codex's own folder, if it is not `~/.codex`.
    pub codex_home: Option<PathBuf>,
    /// Claude Code's own folder, if it is not `~/.claude`.
    pub claude_home: Option<PathBuf>,
    /// The program to call, by a path that stays when a new version comes.
    pub program: PathBuf,
    /// Top of the repository whose own configuration is meant; `None`: the user's.
    pub project: Option<PathBuf>,
    /// The store of the repository that the command runs in, if it has one.
    pub store: Option<PathBuf>,
}

/// How the entries of a program are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As they would be written now.
    Current,
    /// None is there.
    Missing,
    /// Some are there, or others than would be written now.
    Stale,
}

impl State {
    /// The word for JSON.
    pub fn word(self) -> &'static str {
        match self {
            State::Current => "current",
            State::Missing => "missing",
            State::Stale => "stale",
        }
    }
}

/// The entries of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How they are.
    pub state: State,
    /// The files that they are in.
    pub files: Vec<PathBuf>,
    /// The files of these that were changed.
    pub changed: Vec<PathBuf>,
}

/// Why a file of configuration was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It cannot be understood, or holds something else where the entry belongs.
    #[error("{path}: {reason}; it was left as it is. The entry would be: {entry}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// The entry, to be added by hand.
        entry: String,
    },
    /// There is a file of somebody else in its place.
    #[error("{path} is not git-coord's; it was left as it is")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}
