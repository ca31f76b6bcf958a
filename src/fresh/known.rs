//! What is known of a branch, kept beside the store as long as neither it nor the target moves.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::git::tips;
use crate::model::RepoPath;
use crate::model::unlanded::Missing;

use super::{Branch, FreshError, target};

/// Folder of these files in the store. They may be lost without harm.
pub const DIR: &str = "fresh";

/// What is known of one branch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Known {
    /// Its commit.
    head: String,
    /// The target's commits.
    target: Vec<String>,
    /// The target's name.
    name: String,
    /// Paths that the target has changed since it and the branch parted.
    changed: Vec<RepoPath>,
    /// Unlanded commits of others that the branch has.
    pub contained: Vec<String>,
}

impl Known {
    /// What is known, brought up to date.
    pub fn load(branch: &Branch<'_>) -> Result<Self, FreshError> {
        let head = tips::head(branch.repo).map(|h| h.commit).unwrap_or_default();
        let name = target::name(branch.repo, branch.settings).unwrap_or_default();
        let target = if name.is_empty() { Vec::new() } else { target::commits(branch.repo, &name) };
        let path = file(branch);
        let old: Option<Known> = std::fs::read(&path).ok().and_then(|b| serde_json::from_slice(&b).ok());
        if let Some(old) = &old
            && (&old.head, &old.target, &old.name) == (&head, &target, &name)
        {
            return Ok(old.clone());
        }
        let mut changed: Vec<RepoPath> = Vec::new();
        for tip in target.iter().filter(|tip| **tip != head) {
            changed.extend(since_parted(branch, &head, tip)?);
        }
        changed.sort();
        changed.dedup();
        // Commits of others come to a branch by merges; a commit that was there may be gone after a reset.
        let mut contained = Vec::new();
        for commit in old.iter().flat_map(|o| &o.contained) {
            if is_ancestor(branch, commit, &head)? {
                contained.push(commit.clone());
            }
        }
        let new = Known { head, target, name, changed, contained };
        // A cache: without room or permission the next command looks again.
        let _ = new.store(&path);
        Ok(new)
    }

    fn store(&self, path: &PathBuf) -> Result<(), FreshError> {
        let io = |source| FreshError::Io { path: path.clone(), source };
        let text = serde_json::to_vec(self).unwrap_or_default();
        match std::fs::write(path, &text) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                if let Some(dir) = path.parent() {
                    std::fs::create_dir_all(dir).map_err(io)?;
                }
                std::fs::write(path, &text).map_err(io)
            }
            other => other.map_err(io),
        }
    }

    /// What the target has of `paths`, and below them, that the branch lacks.
    pub fn target_changes(&self, paths: &[RepoPath]) -> Vec<Missing> {
        let Some(tip) = self.target.last() else { return Vec::new() };
        let hit = |changed: &&RepoPath| paths.iter().any(|p| p.covers(changed) || changed.covers(p));
        self.changed
            .iter()
            .filter(hit)
            .map(|path| Missing {
                path: path.clone(),
                commit: tip.clone(),
                session: None,
                branch: Some(self.name.clone()),
                item: None,
            })
            .collect()
    }

    /// Finds out which of these commits the branch has; true when it has one that was not known.
    pub fn learn(&self, branch: &Branch<'_>, missing: &[Missing]) -> Result<bool, FreshError> {
        let mut new = self.clone();
        for commit in distinct(missing) {
            if !new.contained.contains(commit) && is_ancestor(branch, commit, &self.head)? {
                new.contained.push(commit.clone());
            }
        }
        let more = new != *self;
        if more {
            new.store(&file(branch))?;
        }
        Ok(more)
    }

    /// Which of these commits the target has: they have landed without anybody saying so.
    pub fn landed(&self, branch: &Branch<'_>, missing: &[Missing]) -> Result<Vec<String>, FreshError> {
        let mut landed = Vec::new();
        for commit in distinct(missing) {
            for tip in &self.target {
                if !landed.contains(commit) && is_ancestor(branch, commit, tip)? {
                    landed.push(commit.clone());
                }
            }
        }
        Ok(landed)
    }
}

fn distinct(missing: &[Missing]) -> Vec<&String> {
    let mut list: Vec<&String> = missing.iter().map(|m| &m.commit).collect();
    list.sort();
    list.dedup();
    list
}

fn file(branch: &Branch<'_>) -> PathBuf {
    branch.store.path().join(DIR).join(format!("{}.json", branch.session))
}

/// True when a commit is here and an ancestor of another.
pub(super) fn is_ancestor(branch: &Branch<'_>, commit: &str, of: &str) -> Result<bool, FreshError> {
    let git = branch.repo.git().args(["merge-base", "--is-ancestor", commit, of]);
    Ok(git.output()?.status == Some(0))
}

/// Paths that `tip` has changed since it and `head` parted. Branches without a common commit have not parted.
fn since_parted(branch: &Branch<'_>, head: &str, tip: &str) -> Result<Vec<RepoPath>, FreshError> {
    let range = format!("{head}...{tip}");
    let words = ["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", &range, "--"];
    let output = branch.repo.git().args(words).output()?;
    if output.status != Some(0) {
        return Ok(Vec::new());
    }
    let names = output.stdout.split(|b| *b == 0).filter(|n| !n.is_empty());
    Ok(names.filter_map(|n| RepoPath::parse(std::str::from_utf8(n).ok()?).ok()).collect())
}
