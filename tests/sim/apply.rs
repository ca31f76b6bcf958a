//! Applying what waits: what `submit.rs`, `room.rs` and `watch.rs` of the store do.

use std::convert::Infallible;
use std::rc::Rc;

use git_coord::model::clone::CloneRecord;
use git_coord::model::session::Lease;
use git_coord::model::{Context, Op, Txn, header, session};
use git_coord::store::batch::{self, Applied, Origin, Prepared, QueuedOp, Step};
use git_coord::store::remote::protocol::{self, PushProtocol};
use jiff::Timestamp;

use super::clone::{Answer, Guest, Ms, Phase, Report, Sent};
use super::net::Ask;
use super::sessions::Doing;
use super::state::{Act, State};
use super::{Mistake, Sim};

/// How far back the history is looked through for a commit. In the store it is a hundred states; so
/// few show that nothing depends on it.
const LOOK_BACK: usize = 3;

/// How often a patient operation is tried again.
const RETRY_EVERY: Ms = 3_000;

/// What an attempt at a commit consists of.
struct Attempt {
    own: Answer,
    guests: Vec<(u64, Answer)>,
    acts: Vec<(Act, Rc<Op>)>,
    /// See [`batch::Batch::meets_others`].
    meets_others: bool,
    evicts: bool,
}

/// An id of the write queue, in order of arrival.
fn text(id: u64) -> String {
    format!("{id:020}")
}

/// An operation that waits, as the store reads it from its queue.
fn queued(id: u64, guest: &Guest) -> QueuedOp {
    let accepted = guest.since;
    let origin = match (guest.owner, &*guest.op) {
        (Some(_), _) => Origin::Process { patient: guest.patient },
        (None, Op::PrefetchGrant(_)) => Origin::Granted { accepted },
        (None, _) => Origin::Deferred { accepted },
    };
    QueuedOp { id: text(id), op: (*guest.op).clone(), origin }
}

impl Sim {
    /// Ends what dead writers have left in the write queue. `applied` is the commit of the push
    /// that was settled just now.
    pub fn settle_room(&mut self, clone: usize, applied: Option<u64>) {
        let applied = applied.filter(|_| self.config.mistake != Some(Mistake::ShortMemory));
        let at = &mut self.clones[clone];
        let mut published = Vec::new();
        for (id, guest) in &mut at.room {
            let Some(pre) = &guest.pre else { continue };
            let prepared = pre.state.as_ref().map_or(Prepared::Alone, |state| Prepared::With(state.id));
            let Ok(came_true) = prepared.came_true(|id| {
                Ok::<_, Infallible>(applied == Some(id) || self.judge.is_recent(at.tip.id, id, LOOK_BACK))
            });
            if came_true {
                published.push(*id);
            } else {
                guest.pre = None;
            }
        }
        if !self.hand_out(clone, &published) {
            return;
        }
        let at = &mut self.clones[clone];
        let Some(turn) = &at.turn else { return };
        at.pending = None;
        // Answered between the look and the lock?
        let answer = turn.ticket.and_then(|t| at.room.get(&t)).and_then(|g| g.out.clone());
        match answer {
            Some(answer) => self.end(clone, Report::Answer(answer)),
            None => self.drain(clone),
        }
    }

    /// Hands answers over; false when the process dies in between, and another may have the lock.
    fn hand_out(&mut self, clone: usize, ids: &[u64]) -> bool {
        for id in ids {
            let Some(guest) = self.clones[clone].room.get_mut(id) else { continue };
            guest.out = guest.pre.take().or_else(|| guest.out.take());
            let (act, op, out) = (guest.act, guest.op.clone(), guest.out.clone());
            if guest.owner.is_none() || !guest.alive {
                self.clones[clone].room.remove(id);
            }
            self.handed_in_vain(act, &op, out.as_ref());
            if self.dies_here(clone, "after a published answer") {
                return false;
            }
        }
        true
    }

    /// Applies everything that waits, then the writer's own operation, and pushes.
    pub fn drain(&mut self, clone: usize) {
        if self.clones[clone].turn.as_ref().is_some_and(|turn| turn.session.is_none()) {
            return self.cut(clone);
        }
        let context = self.context(clone);
        let tip = self.clones[clone].tip.clone();
        let mut txn = Txn::new(&tip.view);
        let attempt = self.apply_batch(clone, &mut txn, &context);
        self.note_ages(clone, &txn);
        let turn = self.clones[clone].turn.as_mut().expect("a turn is on");
        if turn.cycle.applied(!txn.is_empty()) == Step::Refresh {
            turn.phase = Phase::Refreshing;
            return self.send(clone, Ask::Fetch);
        }
        turn.phase = Phase::Pushing;
        if attempt.meets_others {
            self.watch(clone, &tip);
        }
        if txn.is_empty() {
            self.prepare(clone, attempt.own, attempt.guests, None);
            return self.publish(clone);
        }
        if self.config.mistake == Some(Mistake::NoSweepTime) {
            let mut record = header::read(&txn).expect("a state has a head");
            record.sweep_at = None;
            txn.put_json(header::KEY, &record);
        }
        self.stamp(&mut txn, clone);
        let new = tip.child(txn, attempt.acts, clone);
        self.prepare(clone, attempt.own, attempt.guests, Some(&new));
        if self.dies_here(clone, "with prepared answers") {
            return;
        }
        let sent = Sent { old: tip.id, new: new.clone(), evicts: attempt.evicts };
        let at = &mut self.clones[clone];
        at.pending = Some(sent.clone());
        let turn = at.turn.as_mut().expect("a turn is on");
        assert_eq!(turn.cycle.prepared(), Step::Move);
        (turn.sent, turn.exchange) = (Some(sent), PushProtocol::begin());
        let renewal = matches!(&*turn.op, Op::Renew { .. });
        if self.config.mistake == Some(Mistake::AnswersEarly) {
            let guests = turn.guests.clone();
            if !self.hand_out(clone, &guests) {
                return;
            }
        }
        if self.dies_here(clone, "with a noted push") {
            return;
        }
        let blind = renewal && self.config.mistake == Some(Mistake::RenewWithoutCompare);
        self.send(clone, Ask::Push { old: (!blind).then_some(tip.id), new });
    }

    /// Applies what waits and the writer's own operation, as the store does.
    fn apply_batch(&mut self, clone: usize, txn: &mut Txn<'_>, context: &Context) -> Attempt {
        let again = self.config.mistake == Some(Mistake::AppliesAnswered);
        let at = &mut self.clones[clone];
        at.room.retain(|_, guest| guest.out.is_some() || guest.pre.is_some() || guest.alive);
        let turn = at.turn.as_ref().expect("a turn is on");
        let waits = |id: u64, g: &Guest| Some(id) != turn.ticket && g.alive && (again || g.out.is_none());
        let waiting: Vec<QueuedOp> =
            at.room.iter().filter(|(id, g)| waits(**id, g)).map(|(id, g)| queued(*id, g)).collect();
        let place = turn.ticket.map(text);
        let batch = batch::apply_batch(txn, &waiting, &turn.op, place.as_deref(), context);
        let batch = batch.expect("memory can be read");
        let evicts = git_coord::store::evicts(txn, Some(&at.name), &waiting, &batch);
        let (forward, back) = (at.clock.forward, at.clock.back);
        let mut acts = Vec::new();
        let mut answer = |act: Act, op: &Rc<Op>, applied: &Applied| {
            let changed = txn.events()[applied.events.clone()]
                .iter()
                .any(|e| e.event != git_coord::model::EventKind::Expired);
            if changed {
                acts.push((act, op.clone()));
            }
            let outcome = applied.outcome.clone();
            Answer { outcome, state: None, changed, at: self.now, wall: context.now, forward, back }
        };
        let mut guests = Vec::new();
        for (id, applied) in &batch.answers {
            let id: u64 = id.parse().expect("a number");
            let guest = &at.room[&id];
            guests.push((id, answer(guest.act, &guest.op, applied)));
        }
        let own = answer(turn.act, &turn.op, &batch.own);
        let (meets_others, evicts) = (batch.meets_others(), evicts.expect("memory can be read"));
        Attempt { own, guests, acts, meets_others, evicts }
    }

    /// Writes the answers that a state will make true.
    fn prepare(&mut self, clone: usize, own: Answer, answers: Vec<(u64, Answer)>, state: Option<&Rc<State>>) {
        let at = &mut self.clones[clone];
        let turn = at.turn.as_mut().expect("a turn is on");
        turn.own = Some(Answer { state: state.cloned(), ..own });
        turn.guests = answers.iter().map(|(id, _)| *id).collect();
        for (id, answer) in answers {
            if let Some(guest) = at.room.get_mut(&id) {
                guest.pre = Some(Answer { state: state.cloned(), ..answer });
            }
        }
    }

    /// The state is the remote's: hands out the answers.
    pub fn publish(&mut self, clone: usize) {
        let Some(turn) = &mut self.clones[clone].turn else { return };
        let guests = std::mem::take(&mut turn.guests);
        let own = turn.own.take();
        let until = turn.until.filter(|until| self.now < *until);
        if !self.hand_out(clone, &guests) {
            return;
        }
        if until.is_some() && own.as_ref().is_some_and(|own| own.outcome.may_change()) {
            return self.go_on_waiting(clone);
        }
        // Upkeep does not have an operation of its own.
        self.end(clone, own.map_or_else(|| Report::Unchanged(String::new()), Report::Answer));
    }

    /// The writer's own operation was refused, and stays in line until it is granted or its time is over.
    fn go_on_waiting(&mut self, clone: usize) {
        let Some(turn) = self.clones[clone].turn.take() else { return };
        let session = turn.session.expect("upkeep does not wait");
        let (act, op) = (turn.act, turn.op);
        let ticket = match turn.ticket {
            Some(ticket) => ticket,
            None => self.enter(clone, act, op.clone(), Some(session), true),
        };
        let until = turn.until.unwrap_or_default();
        self.stats.patient += 1;
        self.sessions[session].doing =
            Doing::Waiting { act, op, ticket, since: self.now, until: turn.until, refused: true };
        self.wake(session, (until - self.now).min(RETRY_EVERY));
        self.lock_is_free(clone);
    }

    pub fn stamp(&mut self, txn: &mut Txn<'_>, clone: usize) {
        let record = CloneRecord { at: Some(self.wall(clone)), ..CloneRecord::default() };
        let nonce = self.dice.hex();
        let result = if self.config.mistake == Some(Mistake::NoNonce) {
            protocol::stamp(txn, String::new(), None)
        } else {
            protocol::stamp(txn, nonce, Some((&self.clones[clone].name, record)))
        };
        result.expect("memory can be read");
    }

    fn wall(&self, clone: usize) -> Timestamp {
        if self.config.mistake == Some(Mistake::NoNonce) {
            // States can only be equal when no clock sets them apart.
            return Timestamp::from_second(1_750_000_000).expect("a time of this century");
        }
        self.clones[clone].clock.wall(self.now)
    }

    /// What an operation needs to know of clocks and clones.
    fn context(&mut self, clone: usize) -> Context {
        let tip = self.clones[clone].tip.clone();
        let steady = self.clones[clone].clock.steady(self.now);
        if self.clones[clone].watch.is_due(steady) {
            self.watch(clone, &tip);
        }
        let now = self.wall(clone);
        let at = &self.clones[clone];
        let stale = if self.config.mistake == Some(Mistake::ForeignWallClock) {
            foreign(&tip, &at.name).filter(|l| l.expires() <= now).map(|l| (l.id, l.renewals)).collect()
        } else {
            at.watch.stale(steady)
        };
        Context {
            now,
            clone: Some(at.name.clone()),
            stale,
            at_work: Default::default(),
            identity: None,
            prefetch: self.config.pool,
            accepted: None,
        }
    }

    /// Looks at the leases of other clones.
    fn watch(&mut self, clone: usize, tip: &State) {
        let at = &mut self.clones[clone];
        let leases: Vec<_> = foreign(tip, &at.name).map(|l| (l.id, l.renewals, l.ttl)).collect();
        at.watch.update(leases.into_iter(), at.clock.steady(self.now));
    }
}

/// The leases of other clones.
fn foreign(state: &State, clone: &str) -> impl Iterator<Item = Lease> {
    let all = session::all(&state.view).expect("memory can be read");
    let clone = clone.to_owned();
    all.into_iter().flat_map(|s| s.leases).filter(move |l| l.clone.as_deref() != Some(&clone))
}
