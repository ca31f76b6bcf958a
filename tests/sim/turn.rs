//! A process that holds the lock of its clone: what `submit.rs`, `advance.rs` and `settle.rs` of
//! the store do, one step after the other, with the real decisions.

use std::rc::Rc;

use git_coord::model::{Op, Txn, ViewError, clone as records, header};
use git_coord::store::backoff::{Doubling, after_lost_races};
use git_coord::store::batch::{Cycle, Step};
use git_coord::store::remote::Pushed;
use git_coord::store::remote::protocol::{self, NextStep, PushFate, PushProtocol, PushResult, Succession};

use super::clone::{Guest, Ms, Phase, Report, Sent, Turn};
use super::net::{Ask, Reply};
use super::state::{Act, State};
use super::{Event, Invariant, Mistake, Sim};

/// A process that has lost a race tries again within this time, however many it has lost.
const SOON: Ms = 200;

/// How long one operation may take.
const PATIENCE: Ms = 30_000;

/// What a process does after a pause.
pub enum Later {
    Ask,
    PushAgain,
    Apply,
}

impl Sim {
    /// The process of a session has taken the lock.
    pub fn begin(&mut self, session: usize, act: Act, op: Rc<Op>, ticket: Option<u64>, until: Option<Ms>) {
        self.take_lock(self.sessions[session].clone, Some(session), (act, op), ticket, until);
    }

    /// A process has taken the lock: first of all, what dead ones have left is settled.
    pub fn take_lock(
        &mut self,
        clone: usize,
        session: Option<usize>,
        (act, op): (Act, Rc<Op>),
        ticket: Option<u64>,
        until: Option<Ms>,
    ) {
        let number = self.number();
        let turn = Turn {
            number,
            session,
            act,
            op,
            ticket,
            end: self.now + PATIENCE,
            tries: 0,
            until,
            cycle: Cycle::new(true),
            pauses: Doubling::default(),
            exchange: PushProtocol::left_behind(),
            phase: Phase::Settling,
            sent: self.clones[clone].pending.clone(),
            fence: None,
            rejected: false,
            own: None,
            guests: Vec::new(),
        };
        let pending = turn.sent.is_some();
        self.clones[clone].turn = Some(turn);
        if session.is_none() && self.config.mistake == Some(Mistake::CutUnsettled) {
            return self.cut(clone);
        }
        if pending && self.config.mistake != Some(Mistake::NoReadBack) {
            self.proceed(clone, NextStep::Ask);
        } else {
            self.clones[clone].pending = None;
            self.settle_room(clone, None);
        }
    }

    /// Carries out what the protocol asks for.
    fn proceed(&mut self, clone: usize, step: NextStep) {
        let more = self.dice.below(50);
        let turn = self.clones[clone].turn.as_mut().expect("a turn is on");
        let over = self.now >= turn.end;
        match step {
            NextStep::Ask => self.send(clone, Ask::Fetch),
            NextStep::Wait | NextStep::Again if over => {
                let verdict = std::mem::replace(&mut turn.exchange, PushProtocol::begin()).give_up();
                self.conclude(clone, verdict);
            }
            NextStep::Wait | NextStep::Again => {
                let pause = turn.pauses.next().map_or(0, |p| p.as_millis() as Ms);
                match step {
                    NextStep::Wait => self.pause(clone, pause, Later::Ask),
                    _ => self.pause(clone, pause + more, Later::PushAgain),
                }
            }
            NextStep::Fence => self.fence(clone),
            NextStep::End(verdict) => self.conclude(clone, verdict),
        }
    }

    fn pause(&mut self, clone: usize, time: Ms, then: Later) {
        let turn = self.clones[clone].turn.as_ref().map_or(0, |t| t.number);
        self.schedule(time, Event::Later { clone, turn, then });
    }

    /// A process goes on after a pause.
    pub fn go_on(&mut self, clone: usize, turn: u64, then: Later) {
        let Some(current) = self.clones[clone].turn.as_ref().filter(|t| t.number == turn) else { return };
        match then {
            Later::Ask => self.send(clone, Ask::Fetch),
            Later::Apply => self.drain(clone),
            Later::PushAgain => {
                let sent = current.sent.clone().expect("something was pushed");
                self.send(clone, Ask::Push { old: Some(sent.old), new: sent.new });
            }
        }
    }

    /// A process has an answer, or knows that it gets none.
    pub fn answered(&mut self, clone: usize, request: u64, reply: Reply) {
        let at = &mut self.clones[clone];
        if at.request != request || at.turn.is_none() {
            return;
        }
        at.request = 0;
        if self.dies_here(clone, "with an answer in its hands") {
            return;
        }
        let turn = self.clones[clone].turn.as_mut().expect("a turn is on");
        match reply {
            Reply::Pushed(pushed) => match turn.fence.take() {
                Some(fence) => {
                    let won = pushed == Pushed::Won;
                    let step = turn.exchange.fenced(pushed);
                    if won {
                        self.clones[clone].tip = fence;
                    }
                    self.proceed(clone, step);
                }
                None => self.pushed(clone, pushed),
            },
            Reply::Tip(tip) => self.shown(clone, tip),
            Reply::Silent if turn.phase == Phase::Refreshing => {
                self.end(clone, Report::Unchanged("the remote cannot be reached".into()));
            }
            Reply::Silent => {
                let step = turn.exchange.silent("the remote cannot be reached".into());
                self.proceed(clone, step);
            }
        }
    }

    fn pushed(&mut self, clone: usize, pushed: Pushed) {
        let turn = self.clones[clone].turn.as_mut().expect("a turn is on");
        let sent = turn.sent.clone().expect("something was pushed");
        let unread = matches!(pushed, Pushed::Unknown(_)) && self.config.mistake == Some(Mistake::NoReadBack);
        turn.rejected = matches!(pushed, Pushed::Rejected(_));
        let won = pushed == Pushed::Won;
        let step = match turn.exchange.pushed(pushed) {
            _ if unread => NextStep::End(PushResult::Lost),
            step => step,
        };
        if won {
            self.clones[clone].tip = sent.new;
        }
        if !self.dies_here(clone, "after a push") {
            self.proceed(clone, step);
        }
    }

    /// The remote has shown its state.
    fn shown(&mut self, clone: usize, tip: Rc<State>) {
        if !self.adopt(clone, &tip) || self.dies_here(clone, "after a fetch") {
            return;
        }
        let mistake = self.config.mistake;
        let at = &mut self.clones[clone];
        let turn = at.turn.as_mut().expect("a turn is on");
        if turn.phase == Phase::Refreshing {
            // The simulator keeps no transaction for the time of a fetch: it applies again in any case.
            assert_eq!(turn.cycle.refreshed(true), Step::Apply);
            return self.drain(clone);
        }
        let sent = turn.sent.as_ref().expect("something was pushed");
        let standing = protocol::push_fate((&sent.old, &sent.new.id, &sent.new.nonce), &tip.id, || {
            Ok::<_, ViewError>(records::get(&tip.view, &at.name)?.map(|r| r.nonce))
        });
        let standing = match standing.expect("memory can be read") {
            PushFate::Applied if turn.rejected && mistake == Some(Mistake::RejectedIsLost) => PushFate::Moved,
            standing => standing,
        };
        let step = match turn.exchange.found(standing) {
            NextStep::Fence if mistake == Some(Mistake::NoFence) => NextStep::End(PushResult::Lost),
            step => step,
        };
        self.proceed(clone, step);
    }

    /// The local ref follows the remote's; false when that is impossible.
    fn adopt(&mut self, clone: usize, tip: &Rc<State>) -> bool {
        let at = &self.clones[clone];
        if at.tip.id == tip.id {
            return true;
        }
        let head = |s: &State| header::read(&s.view).expect("a state has a head");
        let comes_from = || Ok::<_, std::convert::Infallible>(self.comes_from(tip, &at.tip));
        let Ok(succession) = protocol::succession(&head(&at.tip), &head(tip), comes_from);
        if succession != Succession::Follows {
            let what = format!(
                "clone{clone} knows generation {} and is shown {}",
                at.tip.generation, tip.generation
            );
            self.judge.object(Invariant::Forward, what);
            return false;
        }
        self.clones[clone].tip = tip.clone();
        true
    }

    /// An empty operation on the state that the push expected.
    fn fence(&mut self, clone: usize) {
        let tip = self.clones[clone].tip.clone();
        let mut txn = Txn::new(&tip.view);
        self.stamp(&mut txn, clone);
        let fence = tip.child(txn, Vec::new(), clone);
        self.stats.fences += 1;
        self.note(|| format!("clone{clone}: fence {:04x} on {:04x}", fence.id & 0xffff, tip.id & 0xffff));
        let turn = self.clones[clone].turn.as_mut().expect("a turn is on");
        turn.fence = Some(fence.clone());
        self.send(clone, Ask::Push { old: Some(tip.id), new: fence });
    }

    /// It is known what a push came to, or it cannot be found out.
    fn conclude(&mut self, clone: usize, verdict: PushResult) {
        let at = &mut self.clones[clone];
        let turn = at.turn.as_mut().expect("a turn is on");
        let sent = turn.sent.clone().expect("something was pushed");
        let settling = turn.phase == Phase::Settling;
        if !settling && verdict.may_forget(at.tip.id == sent.new.id) {
            at.pending = None;
        }
        let prepared = turn.ticket.is_some_and(|t| at.room.get(&t).is_some_and(|g| g.pre.is_some()));
        self.note(|| format!("clone{clone}: push of {:04x}: {verdict:?}", sent.new.id & 0xffff));
        if self.dies_here(clone, "after a verdict") {
            return;
        }
        match if settling { verdict.for_next_act(prepared) } else { verdict } {
            PushResult::Won if settling => self.settle_room(clone, Some(sent.new.id)),
            PushResult::Lost if settling => self.settle_room(clone, None),
            PushResult::Won => {
                let turn = self.clones[clone].turn.as_mut().expect("a turn is on");
                assert_eq!(turn.cycle.moved(true), Step::Publish);
                self.publish(clone);
            }
            PushResult::Lost => self.lost(clone, sent),
            PushResult::Unknown(reason) => self.end(clone, Report::Unknown(reason)),
            PushResult::Unreachable(reason) | PushResult::Refused(reason) => {
                self.end(clone, Report::Unchanged(reason))
            }
            PushResult::Vanished => {
                self.judge.object(Invariant::Forward, "the remote has lost its state".into())
            }
        }
    }

    /// Somebody else was faster.
    fn lost(&mut self, clone: usize, sent: Sent) {
        self.stats.lost_races += 1;
        let at = &mut self.clones[clone];
        let tip = at.tip.id;
        let turn = at.turn.as_mut().expect("a turn is on");
        turn.tries += 1;
        if self.config.mistake == Some(Mistake::BlindRetry) && tip != sent.old {
            turn.exchange = PushProtocol::begin();
            turn.sent = Some(Sent { old: tip, ..sent.clone() });
            return self.send(clone, Ask::Push { old: Some(tip), new: sent.new });
        }
        if self.now >= turn.end {
            return self.end(clone, Report::Unchanged("others were faster".into()));
        }
        assert_eq!(turn.cycle.moved(false), Step::Apply);
        let longest = match self.config.mistake {
            Some(Mistake::UnboundedBackoff) => 10u64 << turn.tries.min(20),
            _ => after_lost_races(turn.tries).unwrap_or(0),
        };
        if longest > SOON {
            let what = format!("after {} lost races a clone waits for up to {longest} ms", turn.tries);
            self.judge.object(Invariant::Progress, what);
        }
        let pause = if longest > 0 { self.dice.below(longest) } else { 0 };
        self.pause(clone, pause, Later::Apply);
    }

    /// The process ends, and its session learns how.
    pub fn end(&mut self, clone: usize, report: Report) {
        let Some(turn) = self.clones[clone].turn.take() else { return };
        if let Some(ticket) = turn.ticket {
            self.clones[clone].room.remove(&ticket);
        }
        if let Some(session) = turn.session {
            self.report(session, turn.act, &turn.op, report);
        }
        self.lock_is_free(clone);
    }

    /// Every session that waits in line looks again.
    pub fn lock_is_free(&mut self, clone: usize) {
        let waiting: Vec<usize> =
            self.clones[clone].room.values().filter_map(|g| g.owner.filter(|_| g.alive)).collect();
        for session in waiting {
            let delay = self.dice.between(1, 20);
            self.wake(session, delay);
        }
    }

    /// Leaves an operation in the write queue.
    pub fn enter(&mut self, clone: usize, act: Act, op: Rc<Op>, owner: Option<usize>, patient: bool) -> u64 {
        let id = self.number();
        let since = self.clones[clone].clock.wall(self.now);
        self.clones[clone]
            .room
            .insert(id, Guest { act, op, owner, alive: true, patient, since, pre: None, out: None });
        id
    }
}
