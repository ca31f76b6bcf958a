//! What the worktree has that no commit has yet.

use super::ChangesError;
use crate::git::HostRepo;
use crate::model::RepoPath;

/// Files that are changed, added or removed and not committed, staged or not; untracked ones that are not
/// ignored, too. `below`: only these files and folders; none: all.
///
/// # Errors
/// When git fails, or reports a path that cannot be claimed.
pub fn uncommitted(repo: &HostRepo, below: &[RepoPath]) -> Result<Vec<RepoPath>, ChangesError> {
    status(repo, below, |_, _| true)
}

/// Files with changes that are not staged: `git commit` would leave these out.
///
/// # Errors
/// As [`uncommitted`].
pub fn unstaged(repo: &HostRepo, below: &[RepoPath]) -> Result<Vec<RepoPath>, ChangesError> {
    status(repo, below, |_, worktree| worktree != b' ')
}

fn status(
    repo: &HostRepo,
    below: &[RepoPath],
    wanted: impl Fn(u8, u8) -> bool,
) -> Result<Vec<RepoPath>, ChangesError> {
    // Renames stay two changes, each with its own path. Optional locks would be in the way of others.
    let mut git = repo.git().args(["--no-optional-locks", "--literal-pathspecs", "status", "--porcelain=v1"]);
    git = git.args(["-z", "--no-renames", "--untracked-files=all", "--"]);
    for path in below {
        git = git.arg(if path.is_root() { ".".into() } else { path.to_native() });
    }
    let output = git.run()?;
    let mut paths = Vec::new();
    for entry in output.split(|byte| *byte == 0) {
        let [index, worktree, _, path @ ..] = entry else { continue };
        if wanted(*index, *worktree) {
            paths.push(RepoPath::from_bytes(path)?);
        }
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}
