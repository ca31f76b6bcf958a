//! The worktree of a slot: clean before each item, and after it as if there had been nothing but commits.

use std::path::{Path, PathBuf};

use crate::git::{Git, GitError};

use super::RunnerError;

/// Where a worktree stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The commit.
    pub commit: String,
    /// The branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// True when nothing is changed, staged or new, except what is ignored.
    pub clean: bool,
}

/// A worktree of the pool and its branch.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Its top folder.
    pub root: PathBuf,
    /// git's folder for it.
    pub git_dir: PathBuf,
    /// The branch that its commits go to.
    pub branch: String,
}

/// What a killed or unfinished git leaves behind in the folder of a worktree: locks, which every later
/// git would fail over, and acts that it would believe to be under way.
const LEFT: &[&str] = &[
    "index.lock",
    "HEAD.lock",
    "MERGE_HEAD",
    "MERGE_MODE",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "sequencer",
    "rebase-merge",
    "rebase-apply",
];

/// Looks where a worktree stands.
///
/// # Errors
/// When git does not tell.
pub fn look(root: &Path) -> Result<Standing, GitError> {
    let git = Git::new(root).args(["status", "--porcelain=v2", "--branch", "--no-ahead-behind"]);
    Ok(parse_status(&git.args(["--untracked-files=normal"]).text()?))
}

impl Tree {
    fn git(&self) -> Git {
        Git::new(&self.root)
    }

    /// Looks where it stands.
    ///
    /// # Errors
    /// When git does not tell.
    pub fn look(&self) -> Result<Standing, GitError> {
        look(&self.root)
    }

    /// Removes what a killed git has left. Only for who has the slot's lock, when its commands are
    /// dead: nobody's lock is taken away from under them.
    fn unlock(&self) -> Result<(), RunnerError> {
        for name in LEFT {
            let path = self.git_dir.join(name);
            let removed = match std::fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(&path),
                Ok(_) => std::fs::remove_file(&path),
                Err(_) => continue,
            };
            removed.map_err(RunnerError::io("remove", &path))?;
        }
        Ok(())
    }

    /// True when it stands on the branch that its commits go to. A commit made elsewhere, on a
    /// detached HEAD or in a rebase that was not ended, would be on no branch that anybody merges.
    pub fn is_home(&self, standing: &Standing) -> bool {
        standing.branch.as_deref() == Some(self.branch.as_str())
    }

    /// Throws away what is not committed, and comes back to the branch. Ignored files stay: they
    /// are what makes the next build fast.
    ///
    /// # Errors
    /// When git fails.
    pub fn clean(&self) -> Result<Standing, RunnerError> {
        self.unlock()?;
        self.clean_from(self.look()?)
    }

    /// The same after an item that is done: what its command committed on a detached HEAD before it
    /// finished the item itself comes onto the branch, if it goes on from there.
    ///
    /// # Errors
    /// When git fails.
    pub fn keep(&self) -> Result<Standing, RunnerError> {
        self.unlock()?;
        let standing = self.look()?;
        if standing.branch.is_none() {
            let branch = format!("refs/heads/{}", self.branch);
            let after = self.git().args(["merge-base", "--is-ancestor", &branch, &standing.commit]);
            if after.output()?.status == Some(0) {
                let git = self.git().args(["-c", "core.hooksPath=/dev/null", "update-ref"]);
                git.args([&branch, &standing.commit]).run()?;
            }
        }
        self.clean_from(standing)
    }

    fn clean_from(&self, mut standing: Standing) -> Result<Standing, RunnerError> {
        if standing.clean && self.is_home(&standing) {
            return Ok(standing);
        }
        self.git().args(["reset", "-q", "--hard"]).run()?;
        self.git().args(["clean", "-ffdq"]).run()?;
        if !self.is_home(&standing) {
            self.git().args(["checkout", "-q", "-f", &self.branch, "--"]).run()?;
        }
        standing = self.look()?;
        Ok(standing)
    }

    /// Throws away everything since `commit`, also commits.
    ///
    /// # Errors
    /// When git fails.
    pub fn go_back(&self, commit: &str) -> Result<(), RunnerError> {
        let standing = self.clean()?;
        if standing.commit != commit {
            self.git().args(["reset", "-q", "--hard", commit]).run()?;
        }
        Ok(())
    }

    /// True when there is such a commit.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn has(&self, commit: &str) -> Result<bool, GitError> {
        let git = self.git().args(["cat-file", "-e", &format!("{commit}^{{commit}}")]);
        Ok(git.output()?.status == Some(0))
    }
}

fn parse_status(text: &str) -> Standing {
    let mut standing = Standing { commit: String::new(), branch: None, clean: true };
    for line in text.lines() {
        if let Some(commit) = line.strip_prefix("# branch.oid ") {
            standing.commit = commit.to_owned();
        } else if let Some(branch) = line.strip_prefix("# branch.head ") {
            standing.branch = Some(branch.to_owned()).filter(|b| b != "(detached)");
        } else if !line.starts_with('#') {
            standing.clean = false;
        }
    }
    standing
}

/// The number of commits that a branch has and a commit has not.
///
/// # Errors
/// When git fails.
pub fn ahead(dir: &Path, base: &str, branch: &str) -> Result<u64, GitError> {
    let range = format!("{base}..refs/heads/{branch}");
    let text = Git::new(dir).args(["rev-list", "--count", &range, "--"]).text()?;
    text.parse().map_err(|_| GitError::Answer { command: "rev-list --count".into(), answer: text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_parsed() {
        let clean = parse_status("# branch.oid 12ab\n# branch.head coord/run-1\n");
        assert_eq!(
            clean,
            Standing { commit: "12ab".into(), branch: Some("coord/run-1".into()), clean: true }
        );
        let changed = parse_status("# branch.oid 12ab\n# branch.head (detached)\n? new\n");
        assert_eq!((changed.branch, changed.clean), (None, false));
    }
}
