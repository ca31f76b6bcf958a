//! What must hold, whatever happens.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use git_coord::model::claim::{self, Claim, Mode};
use git_coord::model::segment::States;
use git_coord::model::{
    ItemId, ItemState, Op, QueueName, SessionName, ViewError, header, queue, read_json, session,
};

use super::clone::Clone;
use super::state::{Act, Id, State};
use git_coord::store::cut::Cut;

/// What was violated. The numbers are those of the list of invariants in `docs/architecture.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// No two sessions hold overlapping paths, unless all share.
    Exclusive,
    /// An item is in one state, is finished once, and counters equal contents.
    Items,
    /// All other records agree with each other.
    Records,
    /// An acknowledged operation is in the history.
    Acknowledged,
    /// No operation is in the history twice, and a repeated command is not done twice.
    Once,
    /// What was refused, or is said to have changed nothing, is never in the history.
    NoTrace,
    /// A session that has lost a lease can do nothing under it.
    Fencing,
    /// Each state follows the one before, with a higher generation.
    Forward,
    /// No two states have the same id.
    UniqueId,
    /// Nobody loses a lease that he has renewed in time by his own clock.
    LiveHolder,
    /// In the end all clones have the remote's state.
    Converge,
    /// A process that has lost races gets another try soon.
    Progress,
}

/// A state that was the remote's.
struct Past {
    parent: Id,
    generation: u64,
    acts: Vec<Act>,
    /// Its events, as a commit's message has them.
    lines: Vec<String>,
    cut: Option<Rc<Cut>>,
}

/// States whose parents are remembered.
const REMEMBERED: usize = 5000;

/// Knows everything that clones cannot know.
pub struct Judge {
    pub broken: Option<(Invariant, String)>,
    seen: HashSet<Id>,
    /// How often each operation is in the history.
    applied: HashMap<Act, u32>,
    granted: HashSet<Act>,
    refused: HashSet<Act>,
    deferred: Vec<Act>,
    /// The prefetched leases that were handed out: by which operation, and of what.
    handed: HashMap<u64, (Act, ItemId)>,
    history: HashMap<Id, Past>,
    order: VecDeque<Id>,
}

impl Judge {
    pub fn new(first: &State) -> Self {
        Judge {
            broken: None,
            seen: HashSet::from([first.id]),
            applied: HashMap::new(),
            granted: HashSet::new(),
            refused: HashSet::new(),
            deferred: Vec::new(),
            handed: HashMap::new(),
            history: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// The first objection counts: others follow from it.
    pub fn object(&mut self, invariant: Invariant, what: String) {
        self.broken.get_or_insert((invariant, what));
    }

    fn times(&self, act: Act) -> u32 {
        self.applied.get(&act).copied().unwrap_or(0)
    }

    /// A session learned that its operation is done and has changed something. `repeats` is the operation
    /// that it repeats, if that must not be done again.
    pub fn granted(&mut self, act: Act, repeats: Option<Act>) {
        if self.times(act) == 0 {
            self.object(
                Invariant::Acknowledged,
                format!("operation {act} was acknowledged and is not in the history"),
            );
        }
        if let Some(first) = repeats.filter(|a| self.times(*a) > 0) {
            self.object(
                Invariant::Once,
                format!("operation {act} repeats operation {first}, and both were done"),
            );
        }
        self.granted.insert(act);
    }

    /// A session learned that nothing was changed.
    pub fn refused(&mut self, act: Act) {
        if self.times(act) > 0 {
            self.object(Invariant::NoTrace, format!("operation {act} was refused and is in the history"));
        }
        self.refused.insert(act);
    }

    /// An operation waits for the next push; it will be done once.
    pub fn deferred(&mut self, act: Act) {
        self.deferred.push(act);
    }

    /// True when `id` is the state `tip` or one of the `look_back` states before it.
    pub fn is_recent(&self, tip: Id, id: Id, look_back: usize) -> bool {
        self.visible(tip).take(look_back).any(|(at, _)| at == id)
    }

    /// The states with their generations that a clone with this state finds in its history.
    pub fn visible(&self, tip: Id) -> impl Iterator<Item = (Id, u64)> {
        let mut over = false;
        self.cuts(tip).map_while(move |(id, cut)| {
            let before = std::mem::replace(&mut over, cut.is_some());
            (!before).then(|| (id, self.history.get(&id).map_or(0, |past| past.generation)))
        })
    }

    /// The events of the states that a clone with this state finds in its history, oldest first.
    pub fn lines(&self, tip: Id) -> Vec<String> {
        let ids: Vec<Id> = self.visible(tip).map(|(id, _)| id).collect();
        let past = ids.iter().rev().filter_map(|id| self.history.get(id));
        past.flat_map(|past| past.lines.iter().cloned()).collect()
    }

    /// All states up to this one, newest first, each with what it cuts off.
    pub fn cuts(&self, tip: Id) -> impl Iterator<Item = (Id, Option<&Cut>)> {
        self.ancestors(tip).map(|id| (id, self.history.get(&id).and_then(|past| past.cut.as_deref())))
    }

    fn ancestors(&self, tip: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(Some(tip), |at| self.history.get(at).map(|past| past.parent))
    }

    /// The remote's state has become `new`. With `full`, all records are looked at.
    pub fn moved(&mut self, before: &State, new: &Rc<State>, full: bool) {
        if new.parent != before.id {
            self.fork(before, new);
        }
        if new.generation <= before.generation {
            let what = format!("generation {} after {}", new.generation, before.generation);
            self.object(Invariant::Forward, what);
        }
        if !self.seen.insert(new.id) {
            self.object(Invariant::UniqueId, format!("state {:x} comes up twice", new.id));
        }
        for (act, _) in &new.acts {
            let times = self.applied.entry(*act).or_default();
            *times += 1;
            if *times > 1 {
                self.object(
                    Invariant::Once,
                    format!("operation {act} is in the history {} times", self.times(*act)),
                );
            }
            if self.refused.contains(act) {
                self.object(Invariant::NoTrace, format!("operation {act} was refused and is done after all"));
            }
        }
        if new.cut.is_some() {
            self.kept_events(before, new);
        }
        self.remember(new);
        let problems = self
            .fencing(before, new)
            .and_then(|()| self.pools(before, new))
            .and_then(|()| self.changes(before, new));
        problems.unwrap_or_else(|e| self.object(Invariant::Records, e.to_string()));
        if full {
            self.all_records(new);
        }
    }

    fn remember(&mut self, new: &State) {
        let acts = new.acts.iter().map(|(act, _)| *act).collect();
        let lines = new.lines();
        let past = Past { parent: new.parent, generation: new.generation, acts, lines, cut: new.cut.clone() };
        self.history.insert(new.id, past);
        self.order.push_back(new.id);
        if self.order.len() > REMEMBERED {
            self.order.pop_front().map(|id| self.history.remove(&id));
        }
    }

    /// A cut moves each event to the log: the log grows by what can no longer be seen.
    fn kept_events(&mut self, before: &State, new: &State) {
        let logged = |s: &State| header::read(&s.view).expect("a state has a header").logged;
        let (grown, gone) = (logged(new) - logged(before), self.lines(before.id).len() as u64);
        if grown != gone {
            let what = format!("a cut has moved {grown} of {gone} events to the log");
            self.object(Invariant::Records, what);
        }
    }

    /// The new state does not come from the one before: what was in between is gone.
    fn fork(&mut self, before: &State, new: &State) {
        let kept: HashSet<Id> = self.ancestors(new.parent).collect();
        let gone: Vec<Id> = self.ancestors(before.id).take_while(|id| !kept.contains(id)).collect();
        let acts = gone.iter().filter_map(|id| self.history.get(id)).flat_map(|past| &past.acts);
        if let Some(act) = acts.copied().find(|act| self.granted.contains(act)) {
            self.object(
                Invariant::Acknowledged,
                format!("operation {act} was acknowledged and is overwritten"),
            );
        }
        self.object(Invariant::Forward, format!("state {:x} overwrites {} states", new.id, gone.len()));
    }

    /// A session that finishes an item or gives a path back held it before.
    fn fencing(&mut self, before: &State, new: &State) -> Result<(), ViewError> {
        for (act, op) in &new.acts {
            let (name, held) = match &**op {
                Op::Finish { session: name, items, .. } => {
                    let record = session::get(&before.view, name)?;
                    let held = |i| record.as_ref().is_some_and(|r| r.item_lease(i).is_some());
                    (name, items.iter().all(|i| held(i) || handed_with(new, name, i)))
                }
                Op::Release { session: name, paths: Some(paths) } => {
                    let record = session::get(&before.view, name)?;
                    (name, record.is_some_and(|r| paths.iter().all(|p| r.path_lease(p).is_some())))
                }
                _ => continue,
            };
            if !held {
                self.object(Invariant::Fencing, format!("operation {act} of {name} is done without a lease"));
            }
        }
        Ok(())
    }

    /// A prefetched item was handed out.
    pub fn handed_out(&mut self, act: Act, lease: u64, item: &ItemId) {
        if let Some((before, _)) = self.handed.insert(lease, (act, item.clone())) {
            let what = format!("operations {before} and {act} were both handed {item} under lease {lease}");
            self.object(Invariant::Exclusive, what);
        }
    }

    /// The leases under which an operation has handed out items.
    pub fn leases_of(&self, act: Act) -> Vec<u64> {
        self.handed.iter().filter(|(_, (by, _))| *by == act).map(|(lease, _)| *lease).collect()
    }

    /// What was handed out goes back, because the session has ended.
    pub fn took_back(&mut self, act: Act) {
        self.handed.retain(|_, (by, _)| *by != act);
    }

    /// A prefetched item that was handed out leaves its clone when the remote learns of it, or when its
    /// lease runs out; whether that comes too soon is judged elsewhere.
    fn pools(&mut self, before: &State, new: &State) -> Result<(), ViewError> {
        let leases = |s: &State| -> Result<HashSet<u64>, ViewError> {
            let pools = session::all(&s.view)?.into_iter().filter(|s| s.prefetch);
            Ok(pools.flat_map(|p| p.leases).map(|l| l.id).collect())
        };
        let (was, is) = (leases(before)?, leases(new)?);
        for lease in was.difference(&is) {
            let Some((act, _)) = self.handed.get(lease).cloned() else { continue };
            let published = new.acts.iter().any(|(a, _)| *a == act);
            let ran_out =
                new.events.iter().filter(|e| e.event == git_coord::model::EventKind::Expired).any(|e| {
                    let ids = e.data.get("leases").and_then(|l| l.as_array());
                    ids.is_some_and(|ids| ids.iter().any(|id| id.as_u64() == Some(*lease)))
                });
            if !published && !ran_out {
                let what =
                    format!("lease {lease} was handed out by operation {act}, and goes to somebody else");
                self.object(Invariant::Acknowledged, what);
            }
        }
        Ok(())
    }

    /// Looks at the records that differ.
    fn changes(&mut self, before: &State, new: &State) -> Result<(), ViewError> {
        let mut queues: HashSet<&str> = HashSet::new();
        for key in &new.changed {
            if key.starts_with("claims/") {
                if let Some(claim) = read_json::<Claim>(&new.view, key)? {
                    self.overlaps(new, &claim)?;
                }
            } else if let Some(rest) = key.strip_prefix("queues/") {
                queues.extend(rest.split('/').next());
                if rest.contains("/states/") {
                    self.finished_stays(before, new, key)?;
                }
            }
        }
        for name in queues {
            self.counts(new, name)?;
        }
        Ok(())
    }

    fn overlaps(&mut self, new: &State, claim: &Claim) -> Result<(), ViewError> {
        for other in claim::overlapping(&new.view, &claim.path)? {
            for (x, y) in claim.holders.iter().flat_map(|x| other.holders.iter().map(move |y| (x, y))) {
                if x.session != y.session && (x.mode == Mode::Exclusive || y.mode == Mode::Exclusive) {
                    let what =
                        format!("{} holds {}, {} holds {}", x.session, claim.path, y.session, other.path);
                    self.object(Invariant::Exclusive, what);
                }
            }
        }
        Ok(())
    }

    fn finished_stays(&mut self, before: &State, new: &State, key: &str) -> Result<(), ViewError> {
        let letters =
            |s: &State| Ok(read_json::<States>(&s.view, key)?.map(|s| s.states).unwrap_or_default());
        let (old, now): (String, String) = (letters(before)?, letters(new)?);
        let finished = |letter: char| matches!(letter, 'd' | 'f');
        if old.len() > now.len() || old.chars().zip(now.chars()).any(|(a, b)| finished(a) && a != b) {
            self.object(Invariant::Items, format!("{key} was {old} and is {now}"));
        }
        Ok(())
    }

    fn counts(&mut self, new: &State, name: &str) -> Result<(), ViewError> {
        let name = QueueName::parse(name).map_err(|e| ViewError::damaged("queues", e))?;
        let mut counts = queue::Counts::default();
        for segment in queue::segments(&new.view, &name)? {
            for letter in queue::states(&new.view, &name, segment)?.states.chars() {
                *counts.of(ItemState::from_letter(letter).expect("a state")) += 1;
            }
        }
        let record = queue::get(&new.view, &name)?.map(|q| q.counts);
        if record != Some(counts) {
            self.object(Invariant::Items, format!("queue {name} counts {record:?}, contents are {counts:?}"));
        }
        Ok(())
    }

    fn all_records(&mut self, state: &State) {
        match crate::invariants::problems(&state.view) {
            Ok(problems) => {
                for problem in problems {
                    self.object(Invariant::Records, problem);
                }
            }
            Err(e) => self.object(Invariant::Records, e.to_string()),
        }
    }

    /// What must hold when everything has arrived and all clones have asked the remote.
    pub fn check_end(&mut self, remote: &State, clones: &[Clone]) {
        self.all_records(remote);
        for clone in clones {
            if clone.tip.id != remote.id {
                let what = format!("{} is at generation {}", clone.name, clone.tip.generation);
                self.object(Invariant::Converge, what);
            }
        }
        let missing = self.granted.iter().chain(&self.deferred).find(|act| self.times(**act) != 1);
        if let Some(act) = missing {
            let what =
                format!("operation {act} was accepted and is in the history {} times", self.times(*act));
            self.object(Invariant::Acknowledged, what);
        }
    }
}

/// True when the same state records that an item was handed to a session.
fn handed_with(state: &State, session: &SessionName, item: &ItemId) -> bool {
    state.acts.iter().any(|(_, op)| match &**op {
        Op::PrefetchGrant(out) => {
            out.next.session == *session && out.items.iter().any(|given| given.id == *item)
        }
        _ => false,
    })
}
