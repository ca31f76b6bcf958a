//! What a command has put on the stash.
//!
//! All worktrees of a repository share one stash. What a command leaves there would be in the user's
//! list, and the next item's `git stash pop` would take it: uncommitted work of an attempt goes with the
//! attempt.

use std::path::Path;

use crate::git::{Git, GitError};

/// Drops what was stashed on this branch, which nobody but the slot works on.
///
/// # Errors
/// When git does not answer.
pub(super) fn drop_of_branch(home: &Path, common_dir: &Path, branch: &str) -> Result<(), GitError> {
    // Asked for only where something may be: it is looked at after each item.
    if !common_dir.join("logs/refs/stash").exists() && !common_dir.join("reftable").exists() {
        return Ok(());
    }
    let git = || Git::new(home);
    let list = git().args(["stash", "list", "--format=%H %gd %gs"]).output()?;
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    // From the end of the list, so that the names of the others stay.
    for line in text.lines().rev() {
        let mut parts = line.splitn(3, ' ');
        let (Some(commit), Some(name), Some(subject)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let on = |prefix: &str| {
            subject
                .strip_prefix(prefix)
                .and_then(|rest| rest.strip_prefix(branch))
                .is_some_and(|r| r.starts_with(':'))
        };
        if !(on("WIP on ") || on("On ")) {
            continue;
        }
        // Somebody may have stashed meanwhile: then it is another's name, and is left for the next time.
        if git().args(["rev-parse", "--verify", "-q", name]).optional()?.as_deref() == Some(commit) {
            git().args(["stash", "drop", "-q", name]).output()?;
        }
    }
    Ok(())
}
