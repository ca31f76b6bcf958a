//! Cutting the history, and joining anew: what `upkeep.rs`, `adopt.rs` and `join.rs` of the store do.

use std::rc::Rc;

use git_coord::model::{Op, Txn, clone as records};
use git_coord::store::LeaseAges;
use git_coord::store::cut::{self, Cut};
use git_coord::store::remote::Observations;
use git_coord::store::remote::protocol::PushProtocol;

use super::clone::{Clone, Phase, Report, Sent};
use super::net::Ask;
use super::state::{State, text};
use super::{Mistake, Sim};

/// A history is cut when it has this number of states. In the store it is a thousand.
const SHARED_HISTORY: usize = 12;

/// How far back a history is looked through for the known state. In the store it is twice a thousand.
const LOOK_BACK: usize = 2 * SHARED_HISTORY;

impl Sim {
    /// Upkeep begins, if the lock is free: it is a process without a session.
    pub fn upkeep(&mut self, clone: usize) {
        if self.clones[clone].turn.is_none() {
            let act = self.number();
            self.take_lock(clone, None, (act, Rc::new(Op::Sweep)), None, None);
        }
    }

    /// Writes a state in place of the known one that has none before it, and pushes that.
    pub fn cut(&mut self, clone: usize) {
        let tip = self.clones[clone].tip.clone();
        let past: Vec<(super::state::Id, u64)> = self.judge.visible(tip.id).collect();
        if past.len() < SHARED_HISTORY {
            return self.end(clone, Report::Unchanged("the history is short".into()));
        }
        let cut = match self.config.mistake {
            Some(Mistake::AnonymousCut) => Cut::new::<&str>(0, []),
            _ => Cut::new(
                past.last().map_or(0, |(_, generation)| *generation),
                past.iter().map(|(id, _)| text(*id)),
            ),
        };
        let lines = match self.config.mistake {
            Some(Mistake::CutDropsEvents) => Vec::new(),
            _ => self.judge.lines(tip.id),
        };
        let mut txn = Txn::new(&tip.view);
        cut::carry_on(&mut txn, &lines, true).expect("memory can be read");
        if self.config.mistake == Some(Mistake::ForgetsClones) {
            forget(&mut txn, &tip, &self.clones[clone].name);
        }
        self.stamp(&mut txn, clone);
        let new = tip.cut(txn, clone, cut);
        let sent = Sent { old: tip.id, new: new.clone(), evicts: false };
        let at = &mut self.clones[clone];
        at.pending = Some(sent.clone());
        let turn = at.turn.as_mut().expect("a turn is on");
        (turn.sent, turn.exchange, turn.phase) = (Some(sent), PushProtocol::begin(), Phase::Pushing);
        if !self.dies_here(clone, "with a noted cut") {
            self.send(clone, Ask::Push { old: Some(tip.id), new });
        }
    }

    /// True unless the history of `tip` shows that it does not come from the known state.
    pub fn comes_from(&self, tip: &State, known: &State) -> bool {
        for (id, cut) in self.judge.cuts(tip.id).take(LOOK_BACK) {
            if id == known.id {
                return true;
            }
            if let Some(cut) = cut {
                return cut.names(&text(known.id), known.generation);
            }
        }
        true
    }

    /// The folder of a clone is removed while nothing waits in it, and a new clone made in its place: with
    /// another name, and without what the old one had noted. Its sessions go on.
    pub fn join_anew(&mut self, clone: usize) {
        let (number, tip) = (self.number(), self.remote.clone());
        let at = &mut self.clones[clone];
        if at.turn.is_some() || at.pending.is_some() || !at.room.is_empty() {
            return;
        }
        at.name = format!("clone{clone}-{number}");
        (at.tip, at.watch, at.ages, at.request) = (tip, Observations::default(), LeaseAges::default(), 0);
        self.stats.joined += 1;
        self.note(|| format!("clone{clone} is made anew"));
    }
}

/// Forgets clones that have brought nothing in for a short while.
fn forget(txn: &mut Txn<'_>, tip: &State, but: &str) {
    for (id, record) in records::all(txn).expect("memory can be read") {
        if id != but && record.generation.is_some_and(|at| at + 5 < tip.generation) {
            txn.remove(format!("clones/{id}.json"));
        }
    }
}

impl Clone {
    /// True when its machine is on and awake.
    pub fn is_awake(&self, now: super::clone::Ms) -> bool {
        self.asleep_until <= now
    }
}
