//! Moving the state where the authority is.

use std::path::Path;
use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::crash_point;
use crate::model::{Txn, clone};

use super::super::authority::Authority;
use super::super::cas::{self, Swap};
use super::super::{Store, StoreError, durable};
use super::RemoteError;
use super::link::{Fetched, Link};
use super::protocol::{self, Exchange, Step};
use super::report::Pushed;

/// Most compare-and-swaps that are lost to local writers that do not use the lock.
const MAX_SWAPS: u32 = 50;

/// One act's turn at changing the state: who decides, and how much time there is.
pub(in super::super) struct Turn {
    authority: Option<Authority>,
    end: Instant,
    tries: u32,
    fetched: bool,
    /// True when what is pushed takes items out of this clone's pool.
    pub(in super::super) drains: bool,
}

impl Turn {
    /// Begins under the kernel lock: the authority does not change while it is held.
    pub fn begin(store: &Store) -> Result<Self, StoreError> {
        let authority = Authority::read(store.path())?;
        let end = Instant::now() + store.options().patience;
        Ok(Turn { authority, end, tries: 0, fetched: false, drains: false })
    }

    /// The remote that decides; `None` when the store does by itself.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// Gives the act its full time again, after it has waited for others.
    pub(in super::super) fn lengthen(&mut self, patience: Duration) {
        self.end = Instant::now() + patience;
    }

    pub(super) fn link(&self, store: &Store, authority: &Authority) -> Link {
        Link::new(store, &authority.remote, self.end)
    }
}

impl Store {
    /// Moves the state from `old` to `new`: locally, or on the remote first. After
    /// [`Swap::Lost`] the local ref is the newest known state.
    ///
    /// # Errors
    /// When it cannot be moved. It is not moved then, unless the error is
    /// [`RemoteError::Unknown`].
    pub(in super::super) fn advance(
        &self,
        turn: &mut Turn,
        old: ObjectId,
        new: ObjectId,
    ) -> Result<Swap, StoreError> {
        let swap = match turn.authority.clone() {
            None => cas::swap(self, Some(old), new)?,
            Some(authority) => self.push(turn, &authority, old, new)?,
        };
        if swap == Swap::Lost {
            self.after_loss(turn)?;
        } else {
            durable::sync_ref(self)?;
        }
        Ok(swap)
    }

    /// Fails when the remote could not be reached since `file` was written.
    pub(in super::super) fn reached_since(
        &self,
        authority: &Authority,
        file: &Path,
    ) -> Result<(), StoreError> {
        match Link::down_since(self.path(), &authority.remote, file) {
            Some(reason) => Err(RemoteError::Unreachable { remote: authority.remote.clone(), reason }.into()),
            None => Ok(()),
        }
    }

    /// Waits until the next push is due: servers limit how many they take, and meanwhile other
    /// acts of this clone come together, which then share it.
    pub(in super::super) fn pace(&self, turn: &mut Turn) -> Result<(), StoreError> {
        let every = self.options().push_every;
        self.yield_if_asked(turn)?;
        if turn.authority.is_none() || every.is_zero() {
            return Ok(());
        }
        // The ref's file is written anew by each push, and by each fetch that brings something.
        let moved = std::fs::metadata(self.path().join(super::super::STATE_REF)).and_then(|m| m.modified());
        let passed = moved.ok().and_then(|at| at.elapsed().ok()).unwrap_or(every);
        std::thread::sleep(every.saturating_sub(passed));
        turn.lengthen(self.options().patience);
        Ok(())
    }

    /// Brings the local ref up to the remote's, once in a turn: before an act is refused, because
    /// what stands in its way may be gone there. True when anything is new.
    pub(in super::super) fn refresh(&self, turn: &mut Turn) -> Result<bool, StoreError> {
        let Some(authority) = turn.authority.clone() else { return Ok(false) };
        if turn.fetched {
            return Ok(false);
        }
        turn.fetched = true;
        let link = turn.link(self, &authority);
        let before = self.require_tip()?;
        match link.fetch()? {
            Fetched::Tip(tip) => {
                self.adopt(&authority.remote, tip)?;
                Ok(tip != before)
            }
            Fetched::Absent => Err(self.vanished(&link)?),
            Fetched::Unreachable(reason) => {
                Err(RemoteError::Unreachable { remote: authority.remote, reason }.into())
            }
        }
    }

    /// Marks a change as a state of its own: fresh nonce, higher generation, and who has brought
    /// it in.
    pub(in super::super) fn stamp(
        &self,
        txn: &mut Txn<'_>,
        authority: Option<&Authority>,
    ) -> Result<(), StoreError> {
        let by = match authority {
            None => None,
            Some(authority) => {
                let mut record = clone::get(txn, &authority.clone)?.unwrap_or_default();
                record.host = Some(super::super::authority::host_name());
                record.at = Some(crate::clock::now());
                Some((authority.clone.as_str(), record))
            }
        };
        Ok(protocol::stamp(txn, super::super::random_hex(8), by)?)
    }

    fn push(
        &self,
        turn: &mut Turn,
        authority: &Authority,
        old: ObjectId,
        new: ObjectId,
    ) -> Result<Swap, StoreError> {
        let link = turn.link(self, authority);
        let pending = self.note_push(authority, old, new, turn.drains)?;
        let mut exchange = Exchange::begin();
        let first = exchange.pushed(self.send(&link, old, new)?);
        // Whatever follows a push that was not won at once begins with a look at the remote.
        turn.fetched |= first == Step::Ask;
        let verdict = self.conclude(authority, &link, &pending, exchange, first)?;
        if verdict.may_forget(self.require_tip()? == new) {
            self.forget_push()?;
        }
        self.tell(&link, verdict)
    }

    /// Pushes once; when that has won, the local ref follows.
    pub(super) fn send(&self, link: &Link, old: ObjectId, new: ObjectId) -> Result<Pushed, StoreError> {
        let pushed = link.push(Some(old), new)?;
        crash_point!("pushed");
        if pushed == Pushed::Won {
            // Only a git run by hand moves the local ref beside us.
            cas::swap(self, Some(old), new)?;
            // For the sake of others; the act is done, whatever comes of this.
            let _ = self.count_win();
        }
        Ok(pushed)
    }

    /// Waits a little after a lost swap, at random, so that those who lost together do not meet
    /// again. Not longer and longer: who has lost most would wait longest, and whoever has just won
    /// not at all (`examples/pushes.rs`: with 50 machines, a third of the worst wait).
    fn after_loss(&self, turn: &mut Turn) -> Result<(), StoreError> {
        turn.tries += 1;
        let Some(authority) = &turn.authority else {
            return if turn.tries < MAX_SWAPS {
                Ok(())
            } else {
                Err(StoreError::Contended { path: self.path().to_owned() })
            };
        };
        if Instant::now() >= turn.end {
            return Err(RemoteError::Contended { remote: authority.remote.clone(), tries: turn.tries }.into());
        }
        if turn.tries > 1 {
            self.ask_for_pause(turn, &turn.link(self, authority), turn.tries)?;
            let longest = 10u64 << turn.tries.min(3);
            std::thread::sleep(Duration::from_millis(random_below(longest)));
        }
        Ok(())
    }
}

/// A number below `bound`, so that those who collide do not meet again.
pub(super) fn random_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without a random source everybody waits half of the time, which is better than nothing.
    if getrandom::fill(&mut bytes).is_err() {
        return bound / 2;
    }
    u64::from_le_bytes(bytes) % bound.max(1)
}
