//! The target branch: which one it is, where it lives, and where it is checked out.
//!
//! Where a remote decides about claims, the target lives there and is fetched into the workshop; the
//! branch of this clone follows. Otherwise it is a branch of this clone.

use std::path::{Path, PathBuf};

use crate::git::{Git, RemoteGit, Worktree, listed};

use super::LandError;
use super::integrator::Integrator;
use super::workshop::Workshop;

/// The target as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The remote on which it lives.
    pub remote: Option<String>,
    /// Its commit: on the remote, or here when there is no remote or it does not have the branch yet.
    pub tip: String,
    /// Its commit on the remote; `None` when it does not have the branch.
    pub on_remote: Option<String>,
    /// Its commit in this clone; `None` when there is no such branch.
    pub local: Option<String>,
    /// The worktree in which it is checked out.
    pub worktree: Option<PathBuf>,
}

/// The name of the target branch: `named`, else what `configured` says (`coord.target`), else the branch
/// that the remote's `HEAD` names, else the main worktree's.
///
/// # Errors
/// When there is none of them.
pub fn branch(
    workshop: &Workshop,
    named: Option<&str>,
    configured: Option<&str>,
    remote: Option<&str>,
) -> Result<String, LandError> {
    if let Some(name) = named.or(configured) {
        let name = name.strip_prefix("refs/heads/").unwrap_or(name);
        let check = workshop.host().git().args(["check-ref-format", "--branch", name]).output()?;
        if check.status != Some(0) {
            let hint = "name it as git does, for example: --into main".to_owned();
            return Err(LandError::Unknown { message: format!("{name:?} cannot be a branch"), hint });
        }
        return Ok(name.to_owned());
    }
    let remote = remote.unwrap_or("origin");
    let head = format!("refs/remotes/{remote}/HEAD");
    let found = workshop.host().git().args(["symbolic-ref", "-q", &head]).optional()?;
    let prefix = format!("refs/remotes/{remote}/");
    if let Some(branch) = found.as_deref().and_then(|name| name.strip_prefix(&prefix)) {
        return Ok(branch.to_owned());
    }
    let main = workshop.host().worktrees()?.into_iter().find(|tree| !tree.bare).and_then(|tree| tree.branch);
    main.ok_or_else(|| LandError::Unknown {
        message: "it is not clear which branch is the target: the main worktree is on none".into(),
        hint: "name it: --into main, or for all commands: git config coord.target main".into(),
    })
}

impl Integrator<'_> {
    /// Looks at the target branch; a remote is asked.
    ///
    /// # Errors
    /// When there is no such branch, or the remote cannot be reached.
    pub fn look(&self, branch: &str) -> Result<Target, LandError> {
        let name = format!("refs/heads/{branch}");
        let local = self.workshop.host().git().args(["rev-parse", "--verify", "-q", &name]).optional()?;
        let on_remote = match &self.remote {
            Some(remote) => self.fetch(remote, branch)?,
            None => None,
        };
        let tip = on_remote.clone().or_else(|| local.clone()).ok_or_else(|| LandError::Unknown {
            message: format!("there is no branch {branch}"),
            hint: format!("make it: git branch {branch}, or name another with --into"),
        })?;
        let trees = self.workshop.host().worktrees()?;
        let worktree = trees.into_iter().find(|tree| is_on(tree, branch)).map(|tree| tree.path);
        Ok(Target { branch: branch.to_owned(), remote: self.remote.clone(), tip, on_remote, local, worktree })
    }

    /// Fetches a branch of a remote into the workshop; `None` when the remote does not have it.
    ///
    /// # Errors
    /// When the remote cannot be reached.
    pub fn fetch(&self, remote: &str, branch: &str) -> Result<Option<String>, LandError> {
        let name = format!("refs/heads/{branch}");
        // One component: of `a` and `a/b`, only one could exist otherwise.
        let own = format!("refs/coord/fetched/{}", branch.replace('/', "%2F"));
        let way = RemoteGit::new(self.workshop.networking(), remote);
        let fetch = way.fetch(&["--no-write-fetch-head"], &[format!("+{name}:{own}")]);
        let output = fetch.output_within(self.limit)?;
        if output.status == Some(0) {
            return Ok(self.workshop.commit(&own)?);
        }
        // git's words for a branch that is not there vary; asking for the list does not.
        let asked =
            RemoteGit::new(self.workshop.networking(), remote).list(&[&name]).output_within(self.limit)?;
        if asked.status == Some(0) && !listed(&asked.stdout).iter().any(|(found, _)| *found == name) {
            return Ok(None);
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        let reason = if output.status.is_none() { "no answer in time".to_owned() } else { reason };
        Err(LandError::Remote { remote: remote.to_owned(), reason, unknown: false })
    }
}

impl Target {
    /// Refuses a target that could not be moved at the end: it has changes where it is checked out, or
    /// this clone's branch and the one that counts have gone different ways.
    ///
    /// # Errors
    /// `checked-out-dirty` and `moved`.
    pub fn check(&self, workshop: &Workshop) -> Result<(), LandError> {
        let Target { branch, tip, .. } = self;
        match &self.worktree {
            Some(worktree) if is_dirty(worktree)? => return Err(checked_out_dirty(branch, worktree)),
            _ => {}
        }
        let Some(local) = &self.local else { return Ok(()) };
        if let Some(remote) = &self.remote
            && !workshop.contains(tip, local)?
        {
            let n = count(workshop, tip, local)?;
            return Err(LandError::rule(
                "moved",
                format!("{branch} of this clone has {n} commit(s) that {branch} of {remote} lacks"),
                format!("push them, or move the branch back: git push {remote} {branch}"),
            ));
        }
        if self.remote.is_none() {
            self.check_upstream(workshop)?;
        }
        Ok(())
    }

    /// A branch that is behind its upstream would land on an old version of it.
    fn check_upstream(&self, workshop: &Workshop) -> Result<(), LandError> {
        let branch = &self.branch;
        let word = format!("{branch}@{{upstream}}");
        let git = workshop.host().git().args(["rev-parse", "--verify", "-q", &word]).output()?;
        let upstream = String::from_utf8_lossy(&git.stdout).trim().to_owned();
        if git.status != Some(0) || upstream.is_empty() || workshop.contains(&self.tip, &upstream)? {
            return Ok(());
        }
        let n = count(workshop, &self.tip, &upstream)?;
        Err(LandError::rule(
            "moved",
            format!("{branch} lacks {n} commit(s) of its upstream"),
            format!("take them over first: git switch {branch} && git pull"),
        ))
    }
}

/// The refusal to move a branch under somebody's changes.
pub(super) fn checked_out_dirty(branch: &str, worktree: &Path) -> LandError {
    LandError::rule(
        "checked-out-dirty",
        format!("{branch} is checked out in {} with changes in the way", worktree.display()),
        format!("commit or stash them there: git -C {} status", worktree.display()),
    )
}

fn count(workshop: &Workshop, without: &str, of: &str) -> Result<String, LandError> {
    Ok(workshop.git().args(["rev-list", "--count", &format!("{without}..{of}")]).text()?)
}

fn is_on(tree: &Worktree, branch: &str) -> bool {
    !tree.bare && !tree.prunable && tree.branch.as_deref() == Some(branch)
}

/// True when tracked files of a worktree have changes, staged or not.
///
/// # Errors
/// When git fails.
pub(super) fn is_dirty(worktree: &Path) -> Result<bool, LandError> {
    Ok(!changes(worktree)?.is_empty())
}

/// Changes of tracked files in a worktree, as `git status --porcelain -z` lists them.
///
/// # Errors
/// When git fails.
pub(super) fn changes(worktree: &Path) -> Result<Vec<u8>, LandError> {
    let words =
        ["status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules", "--no-renames"];
    Ok(Git::new(worktree).args(words).run()?)
}
