//! Running the commands of items, gates and set-up: one place for everything that starts a program
//! of somebody else.
//!
//! Guarantees, for every command that goes through [`supervise`]:
//! - It has a process group of its own, a time limit, and a log of at most 16 MiB.
//! - It is stopped by SIGTERM, and by SIGKILL after [`GRACE`].
//! - Whatever it started ends with it, also when this process is killed: the [`Guardian`] sees to that.
//!   Only a process that leaves its group on purpose (`setsid`) escapes.
//!
//! Parts: `supervise` runs one command, `guardian` outlives this process, `log_cap` keeps a log short,
//! [`logs`] names and reads logs, `stop` counts the signals that ask for an end.

mod guardian;
mod log_cap;
pub mod logs;
mod stop;
mod supervise;

use std::path::{Path, PathBuf};

pub use guardian::Guardian;
pub use stop::{SAME, Stop};
pub use supervise::{CommandSpec, End, GRACE, supervise};

/// Folder, in the common git folder, of the worktrees in which commands run.
pub const POOL_DIR: &str = "coord-pool";

/// A command could not be started or watched.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// A file or a program.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ExecError {
    /// An I/O error for `map_err`.
    pub fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| ExecError::Io { what, path, source }
    }
}
