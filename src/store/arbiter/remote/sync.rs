//! How fresh this clone's copy of the remote's state is, and bringing it up to date.

use std::time::Duration;

use crate::store::commit::lock;
use crate::store::commit::locked::LockedStore;
use crate::store::commit::session::WriteSession;
use crate::store::{STATE_REF, Store, StoreError};

impl Store {
    /// True when a remote decides and the last exchange with it is older than `age`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sync_is_due(&self, age: Duration) -> Result<bool, StoreError> {
        let path = self.path().join("synced");
        let at = std::fs::metadata(path).and_then(|m| m.modified()).ok();
        let recent = at.is_some_and(|at| at.elapsed().is_ok_and(|passed| passed < age));
        Ok(!recent && self.has_remote()?)
    }

    /// When anything was last pushed to a remote or fetched from it.
    pub fn last_exchange(&self) -> Option<jiff::Timestamp> {
        // A fetch that fails leaves its file empty.
        let written = |name: &str| {
            let found = std::fs::metadata(self.path().join(name)).ok().filter(|m| m.len() > 0)?;
            found.modified().ok()
        };
        // The ref is moved by each push, and by each fetch that brings something.
        let last = ["FETCH_HEAD", STATE_REF].into_iter().filter_map(written).max()?;
        jiff::Timestamp::try_from(last).ok()
    }

    /// Notes that an exchange with the remote begins.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn sync_begins(&self) -> Result<(), StoreError> {
        let path = self.path().join("synced");
        std::fs::write(&path, "").map_err(StoreError::io("note an exchange", &path))
    }

    /// Reads the remote's state, unless that was done within `age`, and no push is waiting to be
    /// settled. False when the store decides by itself, or another process has been writing for
    /// longer than `wait`.
    ///
    /// # Errors
    /// When the remote cannot be used.
    pub fn refresh_if_older(&self, age: Duration, wait: Duration) -> Result<bool, StoreError> {
        let head = self.path().join("FETCH_HEAD");
        if !self.has_remote()? {
            return Ok(false);
        }
        let fetched = std::fs::metadata(&head).and_then(|m| m.modified()).ok();
        let recent = fetched.is_some_and(|at| at.elapsed().is_ok_and(|passed| passed < age));
        if recent && !self.has_in_doubt_push() {
            return Ok(false);
        }
        let Some(guard) = lock::lock_within(&self.lock_path(), wait)? else { return Ok(false) };
        WriteSession::begin(LockedStore::new(self, guard), None)?.refresh()
    }
}
