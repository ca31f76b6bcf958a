//! A store whose kernel lock this process holds: the proof that a change needs.

use std::ops::Deref;

use gix::ObjectId;

use crate::store::state::cas::{self, Swap};
use crate::store::{Store, StoreError};

use super::lock::{self, StoreLock};

/// The store, and the lock for as long as this value lives.
pub(crate) struct LockedStore<'s> {
    store: &'s Store,
    _lock: Proof<'s>,
}

/// Why nobody else changes the store meanwhile.
enum Proof<'s> {
    Owned {
        _lock: StoreLock,
    },
    /// A caller keeps the lock for longer.
    Borrowed {
        _lock: &'s StoreLock,
    },
    /// Nobody else knows the store yet.
    Unseen,
}

impl Deref for LockedStore<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store
    }
}

impl<'s> LockedStore<'s> {
    /// A store with its lock, which goes when this value does.
    pub fn new(store: &'s Store, lock: StoreLock) -> Self {
        LockedStore { store, _lock: Proof::Owned { _lock: lock } }
    }

    /// A store whose lock a caller keeps.
    pub fn under(store: &'s Store, lock: &'s StoreLock) -> Self {
        LockedStore { store, _lock: Proof::Borrowed { _lock: lock } }
    }

    /// A store that is being made.
    pub(in crate::store) fn unseen(store: &'s Store) -> Self {
        LockedStore { store, _lock: Proof::Unseen }
    }

    /// The store itself, for what outlives a borrow of this value.
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// Moves the local ref from `old` to `new`.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(in crate::store) fn swap(&self, old: ObjectId, new: ObjectId) -> Result<Swap, StoreError> {
        cas::swap(self, Some(old), new)
    }

    /// The same from a value that may not exist yet.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(in crate::store) fn swap_from(
        &self,
        old: Option<ObjectId>,
        new: ObjectId,
    ) -> Result<Swap, StoreError> {
        cas::swap(self, old, new)
    }
}

impl Store {
    /// Takes the kernel lock, waiting for its holder.
    ///
    /// # Errors
    /// When the lock cannot be taken.
    pub(in crate::store) fn locked(&self) -> Result<LockedStore<'_>, StoreError> {
        Ok(LockedStore::new(self, lock::lock(&self.lock_path())?))
    }

    /// Takes the kernel lock if it is free.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub(in crate::store) fn try_locked(&self) -> Result<Option<LockedStore<'_>>, StoreError> {
        Ok(lock::try_lock(&self.lock_path())?.map(|lock| LockedStore::new(self, lock)))
    }
}
