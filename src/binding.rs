//! Which session a worktree belongs to.
//!
//! The file `coord-session` in the worktree's own git folder names it, so that it goes when the
//! worktree is removed. It also names the worktree's folder: a copy of the folder shares or
//! copies the git folder, but is another place, and so not the same session.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::git::HostRepo;
use crate::model::SessionName;

const FILE: &str = "coord-session";

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The session.
    pub session: SessionName,
    /// Drawn when the worktree was first bound; the session's record holds it too.
    pub token: String,
    /// Top folder of the worktree at that time.
    pub worktree: String,
    /// True when an agent's first edit has bound it, and nobody by a command.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_agent: bool,
}

/// Why the binding cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// The folder is a copy.
    #[error("{here}: this folder is a copy of {original}, where session {session} is at work")]
    Copied {
        /// This folder.
        here: PathBuf,
        /// The one that is bound.
        original: PathBuf,
        /// Its session.
        session: SessionName,
    },
    /// The file cannot be read or written.
    #[error("{path}: {reason}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Binding {
    /// Reads the binding of a worktree, or `None` when it has none.
    ///
    /// # Errors
    /// When the folder is a copy of the bound one, or the file is damaged.
    pub fn read(repo: &HostRepo) -> Result<Option<Self>, BindingError> {
        let Some(binding) = Self::read_in(&repo.git_dir)? else { return Ok(None) };
        let original = Path::new(&binding.worktree);
        // A moved worktree keeps its session: the old folder is gone then.
        if original != repo.root && original.join(".git").exists() {
            return Err(BindingError::Copied {
                here: repo.root.clone(),
                original: original.to_owned(),
                session: binding.session,
            });
        }
        Ok(Some(binding))
    }

    /// The file in a worktree's git folder.
    pub fn path_in(git_dir: &Path) -> PathBuf {
        git_dir.join(FILE)
    }

    /// Reads the binding in a worktree's git folder as it is there, or `None`.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_in(git_dir: &Path) -> Result<Option<Self>, BindingError> {
        let path = Self::path_in(git_dir);
        let damaged = |reason: String| BindingError::Io { path: path.clone(), reason };
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| damaged(e.to_string())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(damaged(e.to_string())),
        }
    }

    /// Binds a worktree to a session; whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, repo: &HostRepo) -> Result<(), BindingError> {
        let path = Self::path_in(&repo.git_dir);
        let failed = |reason: String| BindingError::Io { path: path.clone(), reason };
        let mut file = tempfile::NamedTempFile::new_in(&repo.git_dir).map_err(|e| failed(e.to_string()))?;
        let bytes = crate::model::to_json(self);
        std::io::Write::write_all(&mut file, &bytes).map_err(|e| failed(e.to_string()))?;
        file.persist(&path).map_err(|e| failed(e.to_string()))?;
        Ok(())
    }

    /// Removes the binding of a worktree; false when there is none.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(git_dir: &Path) -> Result<bool, BindingError> {
        let path = git_dir.join(FILE);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(BindingError::Io { path, reason: e.to_string() }),
        }
    }
}
