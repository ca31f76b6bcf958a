//! Going back: to before a landing, or to a checkpoint.
//!
//! A branch that only this clone has is moved back, and what is taken off stays on a branch
//! `coord/aside/<landing>`. A branch that others have is never moved back: commits that revert the
//! landing are added. Either way it is a compare-and-swap with an intent before and a record after, as
//! a landing is.

mod rebuild;
mod revert;

pub(super) use revert::Reverted;
use serde::Serialize;

use crate::crash_point;
use crate::model::ItemId;
use crate::model::landing::{self, Intent, Landing, Rollback};

use super::LandError;
use super::integrator::{Hold, Integrator};
use super::moves::Moved;
use super::target::Target;

/// What happens to landings that came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// They are taken off as well.
    Drop,
    /// They are put together again without the one that is taken off.
    Keep,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Back {
    /// A landing or a checkpoint.
    pub to: String,
    /// What happens to later landings; `None`: refuse when there are any.
    pub later: Option<Later>,
    /// Add commits that revert it in any case.
    pub revert: bool,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// A branch that has commits of what was rolled back: when it lands, it brings them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Infected {
    /// Its session.
    pub session: Option<String>,
    /// The branch.
    pub branch: String,
}

/// What a rollback came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackReport {
    /// The target branch.
    pub branch: String,
    /// Its commit before.
    pub from: String,
    /// Its commit after.
    pub to: String,
    /// True when commits were added that revert it.
    pub reverted: bool,
    /// Items that are unlanded again.
    pub reopened: Vec<ItemId>,
    /// The landings that were taken off.
    pub landings: Vec<String>,
    /// Landings that were put together again.
    pub kept: Vec<String>,
    /// The branch that holds what was taken off.
    pub aside: Option<String>,
    /// Branches that would bring it again.
    pub infected: Vec<Infected>,
}

/// Where to go.
struct Goal {
    target: String,
    /// The commit to return to.
    to: String,
    /// The landings to take off, oldest first.
    landings: Vec<Landing>,
    /// Its name for a branch.
    name: String,
    /// Where what came later begins.
    end: String,
}

impl Integrator<'_> {
    /// Goes back. Repeating it changes nothing.
    ///
    /// # Errors
    /// `later-landings`, `checked-out-dirty`, `conflict`, and when git or the store fails.
    pub fn roll_back(&self, back: &Back) -> Result<BackReport, LandError> {
        let goal = self.goal(&back.to)?;
        let target = self.look(&goal.target)?;
        if back.dry_run {
            let rollback = self.plan_back(&goal, &target, back)?;
            return self.report_back(&rollback, &goal);
        }
        let left = self.store.read(|view| landing::lock(view, &goal.target))?;
        if left.is_none_or(|lock| lock.intent.is_none()) {
            target.check(&self.workshop)?;
        }
        let mut hold = self.begin(&goal.target, None)?;
        crash_point!("target leased");
        let result = self.back_under(&mut hold, back);
        if let Err(error) = &result
            && !matches!(error, LandError::Remote { unknown: true, .. } | LandError::Refused(_))
        {
            // The first error counts.
            let _ = self.end(&hold, Vec::new());
        }
        result
    }

    fn back_under(&self, hold: &mut Hold, back: &Back) -> Result<BackReport, LandError> {
        let mut target = self.look(&hold.branch)?;
        if self.settle(hold, &target)?.is_some() {
            target = self.look(&hold.branch)?;
        }
        target.check(&self.workshop)?;
        // Read anew: what a dead integrator has left may have been this very rollback.
        let goal = self.goal(&back.to)?;
        let rollback = self.plan_back(&goal, &target, back)?;
        if rollback.to == rollback.from {
            self.end(hold, Vec::new())?;
            return self.report_back(&rollback, &goal);
        }
        self.intend(hold, Intent::Rollback(rollback.clone()))?;
        crash_point!("intent written");
        if rollback.reverts.is_empty() {
            self.keep_aside(&goal.name, &rollback.from)?;
        }
        if self.move_to(&target, &rollback.to)? == Moved::Meanwhile {
            return Err(LandError::rule(
                "moved",
                format!("{} has moved meanwhile; nothing was changed", hold.branch),
                "try again",
            ));
        }
        self.finish(&hold.branch, hold.lease, &rollback.to)?;
        crash_point!("rollback recorded");
        self.report_back(&rollback, &goal)
    }

    /// What a name means: a landing that is still in, or a checkpoint.
    fn goal(&self, name: &str) -> Result<Goal, LandError> {
        let (known, checkpoint, all) = self.store.read(|view| {
            Ok((landing::get(view, name)?, landing::checkpoint(view, name)?, landing::all(view)?))
        })?;
        if let Some(known) = known {
            let to = known.from.clone().unwrap_or_default();
            let (target, end) = (known.target.clone(), known.to.clone());
            let landings = if known.undone.is_some() { Vec::new() } else { vec![known] };
            return Ok(Goal { target, to, landings, name: name.to_owned(), end });
        }
        let Some(checkpoint) = checkpoint else {
            return Err(LandError::Unknown {
                message: format!("there is no landing or checkpoint {name:?}"),
                hint: "list them with: git coord checkpoint list".into(),
            });
        };
        let name_of = format!("refs/heads/{}", checkpoint.target);
        let value = checkpoint.refs.iter().find(|(name, _)| *name == name_of);
        let to = value.map(|(_, id)| id.clone()).unwrap_or_default();
        let later = |l: &Landing| l.target == checkpoint.target && l.undone.is_none() && l.at > checkpoint.at;
        let landings: Vec<Landing> = all.into_iter().filter(later).collect();
        let end = landings.last().map_or_else(|| to.clone(), |last| last.to.clone());
        Ok(Goal { target: checkpoint.target, to, landings, name: name.to_owned(), end })
    }

    /// Decides how to go back, and makes the commits that it takes.
    fn plan_back(&self, goal: &Goal, target: &Target, back: &Back) -> Result<Rollback, LandError> {
        let mut rollback = Rollback {
            target: goal.target.clone(),
            from: target.tip.clone(),
            to: target.tip.clone(),
            landings: goal.landings.iter().map(|landing| landing.id.clone()).collect(),
            kept: Vec::new(),
            reverts: Vec::new(),
            at: crate::clock::now(),
            by: self.by.clone(),
            remote: target.remote.clone(),
        };
        if goal.landings.is_empty() && goal.to == target.tip || self.is_undone(goal)? {
            return Ok(rollback);
        }
        if !self.workshop.contains(&target.tip, &goal.end)? {
            let message = format!("{} does not have {} any longer", goal.target, goal.name);
            return Err(LandError::rule("moved", message, "see: git coord landed"));
        }
        if back.revert || self.others_have(target, goal)? {
            self.revert(goal, target, &mut rollback)?;
            return Ok(rollback);
        }
        let later = self.later(goal, target)?;
        match back.later {
            _ if later.is_empty() => rollback.to.clone_from(&goal.to),
            None => return Err(later.refusal(goal)),
            Some(Later::Drop) => {
                rollback.landings.extend(later.landings().map(|landing| landing.id.clone()));
                rollback.to.clone_from(&goal.to);
            }
            Some(Later::Keep) => self.rebuild(goal, &later, &mut rollback)?,
        }
        Ok(rollback)
    }

    /// True for a landing that was rolled back before.
    fn is_undone(&self, goal: &Goal) -> Result<bool, LandError> {
        let known = self.store.read(|view| landing::get(view, &goal.name))?;
        Ok(known.is_some_and(|landing| landing.undone.is_some()))
    }

    /// True when the branch must not be moved back: it lives on a remote, or was pushed.
    fn others_have(&self, target: &Target, goal: &Goal) -> Result<bool, LandError> {
        if target.remote.is_some() {
            return Ok(true);
        }
        let name = format!("{}@{{upstream}}", target.branch);
        let git = self.workshop.host().git().args(["rev-parse", "--verify", "-q", &name]).output()?;
        let upstream = String::from_utf8_lossy(&git.stdout).trim().to_owned();
        Ok(git.status == Some(0) && !upstream.is_empty() && self.workshop.contains(&upstream, &goal.end)?)
    }

    /// What is taken off stays on a branch.
    fn keep_aside(&self, name: &str, tip: &str) -> Result<(), LandError> {
        let host = self.workshop.host();
        let name = format!("refs/heads/coord/aside/{name}");
        let git = host.git().args(["-c", "core.hooksPath=/dev/null", "update-ref"]);
        git.args(["-m", "git-coord: rolled back", &name, tip]).run()?;
        Ok(())
    }

    fn report_back(&self, rollback: &Rollback, goal: &Goal) -> Result<BackReport, LandError> {
        let taken: Vec<Landing> = self.store.read(|view| {
            let list =
                rollback.landings.iter().map(|id| landing::get(view, id)).collect::<Result<Vec<_>, _>>();
            Ok(list?.into_iter().flatten().collect())
        })?;
        let changed = rollback.from != rollback.to;
        let members = || taken.iter().filter(|_| changed).flat_map(|landing| &landing.landed);
        let mut reopened: Vec<ItemId> = Vec::new();
        members().flat_map(|m| &m.items).for_each(|item| {
            if !reopened.contains(item) {
                reopened.push(item.clone());
            }
        });
        let reverted = !rollback.reverts.is_empty();
        let commits: Vec<&str> = members().map(|m| m.commit.as_str()).collect();
        Ok(BackReport {
            branch: rollback.target.clone(),
            from: rollback.from.clone(),
            to: rollback.to.clone(),
            reverted,
            reopened,
            landings: if changed { rollback.landings.clone() } else { Vec::new() },
            kept: rollback.kept.iter().map(|landing| landing.id.clone()).collect(),
            aside: (changed && !reverted).then(|| format!("coord/aside/{}", goal.name)),
            infected: if reverted { Vec::new() } else { self.infected(&commits)? },
        })
    }

    /// Branches of sessions that have one of these commits of the target.
    fn infected(&self, commits: &[&str]) -> Result<Vec<Infected>, LandError> {
        let sessions = self.store.read(|view| crate::model::session::all(view))?;
        let mut list = Vec::new();
        for record in sessions.iter().filter(|s| !s.prefetch) {
            let Some(branch) = &record.branch else { continue };
            let Some(tip) = self
                .workshop
                .host()
                .git()
                .args(["rev-parse", "--verify", "-q"])
                .arg(format!("refs/heads/{branch}"))
                .optional()?
            else {
                continue;
            };
            for commit in commits {
                if *commit != tip && self.workshop.contains(&tip, commit)? {
                    let session = Some(record.name.to_string());
                    list.push(Infected { session, branch: branch.clone() });
                    break;
                }
            }
        }
        Ok(list)
    }
}
