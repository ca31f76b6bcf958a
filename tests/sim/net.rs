//! The remote, and a network that loses, delays, repeats and reorders.

use std::rc::Rc;

use git_coord::store::remote::Pushed;

use super::clone::Ms;
use super::state::{Id, State};
use super::{Event, Sim};

/// What a clone asks of the remote.
#[derive(Clone)]
pub struct Request {
    clone: usize,
    number: u64,
    ask: Ask,
    copy: Sent,
}

/// curl sends a request once more when a connection that was kept open turns out to be dead. The
/// first copy may have arrived all the same; its answer is lost with the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Once,
    First,
    Second,
}

#[derive(Clone)]
pub enum Ask {
    /// Move the register; `None`: whatever it holds.
    Push { old: Option<Id>, new: Rc<State> },
    /// Show it.
    Fetch,
}

/// What a clone gets to know.
pub enum Reply {
    Pushed(Pushed),
    Tip(Rc<State>),
    Silent,
}

/// Longest time for which a request that was given up wanders about.
const WANDER: Ms = 300_000;

impl Sim {
    /// Sends a request. Something comes back in any case, at the latest when the turn's time is
    /// over: git is ended then.
    pub fn send(&mut self, clone: usize, ask: Ask) {
        let number = self.number();
        self.clones[clone].request = number;
        let silence = match ask {
            Ask::Push { .. } => || Reply::Pushed(Pushed::Unknown("the connection broke".into())),
            Ask::Fetch => || Reply::Silent,
        };
        if !self.calm && self.dice.chance(15) {
            let reply = match ask {
                Ask::Push { .. } => Reply::Pushed(Pushed::Unreachable("no route".into())),
                Ask::Fetch => Reply::Silent,
            };
            return self.schedule(30, Event::Reply { clone, request: number, reply });
        }
        let end = self.clones[clone].turn.as_ref().map_or(0, |t| t.end);
        let left = end.saturating_sub(self.now).max(100);
        self.schedule(left, Event::Reply { clone, request: number, reply: silence() });
        // A connection that breaks is noticed; what was sent over it may arrive all the same, later.
        let wanders = !self.calm && self.dice.chance(20);
        if wanders || !self.calm && self.dice.chance(25) {
            let cut = self.travel(clone) + self.dice.below(2000);
            self.schedule(cut, Event::Reply { clone, request: number, reply: silence() });
        }
        let twice = !self.calm && self.dice.chance(20);
        let copies: &[Sent] = if twice { &[Sent::First, Sent::Second] } else { &[Sent::Once] };
        for copy in copies {
            let mut delay = self.travel(clone);
            if !self.calm && self.dice.chance(15) {
                continue;
            }
            if wanders {
                let long = if self.dice.chance(500) { 3000 } else { WANDER };
                delay += self.dice.below(long);
            }
            self.schedule(delay, Event::Arrives(Request { clone, number, ask: ask.clone(), copy: *copy }));
        }
    }

    /// Time for one way.
    fn travel(&mut self, clone: usize) -> Ms {
        let latency = self.clones[clone].latency;
        let slow = if self.dice.chance(50) { 10 } else { 1 };
        latency + self.dice.below(latency * slow)
    }

    /// The remote takes a request.
    pub fn arrive(&mut self, request: Request) {
        let Request { clone, number, ask, copy } = request;
        let reply = match ask {
            Ask::Fetch => Reply::Tip(self.remote.clone()),
            Ask::Push { old, new } => Reply::Pushed(self.swap(old, new, copy)),
        };
        if copy == Sent::First || !self.calm && self.dice.chance(20) {
            return;
        }
        let delay = self.travel(clone);
        self.schedule(delay, Event::Reply { clone, request: number, reply });
    }

    fn swap(&mut self, old: Option<Id>, new: Rc<State>, copy: Sent) -> Pushed {
        // A server's own lock file is in the way now and then.
        if !self.calm && self.dice.chance(15) {
            return Pushed::Rejected("cannot lock ref".into());
        }
        if self.remote.id == new.id && copy != Sent::Second {
            // "Everything up-to-date": git says so, before it sends anything, without looking at what
            // was expected.
            return Pushed::Won;
        }
        if old.is_some_and(|old| old != self.remote.id) {
            return Pushed::Rejected("stale info".into());
        }
        let before = std::mem::replace(&mut self.remote, new);
        self.stats.states += 1;
        self.stats.cuts += u64::from(self.remote.cut.is_some());
        self.stats.expired +=
            self.remote.events.iter().filter(|e| e.event == git_coord::model::EventKind::Expired).count()
                as u64;
        let tip = self.remote.clone();
        self.note(|| {
            let acts: Vec<u64> = tip.acts.iter().map(|(act, _)| *act).collect();
            let (id, before) = (tip.id & 0xffff, before.id & 0xffff);
            format!("remote: {before:04x} -> {id:04x}, generation {}, operations {acts:?}", tip.generation)
        });
        let full = self.stats.states.is_multiple_of(self.config.check_every);
        self.judge.moved(&before, &tip, full);
        if self.config.mistake != Some(super::Mistake::NoNonce) {
            self.check_expired(&tip);
        }
        Pushed::Won
    }
}
