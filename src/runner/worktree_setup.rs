//! Making the worktree of a slot, and taking a broken one away.

use std::path::Path;

use crate::git::{GitEnv, HostRepo, Worktree};
use crate::store::Store;

use super::slot_worktree::{HALF_MADE, SlotWorktree, is_whole};
use super::supervised_git::KeepAlive;
use super::{RunnerError, SESSION};

/// The worktree of a slot, if it is there as a whole.
pub(super) fn find(repo: &HostRepo, root: &Path) -> Option<HostRepo> {
    let home = HostRepo::discover(root, &GitEnv::default()).ok()?;
    let fits = home.root == root && home.common_dir == repo.common_dir && is_whole(&home.git_dir);
    fits.then_some(home)
}

/// True when git died while it made it.
pub(super) fn is_half_made(tree: &Worktree) -> bool {
    tree.locked.as_deref() == Some(HALF_MADE)
}

/// The worktree beside the slot's own that has its branch.
pub(super) fn elsewhere<'w>(list: &'w [Worktree], tree: &SlotWorktree<'_>) -> Option<&'w Path> {
    let has = |w: &&Worktree| w.branch.as_ref() == Some(&tree.branch) && w.path != tree.root && !w.prunable;
    list.iter().find(has).map(|w| w.path.as_path())
}

/// Makes the worktree, or finds the one that is there; a branch that is not there begins at `base`.
///
/// # Errors
/// When git or the disk fails.
pub(super) fn make(
    repo: &HostRepo,
    store: &Store,
    tree: &SlotWorktree<'_>,
    base: &str,
    keep: KeepAlive<'_>,
) -> Result<HostRepo, RunnerError> {
    let (root, branch) = (&tree.root, &tree.branch);
    if let Some(found) = find(repo, root) {
        return Ok(found);
    }
    // `git worktree add` twice at once can fail over git's own files (index.lock, config.lock).
    let _alone = store.worktree_lock()?;
    clear(repo, root)?;
    // The name of a session keeps the hooks from greeting the newcomer. Forced, because a worktree that a
    // command has made may have the branch.
    let name = root.file_name().unwrap_or_default();
    let git = repo.git().env(SESSION, name).args(["worktree", "add", "-q", "-f"]);
    let git = if tree.tip()?.is_some() {
        git.arg("--").arg(root).arg(branch)
    } else {
        git.args(["--no-track", "-b", branch, "--"]).arg(root).arg(base)
    };
    tree.chores.make(&git, keep)?;
    Ok(HostRepo::discover(root, &GitEnv::default())?)
}

/// Takes away what is left of a worktree that was not made to its end, or whose folder is gone. Only
/// for who has the slot's lock: nobody else makes it then.
///
/// # Errors
/// When git or the disk fails.
pub(super) fn clear(repo: &HostRepo, root: &Path) -> Result<(), RunnerError> {
    if root.exists() {
        std::fs::remove_dir_all(root).map_err(RunnerError::io("remove", root))?;
    }
    if repo.worktrees()?.iter().any(|w| w.path == *root) {
        // Twice: git has locked it while it made it.
        repo.git().args(["worktree", "remove", "-f", "-f", "--"]).arg(root).run()?;
    }
    Ok(())
}
