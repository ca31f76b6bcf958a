//! What a remote has of this clone and of all: giving back, and removing.

use std::time::Duration;

use crate::git::{Exchange, GitError, HostRepo, listed};
use crate::model::session::{self, Session, SessionState};
use crate::model::{Op, SessionName};
use crate::store::{Store, StoreError};

/// How the names of what belongs to git-coord there begin.
const OURS: [&str; 2] = ["refs/coord/", "refs/notes/coord/"];

/// The sessions of this clone that are at work, and what it keeps ready; all when it decides by
/// itself.
pub(super) fn of_this_clone(store: &Store) -> Result<Vec<Session>, StoreError> {
    let clone = store.authority()?.map(|a| a.clone);
    let is_own = |s: &Session| clone.is_none() || s.clone == clone;
    let mut sessions = store.read(|view| session::all(view))?;
    sessions.retain(|s| s.state == SessionState::Active && is_own(s));
    Ok(sessions)
}

/// Sends the remote that decides what waits for it, and ends the sessions of this clone there, so
/// that nobody waits for their leases to run out. Returns which.
///
/// # Errors
/// When the remote does not take it. Some may have ended.
pub fn give_back(store: &Store) -> Result<Vec<SessionName>, StoreError> {
    if store.authority()?.is_none() || (of_this_clone(store)?.is_empty() && store.posted()? == 0) {
        return Ok(Vec::new());
    }
    // First by itself: a folder that is a copy gets a name of its own by it, and has no sessions.
    store.submit(&Op::Sweep, None)?;
    let sessions = of_this_clone(store)?;
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    for Session { name, .. } in &sessions {
        store.post(&Op::EndSession { name: name.clone() })?;
    }
    // One push for all of them.
    store.submit(&Op::Sweep, None)?;
    Ok(sessions.into_iter().filter(|s| !s.pool).map(|s| s.name).collect())
}

/// The refs of ours that a remote has, with their values.
///
/// # Errors
/// When it cannot be reached within `limit`.
pub fn refs_on(repo: &HostRepo, remote: &str, limit: Duration) -> Result<Vec<(String, String)>, GitError> {
    let patterns = OURS.map(|prefix| format!("{prefix}*"));
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let mut refs = listed(&Exchange::new(repo.git(), remote).list(&patterns).run_within(limit)?);
    refs.retain(|(name, _)| OURS.iter().any(|prefix| name.starts_with(prefix)));
    Ok(refs)
}

/// Deletes these refs, each if it still has the value that was seen.
///
/// # Errors
/// When the remote does not do it within `limit`; then some of them may be gone.
pub fn remove_refs_on(
    repo: &HostRepo,
    remote: &str,
    refs: &[(String, String)],
    limit: Duration,
) -> Result<(), GitError> {
    if refs.is_empty() {
        return Ok(());
    }
    let leases: Vec<String> =
        refs.iter().map(|(name, id)| format!("--force-with-lease={name}:{id}")).collect();
    let options: Vec<&str> = ["--quiet"].into_iter().chain(leases.iter().map(String::as_str)).collect();
    let names: Vec<String> = refs.iter().map(|(name, _)| format!(":{name}")).collect();
    Exchange::new(repo.git(), remote).push(&options, &names).run_within(limit).map(|_| ())
}
