//! Carrying out operations: lock, apply whatever waits, one commit, one compare-and-swap.
//!
//! Steps, and what a death after each of them leaves:
//! 1. Lock taken: nothing; the kernel frees it.
//! 2. Objects written: objects that nothing refers to, removed by upkeep.
//! 3. Answers for waiting processes prepared: `.pre` files, settled by the next writer.
//! 4. Ref moved: the new state, whole. The own answer is lost; repeating the command is safe.
//! 5. Answers published: nothing is missing.

use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::crash_point;
use crate::model::{Context, Op, Outcome, SessionName, Txn, apply};
use crate::trust::{self, Approval, Approvals, CommandHash};

use crate::store::arbiter::remote::{LeaseObserver, RemoteError, WriteSession};
use crate::store::commit::lock::{self, StoreLock};
use crate::store::commit::write_queue::{QueuedOp, Waiter, WriteQueue};
use crate::store::prefetch::evicts;
use crate::store::state::cas::Swap;
use crate::store::state::view::GitView;
use crate::store::state::write::Writer;
use crate::store::{Store, StoreError, durable};

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
    /// When the store cannot be read or written. Nothing is changed then, unless the error says
    /// that the ref could not be read back.
    pub fn submit(&self, op: &Op, wait: Option<Duration>) -> Result<Outcome, StoreError> {
        self.approve_commands_of(op)?;
        let outcome = self.run(op, wait)?;
        if let Some(session) = in_the_way_of(op, &outcome) {
            self.count_conflict(session);
        }
        Ok(outcome)
    }

    pub(in crate::store) fn run(&self, op: &Op, wait: Option<Duration>) -> Result<Outcome, StoreError> {
        if let Op::Next(next) = op
            && let Some(outcome) = self.take_prefetched(next)?
        {
            return Ok(outcome);
        }
        let queue = WriteQueue::new(&self.path);
        let started = Instant::now();
        let end = wait.map(|w| started + w);
        let mut last = None;
        let retry_every = if self.has_remote()? { RETRY_REMOTE_EVERY } else { RETRY_EVERY };
        if let Some(guard) = lock::try_lock(&self.lock_path())? {
            let mut session = self.begin(&guard, &queue, None)?;
            let outcome = self.commit_batch(&mut session, &queue, op, None)?;
            if end.is_none() || !outcome.may_change() {
                return Ok(outcome);
            }
            last = Some(outcome);
        }
        // An import is too large to be passed from hand to hand: it waits for the lock itself.
        let waiter = match op {
            Op::Import { .. } => None,
            _ => Some(queue.enqueue(op, end.is_some())?),
        };
        let mut pause = Duration::from_micros(200);
        let mut try_at = if last.is_some() { Instant::now() + retry_every } else { started };
        loop {
            if let Some(outcome) = waiter.as_ref().map(Waiter::answer).transpose()?.flatten() {
                return Ok(outcome);
            }
            let now = Instant::now();
            let over = end.is_some_and(|end| now >= end);
            let guard = if now >= try_at || over { lock::try_lock(&self.lock_path())? } else { None };
            if let Some(guard) = guard {
                // The waiter goes before the lock, also after an error: nobody may carry out what
                // this process is told was not done.
                let outcome = match self.take_turn(&guard, &queue, op, waiter.as_ref()) {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        drop(waiter);
                        return Err(error);
                    }
                };
                if over || end.is_none() || !outcome.may_change() {
                    drop(waiter);
                    return Ok(outcome);
                }
                last = Some(outcome);
                try_at = Instant::now() + retry_every;
            }
            if last.is_none() && started.elapsed() > LOCK_PATIENCE {
                return Err(self.waited_in_vain(waiter.as_ref(), started.elapsed())?);
            }
            std::thread::sleep(pause);
            let longest = if last.is_some() { 20 } else { 4 };
            pause = (pause * 3 / 2).min(Duration::from_millis(longest));
        }
    }

    /// One turn of an operation that waits in the queue.
    fn take_turn(
        &self,
        guard: &StoreLock,
        queue: &WriteQueue,
        op: &Op,
        waiter: Option<&Waiter>,
    ) -> Result<Outcome, StoreError> {
        let mut session = self.begin(guard, queue, waiter)?;
        // Answered between the look and the lock?
        if let Some(outcome) = waiter.map(Waiter::answer).transpose()?.flatten() {
            return Ok(outcome);
        }
        // A patient act asks again and again, and what was an hour ago is no answer to that.
        if let (Some(arbiter), Some(waiter)) = (session.arbiter(), waiter.filter(|t| !t.patient)) {
            self.reached_since(arbiter, &waiter.path())?;
        }
        self.commit_batch(&mut session, queue, op, waiter)
    }

    /// The error of an operation whose turn has not come. With a remote that is the remote's
    /// doing: the processes before have waited for it.
    fn waited_in_vain(&self, waiter: Option<&Waiter>, waited: Duration) -> Result<StoreError, StoreError> {
        let Some(arbiter) = self.arbiter()? else {
            return Ok(StoreError::Busy { path: self.lock_path(), waited });
        };
        let reason = format!("other commands of this clone have waited for it for {}s", waited.as_secs());
        let remote = arbiter.remote;
        Ok(match waiter {
            // It has gone out with a push of theirs, whose answer is not known.
            Some(waiter) if waiter.is_prepared() => RemoteError::Unknown { remote, reason }.into(),
            _ => RemoteError::Unreachable { remote, reason }.into(),
        })
    }

    /// Leaves an operation for the next push, if a remote decides and this clone's state would
    /// allow it; else carries it out. What it came to, or will come to unless the remote's state
    /// says otherwise.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn defer(&self, op: &Op) -> Result<Outcome, StoreError> {
        if !self.has_remote()? {
            return self.submit(op, None);
        }
        self.approve_commands_of(op)?;
        let arbiter = self.arbiter()?;
        let outcome = self.read(|view| {
            let mut txn = Txn::new(view);
            let context = Context {
                clone: arbiter.as_ref().map(|a| a.clone.clone()),
                ..Context::local(crate::clock::now())
            };
            apply(&mut txn, op, &context)
        })?;
        if !outcome.is_refusal() {
            let file = WriteQueue::new(&self.path).defer(op)?;
            durable::sync_posted(self, &file)?;
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
        WriteQueue::new(&self.path).deferred()
    }

    /// Begins a turn at writing: first of all, what dead writers have left is settled.
    pub(in crate::store) fn begin(
        &self,
        _guard: &StoreLock,
        queue: &WriteQueue,
        waiter: Option<&Waiter>,
    ) -> Result<WriteSession, StoreError> {
        crash_point!("lock taken");
        let mut session = WriteSession::begin(self)?;
        // The own act may be part of a push that cannot be settled now.
        let settled = self.resolve_in_doubt(&mut session, waiter.is_some_and(Waiter::is_prepared))?;
        // The settled push may lie far back by now, or its history may be cut.
        queue.settle(|commit| match settled {
            Some((pushed, applied)) if pushed == commit => applied,
            _ => self.is_recent(commit),
        })?;
        if settled.is_some() {
            crash_point!("queue settled");
            self.forget_in_doubt()?;
        }
        Ok(session)
    }

    /// Applies everything that waits, then the own operation, in one commit. `waiter` is the own
    /// place in the queue, if there is one; then the operation takes its turn by arrival.
    pub(in crate::store) fn commit_batch(
        &self,
        session: &mut WriteSession,
        queue: &WriteQueue,
        own: &Op,
        waiter: Option<&Waiter>,
    ) -> Result<Outcome, StoreError> {
        let mut watch = LeaseObserver::open(self, session.arbiter())?;
        self.pace(session)?;
        loop {
            let old = self.require_tip()?;
            let view = self.view_of(old)?;
            self.check_format(&view)?;
            let context = watch.context(&view)?;
            let mut txn = Txn::new(&view);
            let pool = self.lock_prefetch(&view, session.arbiter())?;
            let waiting = queue.waiting(waiter.map(|t| t.id.as_str()))?;
            let place = waiter.map(|t| t.id.as_str());
            let (answers, outcome) = apply_batch(&mut txn, &waiting, own, place, &context)?;
            if outcome.may_change() || answers.iter().any(|(_, o)| o.may_change()) {
                // Whose leases stand in the way is worth timing from now on.
                watch.look(&view)?;
            }
            let pool = pool.filter(|_| evicts(&txn, session.arbiter(), &waiting, &answers).unwrap_or(true));
            session.evicts = pool.is_some();
            if txn.is_empty() && self.refresh(session)? {
                continue;
            }
            self.note_ages(&txn, session.arbiter())?;
            let commit = if txn.is_empty() { None } else { Some(self.write(&view, old, txn, session)?) };
            queue.prepare(&answers, commit)?;
            if let Some(commit) = commit {
                crash_point!("before the ref");
                if self.advance(session, old, commit)? == Swap::Lost {
                    continue;
                }
                crash_point!("after the ref");
            }
            queue.publish(answers.iter().map(|(id, _)| id.as_str()))?;
            drop(pool);
            return Ok(outcome);
        }
    }

    /// Writes the objects of a transaction; returns the commit that nothing refers to yet.
    fn write(
        &self,
        view: &GitView<'_>,
        old: ObjectId,
        mut txn: Txn<'_>,
        session: &WriteSession,
    ) -> Result<ObjectId, StoreError> {
        self.stamp(&mut txn, session.arbiter())?;
        let (changes, events) = txn.finish();
        let mut writer = Writer::new(self);
        let commit = writer.state(view, old, changes, &events)?;
        durable::sync_objects(self, writer.written())?;
        Ok(commit)
    }

    /// True when `commit` is the state or was it a short while ago.
    pub(in crate::store) fn is_recent(&self, commit: ObjectId) -> bool {
        let mut at = self.tip().ok().flatten();
        for _ in 0..100 {
            match at {
                None => return false,
                Some(id) if id == commit => return true,
                Some(id) => at = self.parent_of(id),
            }
        }
        false
    }
}

/// The session whose claim, or call for a certain item, was refused because of others.
fn in_the_way_of<'a>(op: &'a Op, outcome: &Outcome) -> Option<&'a SessionName> {
    op.asks_for().filter(|_| matches!(outcome, Outcome::Held { .. }))
}

pub(in crate::store) type Answers = Vec<(String, Outcome)>;

/// Applies the operations in order of arrival. Patient ones that are refused are tried again
/// whenever a later one has changed something.
fn apply_batch(
    txn: &mut Txn<'_>,
    waiting: &[QueuedOp],
    own: &Op,
    place: Option<&str>,
    context: &Context,
) -> Result<(Answers, Outcome), StoreError> {
    let mut answers = Answers::new();
    let mut own_outcome = None;
    // What was accepted before goes first, whatever the clock said when it or the others arrived; and
    // what was handed out before what was done with it, and before others take back what has run out.
    let mut waiting: Vec<&QueuedOp> = waiting.iter().collect();
    waiting.sort_by_key(|g| (!g.is_handed_out(), !g.is_posted()));
    let mut own_waits = true;
    loop {
        let point = txn.savepoint();
        let mut still = Vec::new();
        for queued in waiting {
            let is_earlier = |own: &str| !queued.is_posted() && own < queued.id.as_str();
            if own_waits && place.is_some_and(is_earlier) {
                own_outcome = Some(apply(txn, own, context)?);
                own_waits = false;
            }
            let before = txn.savepoint();
            let then = queued.accepted().map(|at| Context { accepted: Some(at), ..context.clone() });
            match apply(txn, &queued.op, then.as_ref().unwrap_or(context)) {
                Ok(outcome) if queued.patient && outcome.may_change() => still.push(queued),
                Ok(outcome) => {
                    if queued.is_posted() && outcome.is_refusal() {
                        record_refusal(txn, &queued.op, &outcome, context)?;
                    }
                    answers.push((queued.id.clone(), outcome));
                }
                // Its own process will meet the same damage and report it.
                Err(_) if !queued.is_posted() => txn.rollback(before),
                Err(e) => return Err(e.into()),
            }
        }
        if own_waits {
            own_outcome = Some(apply(txn, own, context)?);
        }
        own_waits = own_outcome.as_ref().is_some_and(Outcome::may_change);
        waiting = still;
        if !txn.changed_since(point) || (waiting.is_empty() && !own_waits) {
            break;
        }
    }
    let own_outcome = match own_outcome {
        Some(outcome) => outcome,
        None => apply(txn, own, context)?,
    };
    Ok((answers, own_outcome))
}

/// What was accepted while the remote could not be asked, and is refused now, is told in the log:
/// nobody waits for the answer.
fn record_refusal(
    txn: &mut Txn<'_>,
    op: &Op,
    outcome: &Outcome,
    context: &Context,
) -> Result<(), StoreError> {
    let mut data = serde_json::Map::new();
    data.insert("op".into(), serde_json::to_value(op).unwrap_or_default());
    data.insert("outcome".into(), serde_json::to_value(outcome).unwrap_or_default());
    let session = op.session().cloned();
    apply(txn, &Op::Record { session, event: crate::model::EventKind::Refused.into(), data }, context)?;
    Ok(())
}
