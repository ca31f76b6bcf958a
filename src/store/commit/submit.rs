//! Carrying out an operation: at once when nobody writes, else in the write queue.

use std::time::{Duration, Instant};

use crate::model::{Context, Op, Outcome, SessionName, Txn, apply};
use crate::store::arbiter::remote::RemoteError;
use crate::store::state::durable;
use crate::store::{Store, StoreError};
use crate::trust::{self, Approval, Approvals, CommandHash};

use super::locked::LockedStore;
use super::outbox::Outbox;
use super::session::WriteSession;
use super::waiter::Waiter;
use super::write_queue::WriteQueue;

/// How long a command waits for the writer before it.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// How often a patient operation is tried again although nobody has changed anything: leases run
/// out without a change.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// The same with a remote, where each try is a fetch.
const RETRY_REMOTE_EVERY: Duration = Duration::from_secs(3);

impl Store {
    /// Carries out an operation. With `wait`, an operation that is refused because others hold
    /// what it needs stays in line until it is granted or the time is over.
    ///
    /// # Errors
    /// When the store cannot be read or written. Nothing is changed then, unless
    /// [`StoreError::is_in_doubt`].
    pub fn submit(&self, op: &Op, wait: Option<Duration>) -> Result<Outcome, StoreError> {
        self.approve_commands_of(op)?;
        let outcome = self.carry_out(op, wait)?;
        if let Some(session) = in_the_way_of(op, &outcome) {
            self.count_conflict(session);
        }
        Ok(outcome)
    }

    fn carry_out(&self, op: &Op, wait: Option<Duration>) -> Result<Outcome, StoreError> {
        if let Op::Next(next) = op
            && let Some(outcome) = self.take_prefetched(next)?
        {
            return Ok(outcome);
        }
        let retry = if self.has_remote()? { RETRY_REMOTE_EVERY } else { RETRY_EVERY };
        let mut attempt = Attempt::new(self, op, wait, retry);
        if let Some(locked) = self.try_locked()?
            && let Some(outcome) = attempt.settle(WriteSession::begin(locked, None)?.commit_batch(op, None)?)
        {
            return Ok(outcome);
        }
        // An import is too large to be passed from hand to hand: it waits for the lock itself.
        if !matches!(op, Op::Import { .. }) {
            attempt.waiter = Some(WriteQueue::new(&self.path).enqueue(op, wait.is_some())?);
        }
        attempt.wait_in_line().map_err(|error| attempt.honest(error))
    }

    /// Leaves an operation for the next push, if a remote decides and this clone's state would
    /// allow it; else carries it out. What it came to, or will come to unless the remote's state
    /// says otherwise.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn defer(&self, op: &Op) -> Result<Outcome, StoreError> {
        let Some(arbiter) = self.arbiter()? else { return self.submit(op, None) };
        self.approve_commands_of(op)?;
        let outcome = self.read(|view| {
            let mut txn = Txn::new(view);
            let clone = Some(arbiter.clone.clone());
            apply(&mut txn, op, &Context { clone, ..Context::local(crate::clock::now()) })
        })?;
        if !outcome.is_refusal() {
            let file = Outbox::new(&self.path).defer(op)?;
            durable::sync_deferred(self, &file)?;
        }
        Ok(outcome)
    }

    /// Approves the commands that this operation brings into the state: they are made here.
    fn approve_commands_of(&self, op: &Op) -> Result<(), StoreError> {
        let made: Vec<CommandHash> = trust::commands_of(op).into_iter().map(CommandHash::of).collect();
        self.approve(made, Approval::Made)
    }

    /// Approves commands on this clone.
    ///
    /// # Errors
    /// When the file of the approvals cannot be written.
    pub fn approve(
        &self,
        commands: impl IntoIterator<Item = CommandHash>,
        approval: Approval,
    ) -> Result<(), StoreError> {
        let mut commands = commands.into_iter().peekable();
        if commands.peek().is_none() {
            return Ok(());
        }
        let approvals = Approvals::of(&self.path);
        approvals.add(commands, approval).map_err(StoreError::io("write", approvals.file()))
    }

    /// Number of operations that wait for the next push.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn deferred(&self) -> Result<usize, StoreError> {
        Outbox::new(&self.path).count()
    }
}

/// An operation on its way to an answer.
struct Attempt<'a> {
    store: &'a Store,
    op: &'a Op,
    started: Instant,
    /// When a patient operation takes its last refusal for the answer; `None`: it does so at once.
    end: Option<Instant>,
    /// How often a patient operation is tried again.
    retry: Duration,
    /// When to try next.
    try_at: Instant,
    /// True when it was refused, and others may give it free.
    refused: bool,
    waiter: Option<Waiter>,
}

impl<'a> Attempt<'a> {
    fn new(store: &'a Store, op: &'a Op, wait: Option<Duration>, retry: Duration) -> Self {
        let started = Instant::now();
        let end = wait.map(|w| started + w);
        Attempt { store, op, started, end, retry, try_at: started, refused: false, waiter: None }
    }

    fn is_over(&self) -> bool {
        self.end.is_none_or(|end| Instant::now() >= end)
    }

    /// The answer, if this is one: a patient operation goes on waiting when it is refused.
    fn settle(&mut self, outcome: Outcome) -> Option<Outcome> {
        if self.is_over() || !outcome.may_change() {
            return Some(outcome);
        }
        self.refused = true;
        self.try_at = Instant::now() + self.retry;
        None
    }

    /// Waits until a writer has answered, or the lock is free.
    fn wait_in_line(&mut self) -> Result<Outcome, StoreError> {
        let mut pause = Duration::from_micros(200);
        loop {
            if let Some(outcome) = self.waiter.as_ref().map(Waiter::answer).transpose()?.flatten() {
                return Ok(outcome);
            }
            let is_due = Instant::now() >= self.try_at || (self.end.is_some() && self.is_over());
            let locked = if is_due { self.store.try_locked()? } else { None };
            if let Some(locked) = locked {
                let outcome = self.take_turn(locked)?;
                if let Some(outcome) = self.settle(outcome) {
                    return Ok(outcome);
                }
            }
            if !self.refused && self.started.elapsed() > LOCK_PATIENCE {
                return Err(self.give_up()?);
            }
            std::thread::sleep(pause);
            let longest = if self.refused { 20 } else { 4 };
            pause = (pause * 3 / 2).min(Duration::from_millis(longest));
        }
    }

    fn take_turn(&self, locked: LockedStore<'_>) -> Result<Outcome, StoreError> {
        let waiter = self.waiter.as_ref();
        WriteSession::begin(locked, waiter)?.take_turn(self.op, waiter)
    }

    /// What an error says of the operation. An error is not "it did not happen": only an operation
    /// that was withdrawn is never carried out by anybody.
    fn honest(&self, error: StoreError) -> StoreError {
        match &self.waiter {
            Some(waiter) if !error.is_in_doubt() && !waiter.withdraw().unwrap_or(false) => {
                StoreError::InDoubt { path: self.store.path().to_owned() }
            }
            _ => error,
        }
    }

    /// The error of an operation whose turn has not come. With a remote that is the remote's
    /// doing: the processes before have waited for it.
    fn give_up(&self) -> Result<StoreError, StoreError> {
        let waited = self.started.elapsed();
        let withdrawn = self.waiter.as_ref().map_or(Ok(true), Waiter::withdraw)?;
        let Some(arbiter) = self.store.arbiter()? else {
            return Ok(match withdrawn {
                true => StoreError::Busy { path: self.store.lock_path(), waited },
                false => StoreError::InDoubt { path: self.store.path().to_owned() },
            });
        };
        let reason = format!("other commands of this clone have waited for it for {}s", waited.as_secs());
        let remote = arbiter.remote;
        Ok(match withdrawn {
            true => RemoteError::Unreachable { remote, reason }.into(),
            // It has gone out with a push of theirs, whose answer is not known.
            false => RemoteError::Unknown { remote, reason }.into(),
        })
    }
}

/// The session whose claim, or call for a certain item, was refused because of others.
fn in_the_way_of<'a>(op: &'a Op, outcome: &Outcome) -> Option<&'a SessionName> {
    op.asks_for().filter(|_| matches!(outcome, Outcome::Held { .. }))
}
