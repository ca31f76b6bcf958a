//! Were commits made under leases that covered what they change?
//!
//! At push, in CI and at integration the claims may be long gone: an item that is done has freed
//! its files. What counts is the lease that each commit names in its trailers: it must have been
//! granted to the session that the commit names, for paths that cover the change, and must not
//! have been lost since. The log tells of grants and losses. Who has claimed a path again may push
//! what was made under a lease that was lost.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::git::changes::CommitChanges;
use crate::model::area::Areas;
use crate::model::event::Event;
use crate::model::outcome::Blocker;
use crate::model::session::{self, Session};
use crate::model::{ItemId, RepoPath, SessionName, View, ViewError, item_index, queue};
use crate::store::{Store, StoreError};

use super::coverage;

/// A commit that was not made as it should.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Its id.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// The session that it names.
    pub session: Option<String>,
    /// Paths that it changes without a lease that covers them.
    pub unclaimed: Vec<RepoPath>,
    /// Who holds them now.
    pub holders: Vec<Blocker>,
    /// Leases that it names and that had been lost, or were never granted to it.
    pub void_leases: Vec<String>,
}

/// What the log says of a lease.
#[derive(Debug, Default)]
struct Grant {
    session: Option<SessionName>,
    paths: Vec<RepoPath>,
    lost: bool,
}

/// Judges commits; those that are fine are not in the result.
///
/// A commit that names no session was made by somebody outside the coordination; it is at fault
/// only where it changes what a session holds now, in a worktree of `pusher` or any other.
///
/// # Errors
/// When the store cannot be read.
pub fn check_commits(
    store: &Store,
    commits: &[CommitChanges],
    pusher: Option<&SessionName>,
) -> Result<Vec<Fault>, StoreError> {
    let wanted: HashSet<u64> =
        commits.iter().flat_map(|c| &c.leases).filter_map(|l| l.parse().ok()).collect();
    let grants = if wanted.is_empty() { HashMap::new() } else { grants(store, &wanted)? };
    store.read(|view| {
        let mut sessions: HashMap<String, Option<Session>> = HashMap::new();
        let mut faults = Vec::new();
        for commit in commits {
            let author = commit.session.clone();
            let record = match &author {
                Some(name) => {
                    if !sessions.contains_key(name) {
                        let found =
                            SessionName::parse(name).ok().map(|n| session::get(view, &n)).transpose()?;
                        sessions.insert(name.clone(), found.flatten());
                    }
                    sessions.get(name).and_then(Option::as_ref)
                }
                None => None,
            };
            let fault = match (&author, record) {
                (None, _) => check_outside_commit(view, commit, pusher)?,
                (Some(_), Some(record)) => check_session_commit(view, commit, record, &grants)?,
                // A session of another clone, or one that was uninstalled with its store.
                (Some(_), None) => check_outside_commit(view, commit, pusher)?,
            };
            faults.extend(fault);
        }
        Ok(faults)
    })
}

fn check_outside_commit(
    view: &dyn View,
    commit: &CommitChanges,
    pusher: Option<&SessionName>,
) -> Result<Option<Fault>, ViewError> {
    let found = coverage::check_unbound(view, &commit.paths)?;
    let holders: Vec<Blocker> = found.holders.into_iter().filter(|h| Some(&h.session) != pusher).collect();
    if holders.is_empty() {
        return Ok(None);
    }
    let unclaimed = commit.paths.iter().filter(|p| holders.iter().any(|h| h.path == **p)).cloned().collect();
    Ok(Some(fault(commit, unclaimed, holders, Vec::new())))
}

fn check_session_commit(
    view: &dyn View,
    commit: &CommitChanges,
    session: &Session,
    grants: &HashMap<u64, Grant>,
) -> Result<Option<Fault>, ViewError> {
    let areas = Areas::new(&session.areas)
        .map_err(|e| ViewError::damaged(format!("sessions/{}.json", session.name), e))?;
    let mut held: Vec<&RepoPath> = Vec::new();
    let mut void = Vec::new();
    for word in &commit.leases {
        let id: Option<u64> = word.parse().ok();
        let grant = id.and_then(|id| grants.get(&id));
        match grant {
            Some(grant) if !grant.lost && grant.session.as_ref() == Some(&session.name) => {
                held.extend(&grant.paths);
            }
            _ => void.push(word.clone()),
        }
    }
    let unclaimed: Vec<RepoPath> = commit
        .paths
        .iter()
        .filter(|p| !held.iter().any(|h| h.covers(p)) && !session.may_edit(p) && !areas.contains(p))
        .cloned()
        .collect();
    if unclaimed.is_empty() {
        return Ok(None);
    }
    let holders = coverage::check_paths(view, session, &unclaimed)?.holders;
    Ok(Some(fault(commit, unclaimed, holders, void)))
}

fn fault(
    commit: &CommitChanges,
    unclaimed: Vec<RepoPath>,
    holders: Vec<Blocker>,
    void_leases: Vec<String>,
) -> Fault {
    Fault {
        commit: commit.id.clone(),
        subject: commit.subject.clone(),
        session: commit.session.clone(),
        unclaimed,
        holders,
        void_leases,
    }
}

/// Looks up who was granted these leases, and for which paths.
fn grants(store: &Store, wanted: &HashSet<u64>) -> Result<HashMap<u64, Grant>, StoreError> {
    let mut found: HashMap<u64, Grant> = HashMap::new();
    let mut items: Vec<(u64, ItemId)> = Vec::new();
    // The log is read backwards: a loss comes before the grant that it ends.
    let mut lost: HashSet<u64> = HashSet::new();
    store.log(|event: Event| {
        match event.event.as_str() {
            "expired" => {
                let leases = event.data.get("leases").and_then(Value::as_array).into_iter().flatten();
                lost.extend(leases.filter_map(Value::as_u64));
            }
            "claim" => {
                let lease = event.data.get("lease").and_then(Value::as_u64);
                if let Some(id) = lease.filter(|id| wanted.contains(id)) {
                    let paths = strings(&event, "paths").filter_map(|p| RepoPath::parse(p).ok()).collect();
                    let lost = lost.contains(&id);
                    found.insert(id, Grant { session: event.session.clone(), paths, lost });
                }
            }
            "next" => {
                let leases = event.data.get("leases").and_then(Value::as_array).into_iter().flatten();
                for (lease, item) in leases.zip(strings(&event, "items")) {
                    let Some(id) = lease.as_u64().filter(|id| wanted.contains(id)) else { continue };
                    if let Ok(item) = ItemId::parse(item) {
                        items.push((id, item));
                        let lost = lost.contains(&id);
                        found.insert(id, Grant { session: event.session.clone(), paths: Vec::new(), lost });
                    }
                }
            }
            _ => {}
        }
        found.len() < wanted.len()
    })?;
    for (lease, item) in items {
        let files = store.read(|view| match item_index::find(view, &item)? {
            Some(slot) => Ok(queue::item(view, &slot)?.files),
            None => Ok(Vec::new()),
        })?;
        if let Some(grant) = found.get_mut(&lease) {
            grant.paths = files;
        }
    }
    Ok(found)
}

fn strings<'e>(event: &'e Event, key: &str) -> impl Iterator<Item = &'e str> {
    event.data.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
