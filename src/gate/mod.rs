//! Gates: commands that have to pass before work counts, and what they came to on which tree.
//!
//! - A gate is `[gate.NAME]` of `coord.toml`, read from the target branch ([`Gates`]): a branch cannot
//!   loosen its own gate.
//! - A verdict is for one tree and one definition, kept in the state and so shared by all clones. What
//!   passed for exactly this tree is not run again.
//! - Red is red only when it fails, fails again, and passes on the base (`judge`). What could not run is
//!   a result of its own and never passes.
//! - A command of `coord.toml` is code from somebody else: it runs only when it is approved on this clone
//!   ([`crate::trust`]).
//!
//! Parts: `definition` reads gates, `execute` runs a command once, `results`, `coverage` and `metrics`
//! read what it wrote, `judge` decides, `slot` has a worktree for it, `verdicts` does all of it in order.

pub mod coverage;
mod definition;
mod execute;
mod judge;
pub mod metrics;
pub mod results;
mod slot;
mod verdicts;
mod xml;

use crate::exec::ExecError;
use crate::git::{GitError, RepoError};
use crate::store::StoreError;
use crate::trust::Untrusted;

pub use definition::{FILE, Gates};
pub use verdicts::{Asked, Engine, Found, Place};

/// Why gates could not be asked. A gate that fails is a verdict, and no error.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A worktree of the pool is not one.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// A command could not be watched over.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// `coord.toml` is wrong.
    #[error("coord.toml of {rev} has {} problem{}: {}", problems.len(), if problems.len() == 1 { "" } else { "s" }, problems.join("; "))]
    Definition {
        /// The commit.
        rev: String,
        /// What is wrong, with line and column.
        problems: Vec<String>,
    },
    /// There is no such gate.
    #[error("coord.toml of {rev} has no gate {name}")]
    Unknown {
        /// Its name.
        name: String,
        /// The commit.
        rev: String,
    },
    /// Something that is named does not exist.
    #[error("there is no {what} {name}")]
    Absent {
        /// What: `branch`, `commit`, `baseline`.
        what: &'static str,
        /// Its name.
        name: String,
        /// What helps.
        hint: &'static str,
    },
    /// Commands are not approved on this clone. Nothing ran.
    #[error("{} of coord.toml not approved on this clone", if .0.len() == 1 { "a command is" } else { "commands are" })]
    Untrusted(Vec<Untrusted>),
    /// It was stopped.
    #[error("stopped before all gates had run")]
    Stopped,
}
