//! Checkpoints: values of refs to return to. Each landing is one by itself; others are made by name.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::landing::{self, Checkpoint};
use crate::model::op::LandingOp;
use crate::model::session;

use super::LandError;
use super::integrator::Integrator;
use super::target;

/// Where refs of this clone keep the commits of a checkpoint from `git gc`.
const KEEP: &str = "refs/coord/checkpoints";

/// A checkpoint as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointLine {
    /// Its name; that of a landing is the landing's id, and means the time before it.
    pub name: String,
    /// When it was made.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The target branch.
    pub target: String,
    /// The target's commit.
    pub commit: String,
    /// Full names of refs with their values.
    pub refs: Vec<(String, String)>,
    /// True for a landing.
    pub landing: bool,
    /// True for a landing that was rolled back.
    pub undone: bool,
}

impl Integrator<'_> {
    /// Makes a checkpoint of the target branch and the branches of all sessions.
    ///
    /// # Errors
    /// When the name is taken, or git or the store fails.
    pub fn make_checkpoint(&self, name: &str, into: Option<&str>) -> Result<CheckpointLine, LandError> {
        if landing::is_id(name)
            || self.workshop.git().args(["check-ref-format", &format!("{KEEP}/{name}")]).output()?.status
                != Some(0)
        {
            return Err(LandError::Unknown {
                message: format!("{name:?} cannot be the name of a checkpoint"),
                hint: "use letters, digits, '.', '_' and '-'; L and a number name landings".into(),
            });
        }
        let branch = target::branch(&self.workshop, into, self.target.as_deref(), self.remote.as_deref())?;
        let target = self.look(&branch)?;
        let mut refs = vec![(format!("refs/heads/{branch}"), target.tip)];
        for record in self.store.read(|view| session::all(view))?.iter().filter(|s| !s.prefetch) {
            let Some(name) = record.branch.as_ref().map(|name| format!("refs/heads/{name}")) else {
                continue;
            };
            let value = self.workshop.host().git().args(["rev-parse", "--verify", "-q", &name]).optional()?;
            if let Some(value) = value.filter(|_| refs.iter().all(|(known, _)| *known != name)) {
                refs.push((name, value));
            }
        }
        let (at, by) = (crate::clock::now(), self.by.clone());
        let checkpoint = Checkpoint { name: name.to_owned(), at, by, target: branch, refs };
        self.keep(&checkpoint)?;
        self.step(LandingOp::Checkpoint(checkpoint.clone()))?;
        Ok(line(&checkpoint))
    }

    /// Keeps the commits of a checkpoint from `git gc`, in this clone.
    fn keep(&self, checkpoint: &Checkpoint) -> Result<(), LandError> {
        let mut text = String::new();
        for (n, (_, value)) in checkpoint.refs.iter().enumerate() {
            text.push_str(&format!("update {KEEP}/{}/{n}\0{value}\0\0", checkpoint.name));
        }
        let git = self.workshop.host().git().args(["-c", "core.hooksPath=/dev/null", "update-ref", "-z"]);
        git.arg("--stdin").stdin(text).run()?;
        Ok(())
    }

    /// All checkpoints and landings, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list_checkpoints(&self) -> Result<Vec<CheckpointLine>, LandError> {
        let (made, landings) =
            self.store.read(|view| Ok((landing::checkpoints(view)?, landing::all(view)?)))?;
        let before = |l: &landing::Landing| CheckpointLine {
            name: l.id.clone(),
            at: l.at,
            by: l.by.to_string(),
            target: l.target.clone(),
            commit: l.from.clone().unwrap_or_default(),
            refs: vec![(format!("refs/heads/{}", l.target), l.from.clone().unwrap_or_default())],
            landing: true,
            undone: l.undone.is_some(),
        };
        let mut list: Vec<CheckpointLine> =
            made.iter().map(line).chain(landings.iter().map(before)).collect();
        list.sort_by_key(|one| std::cmp::Reverse(one.at));
        Ok(list)
    }
}

fn line(checkpoint: &Checkpoint) -> CheckpointLine {
    CheckpointLine {
        name: checkpoint.name.clone(),
        at: checkpoint.at,
        by: checkpoint.by.to_string(),
        target: checkpoint.target.clone(),
        commit: checkpoint.refs.first().map(|(_, value)| value.clone()).unwrap_or_default(),
        refs: checkpoint.refs.clone(),
        landing: false,
        undone: false,
    }
}
