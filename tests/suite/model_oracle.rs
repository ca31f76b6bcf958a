//! A second, naive description of who holds what: flat lists, searched from end to end.
//!
//! It knows nothing of trees, segments, records or counters. What the state machine answers and
//! what it keeps must agree with it after every operation.

use std::collections::{BTreeMap, BTreeSet};

use git_coord::model::claim::Mode;
use git_coord::model::op::{ClaimPaths, Finish, RenewWhat};
use git_coord::model::outcome::Taken;
use git_coord::model::update::Change;
use git_coord::model::{ItemState, NewItem, RepoPath, groups};

/// The number of failures after which an item is given up (the default of a queue).
const MAX_FAILS: u32 = 3;

#[derive(Debug, Clone)]
pub struct Lease {
    pub session: String,
    pub mode: Mode,
    pub paths: BTreeSet<RepoPath>,
    pub item: Option<String>,
    pub renewed: i64,
    pub ttl: i64,
}

#[derive(Debug, Clone)]
pub struct Work {
    pub new: NewItem,
    pub state: ItemState,
    pub by: Option<String>,
    pub fails: u32,
}

/// The whole state.
#[derive(Debug, Default)]
pub struct Oracle {
    pub now: i64,
    /// Sessions and whether they are at work.
    pub sessions: BTreeMap<String, bool>,
    pub leases: Vec<Lease>,
    pub items: BTreeMap<String, Work>,
    /// Items that a session has lost by expiry.
    pub lost: BTreeSet<(String, String)>,
}

impl Oracle {
    /// Takes back what has run out, except from the session whose command arrives.
    pub fn sweep(&mut self, alive: Option<&str>) {
        let now = self.now;
        let (gone, kept): (Vec<Lease>, Vec<Lease>) = std::mem::take(&mut self.leases)
            .into_iter()
            .partition(|l| l.renewed + l.ttl <= now && alive != Some(&l.session));
        self.leases = kept;
        for lease in self.leases.iter_mut().filter(|l| l.renewed + l.ttl <= now) {
            lease.renewed = now;
        }
        for lease in gone {
            if let Some(id) = lease.item {
                self.items.get_mut(&id).unwrap().state = ItemState::Pending;
                self.lost.insert((lease.session, id));
            }
        }
        self.unblock();
    }

    fn renew_due(&mut self, session: &str) {
        let now = self.now;
        for lease in self.leases.iter_mut().filter(|l| l.session == session) {
            if now >= lease.renewed + lease.ttl / 2 {
                lease.renewed = now;
            }
        }
    }

    /// True when the session is at work.
    pub fn active(&self, session: &str) -> bool {
        self.sessions.get(session) == Some(&true)
    }

    pub fn start(&mut self, session: &str) {
        self.sessions.insert(session.to_owned(), true);
        self.renew_due(session);
    }

    /// Gives everything back. False when the session does not exist.
    pub fn end(&mut self, session: &str) -> bool {
        if !self.sessions.contains_key(session) {
            return false;
        }
        for lease in self.leases.iter().filter(|l| l.session == session) {
            if let Some(id) = &lease.item {
                self.items.get_mut(id).unwrap().state = ItemState::Pending;
            }
        }
        self.leases.retain(|l| l.session != session);
        self.sessions.insert(session.to_owned(), false);
        self.unblock();
        true
    }

    /// True when another session prevents `session` from holding `path`.
    pub fn in_the_way(&self, session: &str, path: &RepoPath, mode: Mode) -> bool {
        self.claims().iter().any(|((held, other), theirs)| {
            other != session && held.overlaps(path) && (*theirs == Mode::Exclusive || mode == Mode::Exclusive)
        })
    }

    /// Claims paths; false when somebody is in the way.
    pub fn claim(&mut self, op: &ClaimPaths) -> bool {
        let session = op.session.as_str();
        if op.paths.iter().any(|p| self.in_the_way(session, p, op.mode)) {
            return false;
        }
        self.renew_due(session);
        let enough = |l: &Lease, p: &RepoPath| {
            l.session == session
                && l.item.is_none()
                && l.paths.contains(p)
                && (l.mode == Mode::Exclusive || op.mode == Mode::Shared)
        };
        let new: BTreeSet<RepoPath> =
            op.paths.iter().filter(|p| !self.leases.iter().any(|l| enough(l, p))).cloned().collect();
        let (now, ttl) = (self.now, op.ttl as i64);
        for lease in &mut self.leases {
            if op.paths.iter().any(|p| enough(lease, p)) {
                (lease.renewed, lease.ttl) = (now, ttl);
            }
            if lease.session == session && lease.item.is_none() {
                lease.paths.retain(|p| !new.contains(p));
            }
        }
        self.leases.retain(|l| !l.paths.is_empty() || l.item.is_some());
        if !new.is_empty() {
            let lease =
                Lease { session: session.into(), mode: op.mode, paths: new, item: None, renewed: now, ttl };
            self.leases.push(lease);
        }
        true
    }

    fn by_hand(&self, session: &str, path: &RepoPath) -> bool {
        self.leases.iter().any(|l| l.session == session && l.item.is_none() && l.paths.contains(path))
    }

    /// Gives back; false when one of the paths is not held by hand.
    pub fn release(&mut self, session: &str, paths: Option<&[RepoPath]>) -> bool {
        let chosen: Vec<RepoPath> = match paths {
            Some(paths) => paths.to_vec(),
            None => {
                let own = self.leases.iter().filter(|l| l.session == session && l.item.is_none());
                own.flat_map(|l| l.paths.iter().cloned()).collect()
            }
        };
        if chosen.iter().any(|p| !self.by_hand(session, p)) {
            return false;
        }
        if chosen.is_empty() {
            return true;
        }
        for lease in self.leases.iter_mut().filter(|l| l.session == session && l.item.is_none()) {
            lease.paths.retain(|p| !chosen.contains(p));
        }
        self.leases.retain(|l| !l.paths.is_empty() || l.item.is_some());
        self.renew_due(session);
        true
    }

    /// True when an item may be handed to a session now.
    pub fn takable(&self, session: &str, id: &str) -> bool {
        let work = &self.items[id];
        work.state == ItemState::Pending
            && !work.new.item.files.iter().any(|f| self.in_the_way(session, f, Mode::Exclusive))
    }

    /// Follows the machine's choice of items, and says what is wrong with it.
    pub fn take(&mut self, session: &str, taken: &[Taken], count: usize, ttl: u64) -> Result<(), String> {
        if !taken.is_empty() {
            self.renew_due(session);
        }
        for t in taken {
            let id = t.item.id.to_string();
            if !self.takable(session, &id) {
                return Err(format!("{id} was handed out and is not free"));
            }
            let better = self
                .items
                .iter()
                .find(|(other, w)| w.new.priority < t.priority && self.takable(session, other));
            if let Some((other, _)) = better {
                return Err(format!("{id} was handed out before the more urgent {other}"));
            }
            self.lost.remove(&(session.to_owned(), id.clone()));
            let work = self.items.get_mut(&id).unwrap();
            work.state = ItemState::Claimed;
            work.by = Some(session.to_owned());
            self.leases.push(Lease {
                session: session.into(),
                mode: Mode::Exclusive,
                paths: work.new.item.files.iter().cloned().collect(),
                item: Some(id),
                renewed: self.now,
                ttl: ttl as i64,
            });
        }
        let left = self.items.keys().find(|id| self.takable(session, id));
        match left {
            Some(id) if taken.len() < count => Err(format!("{id} is free and was not handed out")),
            _ => Ok(()),
        }
    }

    /// Finishes an item: `Some(true)` granted, `Some(false)` lost, `None` unknown.
    pub fn finish(&mut self, session: &str, id: &str, how: &Finish) -> Option<bool> {
        self.items.get(id)?;
        let held = self.leases.iter().position(|l| l.session == session && l.item.as_deref() == Some(id));
        let Some(held) = held else {
            let work = &self.items[id];
            let reached = match how {
                Finish::Done => work.state == ItemState::Done,
                Finish::Fail { .. } => {
                    matches!(work.state, ItemState::Failed | ItemState::Pending | ItemState::Blocked)
                }
                Finish::Drop => matches!(work.state, ItemState::Pending | ItemState::Blocked),
            };
            let lost = self.lost.contains(&(session.to_owned(), id.to_owned()));
            return Some(reached && !lost && work.by.as_deref() == Some(session));
        };
        self.leases.remove(held);
        self.renew_due(session);
        let work = self.items.get_mut(id).unwrap();
        work.state = match how {
            Finish::Done => ItemState::Done,
            Finish::Drop => ItemState::Pending,
            Finish::Fail { last, .. } => {
                work.fails += 1;
                if *last || work.fails >= MAX_FAILS { ItemState::Failed } else { ItemState::Pending }
            }
        };
        self.unblock();
        Some(true)
    }

    fn unblock(&mut self) {
        let done: BTreeSet<String> =
            self.items.iter().filter(|(_, w)| w.state == ItemState::Done).map(|(id, _)| id.clone()).collect();
        let mut members: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        for (id, work) in &self.items {
            for set in groups::of(&work.new.item) {
                members.entry(set.to_string()).or_default().push(done.contains(id));
            }
        }
        let fulfilled = |need: &str| match members.get(need) {
            Some(list) => list.iter().all(|done| *done),
            None => done.contains(need),
        };
        let waits = |s: ItemState| matches!(s, ItemState::Pending | ItemState::Blocked);
        for work in self.items.values_mut().filter(|w| waits(w.state)) {
            let free = work.new.item.needs.iter().all(|n| fulfilled(n.as_str()));
            work.state = if free { ItemState::Pending } else { ItemState::Blocked };
        }
    }

    /// Changes one item, or all; returns how many are others afterwards.
    pub fn update(&mut self, chosen: Option<&str>, change: &Change) -> u64 {
        let mut changed = 0;
        for (_, work) in self.items.iter_mut().filter(|(id, _)| chosen.is_none_or(|c| c == id.as_str())) {
            if matches!(work.state, ItemState::Done | ItemState::Claimed) {
                continue;
            }
            let before = work.clone();
            match work.state {
                ItemState::Failed if change.requeue => {
                    (work.state, work.fails) = (ItemState::Blocked, 0);
                }
                ItemState::Pending | ItemState::Blocked if change.cancel => work.state = ItemState::Failed,
                _ => {}
            }
            work.new.priority = change.priority.unwrap_or(work.new.priority);
            work.new.queue = change.queue.clone().or(work.new.queue.take());
            let place = |w: &Work| (w.state, w.new.priority, w.new.queue.clone());
            changed += u64::from(place(&before) != place(work));
        }
        self.unblock();
        changed
    }

    /// Renews; false when something named is not held.
    pub fn renew(&mut self, session: &str, what: &RenewWhat, ttl: Option<u64>) -> bool {
        let now = self.now;
        if let RenewWhat::These { paths, items } = what {
            let item =
                |id: &str| self.leases.iter().any(|l| l.session == session && l.item.as_deref() == Some(id));
            if paths.iter().any(|p| !self.by_hand(session, p)) || items.iter().any(|i| !item(i.as_str())) {
                return false;
            }
        }
        for lease in self.leases.iter_mut().filter(|l| l.session == session) {
            let chosen = match what {
                RenewWhat::All => true,
                RenewWhat::Due => now >= lease.renewed + lease.ttl / 2,
                RenewWhat::These { paths, items } => match &lease.item {
                    Some(id) => items.iter().any(|i| i.as_str() == id),
                    None => paths.iter().any(|p| lease.paths.contains(p)),
                },
            };
            if chosen {
                lease.renewed = now;
                lease.ttl = ttl.map_or(lease.ttl, |t| t as i64);
            }
        }
        true
    }

    /// Adds what is new; returns the number.
    pub fn import(&mut self, items: &[NewItem]) -> u64 {
        let mut added = 0;
        for new in items {
            let id = new.item.id.to_string();
            self.items.entry(id).or_insert_with(|| {
                added += 1;
                Work { new: new.clone(), state: ItemState::Blocked, by: None, fails: 0 }
            });
        }
        self.unblock();
        added
    }

    /// Who holds what, in the strongest mode that one of the leases gives.
    pub fn claims(&self) -> BTreeMap<(RepoPath, String), Mode> {
        let mut map: BTreeMap<(RepoPath, String), Mode> = BTreeMap::new();
        for lease in &self.leases {
            for path in &lease.paths {
                let mode = map.entry((path.clone(), lease.session.clone())).or_insert(Mode::Shared);
                if lease.mode == Mode::Exclusive {
                    *mode = Mode::Exclusive;
                }
            }
        }
        map
    }
}
