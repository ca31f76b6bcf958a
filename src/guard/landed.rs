//! Commits that a recorded landing has made, or a recorded rollback.
//!
//! An integrator brings the work of others into the target: its merges may resolve what they hold, a squash
//! has their changes. It has recorded each commit under the lease on the target branch, so the commit
//! itself is known. In a merge it may differ from what merging gives only in paths that are recorded as
//! resolved, or that the branch it brings has changed; a squash has the latter only.

use std::collections::HashMap;

use crate::git::changes::CommitChanges;
use crate::model::landing::{self, Intent, LandMode, Landing, Member};
use crate::model::{RepoPath, View, ViewError};

use super::range::History;

/// What landings have made.
#[derive(Debug, Default)]
pub(super) struct Landed {
    members: HashMap<String, Member>,
    /// Commits that take landings back.
    reverts: Vec<String>,
    /// Landings that have made all commits between two anew.
    rebased: Vec<(String, String)>,
    /// Where rollbacks move branches to: branch, commit.
    moves: Vec<(String, String)>,
}

impl Landed {
    /// Reads all landings, recorded or about to be.
    pub(super) fn read(view: &dyn View) -> Result<Self, ViewError> {
        let mut found = Landed::default();
        for one in landing::all(view)? {
            found.add(one);
        }
        for lock in landing::locks(view)? {
            match lock.intent {
                Some(Intent::Land(one)) => found.add(one),
                Some(Intent::Rollback(back)) => {
                    found.reverts.extend(back.reverts.into_iter().flatten());
                    found.moves.push((back.target, back.to));
                    back.kept.into_iter().for_each(|one| found.add(one));
                }
                None => {}
            }
        }
        Ok(found)
    }

    fn add(&mut self, one: Landing) {
        if let (LandMode::Rebase, Some(from)) = (one.mode, &one.from) {
            self.rebased.push((from.clone(), one.to.clone()));
        }
        self.reverts.extend(one.undone.into_iter().flat_map(|undone| undone.reverts));
        self.members.extend(one.landed.into_iter().map(|member| (member.commit.clone(), member)));
    }

    /// True when a landing has made this commit, and has nothing in it but what it brings.
    pub(super) fn has_made(&self, commit: &CommitChanges, history: &dyn History) -> bool {
        if let Some(member) = self.members.get(&commit.id) {
            let Some(onto) = commit.parents.first() else { return false };
            let brought = history.brought_by(&member.tip, onto);
            let may = |path: &RepoPath| {
                member.resolved.iter().any(|r| r.path == path.as_str())
                    // Where the branch's commits are not known, the record is all there is.
                    || brought.as_ref().is_none_or(|paths| paths.contains(path))
            };
            return commit.paths.iter().all(may);
        }
        self.reverts.contains(&commit.id)
            || self.rebased.iter().any(|(from, to)| history.is_between(&commit.id, from, to))
    }

    /// True when a rollback moves this branch there.
    pub(super) fn moves(&self, branch: &str, to: &str) -> bool {
        self.moves.iter().any(|(b, t)| b == branch && t == to)
    }
}
