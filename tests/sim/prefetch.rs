//! Handing out what a clone keeps ready: what `store::prefetch` does.

use std::rc::Rc;

use git_coord::model::op::{PrefetchGrant, PrefetchedItem};
use git_coord::model::outcome::Taken;
use git_coord::model::{Context, Op, Outcome, Txn, grant_prefetched, prefetch, project};

use super::clone::{Answer, Guest};
use super::sessions::Safe;
use super::state::Act;
use super::{Invariant, Mistake, Sim};

/// The prefetched items that were handed out and not yet pushed.
fn handed(guest: &Guest) -> Option<&PrefetchGrant> {
    match &*guest.op {
        Op::PrefetchGrant(out) if guest.out.is_none() => Some(out),
        _ => None,
    }
}

impl Sim {
    /// Answers a call for items from the prefetched ones; false when it has to go the ordinary way.
    pub fn take_prefetched(&mut self, session: usize, act: Act, op: &Op) -> bool {
        let Op::Next(next) = op else { return false };
        let clone = self.sessions[session].clone;
        let at = &self.clones[clone];
        let drained = at.pending.as_ref().is_some_and(|sent| sent.evicts);
        if self.config.pool == 0 || drained {
            return false;
        }
        let wall = at.clock.wall(self.now);
        let context = Context { clone: Some(at.name.clone()), ..Context::local(wall) };
        let steady = at.clock.elapsed(self.now);
        let mut txn = Txn::new(&at.tip.view);
        let blind = self.config.mistake == Some(Mistake::PoolTwice);
        for out in at.room.values().filter(|_| !blind).filter_map(handed) {
            project(&mut txn, &Op::PrefetchGrant(out.clone()), &context).expect("memory can be read");
        }
        let taken = grant_prefetched(&mut txn, next, &context, &|lease| at.ages.is_fresh(lease, steady));
        let items = taken.expect("memory can be read");
        if items.len() < next.count {
            return false;
        }
        let until = steady + next.ttl / 2 * 985;
        let (forward, back) = (at.clock.forward, at.clock.back);
        for taken in &items {
            self.sessions[session].safe.insert(taken.lease, Safe { until, forward, back });
            self.judge.handed_out(act, taken.lease, &taken.item.id);
        }
        self.stats.ready += items.len() as u64;
        self.note(|| format!("operation {act}: granted, prefetched"));
        let given = |taken: &Taken| PrefetchedItem { id: taken.item.id.clone(), lease: taken.lease };
        let name = prefetch::name_of(&context.clone.expect("there is a remote")).expect("a name");
        let out = PrefetchGrant {
            pool: name,
            next: next.clone(),
            items: items.iter().map(given).collect(),
            at: wall,
        };
        self.enter(clone, act, Rc::new(Op::PrefetchGrant(out)), None, false);
        self.sessions[session]
            .learn(op, &Outcome::Taken { items, reason: None, passed: Vec::new(), hints: None });
        true
    }

    /// What was handed out is refused now.
    pub fn handed_in_vain(&mut self, act: Act, op: &Op, answer: Option<&Answer>) {
        let (Op::PrefetchGrant(out), Some(answer)) = (op, answer) else { return };
        let Some(session) = self.sessions.iter_mut().find(|s| s.name == out.next.session) else { return };
        match answer.outcome {
            // A session that has ended has nothing, whatever it was handed before that was known here:
            // its end is the later operation.
            Outcome::Refused { .. } | Outcome::Unknown { .. } => {
                session.safe.clear();
                self.judge.took_back(act);
            }
            // Others may have some of it, when its time is over.
            Outcome::Taken { ref items, .. } => {
                let clock = &self.clones[session.clone].clock;
                let is_safe = |s: &&Safe| s.until > clock.elapsed(self.now) && s.forward == clock.forward;
                let missing = |lease: &u64| !items.iter().any(|t| t.lease == *lease);
                let leases: Vec<u64> = self.judge.leases_of(act).into_iter().filter(missing).collect();
                if leases.iter().any(|lease| session.safe.get(lease).filter(is_safe).is_some()) {
                    let what = format!("{} was handed leases {leases:?}, which others had", session.name);
                    self.judge.object(Invariant::Acknowledged, what);
                }
            }
            _ => {}
        }
    }

    /// Notes the ages of the prefetched leases as they are about to be.
    pub fn note_ages(&mut self, clone: usize, txn: &Txn<'_>) {
        let at = &mut self.clones[clone];
        let of = |view| prefetch::of(view, &at.name).expect("memory can be read");
        let (before, after) = (of(txn.base()), of(txn));
        at.ages.note(before.as_ref(), after.as_ref(), at.clock.elapsed(self.now));
    }
}
