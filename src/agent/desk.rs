//! What a hook works with: the store of a repository, its settings, and the session of a worktree.

use std::time::Duration;

use jiff::Timestamp;

use crate::git::HostRepo;
use crate::model::session::Session;
use crate::settings::{EditMode, Settings, SettingsError};
use crate::store::{Store, StoreError, StoreOptions};

use super::event::Event;
use super::hook::Call;
use super::ignored::GitConfigs;
use super::roster;
use super::worktree::{self, SessionError};

/// How long a change may take when a remote decides: an agent waits for the hook.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a hook could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// From the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// From git.
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
    /// From the file of the agents at work.
    #[error("the list of agents at work: {0}")]
    Roster(#[from] std::io::Error),
}

/// See the module.
#[derive(Debug)]
pub struct Desk {
    /// The worktree.
    pub repo: HostRepo,
    /// The settings of its clone.
    pub settings: Settings,
    /// Its store.
    pub store: Store,
    /// As whom the agent acts.
    pub session: Session,
    /// What identifies the agent.
    pub key: String,
    /// Where git's own settings are.
    pub configs: GitConfigs,
    /// The time of the call.
    pub now: Timestamp,
}

impl Desk {
    /// Opens what there is for a worktree. `None` when its repository has no store, or edits are not looked
    /// at.
    ///
    /// # Errors
    /// When something of it cannot be read, or no session can be started.
    pub fn open(repo: &HostRepo, event: &Event, call: &Call<'_>) -> Result<Option<Self>, Failure> {
        let Some((settings, store)) = store_of(repo)? else { return Ok(None) };
        if settings.on_edit.mode == EditMode::Off {
            return Ok(None);
        }
        let session = worktree::session(&store, repo, call.session)?;
        store.touch_session(&session.name);
        let key = event.key().unwrap_or_else(|| "-".to_owned());
        let (configs, now) = (call.configs.clone(), crate::clock::now());
        Ok(Some(Desk { repo: repo.clone(), settings, store, session, key, configs, now }))
    }

    /// Reads the session again, after a change.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn reread(&mut self) -> Result<(), Failure> {
        let name = self.session.name.clone();
        if let Some(session) = self.store.read(|view| crate::model::session::get(view, &name))? {
            self.session = session;
        }
        Ok(())
    }

    /// Changes the list of the session's agents.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn roster<T>(&self, change: impl FnOnce(&mut roster::Roster) -> T) -> Result<T, Failure> {
        Ok(roster::update(&self.store, &self.session.name, change)?)
    }
}

/// The settings and the store of a repository; `None` when it has no store.
///
/// # Errors
/// When one of them cannot be read.
pub fn store_of(repo: &HostRepo) -> Result<Option<(Settings, Store)>, Failure> {
    // The usual case of a hook that runs everywhere: nothing more is looked at.
    if !repo.common_dir.join(crate::store::STORE_DIR).join("config").exists() {
        return Ok(None);
    }
    let settings = Settings::read(&repo.common_dir)?;
    let options = StoreOptions {
        durable: settings.durable,
        patience: PATIENCE.min(Duration::from_secs(settings.remote_timeout)),
        push_every: Duration::from_secs(settings.push_every),
        prefetch: settings.prefetch,
        offline: false,
    };
    match Store::open(&repo.common_dir, options) {
        Ok(store) => Ok(Some((settings, store))),
        Err(StoreError::Absent { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
