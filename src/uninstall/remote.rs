//! The refs that git-coord has on a remote, and removing them.

use std::time::Duration;

use crate::git::{Exchange, GitError, HostRepo, listed};

/// How the names of what belongs to git-coord there begin.
const OURS: [&str; 2] = ["refs/coord/", "refs/notes/coord/"];

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
