//! The worktree of a slot: clean before each item, and after it as if there had been nothing but commits.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::git::{Git, GitError};

use super::RunnerError;
use super::supervised_git::SupervisedGit;
use super::{stash, submodules};

/// Why git has locked a worktree that it has not made to its end. It takes the lock away then.
pub(super) const HALF_MADE: &str = "initializing";

/// Where a worktree stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeStatus {
    /// The commit; `None` on a branch that has none.
    pub commit: Option<String>,
    /// The branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// True when nothing is changed, staged or new, except what is ignored.
    pub clean: bool,
}

/// A worktree of the pool and its branch.
#[derive(Debug, Clone)]
pub(super) struct SlotWorktree<'a> {
    /// Its top folder.
    pub root: PathBuf,
    /// The top folder of the worktree that the run was started in, for what concerns branches: a
    /// command may have removed the slot's.
    pub home: PathBuf,
    /// The git folder that all worktrees share.
    pub common_dir: PathBuf,
    /// The branch that its commits go to.
    pub branch: String,
    /// Where the branch begins when there is none.
    pub base: String,
    /// Who watches over git in it.
    pub chores: SupervisedGit<'a>,
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
    "BISECT_ANCESTORS_OK",
    "BISECT_EXPECTED_REV",
    "BISECT_FIRST_PARENT",
    "BISECT_HEAD",
    "BISECT_LOG",
    "BISECT_NAMES",
    "BISECT_RUN",
    "BISECT_START",
    "BISECT_TERMS",
    "refs/bisect",
];

/// What stands between the name of a slot's branch and a commit, for what was set aside.
pub const ASIDE: &str = "-aside-";

/// The setting that keeps hooks out of what the run does on its own.
const NO_HOOKS: &str = "core.hooksPath=/dev/null";

/// Looks where a worktree stands.
///
/// # Errors
/// When git does not tell.
pub fn look(root: &Path) -> Result<WorktreeStatus, GitError> {
    Ok(parse_status(&status(root).run()?))
}

/// The git that tells where a worktree stands, for [`parse_status`].
pub(super) fn status(root: &Path) -> Git {
    let git = Git::new(root).args(["status", "--porcelain=v2", "--branch", "--no-ahead-behind"]);
    git.args(["--untracked-files=normal", "--ignore-submodules=none"])
}

impl SlotWorktree<'_> {
    fn git(&self) -> Git {
        Git::new(&self.root)
    }

    /// git where it can be asked for branches and commits, whatever has become of the worktree.
    fn git_home(&self) -> Git {
        Git::new(&self.home)
    }

    /// git's folder for it, as the worktree itself tells: made anew, it may have another one. `None`
    /// when there is no worktree, and where a command has put something else in its place.
    pub fn git_dir(&self) -> Option<PathBuf> {
        let text = std::fs::read(self.root.join(".git")).ok()?;
        let dir = OsStr::from_bytes(text.strip_prefix(b"gitdir: ")?.trim_ascii_end());
        let dir = self.root.join(dir).canonicalize().ok()?;
        (dir.parent() == Some(&self.common_dir.join("worktrees"))).then_some(dir)
    }

    /// Looks where it stands.
    ///
    /// # Errors
    /// When git does not tell.
    fn look(&self) -> Result<WorktreeStatus, RunnerError> {
        Ok(parse_status(&self.chores.run(&status(&self.root))?))
    }

    /// Removes what a killed git has left. Only for who has the slot's lock, when its commands are
    /// dead: nobody's lock is taken away from under them.
    fn unlock(&self) -> Result<(), RunnerError> {
        let Some(git_dir) = self.git_dir() else { return Ok(()) };
        for name in LEFT {
            let path = git_dir.join(name);
            let removed = match std::fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(&path),
                Ok(_) => std::fs::remove_file(&path),
                Err(_) => continue,
            };
            removed.map_err(RunnerError::io("remove", &path))?;
        }
        stash::drop_of_branch(&self.home, &self.common_dir, &self.branch)?;
        Ok(())
    }

    /// True when it stands on the branch that its commits go to. A commit made elsewhere, on a
    /// detached HEAD or in a rebase that was not ended, would be on no branch that anybody merges.
    pub fn is_home(&self, standing: &WorktreeStatus) -> bool {
        standing.branch.as_deref() == Some(self.branch.as_str())
    }

    /// True when it is there: a command may remove the folder it runs in, or what makes it a worktree.
    pub fn stands(&self) -> bool {
        self.git_dir().is_some_and(|dir| is_whole(&dir))
    }

    /// Throws away what is not committed, and comes back to the branch. Ignored files stay: they
    /// are what makes the next build fast. Returns the commit that it stands at.
    ///
    /// # Errors
    /// When git fails.
    pub fn clean(&self) -> Result<String, RunnerError> {
        self.unlock()?;
        let standing = self.look()?;
        if standing.clean
            && self.is_home(&standing)
            && let Some(commit) = standing.commit
        {
            return Ok(commit);
        }
        // Whoever renames the branch goes on with what it was.
        let to = self.tip()?.or(standing.commit).unwrap_or_else(|| self.base.clone());
        self.put(&to)?;
        Ok(to)
    }

    /// The same after an item that is done, and was begun at `before`. The branch goes on to what the
    /// command has committed, there or on a detached HEAD. But it never loses what it had: commits
    /// that do not go on from there get a branch of their own.
    ///
    /// # Errors
    /// When git fails.
    pub fn keep(&self, before: &str) -> Result<(), RunnerError> {
        self.unlock()?;
        let standing = self.look()?;
        let home = self.is_home(&standing);
        let detached = standing.commit.clone().filter(|_| standing.branch.is_none());
        let tip = if home { standing.commit.clone() } else { self.tip()? };
        let lines: Vec<String> = tip.into_iter().chain(detached).collect();
        let mut to = before.to_owned();
        for line in &lines {
            if self.leads_to(&to, line)? {
                to.clone_from(line);
            }
        }
        for line in &lines {
            if !self.leads_to(line, &to)? {
                self.set_aside(line)?;
            }
        }
        if home && standing.clean && standing.commit.as_ref() == Some(&to) {
            return Ok(());
        }
        self.put(&to)
    }

    /// Gives commits that belong to nothing else a branch.
    fn set_aside(&self, commit: &str) -> Result<(), RunnerError> {
        let short = commit.get(..12).unwrap_or(commit);
        let name = format!("refs/heads/{}{ASIDE}{short}", self.branch);
        self.git_home().args(["-c", NO_HOOKS, "update-ref", &name, commit]).run()?;
        Ok(())
    }

    /// The number of commits that the branch has and the base has not.
    ///
    /// # Errors
    /// When git fails.
    pub fn ahead(&self) -> Result<u64, GitError> {
        self.count(&format!("{}..refs/heads/{}", self.base, self.branch))
    }

    fn count(&self, range: &str) -> Result<u64, GitError> {
        let text = self.git_home().args(["rev-list", "--count", range, "--"]).text()?;
        text.parse().map_err(|_| GitError::Answer { command: "rev-list --count".into(), answer: text })
    }

    /// The branches with what was set aside and is in no way part of a commit.
    ///
    /// # Errors
    /// When git fails.
    pub fn aside(&self) -> Result<Vec<String>, GitError> {
        let pattern = format!("refs/heads/{}{ASIDE}*", self.branch);
        let git =
            self.git_home().args(["for-each-ref", "--format=%(refname:lstrip=2)", "--no-merged", &self.base]);
        Ok(git.arg(pattern).text()?.lines().map(str::to_owned).collect())
    }

    /// Begins at the base again when that has all its commits. It stands at `commit`; returns where it
    /// stands then.
    ///
    /// # Errors
    /// When git fails.
    pub fn catch_up(&self, commit: String) -> Result<String, RunnerError> {
        if commit == self.base || !(self.leads_to(&commit, &self.base)? || self.adds_nothing(&commit)?) {
            return Ok(commit);
        }
        self.go_back(&self.base)?;
        Ok(self.base.clone())
    }

    /// True when merging a commit into the base would change nothing: its work came there by a squash
    /// or a rebase.
    fn adds_nothing(&self, commit: &str) -> Result<bool, GitError> {
        let merged = self.git_home().args(["merge-tree", "--write-tree", &self.base, commit]).output()?;
        if merged.status != Some(0) {
            return Ok(false);
        }
        let tree = self.git_home().args(["rev-parse", &format!("{}^{{tree}}", self.base)]).text()?;
        Ok(String::from_utf8_lossy(&merged.stdout).trim() == tree)
    }

    /// The number of commits that the base has and the branch has not.
    ///
    /// # Errors
    /// When git fails.
    pub fn behind(&self) -> Result<u64, GitError> {
        self.count(&format!("refs/heads/{}..{}", self.branch, self.base))
    }

    /// Throws away everything since `commit`, also commits.
    ///
    /// # Errors
    /// When git fails.
    pub fn go_back(&self, commit: &str) -> Result<(), RunnerError> {
        self.unlock()?;
        self.put(commit)
    }

    /// Brings the branch and the worktree to a commit, wherever they are. Without hooks: it is no
    /// act of the user. A worktree that a command has made may have the branch by now: it is the slot's
    /// all the same.
    fn put(&self, commit: &str) -> Result<(), RunnerError> {
        let checkout = ["-c", NO_HOOKS, "checkout", "-q", "-f", "--ignore-other-worktrees"];
        self.chores.run(&self.git().args(checkout).args(["-B", &self.branch, commit, "--"]))?;
        self.chores.run(&self.git().args(["clean", "-ffdq"]))?;
        if submodules::any(&self.root) {
            let [clean, update] = submodules::clean(&self.root);
            self.chores.run(&clean)?;
            // A commit that is not here any more has to be fetched by the command that wants it.
            let _ = self.chores.run(&update);
        }
        Ok(())
    }

    /// The commit of the branch; `None` when there is no such branch.
    pub fn tip(&self) -> Result<Option<String>, GitError> {
        let name = format!("refs/heads/{}", self.branch);
        self.git_home().args(["rev-parse", "--verify", "-q", &name]).optional()
    }

    /// True when the history of a commit has the other.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn leads_to(&self, from: &str, to: &str) -> Result<bool, GitError> {
        let git = || self.git_home().args(["merge-base", "--is-ancestor", from, to]);
        Ok(from == to || git().output()?.status == Some(0))
    }

    /// True when there is such a commit.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn has(&self, commit: &str) -> Result<bool, GitError> {
        let git = self.git_home().args(["cat-file", "-e", &format!("{commit}^{{commit}}")]);
        Ok(git.output()?.status == Some(0))
    }
}

/// True when the worktree with this git folder was made to its end.
pub(super) fn is_whole(git_dir: &Path) -> bool {
    let reason = std::fs::read_to_string(git_dir.join("locked")).unwrap_or_default();
    git_dir.join("HEAD").is_file() && reason.trim_end() != HALF_MADE
}

/// Reads what [`status`] prints.
pub(super) fn parse_status(text: &[u8]) -> WorktreeStatus {
    let text = String::from_utf8_lossy(text);
    let mut standing = WorktreeStatus { commit: None, branch: None, clean: true };
    for line in text.lines() {
        if let Some(commit) = line.strip_prefix("# branch.oid ") {
            standing.commit = Some(commit.to_owned()).filter(|c| c != "(initial)");
        } else if let Some(branch) = line.strip_prefix("# branch.head ") {
            standing.branch = Some(branch.to_owned()).filter(|b| b != "(detached)");
        } else if !line.starts_with('#') {
            standing.clean = false;
        }
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_parsed() {
        let clean = parse_status(b"# branch.oid 12ab\n# branch.head coord/run-1\n");
        assert_eq!(
            clean,
            WorktreeStatus { commit: Some("12ab".into()), branch: Some("coord/run-1".into()), clean: true }
        );
        let changed = parse_status(b"# branch.oid 12ab\n# branch.head (detached)\n? new\n");
        assert_eq!((changed.branch, changed.clean), (None, false));
    }
}
