//! A remote as the arbiter, for the time of one writer's session.

use std::path::Path;
use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::crash_point;
use crate::model::{Txn, clone};
use crate::store::arbiter::backoff::{Doubling, after_lost_races, random_below};
use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::arbiter::{Arbiter, Change, Resolved};
use crate::store::commit::locked::LockedStore;
use crate::store::commit::session::stamp;
use crate::store::state::cas::Swap;
use crate::store::state::durable;
use crate::store::state::write::Writer;
use crate::store::{STATE_REF, Store, StoreError};

use super::RemoteError;
use super::error::NOT_CONFIGURED;
use super::in_doubt::Sent;
use super::protocol::{self, NextStep, PushFate, PushProtocol, PushResult};
use super::push_output::Pushed;
use super::transport::{Fetched, Transport};

/// The remote, and how much time there is.
pub(in crate::store) struct RemoteSession {
    arbiter: RemoteArbiter,
    end: Instant,
    lost: u32,
    fetched: bool,
}

impl RemoteSession {
    /// A session that may take this long.
    pub fn new(arbiter: RemoteArbiter, patience: Duration) -> Self {
        RemoteSession { arbiter, end: Instant::now() + patience, lost: 0, fetched: false }
    }

    pub(super) fn transport(&self, store: &Store) -> Transport {
        Transport::new(store, &self.arbiter.remote, self.end)
    }

    /// Waits a little after a lost race, so that those who lost together do not meet again.
    fn after_loss(&mut self, store: &LockedStore<'_>) -> Result<(), StoreError> {
        self.lost += 1;
        if Instant::now() >= self.end {
            let remote = self.arbiter.remote.clone();
            return Err(RemoteError::Contended { remote, tries: self.lost }.into());
        }
        if let Some(longest) = after_lost_races(self.lost) {
            store.ask_for_pause(&self.transport(store), self.lost)?;
            std::thread::sleep(Duration::from_millis(random_below(longest)));
        }
        Ok(())
    }
}

impl Arbiter for RemoteSession {
    fn remote(&self) -> Option<&RemoteArbiter> {
        Some(&self.arbiter)
    }

    fn resolve(
        &mut self,
        store: &LockedStore<'_>,
        is_part_of_it: bool,
    ) -> Result<Option<Resolved>, StoreError> {
        let Some(sent) = store.push_in_doubt()? else { return Ok(None) };
        let mut push = Push::new(store, self.transport(store), &self.arbiter, &sent);
        let result = push.conclude(PushProtocol::left_behind(), NextStep::Ask)?;
        let swap = push.swap_of(result.for_next_act(is_part_of_it))?;
        if swap == Swap::Won {
            self.arbiter.note_brought(store.path(), &sent.nonce)?;
        }
        Ok(Some(Resolved { commit: sent.new, applied: swap == Swap::Won }))
    }

    /// Servers limit how many pushes they take, and meanwhile other operations of this clone come
    /// together, which then share one.
    fn pace(&mut self, store: &LockedStore<'_>) -> Result<(), StoreError> {
        if store.yield_if_asked(&self.transport(store))? {
            self.extend(store.options().patience);
        }
        let every = store.options().push_every;
        if every.is_zero() {
            return Ok(());
        }
        // The ref's file is written anew by each push, and by each fetch that brings something.
        let moved = std::fs::metadata(store.path().join(STATE_REF)).and_then(|m| m.modified());
        let passed = moved.ok().and_then(|at| at.elapsed().ok()).unwrap_or(every);
        std::thread::sleep(every.saturating_sub(passed));
        self.extend(store.options().patience);
        Ok(())
    }

    fn may_know_more(&self) -> bool {
        !self.fetched
    }

    fn refresh(&mut self, store: &LockedStore<'_>) -> Result<bool, StoreError> {
        if std::mem::replace(&mut self.fetched, true) {
            return Ok(false);
        }
        let transport = self.transport(store);
        let before = store.require_tip()?;
        match transport.fetch()? {
            Fetched::Tip(tip) => {
                store.follow(&self.arbiter.remote, tip)?;
                Ok(tip != before)
            }
            Fetched::Absent => Err(store.vanished(&self.arbiter.remote)?),
            Fetched::Unreachable(reason) => {
                Err(RemoteError::Unreachable { remote: self.arbiter.remote.clone(), reason }.into())
            }
        }
    }

    fn publish(&mut self, store: &LockedStore<'_>, change: Change) -> Result<Swap, StoreError> {
        let sent = store.note_push(&self.arbiter, change)?;
        let mut push = Push::new(store, self.transport(store), &self.arbiter, &sent);
        let mut exchange = PushProtocol::begin();
        let first = exchange.pushed(push.send()?);
        // Whatever follows a push that was not won at once begins with a look at the remote.
        self.fetched |= first == NextStep::Ask;
        let result = push.conclude(exchange, first)?;
        // Before the note of the push goes: a death in between would make this clone a stranger to itself.
        if result == PushResult::Won {
            self.arbiter.note_brought(store.path(), &sent.nonce)?;
        }
        if result.may_forget(store.require_tip()? == change.new) {
            store.forget_in_doubt()?;
        }
        let swap = push.swap_of(result)?;
        match swap {
            Swap::Lost => self.after_loss(store)?,
            Swap::Won => durable::sync_ref(store)?,
        }
        Ok(swap)
    }

    fn extend(&mut self, patience: Duration) {
        self.end = Instant::now() + patience;
    }
}

/// One push, from the first try to its result.
struct Push<'a, 's> {
    store: &'a LockedStore<'s>,
    transport: Transport,
    arbiter: &'a RemoteArbiter,
    sent: &'a Sent,
}

impl<'a, 's> Push<'a, 's> {
    fn new(
        store: &'a LockedStore<'s>,
        transport: Transport,
        arbiter: &'a RemoteArbiter,
        sent: &'a Sent,
    ) -> Self {
        Push { store, transport, arbiter, sent }
    }

    /// Pushes once; when that has won, the local ref follows.
    fn send(&self) -> Result<Pushed, StoreError> {
        let pushed = self.transport.push(Some(self.sent.old), self.sent.new)?;
        crash_point!("pushed");
        if pushed == Pushed::Won {
            // Only a git run by hand moves the local ref beside us.
            self.store.swap(self.sent.old, self.sent.new)?;
            // For the sake of others; the operation is done, whatever comes of this.
            let _ = self.store.count_win();
        }
        Ok(pushed)
    }

    /// Carries out what the protocol asks for, until it is known what the push came to. After
    /// [`PushResult::Won`] and [`PushResult::Lost`] the local ref is the newest known state.
    fn conclude(&mut self, mut exchange: PushProtocol, mut step: NextStep) -> Result<PushResult, StoreError> {
        let mut pauses = Doubling::default();
        let mut pause = || pauses.next().unwrap_or_default();
        let mut found = self.sent.old;
        loop {
            step = match step {
                NextStep::End(result) => return Ok(result),
                NextStep::Ask => match self.ask(&mut exchange, &mut found)? {
                    Asked::Step(step) => step,
                    Asked::Never => return Ok(exchange.give_up()),
                },
                NextStep::Fence => exchange.fenced(self.fence(found)?),
                NextStep::Wait | NextStep::Again if self.transport.is_over() => return Ok(exchange.give_up()),
                NextStep::Wait => {
                    std::thread::sleep(pause());
                    NextStep::Ask
                }
                NextStep::Again => {
                    std::thread::sleep(pause() + Duration::from_millis(random_below(50)));
                    exchange.pushed(self.send()?)
                }
            };
        }
    }

    /// Fetches the remote's state and judges it.
    fn ask(&self, exchange: &mut PushProtocol, found: &mut ObjectId) -> Result<Asked, StoreError> {
        Ok(Asked::Step(match self.transport.fetch()? {
            Fetched::Tip(tip) => {
                self.store.follow(&self.arbiter.remote, tip)?;
                *found = tip;
                exchange.found(self.fate(tip)?)
            }
            Fetched::Absent => exchange.absent(),
            Fetched::Unreachable(reason) => {
                let is_final = reason == NOT_CONFIGURED;
                match exchange.silent(reason) {
                    NextStep::Wait if is_final => return Ok(Asked::Never),
                    step => step,
                }
            }
        }))
    }

    fn fate(&self, tip: ObjectId) -> Result<PushFate, StoreError> {
        let sent = self.sent;
        protocol::push_fate((&sent.old, &sent.new, &sent.nonce), &tip, || {
            let own = sent.clone.as_ref().unwrap_or(&self.arbiter.clone);
            Ok(clone::get(&self.store.view_of(tip)?, own)?.map(|record| record.nonce))
        })
    }

    /// Pushes an empty operation onto `tip`, so that the push before can no longer win.
    fn fence(&self, tip: ObjectId) -> Result<Pushed, StoreError> {
        let store = self.store;
        let view = store.view_of(tip)?;
        let mut txn = Txn::new(&view);
        stamp(&mut txn, Some(self.arbiter))?;
        let (changes, events) = txn.finish();
        let mut writer = Writer::new(store);
        let fence = writer.state(&view, tip, changes, &events)?;
        durable::sync_objects(store, writer.written())?;
        crash_point!("before a fence");
        let pushed = self.transport.push(Some(tip), fence)?;
        if pushed == Pushed::Won {
            store.swap(tip, fence)?;
            self.arbiter.note_brought(store.path(), &store.head_of(fence)?.nonce)?;
            durable::sync_ref(store)?;
        }
        Ok(pushed)
    }

    /// A result in the words of the store.
    fn swap_of(&self, result: PushResult) -> Result<Swap, StoreError> {
        let remote = self.arbiter.remote.clone();
        let error = match result {
            PushResult::Won => return Ok(Swap::Won),
            PushResult::Lost => return Ok(Swap::Lost),
            PushResult::Vanished => return Err(self.store.vanished(&remote)?),
            PushResult::Unreachable(reason) => RemoteError::Unreachable { remote, reason },
            PushResult::Refused(reason) => RemoteError::Refused { remote, reason },
            PushResult::Unknown(reason) => RemoteError::Unknown { remote, reason },
        };
        Err(error.into())
    }
}

/// What came of asking.
enum Asked {
    Step(NextStep),
    /// There is not going to be an answer.
    Never,
}

impl Store {
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

    /// The error for a remote that has lost the ref.
    pub(super) fn vanished(&self, remote: &str) -> Result<StoreError, StoreError> {
        let known = self.head_of(self.require_tip()?)?.generation;
        Ok(RemoteError::Vanished { remote: remote.to_owned(), known }.into())
    }
}
