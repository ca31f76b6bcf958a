//! Taking the pool away: for `git coord uninstall`.
//!
//! Nothing that a user may want is lost: a worktree with changes that are not committed stays,
//! and so does a branch with commits that no other branch or tag has, and a slot in which a run
//! is at work.

use std::path::PathBuf;

use crate::git::{Git, GitError, HostRepo, Worktree};
use crate::model::SessionName;
use crate::store::{Store, StoreOptions};

use super::slot_worktree::{ASIDE, look};
use crate::exec::POOL_DIR;

use super::slots::BRANCHES;
use super::worktree_setup::is_half_made;
use super::{pristine, submodules};

/// What there is of the pool, and what is to become of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// Worktrees to be removed.
    pub worktrees: Vec<PathBuf>,
    /// Branches to be removed, with their commits.
    pub branches: Vec<(String, String)>,
    /// What stays, and why.
    pub kept: Vec<(String, &'static str)>,
}

impl Remains {
    /// True when nothing is to be removed.
    pub fn is_empty(&self) -> bool {
        self.worktrees.is_empty() && self.branches.is_empty()
    }
}

/// Looks at the pool.
///
/// # Errors
/// When git does not answer.
pub fn remains(repo: &HostRepo) -> Result<Remains, GitError> {
    let pool = repo.common_dir.join(POOL_DIR);
    let mut found = Remains::default();
    let mut in_use = Vec::new();
    for tree in repo.worktrees()? {
        if tree.path.parent() != Some(pool.as_path()) {
            continue;
        }
        let name = tree.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let keep = if is_busy(repo, &name) {
            Some("a run is at work there")
        } else if is_remnant(&tree) {
            None
        } else if tree.prunable {
            Some("it is no worktree any more")
        } else if tree.locked.is_some() {
            Some("it is locked: git worktree unlock")
        } else if !pristine::is_clean(&tree.path)? {
            Some("it has changes that are not committed")
        } else if !submodules::are_elsewhere(&tree.path)? {
            Some("a submodule in it has work that is nowhere else")
        } else {
            None
        };
        match keep {
            Some(why) => {
                in_use.extend(tree.branch);
                found.kept.push((tree.path.to_string_lossy().into_owned(), why));
            }
            None => found.worktrees.push(tree.path),
        }
    }
    let prefixes = BRANCHES.map(|prefix| format!("refs/heads/{prefix}*"));
    let git = repo.git().args(["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)"]);
    let out = git.args(prefixes).text()?;
    for (commit, branch) in out.lines().filter_map(|l| l.split_once(' ')) {
        let slot = BRANCHES.iter().find_map(|prefix| branch.strip_prefix(prefix)?.strip_prefix("run-"));
        let number = slot.map(|n| n.split_once(ASIDE).map_or(n, |(number, _)| number));
        if number.is_none_or(|n| n.is_empty() || !n.bytes().all(|b| b.is_ascii_digit())) {
            continue;
        }
        if in_use.iter().any(|b| b == branch) {
            continue;
        }
        if is_elsewhere(repo, commit)? {
            found.branches.push((branch.to_owned(), commit.to_owned()));
        } else {
            found.kept.push((branch.to_owned(), "it has commits that no other branch has"));
        }
    }
    Ok(found)
}

/// True when a worktree was not made to its end, or its folder is gone: there is nothing to lose.
fn is_remnant(tree: &Worktree) -> bool {
    is_half_made(tree) || !tree.path.exists()
}

/// True when a run has the slot.
fn is_busy(repo: &HostRepo, name: &str) -> bool {
    let Ok(name) = SessionName::parse(name) else { return false };
    // Where there is no store any more, nobody is at work.
    let lock = Store::open(&repo.common_dir, StoreOptions::default()).and_then(|s| s.run_lock(&name));
    matches!(lock, Ok(None))
}

/// True when a branch or tag outside the pool has this commit.
fn is_elsewhere(repo: &HostRepo, commit: &str) -> Result<bool, GitError> {
    let pool = BRANCHES.map(|prefix| format!("refs/heads/{prefix}run-"));
    let git = repo.git().args(["for-each-ref", "--format=%(refname)", "--contains", commit]);
    let refs = git.args(["refs/heads", "refs/remotes", "refs/tags"]).text()?;
    if refs.lines().any(|name| !pool.iter().any(|prefix| name.starts_with(prefix))) {
        return Ok(true);
    }
    // A detached HEAD is no branch.
    let head = repo.git().args(["merge-base", "--is-ancestor", commit, "HEAD"]).output()?;
    Ok(head.status == Some(0))
}

/// Removes what [`remains`] has found. git looks once more: what has changed since then stays.
///
/// # Errors
/// When git fails.
pub fn remove(repo: &HostRepo, found: &Remains) -> Result<(), GitError> {
    let remnants: Vec<Worktree> = repo.worktrees()?.into_iter().filter(is_remnant).collect();
    for path in &found.worktrees {
        let git = repo.git().args(["worktree", "remove"]);
        let git = if remnants.iter().any(|tree| tree.path == *path) {
            // git refuses one whose folder it had just made.
            let _ = std::fs::remove_dir(path);
            // Twice: also what is locked.
            git.args(["-f", "-f"])
        } else if submodules::any(path) || !look(path)?.clean {
            // git refuses these in any case: looked at by us, a moment ago and now.
            if !pristine::is_clean(path)? || !submodules::are_elsewhere(path)? {
                continue;
            }
            git.arg("-f")
        } else {
            git
        };
        git.arg("--").arg(path).run()?;
    }
    for (branch, commit) in &found.branches {
        // With the value that was seen: a commit that came in between is not lost.
        let name = format!("refs/heads/{branch}");
        repo.git().args(["-c", "core.hooksPath=/dev/null", "update-ref", "-d", &name, commit]).run()?;
        // `git branch -D` would do this too: settings of the branch.
        let section = format!("branch.{branch}");
        let _ = Git::new(&repo.root).args(["config", "--local", "--remove-section", &section]).output();
    }
    // Only when nothing is left in them.
    let pool = repo.common_dir.join(POOL_DIR);
    for entry in std::fs::read_dir(&pool).into_iter().flatten().flatten() {
        let _ = std::fs::remove_dir(entry.path());
    }
    let _ = std::fs::remove_dir(pool);
    for folder in ["refs/heads", "logs/refs/heads"] {
        let _ = std::fs::remove_dir(repo.common_dir.join(folder).join(BRANCHES[0]));
    }
    Ok(())
}
