//! What the log says of leases, and of the commits that were made under them.
//!
//! A lease that is held speaks for itself. One that was given back in good order still speaks for what was
//! committed before: that is, for commits that their session has recorded under it (event `commit`) while
//! it was held, and for those that carry the same changes on, which an amend or rebase made of them (event
//! `rewrite`, recorded when that was compared). A lease that ran out speaks for nothing.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::git::changes::CommitChanges;
use crate::model::event::Event;
use crate::model::{EventKind, ItemId, RepoPath, SessionName, item_index, queue};
use crate::store::{Store, StoreError};

/// A place in the log, counted backwards: the higher, the longer ago.
type Age = usize;

/// A lease.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) session: SessionName,
    /// True when it ran out.
    pub(super) lost: bool,
    /// What it was granted for, and when each path was given back.
    paths: Vec<(RepoPath, Option<Age>)>,
}

/// What the log says.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    grants: HashMap<u64, Grant>,
    lost: HashSet<u64>,
    /// Commits that were recorded when they were made, with their leases.
    made: HashMap<String, Vec<(Age, SessionName, Vec<u64>)>>,
    /// Commits that were found to carry on what had been made under these leases.
    carried: HashMap<String, Vec<Vec<u64>>>,
}

impl Evidence {
    /// Reads what bears on `commits`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn read(store: &Store, commits: &[&CommitChanges]) -> Result<Self, StoreError> {
        let wanted: HashSet<u64> = commits.iter().flat_map(|c| c.lease_ids()).collect();
        let mut reader = Reader {
            ids: commits.iter().map(|c| c.id.as_str()).collect(),
            sessions: commits.iter().flat_map(|c| &c.sessions).map(String::as_str).collect(),
            missing: wanted,
            ..Reader::default()
        };
        if !reader.missing.is_empty() {
            store.log(|event| reader.event(&event))?;
        }
        let mut evidence = reader.found;
        for (lease, item, given_back) in reader.items {
            let files = store.read(|view| match item_index::find(view, &item)? {
                Some(slot) => Ok(queue::item(view, &slot)?.files),
                None => Ok(Vec::new()),
            })?;
            if let Some(grant) = evidence.grants.get_mut(&lease) {
                grant.paths = files.into_iter().map(|file| (file, given_back)).collect();
            }
        }
        Ok(evidence)
    }

    /// The lease of that number, if the log has it.
    pub(super) fn grant(&self, lease: u64) -> Option<&Grant> {
        self.grants.get(&lease)
    }

    /// True when a rewritten commit was found to carry on what was made under leases, none of which has run
    /// out.
    pub(super) fn is_carried(&self, commit: &str) -> bool {
        let lists = self.carried.get(commit);
        lists.is_some_and(|lists| lists.iter().any(|leases| !leases.iter().any(|l| self.lost.contains(l))))
    }

    /// True when the lease's session has recorded the commit under it.
    pub(super) fn was_made_under(&self, commit: &str, lease: u64) -> bool {
        self.records(commit, lease).next().is_some()
    }

    /// True when the commit was recorded under the lease before that had given `path` back.
    pub(super) fn covered(&self, commit: &str, lease: u64, path: &RepoPath) -> bool {
        let Some(grant) = self.grants.get(&lease).filter(|grant| !grant.lost) else { return false };
        let mut held = grant.paths.iter().filter(|(held, _)| held.covers(path));
        held.any(|(_, end)| self.records(commit, lease).any(|age| end.is_none_or(|end| age > end)))
    }

    fn records(&self, commit: &str, lease: u64) -> impl Iterator<Item = Age> {
        let of = self.grants.get(&lease).map(|grant| &grant.session);
        let made = self.made.get(commit).into_iter().flatten();
        made.filter(move |(_, by, leases)| Some(by) == of && leases.contains(&lease)).map(|(age, ..)| *age)
    }
}

/// Goes through the log, newest first: the end of a lease is seen before its begin.
#[derive(Debug, Default)]
struct Reader<'a> {
    ids: HashSet<&'a str>,
    sessions: HashSet<&'a str>,
    missing: HashSet<u64>,
    age: Age,
    /// The first end after what is looked at, as far as it is seen: later ones were put in before.
    released: HashMap<(SessionName, RepoPath), Age>,
    given_back: HashMap<(SessionName, ItemId), Age>,
    ended: HashMap<SessionName, Age>,
    items: Vec<(u64, ItemId, Option<Age>)>,
    found: Evidence,
}

impl Reader<'_> {
    /// Notes an event; false when the rest of the log has nothing that is asked for.
    fn event(&mut self, event: &Event) -> bool {
        self.age += 1;
        if event.event == EventKind::Expired {
            self.found.lost.extend(event.leases());
            return true;
        }
        let Some(session) = &event.session else { return true };
        match event.kind() {
            Some(EventKind::Rewrite) => self.rewrite(event),
            _ if !self.sessions.contains(session.as_str()) => {}
            Some(EventKind::Release) => {
                for path in event.paths() {
                    self.released.insert((session.clone(), path), self.age);
                }
            }
            Some(EventKind::Done | EventKind::Fail | EventKind::Drop) => {
                for item in event.items() {
                    self.given_back.insert((session.clone(), item), self.age);
                }
            }
            Some(EventKind::SessionEnd) => {
                self.ended.insert(session.clone(), self.age);
            }
            Some(EventKind::Commit) => self.commit(event, session),
            Some(EventKind::Claim) => self.claim(event, session),
            Some(EventKind::Next) => self.next(event, session),
            _ => {}
        }
        !self.missing.is_empty()
    }

    fn commit(&mut self, event: &Event, session: &SessionName) {
        let id = event.data.get("commit").and_then(Value::as_str);
        if let Some(id) = id.filter(|id| self.ids.contains(id)) {
            let record = (self.age, session.clone(), numbers(event, "leases").collect());
            self.found.made.entry(id.to_owned()).or_default().push(record);
        }
    }

    fn rewrite(&mut self, event: &Event) {
        for entry in event.data.get("commits").and_then(Value::as_array).into_iter().flatten() {
            let id = entry.get("commit").and_then(Value::as_str);
            if let Some(id) = id.filter(|id| self.ids.contains(id)) {
                let leases = entry.get("leases").and_then(Value::as_array).into_iter().flatten();
                let leases = leases.filter_map(Value::as_u64).collect();
                self.found.carried.entry(id.to_owned()).or_default().push(leases);
            }
        }
    }

    fn claim(&mut self, event: &Event, session: &SessionName) {
        let lease = event.data.get("lease").and_then(Value::as_u64);
        let Some(lease) = lease.filter(|id| self.missing.remove(id)) else { return };
        let ended = self.ended.get(session).copied();
        let paths = strings(event, "paths").filter_map(|p| RepoPath::parse(p).ok());
        let paths = paths.map(|path| {
            let end = self.released.get(&(session.clone(), path.clone())).copied().max(ended);
            (path, end)
        });
        // What is shared is not to be edited.
        let paths = if event.data.contains_key("mode") { Vec::new() } else { paths.collect() };
        self.grant(lease, session, paths);
    }

    fn next(&mut self, event: &Event, session: &SessionName) {
        let ended = self.ended.get(session).copied();
        for (lease, item) in numbers(event, "leases").zip(strings(event, "items")) {
            let Ok(item) = ItemId::parse(item) else { continue };
            if self.missing.remove(&lease) {
                let end = self.given_back.get(&(session.clone(), item.clone())).copied().max(ended);
                self.items.push((lease, item, end));
                self.grant(lease, session, Vec::new());
            }
        }
    }

    fn grant(&mut self, lease: u64, session: &SessionName, paths: Vec<(RepoPath, Option<Age>)>) {
        let lost = self.found.lost.contains(&lease);
        self.found.grants.insert(lease, Grant { session: session.clone(), lost, paths });
    }
}

fn list<'e>(event: &'e Event, key: &str) -> impl Iterator<Item = &'e Value> {
    event.data.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn strings<'e>(event: &'e Event, key: &str) -> impl Iterator<Item = &'e str> {
    list(event, key).filter_map(Value::as_str)
}

fn numbers(event: &Event, key: &str) -> impl Iterator<Item = u64> {
    list(event, key).filter_map(Value::as_u64)
}
