//! A store that decides by itself.

use std::time::Duration;

use crate::store::StoreError;
use crate::store::commit::locked::LockedStore;
use crate::store::state::cas::Swap;
use crate::store::state::durable;

use super::identity::RemoteArbiter;
use super::{Arbiter, Change, Resolved};

/// Most compare-and-swaps that are lost to local writers that do not use the lock.
const MAX_SWAPS: u32 = 50;

/// The compare-and-swap of the local ref decides.
#[derive(Debug, Default)]
pub(super) struct LocalArbiter {
    lost: u32,
}

impl Arbiter for LocalArbiter {
    fn remote(&self) -> Option<&RemoteArbiter> {
        None
    }

    fn resolve(&mut self, store: &LockedStore<'_>, _: bool) -> Result<Option<Resolved>, StoreError> {
        // Left from a time when a remote decided.
        store.forget_in_doubt()?;
        Ok(None)
    }

    fn pace(&mut self, _: &LockedStore<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn may_know_more(&self) -> bool {
        false
    }

    fn refresh(&mut self, _: &LockedStore<'_>) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn publish(&mut self, store: &LockedStore<'_>, change: Change) -> Result<Swap, StoreError> {
        if store.options().durable {
            durable::raise_mark(store, store.head_of(change.new)?.generation)?;
        }
        let swap = store.swap(change.old, change.new)?;
        if swap == Swap::Won {
            durable::sync_ref(store)?;
            return Ok(swap);
        }
        self.lost += 1;
        if self.lost < MAX_SWAPS {
            Ok(swap)
        } else {
            Err(StoreError::Contended { path: store.path().to_owned() })
        }
    }

    fn extend(&mut self, _: Duration) {}
}
