//! Moving the target branch: one compare-and-swap, by a push out of the workshop.
//!
//! A push moves the objects and the ref together, compares the old value on the other side, and, where
//! the branch is checked out in a clean worktree, changes the files with it
//! (`receive.denyCurrentBranch=updateInstead`). The user's hooks for pushes take no part: what lands was
//! committed through them. git changes the files before the ref; a kill in between leaves the new files
//! staged on the old commit, which [`Integrator::settle`] completes.

use std::path::Path;

use crate::crash_point;
use crate::git::{Git, RemoteGit};
use crate::model::landing::Intent;

use super::LandError;
use super::integrator::{Hold, Integrator};
use super::target::{Target, checked_out_dirty};

/// What runs on this side of a push into the user's repository.
const RECEIVE: &str = "git -c core.hooksPath=/dev/null -c receive.denyCurrentBranch=updateInstead \
                       -c receive.denyNonFastForwards=false -c receive.autogc=false \
                       -c receive.fsckObjects=false receive-pack";

/// Whether a branch was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It is.
    Done,
    /// It is not: it had another value.
    Meanwhile,
}

impl Integrator<'_> {
    /// Moves the target from the commit that was seen to `to`, where it lives; then this clone's branch
    /// follows. What the branch is afterwards is read back, never assumed.
    ///
    /// # Errors
    /// `checked-out-dirty` when files are in the way, and when git or the remote fails.
    pub fn move_to(&self, target: &Target, to: &str) -> Result<Moved, LandError> {
        crash_point!("before the branch moves");
        let Some(remote) = &target.remote else {
            return self.move_here(target, target.local.as_deref(), to);
        };
        let moved = self.push(remote, &target.branch, target.on_remote.as_deref(), to)?;
        crash_point!("branch pushed");
        if moved == Moved::Done {
            self.follow(target, to)?;
        }
        Ok(moved)
    }

    /// Moves the branch on the remote.
    fn push(&self, remote: &str, branch: &str, from: Option<&str>, to: &str) -> Result<Moved, LandError> {
        let name = format!("refs/heads/{branch}");
        let lease = format!("--force-with-lease={name}:{}", from.unwrap_or_default());
        let way = RemoteGit::new(self.workshop.networking(), remote);
        let output =
            way.push(&["--porcelain", &lease], &[format!("{to}:{name}")]).output_within(self.limit)?;
        if output.status == Some(0) {
            return Ok(Moved::Done);
        }
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().replace('\n', "; ");
        let mut reason = refusal(&words(&output.stdout)).unwrap_or_else(|| words(&output.stderr));
        if output.status.is_none() {
            reason = "no answer in time".to_owned();
        }
        let failed =
            |unknown| LandError::Remote { remote: remote.to_owned(), reason: reason.clone(), unknown };
        match self.fetch(remote, branch) {
            Ok(Some(now)) if now == to || self.workshop.contains(&now, to)? => Ok(Moved::Done),
            Ok(now) if now.as_deref() != from => Ok(Moved::Meanwhile),
            Ok(_) => Err(failed(false)),
            Err(_) => Err(failed(true)),
        }
    }

    /// Moves the branch of this clone.
    pub(super) fn move_here(
        &self,
        target: &Target,
        from: Option<&str>,
        to: &str,
    ) -> Result<Moved, LandError> {
        let name = format!("refs/heads/{}", target.branch);
        let output = self.push_here(&name, from, to)?;
        crash_point!("branch moved");
        let now = self.workshop.host().git().args(["rev-parse", "--verify", "-q", &name]).optional()?;
        if now.as_deref() == Some(to) {
            return Ok(Moved::Done);
        }
        if now.as_deref() != from {
            return Ok(Moved::Meanwhile);
        }
        match &target.worktree {
            Some(worktree) => Err(checked_out_dirty(&target.branch, worktree)),
            None => Err(LandError::Unreadable { commit: to.to_owned(), reason: output }),
        }
    }

    /// Pushes a commit to a ref of the user's repository; what git says.
    fn push_here(&self, name: &str, from: Option<&str>, to: &str) -> Result<String, LandError> {
        let git = self.workshop.git().args(["-c", "protocol.file.allow=always"]);
        let output = git
            .args(["push", "--quiet", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"])
            .args(["--recurse-submodules=no", "--no-force-if-includes"])
            .arg(format!("--force-with-lease={name}:{}", from.unwrap_or_default()))
            .arg(format!("--receive-pack={RECEIVE}"))
            .arg(&self.workshop.host().common_dir)
            .arg(format!("{to}:{name}"))
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// This clone's branch and its picture of the remote's follow a move on the remote. The landing is
    /// done by then: what cannot follow stays behind, as after anybody's push.
    pub(super) fn follow(&self, target: &Target, to: &str) -> Result<(), LandError> {
        let Some(remote) = &target.remote else { return Ok(()) };
        let tracking = format!("refs/remotes/{remote}/{}", target.branch);
        let host = self.workshop.host();
        let known = host.git().args(["rev-parse", "--verify", "-q", &tracking]).optional()?;
        self.push_here(&tracking, known.as_deref(), to)?;
        if let Some(local) = &target.local
            && local != to
        {
            self.push_here(&format!("refs/heads/{}", target.branch), Some(local), to)?;
        }
        Ok(())
    }

    /// Completes what a dead integrator has left: a branch that was moved and not recorded is recorded;
    /// one that was not moved stays, and its intent is dropped. What was recorded, if anything was; the
    /// lease is a new one then.
    ///
    /// # Errors
    /// When the remote cannot be reached, or from git and the store.
    pub fn settle(&self, hold: &mut Hold, target: &Target) -> Result<Option<Intent>, LandError> {
        let Some(intent) = hold.intent.take() else { return Ok(None) };
        let (from, to) = intent.ends();
        let mut came_true = self.has_come_true(target, from, to)?;
        if !came_true
            && intent.remote().is_none()
            && from == target.local.as_deref()
            && let Some(worktree) = &target.worktree
        {
            came_true = self.complete(worktree, &target.branch, from, to)?;
        }
        if !came_true {
            return Ok(None);
        }
        self.follow(target, to)?;
        self.finish(&hold.branch, hold.lease, &target.tip)?;
        (hold.lease, _) = self.lease(&hold.branch, None)?;
        Ok(Some(intent))
    }

    /// True when the branch was moved from `from` to `to`, even if it has moved on since.
    fn has_come_true(&self, target: &Target, from: Option<&str>, to: &str) -> Result<bool, LandError> {
        if target.tip == to {
            return Ok(true);
        }
        if self.workshop.commit(to)?.is_none() || !self.workshop.contains(&target.tip, to)? {
            return Ok(false);
        }
        // A move back: its end was part of the branch before.
        let Some(from) = from else { return Ok(true) };
        Ok(!(self.workshop.contains(from, to)? && self.workshop.contains(&target.tip, from)?))
    }

    /// A kill between the files and the ref: the worktree has the files of `to`, and the ref does not.
    fn complete(
        &self,
        worktree: &Path,
        branch: &str,
        from: Option<&str>,
        to: &str,
    ) -> Result<bool, LandError> {
        let at = || Git::new(worktree);
        let is_there = at().args(["cat-file", "-e", &format!("{to}^{{commit}}")]).output()?.status == Some(0);
        if !is_there
            || at().args(["diff-index", "--cached", "--quiet", to, "--"]).output()?.status != Some(0)
            || at().args(["diff-files", "--quiet", "--ignore-submodules"]).output()?.status != Some(0)
        {
            return Ok(false);
        }
        let git = self.workshop.host().git().args(["-c", "core.hooksPath=/dev/null", "update-ref"]);
        git.args([&format!("refs/heads/{branch}"), to, from.unwrap_or_default()]).run()?;
        Ok(true)
    }
}

/// Why a ref was refused, from the output of `git push --porcelain`: `!\t<refs>\t[remote rejected] (why)`.
fn refusal(stdout: &str) -> Option<String> {
    let line = stdout.split("; ").find(|line| line.starts_with("!\t"))?;
    line.split('\t').nth(2).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_refusal_is_found() {
        let out = "To /srv/hub; !\tabc:refs/heads/main\t[remote rejected] (hook declined); Done";
        assert_eq!(refusal(out).as_deref(), Some("[remote rejected] (hook declined)"));
        assert_eq!(refusal("Done"), None);
    }
}
