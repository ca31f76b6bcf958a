//! Moving the state where the arbiter is.

use std::path::Path;
use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::crash_point;
use crate::model::{Txn, clone};

use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::arbiter::remote::RemoteError;
use crate::store::arbiter::remote::protocol::{self, NextStep, PushProtocol};
use crate::store::arbiter::remote::push_output::Pushed;
use crate::store::arbiter::remote::transport::{Fetched, Transport};
use crate::store::state::cas::{self, Swap};
use crate::store::{Store, StoreError, durable};

/// Most compare-and-swaps that are lost to local writers that do not use the lock.
const MAX_SWAPS: u32 = 50;

/// One act's turn at changing the state: who decides, and how much time there is.
pub(in crate::store) struct WriteSession {
    arbiter: Option<RemoteArbiter>,
    end: Instant,
    tries: u32,
    fetched: bool,
    /// True when what is pushed takes items out of this clone's pool.
    pub(in crate::store) evicts: bool,
}

impl WriteSession {
    /// Begins under the kernel lock: the arbiter does not change while it is held.
    pub fn begin(store: &Store) -> Result<Self, StoreError> {
        let arbiter = RemoteArbiter::read(store.path())?;
        let end = Instant::now() + store.options().patience;
        Ok(WriteSession { arbiter, end, tries: 0, fetched: false, evicts: false })
    }

    /// The remote that decides; `None` when the store does by itself.
    pub fn arbiter(&self) -> Option<&RemoteArbiter> {
        self.arbiter.as_ref()
    }

    /// Gives the act its full time again, after it has waited for others.
    pub(in crate::store) fn lengthen(&mut self, patience: Duration) {
        self.end = Instant::now() + patience;
    }

    pub(super) fn link(&self, store: &Store, arbiter: &RemoteArbiter) -> Transport {
        Transport::new(store, &arbiter.remote, self.end)
    }
}

impl Store {
    /// Moves the state from `old` to `new`: locally, or on the remote first. After
    /// [`Swap::Lost`] the local ref is the newest known state.
    ///
    /// # Errors
    /// When it cannot be moved. It is not moved then, unless the error is
    /// [`RemoteError::Unknown`].
    pub(in crate::store) fn advance(
        &self,
        session: &mut WriteSession,
        old: ObjectId,
        new: ObjectId,
    ) -> Result<Swap, StoreError> {
        let swap = match session.arbiter.clone() {
            None => cas::swap(self, Some(old), new)?,
            Some(arbiter) => self.push(session, &arbiter, old, new)?,
        };
        if swap == Swap::Lost {
            self.after_loss(session)?;
        } else {
            durable::sync_ref(self)?;
        }
        Ok(swap)
    }

    /// Fails when the remote could not be reached since `file` was written.
    pub(in crate::store) fn reached_since(
        &self,
        arbiter: &RemoteArbiter,
        file: &Path,
    ) -> Result<(), StoreError> {
        match Transport::down_since(self.path(), &arbiter.remote, file) {
            Some(reason) => Err(RemoteError::Unreachable { remote: arbiter.remote.clone(), reason }.into()),
            None => Ok(()),
        }
    }

    /// Waits until the next push is due: servers limit how many they take, and meanwhile other
    /// acts of this clone come together, which then share it.
    pub(in crate::store) fn pace(&self, session: &mut WriteSession) -> Result<(), StoreError> {
        let every = self.options().push_every;
        self.yield_if_asked(session)?;
        if session.arbiter.is_none() || every.is_zero() {
            return Ok(());
        }
        // The ref's file is written anew by each push, and by each fetch that brings something.
        let moved = std::fs::metadata(self.path().join(crate::store::STATE_REF)).and_then(|m| m.modified());
        let passed = moved.ok().and_then(|at| at.elapsed().ok()).unwrap_or(every);
        std::thread::sleep(every.saturating_sub(passed));
        session.lengthen(self.options().patience);
        Ok(())
    }

    /// Brings the local ref up to the remote's, once in a turn: before an act is refused, because
    /// what stands in its way may be gone there. True when anything is new.
    pub(in crate::store) fn refresh(&self, session: &mut WriteSession) -> Result<bool, StoreError> {
        let Some(arbiter) = session.arbiter.clone() else { return Ok(false) };
        if session.fetched {
            return Ok(false);
        }
        session.fetched = true;
        let link = session.link(self, &arbiter);
        let before = self.require_tip()?;
        match link.fetch()? {
            Fetched::Tip(tip) => {
                self.follow(&arbiter.remote, tip)?;
                Ok(tip != before)
            }
            Fetched::Absent => Err(self.vanished(&link)?),
            Fetched::Unreachable(reason) => {
                Err(RemoteError::Unreachable { remote: arbiter.remote, reason }.into())
            }
        }
    }

    /// Marks a change as a state of its own: fresh nonce, higher generation, and who has brought
    /// it in.
    pub(in crate::store) fn stamp(
        &self,
        txn: &mut Txn<'_>,
        arbiter: Option<&RemoteArbiter>,
    ) -> Result<(), StoreError> {
        let by = match arbiter {
            None => None,
            Some(arbiter) => {
                let mut record = clone::get(txn, &arbiter.clone)?.unwrap_or_default();
                record.host = Some(crate::store::arbiter::identity::host_name());
                record.at = Some(crate::clock::now());
                Some((arbiter.clone.as_str(), record))
            }
        };
        Ok(protocol::stamp(txn, crate::store::random_hex(8), by)?)
    }

    fn push(
        &self,
        session: &mut WriteSession,
        arbiter: &RemoteArbiter,
        old: ObjectId,
        new: ObjectId,
    ) -> Result<Swap, StoreError> {
        let link = session.link(self, arbiter);
        let pending = self.note_push(arbiter, old, new, session.evicts)?;
        let mut exchange = PushProtocol::begin();
        let first = exchange.pushed(self.send(&link, old, new)?);
        // Whatever follows a push that was not won at once begins with a look at the remote.
        session.fetched |= first == NextStep::Ask;
        let verdict = self.conclude(arbiter, &link, &pending, exchange, first)?;
        if verdict.may_forget(self.require_tip()? == new) {
            self.forget_in_doubt()?;
        }
        self.tell(&link, verdict)
    }

    /// Pushes once; when that has won, the local ref follows.
    pub(super) fn send(&self, link: &Transport, old: ObjectId, new: ObjectId) -> Result<Pushed, StoreError> {
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
    fn after_loss(&self, session: &mut WriteSession) -> Result<(), StoreError> {
        session.tries += 1;
        let Some(arbiter) = &session.arbiter else {
            return if session.tries < MAX_SWAPS {
                Ok(())
            } else {
                Err(StoreError::Contended { path: self.path().to_owned() })
            };
        };
        if Instant::now() >= session.end {
            return Err(
                RemoteError::Contended { remote: arbiter.remote.clone(), tries: session.tries }.into()
            );
        }
        if session.tries > 1 {
            self.ask_for_pause(session, &session.link(self, arbiter), session.tries)?;
            let longest = 10u64 << session.tries.min(3);
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
