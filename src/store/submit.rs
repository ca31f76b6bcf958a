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
use crate::model::{Context, Op, Outcome, Txn, apply};

use super::cas::Swap;
use super::lock::{self, StoreLock};
use super::pool::is_drained;
use super::remote::{RemoteError, Turn, Watch};
use super::room::{Guest, Room, Ticket};
use super::view::GitView;
use super::write::Writer;
use super::{Store, StoreError, durable};

/// How long a command waits for the writer before it.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// How often a patient operation is tried again although nobody has changed anything: leases run
/// out without a change.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// The same with a remote, where each try is a fetch.
const RETRY_REMOTE_EVERY: Duration = Duration::from_secs(3);

impl Store {
    /// See [`Store::submit`].
    pub(super) fn carry_out(&self, op: &Op, wait: Option<Duration>) -> Result<Outcome, StoreError> {
        if let Op::Next(next) = op
            && let Some(outcome) = self.take_ready(next)?
        {
            return Ok(outcome);
        }
        let room = Room::new(&self.path);
        let started = Instant::now();
        let end = wait.map(|w| started + w);
        let mut last = None;
        let retry_every = if self.has_remote()? { RETRY_REMOTE_EVERY } else { RETRY_EVERY };
        if let Some(guard) = lock::try_lock(&self.lock_path())? {
            let mut turn = self.begin(&guard, &room, None)?;
            let outcome = self.drain(&mut turn, &room, op, None)?;
            if end.is_none() || !may_change(&outcome) {
                return Ok(outcome);
            }
            last = Some(outcome);
        }
        // An import is too large to be passed from hand to hand: it waits for the lock itself.
        let ticket = match op {
            Op::Import { .. } => None,
            _ => Some(room.enter(op, end.is_some())?),
        };
        let mut pause = Duration::from_micros(200);
        let mut try_at = if last.is_some() { Instant::now() + retry_every } else { started };
        loop {
            if let Some(outcome) = ticket.as_ref().map(Ticket::answer).transpose()?.flatten() {
                return Ok(outcome);
            }
            let now = Instant::now();
            let over = end.is_some_and(|end| now >= end);
            let guard = if now >= try_at || over { lock::try_lock(&self.lock_path())? } else { None };
            if let Some(guard) = guard {
                // The ticket goes before the lock, also after an error: nobody may carry out what
                // this process is told was not done.
                let outcome = match self.take_turn(&guard, &room, op, ticket.as_ref()) {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        drop(ticket);
                        return Err(error);
                    }
                };
                if over || end.is_none() || !may_change(&outcome) {
                    drop(ticket);
                    return Ok(outcome);
                }
                last = Some(outcome);
                try_at = Instant::now() + retry_every;
            }
            if last.is_none() && started.elapsed() > LOCK_PATIENCE {
                return Err(self.waited_in_vain(ticket.as_ref(), started.elapsed())?);
            }
            std::thread::sleep(pause);
            let longest = if last.is_some() { 20 } else { 4 };
            pause = (pause * 3 / 2).min(Duration::from_millis(longest));
        }
    }

    /// One turn of an operation that waits in the room.
    fn take_turn(
        &self,
        guard: &StoreLock,
        room: &Room,
        op: &Op,
        ticket: Option<&Ticket>,
    ) -> Result<Outcome, StoreError> {
        let mut turn = self.begin(guard, room, ticket)?;
        // Answered between the look and the lock?
        if let Some(outcome) = ticket.map(Ticket::answer).transpose()?.flatten() {
            return Ok(outcome);
        }
        // A patient act asks again and again, and what was an hour ago is no answer to that.
        if let (Some(authority), Some(ticket)) = (turn.authority(), ticket.filter(|t| !t.patient)) {
            self.reached_since(authority, &ticket.path())?;
        }
        self.drain(&mut turn, room, op, ticket)
    }

    /// The error of an operation whose turn has not come. With a remote that is the remote's
    /// doing: the processes before have waited for it.
    fn waited_in_vain(&self, ticket: Option<&Ticket>, waited: Duration) -> Result<StoreError, StoreError> {
        let Some(authority) = self.authority()? else {
            return Ok(StoreError::Busy { path: self.lock_path(), waited });
        };
        let reason = format!("other commands of this clone have waited for it for {}s", waited.as_secs());
        let remote = authority.remote;
        Ok(match ticket {
            // It has gone out with a push of theirs, whose answer is not known.
            Some(ticket) if ticket.is_prepared() => RemoteError::Unknown { remote, reason }.into(),
            _ => RemoteError::Unreachable { remote, reason }.into(),
        })
    }

    /// Leaves an operation for the next push, if a remote decides and this clone's state would
    /// allow it; else carries it out. What it came to, or will come to unless the remote's state
    /// says otherwise.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn post(&self, op: &Op) -> Result<Outcome, StoreError> {
        if !self.has_remote()? {
            return self.submit(op, None);
        }
        let authority = self.authority()?;
        let outcome = self.read(|view| {
            let mut txn = Txn::new(view);
            let context = Context {
                clone: authority.as_ref().map(|a| a.clone.clone()),
                ..Context::local(crate::clock::now())
            };
            apply(&mut txn, op, &context)
        })?;
        if !outcome.is_refusal() {
            let file = Room::new(&self.path).post(op)?;
            durable::sync_posted(self, &file)?;
        }
        Ok(outcome)
    }

    /// Number of operations that wait for the next push.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn posted(&self) -> Result<usize, StoreError> {
        Room::new(&self.path).posted()
    }

    /// Begins a turn at writing: first of all, what dead writers have left is settled.
    pub(super) fn begin(
        &self,
        _guard: &StoreLock,
        room: &Room,
        ticket: Option<&Ticket>,
    ) -> Result<Turn, StoreError> {
        crash_point!("lock taken");
        let mut turn = Turn::begin(self)?;
        // The own act may be part of a push that cannot be settled now.
        let settled = self.settle_push(&mut turn, ticket.is_some_and(Ticket::is_prepared))?;
        // The settled push may lie far back by now, or its history may be cut.
        room.settle(|commit| match settled {
            Some((pushed, applied)) if pushed == commit => applied,
            _ => self.is_recent(commit),
        })?;
        if settled.is_some() {
            crash_point!("room settled");
            self.forget_push()?;
        }
        Ok(turn)
    }

    /// Applies everything that waits, then the own operation, in one commit. `ticket` is the own
    /// place in the room, if there is one; then the operation takes its turn by arrival.
    pub(super) fn drain(
        &self,
        turn: &mut Turn,
        room: &Room,
        own: &Op,
        ticket: Option<&Ticket>,
    ) -> Result<Outcome, StoreError> {
        let mut watch = Watch::open(self, turn.authority())?;
        self.pace(turn)?;
        loop {
            let old = self.require_tip()?;
            let view = self.view_of(old)?;
            self.check_format(&view)?;
            let context = watch.context(&view)?;
            let mut txn = Txn::new(&view);
            let pool = self.lock_pool(&view, turn.authority())?;
            let guests = room.guests(ticket.map(|t| t.id.as_str()))?;
            let place = ticket.map(|t| t.id.as_str());
            let (answers, outcome) = serve(&mut txn, &guests, own, place, &context)?;
            if may_change(&outcome) || answers.iter().any(|(_, o)| may_change(o)) {
                // Whose leases stand in the way is worth timing from now on.
                watch.look(&view)?;
            }
            let pool = pool.filter(|_| is_drained(&txn, turn.authority(), &guests, &answers).unwrap_or(true));
            turn.drains = pool.is_some();
            if txn.is_empty() && self.refresh(turn)? {
                continue;
            }
            self.note_ages(&txn, turn.authority())?;
            let commit = if txn.is_empty() { None } else { Some(self.write(&view, old, txn, turn)?) };
            room.prepare(&answers, commit)?;
            if let Some(commit) = commit {
                crash_point!("before the ref");
                if self.advance(turn, old, commit)? == Swap::Lost {
                    continue;
                }
                crash_point!("after the ref");
            }
            room.publish(answers.iter().map(|(id, _)| id.as_str()))?;
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
        turn: &Turn,
    ) -> Result<ObjectId, StoreError> {
        self.stamp(&mut txn, turn.authority())?;
        let (changes, events) = txn.finish();
        let mut writer = Writer::new(self);
        let commit = writer.state(view, old, changes, &events)?;
        durable::sync_objects(self, writer.written())?;
        Ok(commit)
    }

    /// True when `commit` is the state or was it a short while ago.
    pub(super) fn is_recent(&self, commit: ObjectId) -> bool {
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

/// True when the same operation could be granted later, because it was others who were in the way.
fn may_change(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Held { .. } => true,
        Outcome::Taken { items, .. } => items.is_empty(),
        _ => false,
    }
}

pub(super) type Answers = Vec<(String, Outcome)>;

/// Applies the operations in order of arrival. Patient ones that are refused are tried again
/// whenever a later one has changed something.
fn serve(
    txn: &mut Txn<'_>,
    guests: &[Guest],
    own: &Op,
    turn: Option<&str>,
    context: &Context,
) -> Result<(Answers, Outcome), StoreError> {
    let mut answers = Answers::new();
    let mut own_outcome = None;
    // What was accepted before goes first, whatever the clock said when it or the others arrived; and
    // what was handed out before what was done with it, and before others take back what has run out.
    let mut waiting: Vec<&Guest> = guests.iter().collect();
    waiting.sort_by_key(|g| (!g.is_handed_out(), !g.is_posted()));
    let mut own_waits = true;
    loop {
        let point = txn.savepoint();
        let mut still = Vec::new();
        for guest in waiting {
            let is_earlier = |own: &str| !guest.is_posted() && own < guest.id.as_str();
            if own_waits && turn.is_some_and(is_earlier) {
                own_outcome = Some(apply(txn, own, context)?);
                own_waits = false;
            }
            let before = txn.savepoint();
            let then = guest.accepted().map(|at| Context { accepted: Some(at), ..context.clone() });
            match apply(txn, &guest.op, then.as_ref().unwrap_or(context)) {
                Ok(outcome) if guest.patient && may_change(&outcome) => still.push(guest),
                Ok(outcome) => {
                    if guest.is_posted() && outcome.is_refusal() {
                        record_refusal(txn, &guest.op, &outcome, context)?;
                    }
                    answers.push((guest.id.clone(), outcome));
                }
                // Its own process will meet the same damage and report it.
                Err(_) if !guest.is_posted() => txn.rollback(before),
                Err(e) => return Err(e.into()),
            }
        }
        if own_waits {
            own_outcome = Some(apply(txn, own, context)?);
        }
        own_waits = own_outcome.as_ref().is_some_and(may_change);
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
    apply(txn, &Op::Record { session, event: "refused".into(), data }, context)?;
    Ok(())
}
