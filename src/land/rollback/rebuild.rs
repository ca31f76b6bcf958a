//! What came after a landing, and putting it together again without that landing.

use std::collections::HashMap;

use crate::land::LandError;
use crate::land::candidate::{NewCommit, Style};
use crate::land::integrator::Integrator;
use crate::land::members::Work;
use crate::land::target::Target;
use crate::model::landing::{self, LandMode, Landing, Rollback};
use crate::model::{item_index, queue};

use super::Goal;

/// One thing that came later.
enum Step {
    /// A landing.
    Landing(Box<Landing>),
    /// A commit that is not part of any landing.
    Commit(String),
}

/// What came later, oldest first.
pub(super) struct LaterWork(Vec<Step>);

impl LaterWork {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn landings(&self) -> impl Iterator<Item = &Landing> {
        self.0.iter().filter_map(|step| match step {
            Step::Landing(landing) => Some(landing.as_ref()),
            Step::Commit(_) => None,
        })
    }

    /// The refusal that names it.
    pub fn refusal(&self, goal: &Goal) -> LandError {
        let name = |step: &Step| match step {
            Step::Landing(landing) => landing.id.clone(),
            Step::Commit(id) => id.get(..10).unwrap_or(id).to_owned(),
        };
        let names: Vec<String> = self.0.iter().take(8).map(name).collect();
        let more = self.0.len().saturating_sub(8);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        LandError::rule(
            "later-landings",
            format!("on {} came later: {}{more}", goal.target, names.join(", ")),
            format!(
                "take them off too: git coord rollback {} --later drop; or keep them: --later keep",
                goal.name
            ),
        )
    }
}

impl Integrator<'_> {
    /// What is on the target on top of the goal's end.
    pub(super) fn later(&self, goal: &Goal, target: &Target) -> Result<LaterWork, LandError> {
        let range = format!("{}..{}", goal.end, target.tip);
        let words = ["rev-list", "--first-parent", "--reverse", &range];
        let commits = self.workshop.git().args(words).text()?;
        let all = self.store.read(|view| landing::all(view))?;
        let mut owner: HashMap<String, &Landing> = HashMap::new();
        for one in all.iter().filter(|l| l.target == goal.target && l.undone.is_none()) {
            let range = format!("{}..{}", one.from.as_deref().unwrap_or_default(), one.to);
            if self.workshop.commit(&one.to)?.is_none() || goal.landings.iter().any(|l| l.id == one.id) {
                continue;
            }
            let list = self.workshop.git().args(["rev-list", "--first-parent", &range]).text()?;
            owner.extend(list.lines().map(|commit| (commit.to_owned(), one)));
        }
        let mut steps: Vec<Step> = Vec::new();
        for commit in commits.lines() {
            match owner.get(commit) {
                Some(one) => {
                    let known = |step: &Step| matches!(step, Step::Landing(known) if known.id == one.id);
                    if !steps.iter().any(known) {
                        steps.push(Step::Landing(Box::new((*one).clone())));
                    }
                }
                None => steps.push(Step::Commit(commit.to_owned())),
            }
        }
        Ok(LaterWork(steps))
    }

    /// Puts what came later on top of the goal.
    ///
    /// # Errors
    /// `conflict` when it does not go on without what is taken off, and `later-landings` when a branch
    /// would bring that again.
    pub(super) fn rebuild(
        &self,
        goal: &Goal,
        later: &LaterWork,
        rollback: &mut Rollback,
    ) -> Result<(), LandError> {
        let mut at = goal.to.clone();
        for step in &later.0 {
            match step {
                Step::Commit(commit) => at = self.pick(&at, commit, rollback.at)?,
                Step::Landing(landing) => {
                    let again = self.land_again(&at, landing, goal)?;
                    at.clone_from(&again.to);
                    rollback.kept.push(again);
                }
            }
        }
        rollback.to = at;
        Ok(())
    }

    fn land_again(&self, at: &str, landing: &Landing, goal: &Goal) -> Result<Landing, LandError> {
        let mut work = Vec::new();
        for member in &landing.landed {
            for taken in goal.landings.iter().flat_map(|l| &l.landed) {
                if self.workshop.contains(&member.tip, &taken.tip)? {
                    return Err(LandError::rule(
                        "later-landings",
                        format!(
                            "{} of landing {} contains what is to be taken off",
                            member.branch, landing.id
                        ),
                        format!(
                            "take it off too: --later drop; or revert: git coord rollback {} --revert",
                            goal.name
                        ),
                    ));
                }
            }
            let mut titles = Vec::new();
            for item in &member.items {
                titles.push(self.store.read(|view| match item_index::find(view, item)? {
                    Some(slot) => Ok(queue::item(view, &slot)?.title),
                    None => Ok(String::new()),
                })?);
            }
            let (session, branch) = (member.session.clone(), member.branch.clone());
            let (tip, items) = (member.tip.clone(), member.items.clone());
            work.push(Work {
                session,
                branch,
                tip,
                time: 0,
                items,
                titles,
                reinstate: Vec::new(),
                subject: None,
            });
        }
        // What was a fast-forward is none on another commit.
        let mode = if landing.mode == LandMode::FfOnly { LandMode::Merge } else { landing.mode };
        let (id, target) = (landing.id.clone(), landing.target.clone());
        let chain = self.chain(at, &work, &Style { landing: id, target, mode, at: landing.at })?;
        if let Some(back) = chain.handed_back.first() {
            return Err(LandError::rule(
                "conflict",
                format!("{} of landing {}: {}", back.branch, landing.id, back.reason),
                format!("revert instead: git coord rollback {} --revert", goal.name),
            ));
        }
        Ok(Landing { from: Some(chain.from), to: chain.to, landed: chain.landed, mode, ..landing.clone() })
    }

    /// Puts one commit of somebody's on top, with its author and message.
    fn pick(&self, at: &str, commit: &str, time: jiff::Timestamp) -> Result<String, LandError> {
        let merged = self.workshop.merge(at, commit, Some(&format!("{commit}^1")))?;
        if !merged.clean {
            let short = commit.get(..10).unwrap_or(commit);
            let files: Vec<&str> = merged.conflicts.keys().take(3).map(String::as_str).collect();
            return Err(LandError::rule(
                "conflict",
                format!("commit {short} does not go on without it: {}", files.join(", ")),
                "revert instead: --revert",
            ));
        }
        let format = "--format=%an%x00%ae%x00%aI%x00%P%x00%B";
        let text = self.workshop.git().args(["log", "-1", format, commit]).text()?;
        let mut words = text.splitn(5, '\0');
        let mut word = || words.next().unwrap_or_default();
        let author = [word(), word(), word()];
        let parents: Vec<&str> = std::iter::once(at).chain(word().split(' ').skip(1)).collect();
        let message = word();
        self.write_commit(&NewCommit {
            tree: &merged.tree,
            parents: &parents,
            message,
            at: time,
            author: Some(author),
        })
    }
}
