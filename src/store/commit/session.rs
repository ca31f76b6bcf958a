//! A writer's session: the one type that can change the state.
//!
//! It owns the kernel lock, and begins only after what dead writers have left is resolved. Steps of
//! [`WriteSession::commit_batch`], and what a death after each of them leaves:
//! 1. Lock taken: nothing; the kernel frees it.
//! 2. Objects written: objects that nothing refers to, removed by upkeep.
//! 3. Answers for waiting processes prepared: `.pre` files, resolved by the next writer.
//! 4. Ref moved: the new state, whole. The own answer is lost; repeating the command is safe.
//! 5. Answers published: nothing is missing.

use std::ops::Deref;
use std::time::Duration;

use gix::ObjectId;

use crate::crash_point;
use crate::model::event::Event;
use crate::model::{EventKind, Op, Outcome, Txn, View, clone, header};
use crate::store::arbiter::identity::{RemoteArbiter, host_name};
use crate::store::arbiter::remote::LeaseObserver;
use crate::store::arbiter::remote::protocol;
use crate::store::arbiter::{self, Arbiter, Change};
use crate::store::state::cas::Swap;
use crate::store::state::durable;
use crate::store::state::view::GitView;
use crate::store::state::write::Writer;
use crate::store::{StoreError, convert, prefetch};

use super::batch::{Batch, Cycle, Step, apply_batch};
use super::locked::LockedStore;
use super::waiter::Waiter;
use super::write_queue::WriteQueue;

/// One writer at work.
pub(in crate::store) struct WriteSession<'s> {
    store: LockedStore<'s>,
    queue: WriteQueue,
    arbiter: Box<dyn Arbiter>,
}

impl<'s> Deref for WriteSession<'s> {
    type Target = LockedStore<'s>;

    fn deref(&self) -> &LockedStore<'s> {
        &self.store
    }
}

/// A batch that is written down and not the state yet.
struct Draft {
    old: ObjectId,
    batch: Batch,
    commit: Option<ObjectId>,
    /// Kept until the arbiter has answered, when the batch takes prefetched items away.
    evicts: Option<super::lock::StoreLock>,
}

impl<'s> WriteSession<'s> {
    /// Begins: first of all, what dead writers have left is resolved. `waiter` is the own place in
    /// the queue: the own operation may be part of a push that cannot be resolved now.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn begin(store: LockedStore<'s>, waiter: Option<&Waiter>) -> Result<Self, StoreError> {
        crash_point!("lock taken");
        let mut session = Self::unresolved(store)?;
        let resolved = session.arbiter.resolve(&session.store, waiter.is_some_and(Waiter::is_taken))?;
        // The resolved push may lie far back by now, or its history may be cut.
        session.queue.resolve(|commit| match resolved {
            Some(push) if push.commit == commit => Ok(push.applied),
            _ => session.store.is_recent(commit),
        })?;
        if resolved.is_some() {
            crash_point!("queue resolved");
            session.store.forget_in_doubt()?;
        }
        Ok(session)
    }

    /// Begins without a look at what dead writers have left: for repair, and for a clone that turns
    /// to another remote.
    ///
    /// # Errors
    /// When the arbiter's name cannot be read.
    pub fn unresolved(store: LockedStore<'s>) -> Result<Self, StoreError> {
        let (queue, arbiter) = (WriteQueue::new(store.path()), arbiter::of(&store)?);
        Ok(WriteSession { store, queue, arbiter })
    }

    /// The remote that decides; `None` when the store does by itself.
    pub fn remote(&self) -> Option<&RemoteArbiter> {
        self.arbiter.remote()
    }

    /// Brings the local ref up to the arbiter's; true when anything is new.
    ///
    /// # Errors
    /// When the arbiter cannot be reached, or has a state that cannot follow.
    pub fn refresh(&mut self) -> Result<bool, StoreError> {
        self.arbiter.refresh(&self.store)
    }

    /// Gives the session this much time from now on.
    pub fn extend(&mut self, patience: Duration) {
        self.arbiter.extend(patience);
    }

    /// Moves the state from `old` to `new`. After [`Swap::Lost`] the local ref is the newest known
    /// state.
    ///
    /// # Errors
    /// When it cannot be moved. It is not moved then, unless [`StoreError::is_in_doubt`].
    pub fn publish(&mut self, old: ObjectId, new: ObjectId) -> Result<Swap, StoreError> {
        self.arbiter.publish(&self.store, Change { old, new, evicts: false })
    }

    /// Marks a change as a state of its own: fresh nonce, higher generation, and which clone has
    /// brought it in.
    ///
    /// # Errors
    /// When the state's header cannot be read.
    pub fn stamp(&self, txn: &mut Txn<'_>) -> Result<(), StoreError> {
        stamp(txn, self.remote())
    }

    /// Converts a state of an older format by a commit of its own; after that, the tip is one that
    /// can be written.
    ///
    /// # Errors
    /// When it cannot be, or a newer version has written it.
    pub fn convert(&mut self) -> Result<(), StoreError> {
        loop {
            let store = self.store.store();
            let old = store.require_tip()?;
            let view = store.view_of(old)?;
            if !store.is_outdated(&view)? {
                return Ok(());
            }
            let mut txn = Txn::new(&view);
            convert::state(&mut txn)?;
            let commit = self.write(&view, old, txn)?;
            self.publish(old, commit)?;
        }
    }

    /// Writes the objects of a change; returns the commit that nothing refers to yet.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, view: &GitView<'_>, old: ObjectId, mut txn: Txn<'_>) -> Result<ObjectId, StoreError> {
        self.stamp(&mut txn)?;
        let (changes, events) = txn.finish();
        let mut writer = Writer::new(&self.store);
        let commit = writer.state(view, old, changes, &events)?;
        durable::sync_objects(&self.store, writer.written())?;
        Ok(commit)
    }

    /// Carries out an operation that waits in the queue, or has an answer there by now.
    ///
    /// # Errors
    /// When the store cannot be read or written, or a remote that decides cannot be reached.
    pub fn take_turn(&mut self, own: &Op, waiter: Option<&Waiter>) -> Result<Outcome, StoreError> {
        // Answered between the look and the lock?
        if let Some(outcome) = waiter.map(Waiter::answer).transpose()?.flatten() {
            return Ok(outcome);
        }
        // A patient operation asks again and again, and what was an hour ago is not an answer to that.
        if let (Some(arbiter), Some(waiter)) = (self.remote(), waiter.filter(|w| !w.patient)) {
            self.store.reached_since(arbiter, &waiter.path())?;
        }
        self.commit_batch(own, waiter)
    }

    /// Applies everything that waits, then the own operation, in one commit. `waiter` is the own
    /// place in the queue, if there is one; then the operation is applied in its order of arrival.
    ///
    /// # Errors
    /// When the store cannot be read or written, or the state cannot be moved.
    pub fn commit_batch(&mut self, own: &Op, waiter: Option<&Waiter>) -> Result<Outcome, StoreError> {
        self.arbiter.pace(&self.store)?;
        let mut cycle = Cycle::new(self.arbiter.may_know_more());
        loop {
            let Some(draft) = self.draft(&mut cycle, own, waiter)? else { continue };
            if !self.prepare(&draft, waiter)? {
                continue;
            }
            if cycle.prepared() == Step::Move && self.move_to(&mut cycle, &draft)? == Step::Apply {
                continue;
            }
            // The operations are done: answers that cannot be handed over now, the next writer does.
            let _ = self.queue.publish(draft.batch.answers.iter().map(|(id, _)| id.as_str()));
            return Ok(draft.batch.own.outcome);
        }
    }

    /// Applies the batch to the newest known state and writes the commit; `None` when the arbiter
    /// has a newer one.
    fn draft(
        &mut self,
        cycle: &mut Cycle,
        own: &Op,
        waiter: Option<&Waiter>,
    ) -> Result<Option<Draft>, StoreError> {
        let store = self.store.store();
        let old = store.require_tip()?;
        let view = store.view_of(old)?;
        self.part_from_twin(&view)?;
        let outdated = store.is_outdated(&view)?;
        let mut observer = LeaseObserver::open(store, self.remote())?;
        let context = observer.context(&view)?;
        let mut txn = Txn::new(&view);
        if outdated {
            convert::state(&mut txn)?;
        }
        rewound(&mut txn, durable::mark(store))?;
        let place = waiter.map(|w| w.id.as_str());
        let lock = self.lock_prefetch(&view, self.remote())?;
        let waiting = self.queue.waiting(place)?;
        let batch = apply_batch(&mut txn, &waiting, own, place, &context)?;
        if batch.meets_others() {
            // The leases in the way are worth timing from now on.
            observer.look(&view)?;
        }
        let clone = self.remote().map(|remote| remote.clone.as_str());
        let evicts = lock.filter(|_| prefetch::evicts(&txn, clone, &waiting, &batch).unwrap_or(true));
        if cycle.applied(!txn.is_empty()) == Step::Refresh {
            let news = self.arbiter.refresh(&self.store)?;
            if cycle.refreshed(news) == Step::Apply {
                return Ok(None);
            }
        }
        store.note_ages(&txn, self.remote())?;
        let commit = if txn.is_empty() { None } else { Some(self.write(&view, old, txn)?) };
        Ok(Some(Draft { old, batch, commit, evicts }))
    }

    /// Draws another name for this clone when somebody else brings in states under the same one: a copy
    /// of this folder that looks like it in every respect, as in two containers of one image.
    fn part_from_twin(&mut self, view: &dyn View) -> Result<(), StoreError> {
        let Some(remote) = self.remote() else { return Ok(()) };
        let Some(record) = clone::get(view, &remote.clone)? else { return Ok(()) };
        if remote.has_brought(self.path(), &record.nonce) {
            return Ok(());
        }
        RemoteArbiter::write(self.path(), &remote.remote)?;
        self.arbiter = arbiter::of(&self.store)?;
        Ok(())
    }

    /// Takes the operations out of the queue and writes their answers down; false when one of them
    /// was withdrawn, so that the draft must not become the state.
    fn prepare(&self, draft: &Draft, waiter: Option<&Waiter>) -> Result<bool, StoreError> {
        let answers = draft.batch.answers.iter().map(|(id, applied)| (id.as_str(), &applied.outcome));
        if !self.queue.prepare(answers, draft.commit)? {
            return Ok(false);
        }
        let Some(waiter) = waiter else { return Ok(true) };
        if waiter.patient && draft.batch.own.outcome.may_change() {
            waiter.rejoin()?;
        } else if !waiter.withdraw()? {
            // Where locks do not exclude: another writer is at it.
            return Err(StoreError::InDoubt { path: self.path().to_owned() });
        }
        Ok(true)
    }

    fn move_to(&mut self, cycle: &mut Cycle, draft: &Draft) -> Result<Step, StoreError> {
        let Some(new) = draft.commit else { return Ok(Step::Publish) };
        crash_point!("before the ref");
        let change = Change { old: draft.old, new, evicts: draft.evicts.is_some() };
        let won = self.arbiter.publish(&self.store, change)? == Swap::Won;
        if won {
            crash_point!("after the ref");
        }
        Ok(cycle.moved(won))
    }
}

/// A state below the high-water mark was brought back by a power cut: what was done since is lost, and
/// numbering goes on behind it.
fn rewound(txn: &mut Txn<'_>, mark: u64) -> Result<(), StoreError> {
    let mut head = header::read(txn)?;
    let from = head.generation;
    if from < mark && mark <= header::MOST_GENERATIONS {
        head.generation = mark;
        txn.put_json(header::KEY, &head);
        txn.record(
            Event::new(crate::clock::now(), None, EventKind::Rewound).with("from", from).with("to", mark),
        );
    }
    Ok(())
}

/// See [`WriteSession::stamp`].
pub(in crate::store) fn stamp(txn: &mut Txn<'_>, remote: Option<&RemoteArbiter>) -> Result<(), StoreError> {
    let by = match remote {
        None => None,
        Some(remote) => {
            let mut record = clone::get(txn, &remote.clone)?.unwrap_or_default();
            record.host = Some(host_name());
            record.at = Some(crate::clock::now());
            Some((remote.clone.as_str(), record))
        }
    };
    Ok(protocol::stamp(txn, crate::store::random_hex(8), by)?)
}
