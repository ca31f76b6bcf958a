//! Merging what a branch lacks, with git in the session's own worktree.

use crate::git::{Git, tips};
use crate::model::unlanded::Missing;

use super::known::is_ancestor;
use super::{Branch, FreshError, Merged, Refreshed, target};

/// Paths that a merge commit names.
const NAMED: usize = 3;

impl Branch<'_> {
    /// Merges these commits; false when one of them cannot be merged here: then the worktree is as it was
    /// before that one.
    pub(super) fn bring(&self, missing: &[Missing], done: &mut Refreshed) -> Result<bool, FreshError> {
        let Some(head) = tips::head(self.repo) else { return Ok(false) };
        let Some(branch) = head.branch.as_deref().and_then(|b| b.strip_prefix("refs/heads/")) else {
            return Ok(false);
        };
        let on_target = target::name(self.repo, self.settings).as_deref() == Some(branch);
        let closed = on_target || self.settings.protects(branch);
        if done.from.is_empty() {
            done.from.clone_from(&head.commit);
            done.to.clone_from(&head.commit);
        }
        let mut seen: Vec<&str> = Vec::new();
        for one in missing {
            if seen.contains(&one.commit.as_str()) {
                continue;
            }
            seen.push(&one.commit);
            if is_ancestor(self, &one.commit, &done.to)? {
                continue;
            }
            let of_target = one.session.is_none();
            if (closed && !of_target) || !self.has_commit(one)? {
                return Ok(false);
            }
            let paths = missing.iter().filter(|m| m.commit == one.commit).map(|m| m.path.as_str());
            if !self.merge(one, &message(one, &paths.collect::<Vec<_>>()), closed)? {
                return Ok(false);
            }
            let Some(now) = tips::head(self.repo) else { return Ok(false) };
            done.to = now.commit;
            let (session, from) = (one.session.clone(), one.branch.clone());
            done.merged.push(Merged { commit: one.commit.clone(), session, branch: from });
        }
        Ok(true)
    }

    /// True when the commit is in this clone. Sessions of other clones push their branches: they are fetched.
    fn has_commit(&self, one: &Missing) -> Result<bool, FreshError> {
        let object = format!("{}^{{commit}}", one.commit);
        let is_here = || -> Result<bool, FreshError> {
            Ok(self.repo.git().args(["cat-file", "-e", &object]).output()?.status == Some(0))
        };
        if is_here()? {
            return Ok(true);
        }
        let (Some(arbiter), Some(branch)) = (self.store.arbiter()?, &one.branch) else { return Ok(false) };
        let refspec = format!("refs/heads/{branch}");
        let git = self.repo.git().for_user();
        git.args(["fetch", "-q", "--no-write-fetch-head", &arbiter.remote, &refspec]).output()?;
        is_here()
    }

    /// One merge. Hooks do not run: nothing is edited here, and a hook that asks a person would stop a claim.
    fn merge(&self, one: &Missing, message: &str, only_forward: bool) -> Result<bool, FreshError> {
        let git = || Git::new(&self.repo.root).for_user().args(["-c", "core.hooksPath=/dev/null"]);
        let how: &[&str] =
            if only_forward { &["--ff-only"] } else { &["--no-ff", "--no-edit", "-m", message] };
        let merge = git().args(["merge", "-q"]).args(how).arg(&one.commit).output()?;
        if merge.status == Some(0) {
            return Ok(true);
        }
        if self.repo.git_dir.join("MERGE_HEAD").exists() {
            git().args(["merge", "--abort"]).output()?;
        }
        Ok(false)
    }
}

/// What and why.
fn message(one: &Missing, paths: &[&str]) -> String {
    let from = one.branch.as_deref().unwrap_or("another branch");
    let whose = one.session.as_ref().map(|s| format!(" of {s}")).unwrap_or_default();
    let mut names = paths.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if paths.len() > NAMED {
        names.push_str(&format!(" and {} more", paths.len() - NAMED));
    }
    let item = one.item.as_ref().map(|i| format!(" (item {i})")).unwrap_or_default();
    format!("Merge {from}{whose} for {names}\n\nThis branch is about to change what was changed there{item}.")
}
