//! Carrying out operations, with what belongs to every one of them: the offline rule, upkeep, exchanges
//! in the background.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::model::{Op, Outcome, SessionName, blockers_of, session};
use crate::store::{Batches, Import};

use super::{Client, ClientError, ClientResult, Listener, Notice};

/// Background exchange with the remote starts when the last one is so long ago.
const SYNC_EVERY: Duration = Duration::from_secs(60);

/// The same when a session holds something that wants to be renewed.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// A wait says what it waits for after this time.
const SAY_AFTER: Duration = Duration::from_secs(1);

impl Client {
    /// Carries out an operation. `wait`: seconds to wait in line while others are in the way.
    ///
    /// # Errors
    /// [`ClientError::Refused`], and errors of the store.
    pub fn submit(&self, op: &Op, wait: Option<u64>) -> ClientResult<Outcome> {
        granted(self.attempt(op, wait)?)
    }

    /// The same; a refusal is an outcome.
    ///
    /// # Errors
    /// Errors of the store, and of a worktree whose session was started again elsewhere.
    pub fn attempt(&self, op: &Op, wait: Option<u64>) -> ClientResult<Outcome> {
        self.check_identity(op)?;
        let outcome = if self.place.offline && op.is_deferrable() {
            let outcome = self.store.defer(op)?;
            if self.store.arbiter()?.is_some() && !outcome.is_refusal() {
                self.notify(&Notice::Deferred);
            }
            outcome
        } else {
            let what = self.awaited(op, wait)?;
            saying(&self.listener, what, || self.store.submit(op, wait.map(Duration::from_secs)))?
        };
        self.upkeep_if_wanted();
        Ok(outcome)
    }

    /// A worktree whose session was started anew elsewhere does nothing in its name.
    fn check_identity(&self, op: &Op) -> ClientResult<()> {
        let named = match op {
            Op::StartSession(_) => None,
            Op::EndSession { name } => Some(name),
            other => other.session(),
        };
        named.map_or(Ok(()), |name| self.record_of(name).map(drop))
    }

    /// Writes an event to the log. With a remote, the next push sends it: an event that has happened
    /// needs no confirmation.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub fn record(&self, op: &Op) -> ClientResult<()> {
        let outcome = self.store.defer(op)?;
        self.upkeep_if_wanted();
        self.sync_in_background(SYNC_EVERY)?;
        granted(outcome).map(|_| ())
    }

    /// Imports items, all or none.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub fn import(&self, import: &Import, batches: &mut dyn Batches) -> ClientResult<Outcome> {
        let outcome = self.store.import(import, batches)?;
        self.upkeep_if_wanted();
        granted(outcome)
    }

    /// Starts an exchange in the background, for a session that was handed a prefetched item: its
    /// command has not renewed what is past half of its time, which the exchange does.
    ///
    /// # Errors
    /// From the store.
    pub fn sync_soon(&self, name: &SessionName) -> ClientResult<()> {
        let record = self.store.read(|view| session::get(view, name))?;
        let now = crate::clock::now();
        let is_due = record.is_some_and(|s| s.leases.iter().any(|l| l.is_due(now)));
        self.sync_in_background(if is_due { RENEW_EVERY } else { SYNC_EVERY })
    }

    /// Sends the remote at once what has been deferred: grants of this clone's pool, recorded commits.
    ///
    /// # Errors
    /// From the store; not when the remote cannot be reached: it is sent later then.
    pub fn send_deferred(&self) -> ClientResult<()> {
        if self.place.offline || self.store.deferred()? == 0 {
            return Ok(());
        }
        self.unless_away(self.store.submit(&Op::Sweep, None), false).map(|_| ())
    }

    /// What the operation may have to wait for, in words; `None` when it does not wait.
    fn awaited(&self, op: &Op, wait: Option<u64>) -> ClientResult<Option<String>> {
        if wait.is_none() {
            return Ok(self.store.arbiter()?.map(|arbiter| arbiter.remote));
        }
        let blockers = match op {
            Op::Claim(claim) => self.store.read(|view| {
                let of = |path| blockers_of(view, path, &claim.session, claim.mode);
                Ok(claim.paths.iter().map(of).collect::<Result<Vec<_>, _>>()?.concat())
            })?,
            _ => Vec::new(),
        };
        Ok(Some(match (blockers.first(), op) {
            (Some(b), _) => format!("{}, which {} holds", b.held, b.session),
            (None, Op::Next(_)) => "an item that is free".to_owned(),
            (None, _) => "others to finish".to_owned(),
        }))
    }

    fn sync_in_background(&self, every: Duration) -> ClientResult<()> {
        if !self.place.offline && self.store.sync_is_due(every)? {
            crate::process::detach_self(&["sync"], &self.place.repo.root);
        }
        Ok(())
    }

    /// Starts upkeep in the background when the store has grown.
    pub(super) fn upkeep_if_wanted(&self) {
        if self.store.wants_upkeep() {
            crate::process::detach_self(&["upkeep"], &self.place.repo.root);
        }
    }
}

/// A refusal as an error.
fn granted(outcome: Outcome) -> ClientResult<Outcome> {
    if outcome.is_refusal() { Err(ClientError::refused(outcome)) } else { Ok(outcome) }
}

/// Runs `work`, and says what it waits for when it has not ended within a second.
fn saying<T>(listener: &Listener, what: Option<String>, work: impl FnOnce() -> T) -> T {
    let Some(what) = what else { return work() };
    let (done, over) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if over.recv_timeout(SAY_AFTER) == Err(RecvTimeoutError::Timeout) {
                listener.hear(&Notice::Waiting(what));
            }
        });
        let result = work();
        drop(done);
        result
    })
}
