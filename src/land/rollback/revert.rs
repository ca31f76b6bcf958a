//! Reverting landings with commits of their own, and reverting such a revert.

use crate::land::LandError;
use crate::land::candidate::NewCommit;
use crate::land::integrator::Integrator;
use crate::land::target::Target;
use crate::model::landing::{Landing, Rollback};

use super::Goal;

impl Integrator<'_> {
    /// Adds a commit for each member of each landing, the newest first, that takes its changes out.
    ///
    /// # Errors
    /// `conflict` when later work has changed the same lines.
    pub(super) fn revert(
        &self,
        goal: &Goal,
        target: &Target,
        rollback: &mut Rollback,
    ) -> Result<(), LandError> {
        let mut at = target.tip.clone();
        let mut all = Vec::new();
        for landing in goal.landings.iter().rev() {
            let mut reverts = Vec::new();
            for n in (0..landing.landed.len()).rev() {
                let member = &landing.landed[n];
                let before = match n {
                    0 => landing.from.clone().unwrap_or_default(),
                    n => landing.landed[n - 1].commit.clone(),
                };
                if before == member.commit {
                    reverts.push(String::new());
                    continue;
                }
                let name = member.session.as_ref().map_or(member.branch.as_str(), |s| s.as_str());
                let message =
                    format!("Revert landing {} of {name}\n\nCoord-Reverts: {}\n", landing.id, member.commit);
                at = self.inverse(&at, &member.commit, &before, &message, rollback.at)?;
                reverts.push(at.clone());
            }
            reverts.reverse();
            all.push(reverts);
        }
        all.reverse();
        rollback.reverts = all;
        rollback.to = at;
        Ok(())
    }

    /// A commit on `at` that takes out what came between `before` and `after`.
    ///
    /// # Errors
    /// `conflict` when the same lines were changed since.
    pub(in crate::land) fn inverse(
        &self,
        at: &str,
        after: &str,
        before: &str,
        message: &str,
        time: jiff::Timestamp,
    ) -> Result<String, LandError> {
        let merged = self.workshop.merge(at, before, Some(after))?;
        if !merged.clean {
            let files: Vec<&str> = merged.conflicts.keys().take(3).map(String::as_str).collect();
            return Err(LandError::rule(
                "conflict",
                format!("later work has changed the same lines: {}", files.join(", ")),
                "take off the later landings first, or change the files by hand",
            ));
        }
        self.write_commit(&NewCommit { tree: &merged.tree, parents: &[at], message, at: time, author: None })
    }

    /// For each landing that was reverted and not landed again: the commits that revert its members.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(in crate::land) fn reverted(&self, target: &str) -> Result<Vec<Reverted>, LandError> {
        let all = self.store.read(|view| crate::model::landing::all(view))?;
        let mut list = Vec::new();
        for landing in all.iter().filter(|landing| landing.target == target) {
            let Some(undone) = &landing.undone else { continue };
            for (member, revert) in landing.landed.iter().zip(&undone.reverts) {
                let again = |later: &Landing| {
                    later.undone.is_none()
                        && later.at > undone.at
                        && later.landed.iter().any(|m| m.branch == member.branch)
                };
                if !revert.is_empty() && !all.iter().any(again) {
                    list.push(Reverted {
                        landing: landing.id.clone(),
                        tip: member.tip.clone(),
                        branch: member.branch.clone(),
                        revert: revert.clone(),
                        items: member.items.clone(),
                    });
                }
            }
        }
        Ok(list)
    }
}

/// A member of a landing that was reverted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::land) struct Reverted {
    /// The landing.
    pub landing: String,
    /// The branch's commit that had landed.
    pub tip: String,
    /// The branch.
    pub branch: String,
    /// The commit that reverts it.
    pub revert: String,
    /// The items that came with it.
    pub items: Vec<crate::model::ItemId>,
}
