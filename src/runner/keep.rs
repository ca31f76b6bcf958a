//! Keeping the lease on the item in hand, also while the remote does not answer.
//!
//! Nobody else is given the item before the lease has run out. So a remote that is away for a
//! while costs no work: the renewal and the end of the attempt are tried again until then.

use std::time::{Duration, Instant};

use crate::clock;
use crate::model::op::{RenewWhat, Taken};
use crate::model::session::{self, Session, SessionState};
use crate::model::{ItemId, ItemState, Op, Outcome, SessionName, ids, queue};
use crate::store::Store;

use super::RunnerError;
use super::worker::Worker;

/// How often a worker looks whether its item is still its own.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Longest pause before the remote is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// How soon a pause notices Ctrl-C.
const NOTICE: Duration = Duration::from_millis(50);

/// Looks after the lease on one item as long as its command runs.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    worker: &'a Worker<'a>,
    taken: &'a Taken,
    looked: Instant,
    pause: Duration,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(worker: &'a Worker<'a>, taken: &'a Taken) -> Self {
        Keeper { worker, taken, looked: Instant::now(), pause: worker.look_every() }
    }

    /// Renews the lease when it is due; returns why it is lost, if it is.
    pub(super) fn look(&mut self) -> Result<Option<String>, RunnerError> {
        if self.looked.elapsed() < self.pause {
            return Ok(None);
        }
        self.pause = self.worker.look_every();
        let kept = match self.worker.keep(self.taken) {
            Err(error) if error.may_pass() && self.worker.still_holds(self.taken)? => {
                self.pause = self.worker.retry_after();
                Ok(None)
            }
            other => other,
        };
        // From the end of the look: one at a remote that is away may take half a minute.
        self.looked = Instant::now();
        kept
    }
}

impl Worker<'_> {
    fn look_every(&self) -> Duration {
        LOOK_EVERY.min(Duration::from_secs(self.common.plan.ttl) / 4)
    }

    fn retry_after(&self) -> Duration {
        RETRY.min(Duration::from_secs(self.common.plan.ttl) / 8)
    }

    /// Carries out an act on the item in hand. As long as the remote does not answer and the lease
    /// lasts, it is tried again.
    ///
    /// # Errors
    /// When the lease has run out meanwhile, or the run was interrupted; and all others at once.
    pub(super) fn submit_held(&self, taken: &Taken, op: &Op) -> Result<Outcome, RunnerError> {
        loop {
            match self.submit(op) {
                Err(error)
                    if error.may_pass()
                        && !self.common.crew.is_interrupted()
                        && self.still_holds(taken)? => {}
                other => return other,
            }
            let began = Instant::now();
            while began.elapsed() < self.retry_after() && !self.common.crew.is_interrupted() {
                std::thread::sleep(NOTICE);
            }
        }
    }

    /// True while the lease lasts, as far as this clone knows.
    fn still_holds(&self, taken: &Taken) -> Result<bool, RunnerError> {
        let record = self.store.read(|view| session::get(view, &self.slot.session))?;
        let lease = record.as_ref().and_then(|r| r.item_lease(&taken.item.id));
        Ok(lease.is_some_and(|l| l.id == taken.lease && l.expires() > clock::now()))
    }

    /// Renews the lease when it is due; tells when it is lost.
    fn keep(&self, taken: &Taken) -> Result<Option<String>, RunnerError> {
        let name = &self.slot.session;
        self.store.touch_session(name);
        let record = self.store.read(|view| session::get(view, name))?;
        let id = &taken.item.id;
        let lease = record.as_ref().and_then(|r| r.item_lease(id)).filter(|l| l.id == taken.lease);
        let Some(lease) = lease else {
            if self.let_go(taken, record.as_ref())? {
                return Ok(None);
            }
            let loss = record.as_ref().and_then(|r| r.item_loss(id));
            let why = loss.map_or_else(|| "it was taken from the session".to_owned(), |l| l.why.clone());
            return Ok(Some(why));
        };
        if !lease.is_due(crate::clock::now()) {
            return Ok(None);
        }
        let what = RenewWhat::These { paths: Vec::new(), items: vec![id.clone()] };
        match self.submit(&Op::Renew { session: name.clone(), what, ttl: None })? {
            Outcome::Renewed { .. } => Ok(None),
            outcome => Ok(Some(why_lost(&outcome))),
        }
    }

    /// True when the session itself has finished the item: the command did, with `git coord done`
    /// or `drop`. It may come to its end.
    fn let_go(&self, taken: &Taken, record: Option<&Session>) -> Result<bool, RunnerError> {
        let id = &taken.item.id;
        if record.is_none_or(|r| r.state == SessionState::Ended || r.item_loss(id).is_some()) {
            return Ok(false);
        }
        Ok(self.left_by_us(taken)?.is_some())
    }

    /// The state that this session has left the item in, see [`left_by`].
    pub(super) fn left_by_us(&self, taken: &Taken) -> Result<Option<ItemState>, RunnerError> {
        left_by(&self.store, &self.slot.session, &taken.item.id, taken.lease)
    }
}

/// The state that an item has been left in by a session, which held it under this lease. `None`
/// when anybody has been given it since.
pub(super) fn left_by(
    store: &Store,
    session: &SessionName,
    item: &ItemId,
    lease: u64,
) -> Result<Option<ItemState>, RunnerError> {
    let standing = store.read(|view| match ids::find(view, item)? {
        Some(slot) => queue::standing(view, &slot).map(Some),
        None => Ok(None),
    })?;
    let ours = standing.filter(|(_, note, _)| note.by.as_ref() == Some(session) && note.lease == Some(lease));
    Ok(ours.map(|(state, ..)| state))
}

/// Why an act of a session on its item was refused.
pub(super) fn why_lost(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Lost { losses, .. } => {
            losses.first().map_or_else(|| "its lease was lost".to_owned(), |l| l.why.clone())
        }
        Outcome::Refused { message, .. } => message.clone(),
        _ => "its lease was lost".to_owned(),
    }
}
