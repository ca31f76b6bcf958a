//! Taking over a state from the remote.
//!
//! A state that cannot follow the known one is refused: an emptied or restored remote must never
//! be taken for "everything is free".

use gix::ObjectId;

use crate::model::header::{self, StateHeader};

use crate::store::arbiter::remote::RemoteError;
use crate::store::arbiter::remote::protocol::{self, Succession};
use crate::store::commit::locked::LockedStore;
use crate::store::{Store, StoreError};

/// Commits that are looked through for the known state. A clone that has missed more is told
/// whether the state follows by the generation alone.
const LOOK_BACK: usize = 2000;

impl LockedStore<'_> {
    /// Makes `tip`, which was fetched from `remote`, the state of this clone, if it follows the
    /// known one.
    ///
    /// # Errors
    /// When it does not follow, or cannot be read or written.
    pub(in crate::store) fn follow(&self, remote: &str, tip: ObjectId) -> Result<(), StoreError> {
        let known = self.require_tip()?;
        if known == tip {
            return Ok(());
        }
        self.follows(remote, known, tip)?;
        // Only a git run by hand moves the local ref beside us; the next command sees to that.
        self.swap(known, tip)?;
        Ok(())
    }
}

impl Store {
    pub(in crate::store) fn head_of(&self, commit: ObjectId) -> Result<StateHeader, StoreError> {
        Ok(header::read(&self.view_of(commit)?)?)
    }

    /// Refuses a state that cannot have come from the known one.
    pub(super) fn follows(&self, remote: &str, known: ObjectId, tip: ObjectId) -> Result<(), StoreError> {
        let (before, after) = (self.head_of(known)?, self.head_of(tip)?);
        let succession = protocol::succession(&before, &after, || self.comes_from(tip, known))?;
        Ok(judged(remote, &before, &after, succession)?)
    }

    /// True when `earlier` stands in the history of `tip`, and both are of one store.
    pub(super) fn is_ahead(&self, tip: ObjectId, earlier: ObjectId) -> Result<bool, StoreError> {
        if self.head_of(tip)?.store != self.head_of(earlier)?.store {
            return Ok(false);
        }
        let mut at = Some(tip);
        for _ in 0..LOOK_BACK {
            match at {
                Some(id) if id == earlier => return Ok(true),
                Some(id) => at = self.parent_of(id)?,
                None => break,
            }
        }
        Ok(false)
    }

    /// False when the history of `tip` goes back to the first state of the store without passing
    /// `known`. A history that was cut, or is too long to be looked through, gets the benefit of
    /// the doubt.
    fn comes_from(&self, tip: ObjectId, known: ObjectId) -> Result<bool, StoreError> {
        let mut at = tip;
        for _ in 0..LOOK_BACK {
            if at == known {
                return Ok(true);
            }
            match self.parent_of(at)? {
                Some(parent) => at = parent,
                None => return self.cut_off_at(at, known, self.head_of(known)?.generation),
            }
        }
        Ok(true)
    }
}

/// What is said of a state that comes after another, or does not.
///
/// # Errors
/// When it does not.
pub(super) fn judged(
    remote: &str,
    before: &StateHeader,
    after: &StateHeader,
    succession: Succession,
) -> Result<(), RemoteError> {
    let remote = remote.to_owned();
    let (known, found) = (before.generation, after.generation);
    // Taking it over would keep this clone from writing anything: whoever can push could shut out all.
    if after.format > header::FORMAT {
        return Err(RemoteError::Newer { remote, found: after.format, known: header::FORMAT });
    }
    Err(match succession {
        Succession::Foreign => {
            RemoteError::Foreign { remote, known: before.store.clone(), found: after.store.clone() }
        }
        _ if after.leaves_out(known) => {
            let from = after.restored.iter().map(|r| r.from).max().unwrap_or_default();
            RemoteError::LeftOut { remote, known, from }
        }
        _ if found > header::MOST_GENERATIONS => RemoteError::Backwards { remote, known, found },
        Succession::Backwards => RemoteError::Backwards { remote, known, found },
        Succession::Follows => return Ok(()),
    })
}
