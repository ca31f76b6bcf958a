//! The use cases: what a face (command line, hooks, a server for agents, `run`) asks for, between the
//! store and the words that a person reads.
//!
//! A face makes a [`Workplace`] once, opens a [`Client`] on it, calls one function for each use case with
//! a typed request, and renders the typed answer. Answers implement `Serialize` (they are the `data` of
//! `--json`) and `JsonSchema` (`docs/schema/`). Errors are a [`ClientError`]; what happens on the way and
//! is part of no answer is a [`Notice`].
//!
//! No terminal and no environment here: the caller says where it is and who it is.
//!
//! - [`session`]: start (with a worktree), end, list, show.
//! - [`claims`]: claim, release, list. [`items`]: take, finish. [`leases`]: renew.
//! - [`verify`], [`sync`](mod@sync), [`arbiter`] (joining and leaving a remote).

pub mod arbiter;
pub mod claims;
mod error;
mod freshness;
pub mod gates;
mod ids;
pub mod items;
pub mod leases;
mod notice;
pub mod paths;
pub mod queues;
pub mod refresh;
pub mod schema;
pub mod session;
mod submit;
pub mod sync;
mod trusted;
mod uncommitted;
pub mod verify;
mod workplace;

use std::path::PathBuf;

use crate::hook::Watched;
use crate::model::{RepoPath, SessionName};
use crate::store::{Store, StoreOptions};
use crate::trust::Trust;

pub use error::{ClientError, Fate};
pub use notice::{Listener, Notice};
pub use workplace::{ActingAs, Workplace};

/// What the use cases return.
pub type ClientResult<T> = Result<T, ClientError>;

/// An open store, with the place and the identity of its user.
pub struct Client {
    /// Repository, settings and identity.
    pub place: Workplace,
    /// The state.
    pub store: Store,
    listener: Listener,
}

impl Client {
    /// Opens the store of a workplace. `listener` hears what happens on the way.
    ///
    /// # Errors
    /// When there is no store, or it cannot be opened.
    pub fn open(place: Workplace, listener: Listener) -> ClientResult<Self> {
        let store = Store::open(&place.repo.common_dir, place.store_options())?;
        Ok(Client { place, store, listener })
    }

    /// The same for a store that is open already.
    pub fn with_store(place: Workplace, store: Store, listener: Listener) -> Self {
        Client { place, store, listener }
    }

    /// The session that acts, if one is named or bound to the worktree.
    ///
    /// # Errors
    /// See [`Workplace::session_if_any`].
    pub fn session_if_any(&self) -> ClientResult<Option<SessionName>> {
        self.place.session_if_any()
    }

    /// The session that acts.
    ///
    /// # Errors
    /// [`ClientError::NoSession`] when there is none.
    pub fn session(&self) -> ClientResult<SessionName> {
        self.place.session()
    }

    /// Turns paths as they were written, relative to the current folder, into paths of the repository.
    ///
    /// # Errors
    /// When one is outside the repository.
    pub fn paths(&self, written: &[impl AsRef<std::path::Path>]) -> ClientResult<Vec<RepoPath>> {
        self.place.paths(written)
    }

    /// The options of the open store.
    pub fn store_options(&self) -> StoreOptions {
        self.place.store_options()
    }

    /// This clone's name at the arbiter; `None` when this clone decides by itself.
    ///
    /// # Errors
    /// From the store.
    pub fn clone_name(&self) -> ClientResult<Option<String>> {
        Ok(self.store.arbiter()?.map(|arbiter| arbiter.clone))
    }

    /// What this clone trusts.
    pub fn trust(&self) -> Trust {
        Trust::new(self.store.path(), self.place.settings.trust)
    }

    /// Says so when the hooks of this worktree do not run any longer, and installs them again where that
    /// is allowed: without them nothing is checked. `globals`: the user's own configuration files of git.
    pub fn watch_hooks(&self, globals: &[PathBuf]) {
        let Ok(program) = crate::process::own_program() else { return };
        match crate::hook::watch(&self.place.repo, &program, globals) {
            Watched::Fine => {}
            Watched::Repaired(which) => self.notify(&Notice::HooksRepaired(which)),
            Watched::Off(why) => self.notify(&Notice::HooksOff(why)),
        }
    }

    fn notify(&self, notice: &Notice) {
        self.listener.hear(notice);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("place", &self.place)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
