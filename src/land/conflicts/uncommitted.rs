//! What a worktree has that is not committed, as a commit that nobody keeps.

use std::time::Duration;

use crate::git::Git;
use crate::land::LandError;
use crate::land::integrator::Integrator;

use super::LiveBranch;
use super::batch::Quarantine;

/// A filter of the user's may hang.
const LIMIT: Duration = Duration::from_secs(60);

impl Integrator<'_> {
    /// Counts changed and new files of the worktree in which a branch is checked out: with a copy of its
    /// index, and objects in quarantine.
    ///
    /// # Errors
    /// When git fails.
    pub(super) fn count_uncommitted(
        &self,
        quarantine: &Quarantine,
        branch: &mut LiveBranch,
    ) -> Result<(), LandError> {
        let trees = self.workshop.host().worktrees()?;
        let is_here = |tree: &&crate::git::Worktree| {
            tree.branch.as_deref() == Some(branch.name.as_str()) && !tree.prunable && !tree.bare
        };
        let Some(tree) = trees.iter().find(is_here) else { return Ok(()) };
        let status = ["status", "--porcelain", "-z", "--ignore-submodules"];
        if Git::new(&tree.path).args(status).run()?.is_empty() {
            return Ok(());
        }
        let name = Git::new(&tree.path).args(["rev-parse", "--path-format=absolute", "--git-path", "index"]);
        let index = std::path::PathBuf::from(name.text()?);
        let copy = tempfile::NamedTempFile::new().map_err(LandError::io(&index))?;
        std::fs::copy(&index, copy.path()).map_err(LandError::io(&index))?;
        let git = || {
            let mut git = Git::new(&tree.path).env("GIT_INDEX_FILE", copy.path());
            for (key, value) in quarantine.env(&self.workshop) {
                git = git.env(key, value);
            }
            git.args(["-c", "core.fsmonitor=false", "-c", "core.splitIndex=false"])
        };
        git().args(["add", "--all", "--ignore-errors"]).run_within(LIMIT)?;
        let tree = git().arg("write-tree").text()?;
        let date = "@0 +0000";
        let commit = git().for_user().env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date);
        branch.merged = commit.args(["commit-tree", &tree, "-p", &branch.tip]).stdin("uncommitted").text()?;
        branch.uncommitted = true;
        Ok(())
    }
}
