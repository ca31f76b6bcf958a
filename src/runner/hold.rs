//! An item that a slot holds, and the operations on it while its lease lasts.

use std::time::{Duration, Instant};

use crate::clock;
use crate::exec::Guardian;
use crate::exec::logs::Logs;
use crate::model::op::Finish;
use crate::model::outcome::Taken;
use crate::model::session::{self, Lease, Session};
use crate::model::{Op, Outcome};
use crate::store::Store;
use crate::trust::Trust;

use super::ownership::{Left, left_by};
use super::scheduler::Scheduler;
use super::slots::Slot;
use super::{RunContext, RunSpec, RunnerError};

/// Longest pause before the remote is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// How soon a pause notices Ctrl-C.
const NOTICE: Duration = Duration::from_millis(50);

/// What all slots of a run share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) context: RunContext<'a>,
    pub(super) spec: &'a RunSpec,
    pub(super) scheduler: &'a Scheduler<'a>,
    pub(super) guardian: &'a Guardian,
    pub(super) logs: &'a Logs,
    pub(super) trust: &'a Trust,
}

/// A slot at work, with a store of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) slot: &'a Slot<'a>,
    pub(super) shared: Shared<'a>,
    pub(super) store: &'a Store,
}

impl Desk<'_> {
    pub(super) fn submit(&self, op: &Op) -> Result<Outcome, RunnerError> {
        let outcome = self.store.submit(op, None)?;
        self.store.touch_session(&self.slot.session);
        self.upkeep();
        Ok(outcome)
    }

    /// Starts upkeep in the background when the store has grown.
    pub(super) fn upkeep(&self) {
        if self.store.wants_upkeep() {
            crate::process::detach_self(&["upkeep"], &self.shared.context.repo.root);
        }
    }
}

/// An item that a slot holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) taken: &'a Taken,
}

/// How long to wait before the remote is asked again.
pub(super) fn retry_after(lease: &Lease) -> Duration {
    RETRY.min(Duration::from_secs(lease.ttl) / 8)
}

impl Hold<'_> {
    /// Carries out an act on the item in hand. As long as the remote does not answer and the lease
    /// lasts, it is tried again.
    ///
    /// # Errors
    /// When the lease has run out meanwhile, or the run was interrupted; and all others at once.
    pub(super) fn submit_held(&self, op: &Op) -> Result<Outcome, RunnerError> {
        loop {
            let error = match self.desk.submit(op) {
                Err(error) if error.may_pass() && !self.desk.shared.scheduler.is_interrupted() => error,
                other => return other,
            };
            let Some(lease) = self.still_holds()? else { return Err(error) };
            let began = Instant::now();
            while began.elapsed() < retry_after(&lease) && !self.desk.shared.scheduler.is_interrupted() {
                std::thread::sleep(NOTICE);
            }
        }
    }

    /// Gives the item back untouched.
    ///
    /// # Errors
    /// Those of [`Hold::submit_held`]. That it is not held any more is none.
    pub(super) fn give_back(&self) -> Result<(), RunnerError> {
        let (session, items) = (self.desk.slot.session.clone(), vec![self.taken.item.id.clone()]);
        let op = Op::Finish { session, items, how: Finish::Drop, lease: Some(self.taken.lease) };
        self.submit_held(&op).map(drop)
    }

    /// Why the item is not the slot's any more, if it is not: then nothing of the attempt counts.
    pub(super) fn lost_meanwhile(&self) -> Result<Option<String>, RunnerError> {
        match self.held()? {
            (_, Some(_)) => Ok(None),
            (record, None) => self.why_not_ours(record.as_ref()),
        }
    }

    /// Why an item is not held any more; `None` when the command has finished it itself.
    pub(super) fn why_not_ours(&self, record: Option<&Session>) -> Result<Option<String>, RunnerError> {
        if self.let_go(record)? {
            return Ok(None);
        }
        let own = self.desk.slot.is_own(record);
        let loss = record.and_then(|r| r.item_loss(&self.taken.item.id)).filter(|_| own);
        let why = if own { "it was taken from the session" } else { "its session was ended" };
        Ok(Some(loss.map_or_else(|| why.to_owned(), |l| l.why.clone())))
    }

    /// The session, and its lease on the item, as this clone knows them. Somebody may have ended the
    /// session, and hold the item in another one of that name.
    pub(super) fn held(&self) -> Result<(Option<Session>, Option<Lease>), RunnerError> {
        let record = self.desk.store.read(|view| session::get(view, &self.desk.slot.session))?;
        let own = record.as_ref().filter(|r| self.desk.slot.is_own(Some(r)));
        let lease = own.and_then(|r| r.item_lease(&self.taken.item.id));
        let lease = lease.filter(|l| l.id == self.taken.lease).cloned();
        Ok((record, lease))
    }

    /// The lease while it lasts, as far as this clone knows.
    pub(super) fn still_holds(&self) -> Result<Option<Lease>, RunnerError> {
        let (_, lease) = self.held()?;
        Ok(lease.filter(|l| l.expires() > clock::now()))
    }

    /// True when the session itself has finished the item: the command did, with `git coord done`
    /// or `drop`. It may come to its end.
    fn let_go(&self, record: Option<&Session>) -> Result<bool, RunnerError> {
        let id = &self.taken.item.id;
        if !self.desk.slot.is_own(record) || record.is_some_and(|r| r.item_loss(id).is_some()) {
            return Ok(false);
        }
        Ok(self.left_by_us()?.is_some())
    }

    /// How this session has left the item, see [`left_by`].
    pub(super) fn left_by_us(&self) -> Result<Option<Left>, RunnerError> {
        left_by(self.desk.store, &self.desk.slot.session, &self.taken.item.id, self.taken.lease)
    }
}
