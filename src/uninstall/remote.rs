//! The refs that git-coord has on a remote, and removing them.

use crate::git::{GitError, HostRepo};

/// What belongs to git-coord there.
const OURS: [&str; 2] = ["refs/coord/*", "refs/notes/coord/*"];

/// The refs of ours that a remote has, with their values.
///
/// # Errors
/// When it cannot be reached.
pub fn refs_on(repo: &HostRepo, remote: &str) -> Result<Vec<(String, String)>, GitError> {
    let text = repo.git().args(["ls-remote", "--quiet", remote]).args(OURS).text()?;
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect())
}

/// Deletes these refs, each if it still has the value that was seen.
///
/// # Errors
/// When the remote does not do it; then some of them may be gone.
pub fn remove_refs_on(repo: &HostRepo, remote: &str, refs: &[(String, String)]) -> Result<(), GitError> {
    if refs.is_empty() {
        return Ok(());
    }
    let leases = refs.iter().map(|(name, id)| format!("--force-with-lease={name}:{id}"));
    let names = refs.iter().map(|(name, _)| format!(":{name}"));
    repo.git()
        .args(["-c", "core.hooksPath=/dev/null", "-c", "push.pushOption="])
        .args(["push", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags"])
        .args(leases)
        .arg(remote)
        .args(names)
        .run()
        .map(|_| ())
}
