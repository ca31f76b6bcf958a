//! Where a client works and as whom.

use std::path::Path;
use std::time::Duration;

use crate::binding::{Binding, BindingError};
use crate::git::HostRepo;
use crate::model::{Identity, RepoPath, SessionName};
use crate::settings::Settings;
use crate::store::StoreOptions;

use super::{ClientError, ClientResult, paths};

/// Who acts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ActingAs {
    /// The session that the worktree is bound to.
    #[default]
    Bound,
    /// The session of this name, whatever the worktree is bound to. Not parsed yet: a command that
    /// needs no session does not care.
    Named(String),
}

/// A repository with its settings, and who works there.
#[derive(Debug, Clone)]
pub struct Workplace {
    /// The repository and worktree.
    pub repo: HostRepo,
    /// Its settings.
    pub settings: Settings,
    /// Who acts.
    pub acting_as: ActingAs,
    /// True: the remote is not asked; what can be is deferred.
    pub offline: bool,
}

impl Workplace {
    /// Options for opening the store.
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions {
            durable: self.settings.durable,
            patience: Duration::from_secs(self.settings.remote_timeout),
            push_every: Duration::from_secs(self.settings.push_every),
            prefetch: self.settings.prefetch,
            offline: self.offline,
        }
    }

    /// The session that acts, if one is named or bound to the worktree.
    ///
    /// # Errors
    /// When the name is malformed, or the worktree is a copy of a bound one.
    pub fn session_if_any(&self) -> ClientResult<Option<SessionName>> {
        if let ActingAs::Named(name) = &self.acting_as {
            return Ok(Some(SessionName::parse(name)?));
        }
        Ok(self.binding()?.map(|b| b.session))
    }

    /// As which session this worktree acts, when that comes from its binding; see [`Identity`].
    ///
    /// # Errors
    /// When the worktree is a copy of a bound one.
    pub fn identity(&self) -> ClientResult<Option<Identity>> {
        match self.acting_as {
            ActingAs::Named(_) => Ok(None),
            ActingAs::Bound => Ok(self.binding()?.map(|b| Identity { session: b.session, token: b.token })),
        }
    }

    fn binding(&self) -> ClientResult<Option<Binding>> {
        Binding::read(&self.repo).map_err(|error| match error {
            BindingError::Copied { .. } => ClientError::Copied(error),
            other => other.into(),
        })
    }

    /// True in the main worktree of a repository when only an agent is bound to it, and no user by a
    /// command: commands act as the agent's session there, commits do not.
    pub fn is_shared_with_agent(&self) -> bool {
        let main = self.repo.git_dir == self.repo.common_dir;
        self.acting_as == ActingAs::Bound
            && main
            && Binding::read(&self.repo).is_ok_and(|b| b.is_some_and(|b| b.by_agent))
    }

    /// The session that acts.
    ///
    /// # Errors
    /// [`ClientError::NoSession`] when there is none.
    pub fn session(&self) -> ClientResult<SessionName> {
        self.session_if_any()?.ok_or_else(|| ClientError::NoSession { root: self.repo.root.clone() })
    }

    /// Turns paths as they were written, relative to the current folder, into paths of the repository.
    ///
    /// # Errors
    /// When one is outside the repository.
    pub fn paths(&self, written: &[impl AsRef<Path>]) -> ClientResult<Vec<RepoPath>> {
        written.iter().map(|path| Ok(paths::named(&self.repo, path.as_ref())?.path)).collect()
    }
}
