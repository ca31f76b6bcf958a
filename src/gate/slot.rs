//! A worktree of the pool in which gates run, detached at the commit that they are to judge.

use std::path::PathBuf;

use crate::exec::POOL_DIR;
use crate::git::{Git, GitEnv, HostRepo};
use crate::model::SessionName;
use crate::store::{Store, StoreLock};

use super::GateError;

/// More gates at once than anybody runs on one machine.
const MOST: usize = 100;

/// Hooks have no say in what is no work of a person.
const NO_HOOKS: [&str; 2] = ["-c", "core.hooksPath=/dev/null"];

/// A worktree that is this process's alone.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its top folder.
    pub root: PathBuf,
    _lock: StoreLock,
}

/// Takes a worktree of the pool and brings it to a commit. Ignored files stay: they are what makes the
/// next build fast.
///
/// # Errors
/// When git or the store fails.
pub(super) fn at(repo: &HostRepo, store: &Store, commit: &str) -> Result<Slot, GateError> {
    for number in 1..=MOST {
        let Ok(name) = SessionName::parse(&format!("gate-{number}")) else { continue };
        let Some(lock) = store.run_lock(&name)? else { continue };
        let slot = Slot { root: repo.common_dir.join(POOL_DIR).join(name.as_str()), _lock: lock };
        slot.bring(repo, store, commit)?;
        return Ok(slot);
    }
    Err(GateError::Stopped)
}

impl Slot {
    fn bring(&self, repo: &HostRepo, store: &Store, commit: &str) -> Result<(), GateError> {
        let root = &self.root;
        let whole = HostRepo::discover(root, &GitEnv::default()).is_ok_and(|home| home.root == *root);
        if !whole {
            // `git worktree add` twice at once can fail over git's own files.
            let _alone = store.worktree_lock()?;
            if root.exists() {
                std::fs::remove_dir_all(root).map_err(crate::exec::ExecError::io("remove", root))?;
            }
            if repo.worktrees()?.iter().any(|tree| tree.path == *root) {
                repo.git().args(["worktree", "remove", "-f", "-f", "--"]).arg(root).run()?;
            }
            let git = repo.git().args(NO_HOOKS).args(["worktree", "add", "-q", "-f", "--detach", "--"]);
            git.arg(root).arg(commit).run()?;
        }
        let git = || Git::new(root).args(NO_HOOKS);
        git().args(["checkout", "-q", "-f", "--detach", commit, "--"]).run()?;
        git().args(["clean", "-ffdq"]).run()?;
        Ok(())
    }
}
