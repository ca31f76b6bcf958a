//! Submodules that a command has initialised in the worktree of a slot.
//!
//! git's own `checkout -f` and `clean` leave what is in them, so that the dirt of one item would be
//! there for the next, and `git worktree remove` refuses a worktree that has any.

use std::path::Path;

use crate::git::{Git, GitError};

/// Throws away what is not committed in a submodule, at whatever depth.
const CLEAN: &str = "git reset -q --hard && git clean -ffdq";

/// Exits with 1 when a submodule has changes, or commits that none of its remotes has.
const LOOK: &str =
    "test -z \"$(git status --porcelain)\" && test -z \"$(git log -1 --format=%H HEAD --not --remotes)\"";

/// True when the worktree may have submodules.
pub(super) fn any(root: &Path) -> bool {
    root.join(".gitmodules").exists()
}

/// The gits that bring the submodules of a worktree to what its commit says.
pub(super) fn clean(root: &Path) -> [Git; 2] {
    let git = || Git::new(root).args(["-c", "core.hooksPath=/dev/null", "submodule", "--quiet"]);
    [
        git().args(["foreach", "--quiet", "--recursive", CLEAN]),
        // Only those that are there, and only commits that are there.
        git().args(["update", "--recursive", "--force", "--no-fetch", "--checkout"]),
    ]
}

/// True when nothing is lost with the submodules of a worktree.
///
/// # Errors
/// When git cannot be started.
pub(super) fn are_elsewhere(root: &Path) -> Result<bool, GitError> {
    if !any(root) {
        return Ok(true);
    }
    let git = Git::new(root).args(["submodule", "--quiet", "foreach", "--quiet", "--recursive", LOOK]);
    Ok(git.output()?.status == Some(0))
}
