//! Keeping the lease on the item in hand, also while the remote does not answer.
//!
//! Nobody else is given the item before the lease has run out. So a remote that is away for a
//! while costs no work: the renewal and the end of the attempt are tried again until then.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock;
use crate::model::op::RenewWhat;
use crate::model::outcome::Taken;
use crate::model::session::{self, Lease, Session};
use crate::model::{ItemId, ItemState, Op, Outcome, SessionName, item_index, queue};
use crate::store::{Store, StoreError};

use super::RunnerError;
use super::worker::Worker;

/// How often a worker looks whether its item is still its own.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When it looks for the first time, before it knows how long the lease is.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// Longest pause before the remote is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// How soon a pause notices Ctrl-C.
const NOTICE: Duration = Duration::from_millis(50);

/// Looks after the lease on one item as long as its command runs.
///
/// A renewal may wait half a minute for a remote that does not answer, and whoever looks has to end
/// the command in time all the same. So it has a thread of its own. Few commands ever need one: it
/// starts when the first half of the lease has passed.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    worker: &'a Worker<'a>,
    taken: &'a Taken,
    looked: Instant,
    pause: Duration,
    renewal: Option<JoinHandle<Result<Outcome, StoreError>>>,
}

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        // The end of the attempt is an act at the same remote: it would have to wait for this one.
        let _ = self.renewal.take().map(JoinHandle::join);
    }
}

impl<'a> Keeper<'a> {
    pub(super) fn new(worker: &'a Worker<'a>, taken: &'a Taken) -> Self {
        Keeper { worker, taken, looked: Instant::now(), pause: FIRST_LOOK, renewal: None }
    }

    /// Renews the lease when it is due; returns why it is lost, if it is.
    pub(super) fn look(&mut self) -> Result<Option<String>, RunnerError> {
        if self.looked.elapsed() < self.pause {
            return Ok(None);
        }
        self.looked = Instant::now();
        self.keep()
    }

    /// Renews the lease when it is due; tells when it is lost.
    fn keep(&mut self) -> Result<Option<String>, RunnerError> {
        let (worker, taken) = (self.worker, self.taken);
        worker.store.touch_session(&worker.slot.session);
        let (record, lease) = worker.held(taken)?;
        let Some(lease) = lease else { return worker.why_not_ours(taken, record.as_ref()) };
        self.pause = LOOK_EVERY.min(Duration::from_secs(lease.ttl) / 4);
        match self.renewal.take() {
            Some(renewal) if renewal.is_finished() => self.renewed(renewal, &lease),
            Some(renewal) => {
                self.renewal = Some(renewal);
                Ok(None)
            }
            None => {
                self.renewal = lease.is_due(clock::now()).then(|| self.renew());
                Ok(None)
            }
        }
    }

    fn renew(&self) -> JoinHandle<Result<Outcome, StoreError>> {
        let around = self.worker.common.around;
        let (common, options) = (around.repo.common_dir.clone(), around.options);
        let what = RenewWhat::These { paths: Vec::new(), items: vec![self.taken.item.id.clone()] };
        let op = Op::Renew { session: self.worker.slot.session.clone(), what, ttl: None };
        std::thread::spawn(move || Store::open(&common, options)?.submit(&op, None))
    }

    /// What came of a renewal.
    fn renewed(
        &mut self,
        renewal: JoinHandle<Result<Outcome, StoreError>>,
        lease: &Lease,
    ) -> Result<Option<String>, RunnerError> {
        let outcome = renewal.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        self.worker.upkeep();
        match outcome.map_err(RunnerError::from) {
            Ok(Outcome::Renewed { .. }) => Ok(None),
            Ok(outcome) => Ok(Some(why_lost(&outcome))),
            Err(error) if error.may_pass() && self.worker.still_holds(self.taken)?.is_some() => {
                self.pause = retry_after(lease);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// How long to wait before the remote is asked again.
fn retry_after(lease: &Lease) -> Duration {
    RETRY.min(Duration::from_secs(lease.ttl) / 8)
}

impl Worker<'_> {
    /// Carries out an act on the item in hand. As long as the remote does not answer and the lease
    /// lasts, it is tried again.
    ///
    /// # Errors
    /// When the lease has run out meanwhile, or the run was interrupted; and all others at once.
    pub(super) fn submit_held(&self, taken: &Taken, op: &Op) -> Result<Outcome, RunnerError> {
        loop {
            let error = match self.submit(op) {
                Err(error) if error.may_pass() && !self.common.crew.is_interrupted() => error,
                other => return other,
            };
            let Some(lease) = self.still_holds(taken)? else { return Err(error) };
            let began = Instant::now();
            while began.elapsed() < retry_after(&lease) && !self.common.crew.is_interrupted() {
                std::thread::sleep(NOTICE);
            }
        }
    }

    /// Why the item is not the slot's any more, if it is not: then nothing of the attempt counts.
    pub(super) fn lost_meanwhile(&self, taken: &Taken) -> Result<Option<String>, RunnerError> {
        match self.held(taken)? {
            (_, Some(_)) => Ok(None),
            (record, None) => self.why_not_ours(taken, record.as_ref()),
        }
    }

    /// Why an item is not held any more; `None` when the command has finished it itself.
    fn why_not_ours(&self, taken: &Taken, record: Option<&Session>) -> Result<Option<String>, RunnerError> {
        if self.let_go(taken, record)? {
            return Ok(None);
        }
        let own = self.slot.is_own(record);
        let loss = record.and_then(|r| r.item_loss(&taken.item.id)).filter(|_| own);
        let why = if own { "it was taken from the session" } else { "its session was ended" };
        Ok(Some(loss.map_or_else(|| why.to_owned(), |l| l.why.clone())))
    }

    /// The session, and its lease on the item, as this clone knows them. Somebody may have ended the
    /// session, and hold the item in another one of that name.
    fn held(&self, taken: &Taken) -> Result<(Option<Session>, Option<Lease>), RunnerError> {
        let record = self.store.read(|view| session::get(view, &self.slot.session))?;
        let own = record.as_ref().filter(|r| self.slot.is_own(Some(r)));
        let lease = own.and_then(|r| r.item_lease(&taken.item.id));
        let lease = lease.filter(|l| l.id == taken.lease).cloned();
        Ok((record, lease))
    }

    /// The lease while it lasts, as far as this clone knows.
    fn still_holds(&self, taken: &Taken) -> Result<Option<Lease>, RunnerError> {
        let (_, lease) = self.held(taken)?;
        Ok(lease.filter(|l| l.expires() > clock::now()))
    }

    /// True when the session itself has finished the item: the command did, with `git coord done`
    /// or `drop`. It may come to its end.
    fn let_go(&self, taken: &Taken, record: Option<&Session>) -> Result<bool, RunnerError> {
        let id = &taken.item.id;
        if !self.slot.is_own(record) || record.is_some_and(|r| r.item_loss(id).is_some()) {
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
    let standing = store.read(|view| match item_index::find(view, item)? {
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
