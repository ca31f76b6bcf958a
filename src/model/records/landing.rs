//! Landings: what was brought into a target branch, who may do that now, and checkpoints.
//!
//! - `landings/<id>.json`: one [`Landing`], written when the branch has moved.
//! - `branches/<name>.json`: a [`TargetLock`]: the lease of the integrator at work on a branch and,
//!   while the branch is being moved, the [`Intent`]. A death between the move and its record is
//!   finished from the intent by the next integrator.
//! - `landings/squashed.json`: commits that stand for branches without being their descendants.
//! - `checkpoints/<name>.json`: values of refs to return to.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::model::base::{Context, ItemId, SessionName, View, ViewError, txn};
use crate::model::records::session;

/// How many pairs of squashed commits are kept. Older ones matter only to a branch that has not
/// taken over the target for as many landings.
const SQUASHED_KEPT: usize = 1000;

/// How commits are brought into the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LandMode {
    /// A merge commit for each branch, also where a fast-forward would do.
    #[default]
    Merge,
    /// One ordinary commit for each branch.
    Squash,
    /// The branch's commits one after the other on top of the target.
    Rebase,
    /// The target is moved to the branch's commit, if it is an ancestor of it.
    FfOnly,
}

/// A path whose conflict a rule or an earlier resolution has settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// The path, in the text form of a `RepoPath`.
    pub path: String,
    /// By what: `prefer`, `take`, `keep`, `driver`, `regenerate`, `memory`.
    pub rule: String,
}

/// A branch that has landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its session; `None` for a branch that is not a session's.
    pub session: Option<SessionName>,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit of the branch up to which it has landed.
    pub tip: String,
    /// The commit of the target that has brought it.
    pub commit: String,
    /// The finished items that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemId>,
    /// Paths in which `commit` may differ from all of its parents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<Resolved>,
}

/// A branch that did not land, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedBack {
    /// Its session; `None` for a branch that is not a session's.
    pub session: Option<SessionName>,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The rule, as a word for programs: `conflict`, `gate-failed`, `uncommitted`, …
    pub rule: String,
    /// In words.
    pub reason: String,
    /// The files that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The log of a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// One landing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landing {
    /// `L` and the number of the lease under which it was made.
    pub id: String,
    /// The target branch, without `refs/heads/`.
    pub target: String,
    /// The target's commit before; `None` for a branch that did not exist.
    pub from: Option<String>,
    /// The target's commit after.
    pub to: String,
    /// How.
    #[serde(default)]
    pub mode: LandMode,
    /// What has landed, in order.
    pub landed: Vec<Member>,
    /// What was handed back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handed_back: Vec<HandedBack>,
    /// When.
    pub at: Timestamp,
    /// The integrator.
    pub by: SessionName,
    /// The remote on which the target was moved; `None` when it was moved in this clone only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// The wave of the plan that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<u32>,
    /// Set when it was rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Undone>,
}

/// How a landing was rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: SessionName,
    /// The commits that revert it, one for each member, in the order of `landed`; empty when the
    /// branch was moved back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<String>,
}

/// A move back of the target branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// The target branch.
    pub target: String,
    /// Its commit before.
    pub from: String,
    /// Its commit after.
    pub to: String,
    /// The landings that it takes off.
    pub landings: Vec<String>,
    /// Landings that stay although they came later: their members have these new commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Landing>,
    /// As [`Undone::reverts`], for each of `landings`; empty when the branch was moved back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<Vec<String>>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: SessionName,
    /// The remote on which the target is moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
}

/// What an integrator is about to do to the target branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Intent {
    /// To land.
    Land(Landing),
    /// To roll back.
    Rollback(Rollback),
}

impl Intent {
    /// The target branch's commit before and after the move.
    pub fn ends(&self) -> (Option<&str>, &str) {
        match self {
            Intent::Land(landing) => (landing.from.as_deref(), &landing.to),
            Intent::Rollback(rollback) => (Some(&rollback.from), &rollback.to),
        }
    }

    /// The remote on which the branch is moved.
    pub fn remote(&self) -> Option<&str> {
        match self {
            Intent::Land(landing) => landing.remote.as_deref(),
            Intent::Rollback(rollback) => rollback.remote.as_deref(),
        }
    }
}

/// The lease on a target branch. Its number is a fencing token: an integrator that has lost it can
/// record nothing under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetLease {
    /// The generation at which it was granted.
    pub id: u64,
    /// The integrator: a session, or a name made of the host's.
    pub by: SessionName,
    /// The host on which it runs.
    pub host: String,
    /// The clone on which it runs, when a remote decides between several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<String>,
    /// When it was granted.
    pub since: Timestamp,
    /// When it was last renewed.
    pub renewed: Timestamp,
    /// How often it was renewed.
    #[serde(default)]
    pub renewals: u64,
    /// Seconds from the last renewal to its end.
    pub ttl: u64,
}

impl TargetLease {
    /// When it runs out.
    pub fn expires(&self) -> Timestamp {
        session::later(self.renewed, self.ttl)
    }

    /// True when it may be taken over. An integrator holds a kernel lock of its clone as long as it
    /// lives, and one that begins holds it too: so a lease of the same clone is a dead one's.
    pub fn is_over(&self, context: &Context) -> bool {
        self.clone == context.clone || context.stale.contains(&(self.id, self.renewals))
    }
}

/// The record of a target branch at which an integrator is at work, or has died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetLock {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// Who is at work on it.
    pub lease: TargetLease,
    /// What it is about to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
}

/// A commit that brings a branch without being its descendant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Squashed {
    /// The commit on the target.
    pub commit: String,
    /// The commit of the branch that it stands for.
    pub tip: String,
}

/// Values of refs to return to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub at: Timestamp,
    /// By whom.
    pub by: SessionName,
    /// The target branch.
    pub target: String,
    /// Full names of refs with their values; the target's comes first.
    pub refs: Vec<(String, String)>,
}

/// What a branch name keeps as it is in a key of the state.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The key of a target branch's record.
pub(crate) fn lock_key(branch: &str) -> String {
    format!("branches/{}.json", utf8_percent_encode(branch, KEPT))
}

/// The key of a landing.
pub(crate) fn landing_key(id: &str) -> String {
    format!("landings/{id}.json")
}

/// The key of a checkpoint.
pub(crate) fn checkpoint_key(name: &str) -> String {
    format!("checkpoints/{}.json", utf8_percent_encode(name, KEPT))
}

/// The key of the squashed commits.
pub(crate) const SQUASHED: &str = "landings/squashed.json";

/// The record of a target branch; `None` when nobody is at work on it.
///
/// # Errors
/// When the state cannot be read.
pub fn lock(view: &dyn View, branch: &str) -> Result<Option<TargetLock>, ViewError> {
    txn::read_json(view, &lock_key(branch))
}

/// The records of all target branches at which somebody is at work, or has died.
///
/// # Errors
/// When the state cannot be read.
pub fn locks(view: &dyn View) -> Result<Vec<TargetLock>, ViewError> {
    let mut list = Vec::new();
    for entry in view.list("branches")? {
        let key = format!("branches/{}", entry.name);
        list.extend(txn::read_json::<TargetLock>(view, &key)?);
    }
    Ok(list)
}

/// The leases on all target branches.
///
/// # Errors
/// When the state cannot be read.
pub fn leases(view: &dyn View) -> Result<Vec<TargetLease>, ViewError> {
    Ok(locks(view)?.into_iter().map(|lock| lock.lease).collect())
}

/// A landing by its id; `None` when there is none.
///
/// # Errors
/// When the state cannot be read.
pub fn get(view: &dyn View, id: &str) -> Result<Option<Landing>, ViewError> {
    if is_id(id) { txn::read_json(view, &landing_key(id)) } else { Ok(None) }
}

/// True for a name that landings have: `L` and a number.
pub fn is_id(name: &str) -> bool {
    name.strip_prefix('L').is_some_and(|n| n.parse::<u64>().is_ok())
}

/// All landings, oldest first.
///
/// # Errors
/// When the state cannot be read.
pub fn all(view: &dyn View) -> Result<Vec<Landing>, ViewError> {
    let mut list: Vec<(u64, Landing)> = Vec::new();
    for entry in view.list("landings")? {
        let number = entry.name.strip_prefix('L').and_then(|n| n.strip_suffix(".json"));
        let Some(number) = number.and_then(|n| n.parse().ok()) else { continue };
        let key = format!("landings/{}", entry.name);
        list.extend(txn::read_json::<Landing>(view, &key)?.map(|landing| (number, landing)));
    }
    list.sort_by_key(|(number, _)| *number);
    Ok(list.into_iter().map(|(_, landing)| landing).collect())
}

/// The commits that stand for branches, oldest first.
///
/// # Errors
/// When the state cannot be read.
pub fn squashed(view: &dyn View) -> Result<Vec<Squashed>, ViewError> {
    Ok(txn::read_json(view, SQUASHED)?.unwrap_or_default())
}

/// Adds to the squashed commits, forgetting the oldest beyond what is kept.
pub(crate) fn with_squashed(mut known: Vec<Squashed>, new: Vec<Squashed>) -> Vec<Squashed> {
    known.extend(new);
    let surplus = known.len().saturating_sub(SQUASHED_KEPT);
    known.drain(..surplus);
    known
}

/// A checkpoint by its name; `None` when there is none.
///
/// # Errors
/// When the state cannot be read.
pub fn checkpoint(view: &dyn View, name: &str) -> Result<Option<Checkpoint>, ViewError> {
    txn::read_json(view, &checkpoint_key(name))
}

/// All checkpoints, oldest first.
///
/// # Errors
/// When the state cannot be read.
pub fn checkpoints(view: &dyn View) -> Result<Vec<Checkpoint>, ViewError> {
    let mut list: Vec<Checkpoint> = Vec::new();
    for entry in view.list("checkpoints")? {
        list.extend(txn::read_json::<Checkpoint>(view, &format!("checkpoints/{}", entry.name))?);
    }
    list.sort_by_key(|c| c.at);
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_branch_is_one_component() {
        assert_eq!(lock_key("main"), "branches/main.json");
        assert_eq!(lock_key("feature/a b%"), "branches/feature%2Fa%20b%25.json");
    }

    #[test]
    fn only_the_newest_squashes_are_kept() {
        let pair = |n: usize| Squashed { commit: n.to_string(), tip: String::new() };
        let kept = with_squashed((0..SQUASHED_KEPT).map(pair).collect(), vec![pair(7777)]);
        assert_eq!((kept.len(), kept[0].commit.as_str()), (SQUASHED_KEPT, "1"));
    }
}
