//! Who decides what the state is: this store alone, or a remote that several clones share.
//!
//! A writer speaks to both through [`Arbiter`], and holds the kernel lock meanwhile.

pub mod backoff;
pub(in crate::store) mod identity;
mod local;
pub mod remote;

use std::time::Duration;

use gix::ObjectId;

use crate::store::StoreError;
use crate::store::commit::locked::LockedStore;
use crate::store::state::cas::Swap;

use identity::RemoteArbiter;
use local::LocalArbiter;
use remote::RemoteSession;

/// A change of the state that is about to be decided on.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Change {
    /// What the state is expected to be.
    pub old: ObjectId,
    /// What it is to become.
    pub new: ObjectId,
    /// True when it takes prefetched items away from this clone.
    pub evicts: bool,
}

/// What became of a change that a dead writer has left.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Resolved {
    /// The commit.
    pub commit: ObjectId,
    /// True when it is part of the history.
    pub applied: bool,
}

/// Decides which change becomes the state, for the time of one writer's session.
pub(in crate::store) trait Arbiter {
    /// The remote, with this clone's name there; `None` when the store decides by itself.
    fn remote(&self) -> Option<&RemoteArbiter>;

    /// Finds out what became of a change that a process before this one has left in doubt.
    ///
    /// # Errors
    /// When that cannot be found out now. The operation that is about to begin was not sent; with
    /// `is_part_of_it` it may be part of that change.
    fn resolve(
        &mut self,
        store: &LockedStore<'_>,
        is_part_of_it: bool,
    ) -> Result<Option<Resolved>, StoreError>;

    /// Waits until the next change is due.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    fn pace(&mut self, store: &LockedStore<'_>) -> Result<(), StoreError>;

    /// True when the arbiter can know more than this store, and was not asked in this session.
    fn may_know_more(&self) -> bool;

    /// Brings the local ref up to the arbiter's; true when anything is new.
    ///
    /// # Errors
    /// When the arbiter cannot be reached, or has a state that cannot follow.
    fn refresh(&mut self, store: &LockedStore<'_>) -> Result<bool, StoreError>;

    /// Moves the state. After [`Swap::Lost`] the local ref is the newest known state, and this
    /// process has waited for as long as it should before it tries again.
    ///
    /// # Errors
    /// When it cannot be moved. It is not moved then, unless the error is
    /// [`RemoteError::Unknown`](remote::RemoteError::Unknown).
    fn publish(&mut self, store: &LockedStore<'_>, change: Change) -> Result<Swap, StoreError>;

    /// Gives the session this much time from now on, after it has waited for others.
    fn extend(&mut self, patience: Duration);
}

/// The arbiter of a store. It does not change while the lock is held.
pub(in crate::store) fn of(store: &LockedStore<'_>) -> Result<Box<dyn Arbiter>, StoreError> {
    Ok(match RemoteArbiter::read(store.path())? {
        Some(remote) => Box::new(RemoteSession::new(remote, store.options().patience)),
        None => Box::new(LocalArbiter::default()),
    })
}
