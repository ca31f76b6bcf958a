//! What the state knows of a plan beyond its text.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{SessionName, View, ViewError, txn};

use super::{PlanFile, Workstream};

/// The key of the applied plan.
pub(crate) const PLAN: &str = "plan/plan.json";

/// The key of the text that was applied.
pub(crate) const SOURCE: &str = "plan/source.toml";

/// The key of a workstream's progress.
pub(crate) fn progress_key(id: &str) -> String {
    format!("plan/workstreams/{id}.json")
}

/// The key of a wave's record.
pub(crate) fn wave_key(number: usize) -> String {
    format!("plan/waves/{number}.json")
}

/// A plan that was applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// Counts the applied plans of this store, from 1.
    pub version: u32,
    /// When.
    pub at: Timestamp,
    /// By whom, when it was a session.
    pub by: Option<SessionName>,
    /// The file's name, as it was given: a second plan from another file replaces this one only on demand.
    pub file: String,
    /// What it says.
    pub plan: PlanFile,
    /// When it was archived: it binds nobody from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<Timestamp>,
}

/// How far a workstream is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It has not begun.
    #[default]
    Planned,
    /// A session works on it.
    Active,
    /// A commit waits for its wave.
    Submitted,
    /// Its wave has landed.
    Landed,
    /// It was given up.
    Dropped,
}

/// A commit that is to be merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The commit.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// When it was submitted.
    pub at: Timestamp,
    /// By whom.
    pub by: SessionName,
}

/// One wave in which a workstream has landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandedIn {
    /// The wave; `None` when it landed outside of one.
    pub wave: Option<u32>,
    /// The landing.
    pub landing: String,
    /// The commit of the workstream's branch.
    pub tip: String,
    /// The merge.
    pub commit: String,
    /// When.
    pub at: Timestamp,
}

/// What a workstream waits for that is not in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Since when.
    pub since: Timestamp,
    /// What it is.
    pub text: String,
    /// The workstream that it comes from.
    pub by: Option<String>,
    /// The session that said so.
    pub session: SessionName,
}

/// What a workstream's session last said about its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Percentage done.
    pub percent: Option<u32>,
    /// In words.
    pub text: Option<String>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub session: SessionName,
}

/// A workstream that did not land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandBack {
    /// The rule that said no.
    pub rule: String,
    /// In words.
    pub reason: String,
    /// The files that it is about.
    pub files: Vec<String>,
    /// The log of a gate.
    pub log: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// How far a workstream is, in full.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Its stage.
    pub stage: Stage,
    /// True when it is paused: it is not offered to start.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Sessions that have worked on it, first to last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionName>,
    /// The commit at which its branch began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// When it was launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launched: Option<Timestamp>,
    /// The commit that waits for its wave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted: Option<Submitted>,
    /// Where it has landed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub landed: Vec<LandedIn>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// What was last said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Milestones that were reached.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub milestones: BTreeMap<String, Timestamp>,
    /// Why it did not land.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed_back: Option<HandBack>,
    /// How often it was handed back.
    #[serde(skip_serializing_if = "is_zero")]
    pub hand_backs: u32,
    /// Paths of others that it may edit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub granted: Vec<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Progress {
    /// True when what needs the workstream may begin.
    pub fn has_landed(&self) -> bool {
        !self.landed.is_empty()
    }

    /// True when only its own sessions may edit what it owns: it has begun and is not over. A
    /// continuous one lands and goes on.
    pub fn owns(&self, workstream: &Workstream) -> bool {
        match self.stage {
            Stage::Active | Stage::Submitted => true,
            Stage::Landed => workstream.continuous,
            Stage::Planned | Stage::Dropped => false,
        }
    }
}

/// What has landed of a wave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WaveRecord {
    /// Its landings that were not rolled back, first to last.
    pub landings: Vec<String>,
    /// When all of its members had landed.
    pub landed: Option<Timestamp>,
    /// How often a landing of it was rolled back.
    pub rollbacks: u32,
}

/// The applied plan; `None` when there is not one.
///
/// # Errors
/// When the state cannot be read.
pub fn applied(view: &dyn View) -> Result<Option<Applied>, ViewError> {
    txn::read_json(view, PLAN)
}

/// The text that was applied.
///
/// # Errors
/// When the state cannot be read.
pub fn source(view: &dyn View) -> Result<Option<String>, ViewError> {
    let blob = view.blob(SOURCE)?;
    Ok(blob.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// How far a workstream is.
///
/// # Errors
/// When the state cannot be read.
pub fn progress(view: &dyn View, id: &str) -> Result<Progress, ViewError> {
    Ok(txn::read_json(view, &progress_key(id))?.unwrap_or_default())
}

/// What has landed of a wave, by its number, counted from 1.
///
/// # Errors
/// When the state cannot be read.
pub fn wave(view: &dyn View, number: usize) -> Result<WaveRecord, ViewError> {
    Ok(txn::read_json(view, &wave_key(number))?.unwrap_or_default())
}
