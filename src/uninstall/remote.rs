//! What a remote has of this clone and of all: giving back, and removing.

use std::path::Path;
use std::time::Duration;

use crate::git::{GitEnv, GitError, HostRepo, RemoteGit, Worktree, listed};
use crate::model::session::{self, Session, SessionState};
use crate::model::{Op, SessionName};
use crate::store::{Store, StoreError, host_name};

use super::UninstallError;

/// How the names of what belongs to git-coord there begin.
const OURS: [&str; 2] = ["refs/coord/", "refs/notes/coord/"];

/// The sessions of this clone that are at work, and what it keeps ready; all when it decides by
/// itself.
pub(super) fn of_this_clone(repo: &HostRepo, store: &Store) -> Result<Vec<Session>, UninstallError> {
    let clone = store.arbiter()?.map(|a| a.clone);
    let mut sessions = store.read(|view| session::all(view))?;
    sessions.retain(|s| s.state == SessionState::Active);
    if clone.is_some() {
        let trees = repo.worktrees()?;
        sessions.retain(|s| s.clone == clone || (s.clone.is_none() && is_here(s, repo, &trees)));
    }
    Ok(sessions)
}

/// True for a session that works in one of these worktrees, as git lists them. One that was started
/// before a remote decided names no clone.
fn is_here(session: &Session, repo: &HostRepo, trees: &[Worktree]) -> bool {
    let Some(place) = session.worktree.as_deref().map(Path::new) else { return false };
    let here = session.host.as_deref() == Some(&host_name());
    let Some(tree) = trees.iter().find(|tree| here && tree.path == place) else { return false };
    // In a copy of the folder git lists the worktrees of the original.
    let is_ours = |found: HostRepo| found.common_dir == repo.common_dir;
    tree.prunable || HostRepo::discover(place, &GitEnv::default()).is_ok_and(is_ours)
}

/// What came of giving back.
#[derive(Debug)]
pub struct GivenBack {
    /// The sessions that were ended, or why some or all of them were not.
    pub ended: Result<Vec<SessionName>, UninstallError>,
    /// Acts that were accepted before and have not gone out.
    pub waiting: usize,
}

/// Sends the remote that decides what waits for it, and ends the sessions of this clone there, so
/// that nobody waits for their leases to run out.
pub fn give_back(repo: &HostRepo, store: &Store) -> GivenBack {
    let begun = send(repo, store);
    // Before the ends of sessions are among them: whether those go out is reported separately.
    let waiting = store.deferred().unwrap_or_default();
    let ended = begun.and_then(|sessions| Ok(end(store, sessions)?));
    GivenBack { ended, waiting }
}

/// Sends what waits. Returns the sessions that are to be ended.
fn send(repo: &HostRepo, store: &Store) -> Result<Vec<Session>, UninstallError> {
    if store.arbiter()?.is_none() || (of_this_clone(repo, store)?.is_empty() && store.deferred()? == 0) {
        return Ok(Vec::new());
    }
    // First by itself: a folder that is a copy gets a name of its own by it, and has no sessions.
    store.submit(&Op::Sweep, None)?;
    of_this_clone(repo, store)
}

/// Ends sessions, and returns which; what the clone keeps ready is none.
fn end(store: &Store, sessions: Vec<Session>) -> Result<Vec<SessionName>, StoreError> {
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    for Session { name, .. } in &sessions {
        store.defer(&Op::EndSession { name: name.clone() })?;
    }
    // One push for all of them.
    store.submit(&Op::Sweep, None)?;
    Ok(sessions.into_iter().filter(|s| !s.prefetch).map(|s| s.name).collect())
}

/// The refs of ours that a remote has, with their values.
///
/// # Errors
/// When it cannot be reached within `limit`.
pub fn refs_on(repo: &HostRepo, remote: &str, limit: Duration) -> Result<Vec<(String, String)>, GitError> {
    let patterns = OURS.map(|prefix| format!("{prefix}*"));
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let mut refs = listed(&RemoteGit::new(repo.git(), remote).list(&patterns).run_within(limit)?);
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
    RemoteGit::new(repo.git(), remote).push(&options, &names).run_within(limit).map(|_| ())
}
