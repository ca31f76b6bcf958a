//! Moving the state where the authority is.

use std::path::Path;
use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::crash_point;
use crate::model::{Txn, clone, head};

use super::super::authority::Authority;
use super::super::cas::{self, Swap};
use super::super::{Store, StoreError, durable};
use super::RemoteError;
use super::link::{Fetched, Link};
use super::report::Pushed;
use super::settle::Pending;

/// Most compare-and-swaps that are lost to local writers that do not use the lock.
const MAX_SWAPS: u32 = 50;

/// How often a server may refuse although nobody has moved the ref: its own lock file may have
/// been in the way.
const MAX_REFUSALS: u32 = 6;

/// One act's turn at changing the state: who decides, and how much time there is.
pub(in super::super) struct Turn {
    authority: Option<Authority>,
    end: Instant,
    tries: u32,
    refusals: u32,
    fetched: bool,
}

impl Turn {
    /// Begins under the kernel lock: the authority does not change while it is held.
    pub fn begin(store: &Store) -> Result<Self, StoreError> {
        let authority = Authority::read(store.path())?;
        let end = Instant::now() + store.options().patience;
        Ok(Turn { authority, end, tries: 0, refusals: 0, fetched: false })
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
        match Link::down_since(self.path(), file) {
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
        // A damaged state that is being mended may have no head.
        let before = head::read(txn.base()).map_or(0, |head| head.generation);
        let mut head = head::read(txn)?;
        head.generation = head.generation.max(before + 1);
        head.nonce = super::super::random_hex(8);
        txn.put_json(head::KEY, &head);
        if let Some(authority) = authority {
            let mut record = clone::get(txn, &authority.clone)?.unwrap_or_default();
            record.nonce = head.nonce;
            record.host = Some(super::super::authority::host_name());
            record.at = Some(crate::clock::now());
            clone::put(txn, &authority.clone, &record);
        }
        Ok(())
    }

    fn push(
        &self,
        turn: &mut Turn,
        authority: &Authority,
        old: ObjectId,
        new: ObjectId,
    ) -> Result<Swap, StoreError> {
        let link = turn.link(self, authority);
        let pending = self.note_push(old, new)?;
        let swap = loop {
            let pushed = link.push(Some(old), new)?;
            crash_point!("pushed");
            break match pushed {
                Pushed::Won => {
                    // Only a git run by hand moves the local ref beside us.
                    cas::swap(self, Some(old), new)?;
                    self.count_win()?;
                    Ok(Swap::Won)
                }
                Pushed::Rejected(reason) => match self.after_rejection(turn, &link, &pending, reason) {
                    Ok(None) => continue,
                    Ok(Some(swap)) => Ok(swap),
                    Err(e) => Err(e),
                },
                Pushed::Unreachable(reason) => {
                    Err(RemoteError::Unreachable { remote: authority.remote.clone(), reason }.into())
                }
                Pushed::Unknown(_) => self.settle(authority, &link, &pending),
            };
        };
        if !matches!(swap, Err(StoreError::Remote(RemoteError::Unknown { .. }))) {
            self.forget_push()?;
        }
        swap
    }

    /// The server has said no: because somebody else was faster, or for a reason of its own. Or
    /// the request came to it twice (curl repeats one whose connection breaks before the answer,
    /// and so do proxies), and this is the answer to the second.
    ///
    /// `None`: nobody has moved the ref, so the same commit is pushed again. Another one would
    /// compete with the first request, if that is still being worked at.
    fn after_rejection(
        &self,
        turn: &mut Turn,
        link: &Link,
        pending: &Pending,
        reason: String,
    ) -> Result<Option<Swap>, StoreError> {
        turn.fetched = true;
        let remote = link.remote().to_owned();
        match link.fetch()? {
            Fetched::Tip(tip) if pending.expects(tip) => {
                turn.refusals += 1;
                if turn.refusals >= MAX_REFUSALS {
                    return Err(RemoteError::Refused { remote, reason }.into());
                }
                std::thread::sleep(Duration::from_millis(20 + random_below(20 << turn.refusals)));
                Ok(None)
            }
            Fetched::Tip(tip) => {
                self.adopt(&remote, tip)?;
                let applied = match turn.authority() {
                    Some(authority) => self.is_applied(authority, pending, tip)?,
                    None => false,
                };
                Ok(Some(if applied { Swap::Won } else { Swap::Lost }))
            }
            Fetched::Absent => Err(self.vanished(link)?),
            // For the same reason a rejection is not believed until the state has been seen.
            Fetched::Unreachable(reason) => Err(RemoteError::Unknown { remote, reason }.into()),
        }
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

fn random_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without a random source everybody waits half of the time, which is better than nothing.
    if getrandom::fill(&mut bytes).is_err() {
        return bound / 2;
    }
    u64::from_le_bytes(bytes) % bound.max(1)
}
