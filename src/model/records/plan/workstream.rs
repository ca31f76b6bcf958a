//! Workstreams and the waves that merge them.

use serde::{Deserialize, Serialize};

use super::Estimate;

use super::Located;

/// How urgent a workstream is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// First.
    Critical,
    /// Then.
    High,
    /// The default.
    #[default]
    Medium,
    /// Last.
    Low,
}

impl Priority {
    /// Its word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Priority::Critical => "critical",
            Priority::High => "high",
            Priority::Medium => "medium",
            Priority::Low => "low",
        }
    }
}

/// What the session of a workstream is told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prompt {
    /// The text itself.
    Text(String),
    /// A file of the repository that has it.
    File(Located<String>),
}

/// Where a workstream's branch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// At the integration branch, when something has landed there, else at the plan's base.
    Integration,
    /// At the plan's base.
    Base,
}

/// `[workstream.ID]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workstream {
    /// Its id: `TD1`.
    pub id: Located<String>,
    /// Its name in branch and folder.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Who or what works on it.
    pub who: Option<String>,
    /// The branch.
    pub branch: Located<String>,
    /// True when the branch may exist already.
    pub adopt: bool,
    /// The worktree's folder, relative to the main worktree.
    pub worktree: Located<String>,
    /// Where its branch begins.
    pub from: Base,
    /// How long it takes.
    pub estimate: Option<Estimate>,
    /// How urgent it is.
    pub priority: Priority,
    /// Workstreams that must have landed before it may begin.
    pub needs: Vec<Located<String>>,
    /// Workstreams that it takes over when they land, without waiting.
    pub after: Vec<Located<String>>,
    /// The first day on which it may begin.
    pub not_before: Option<u32>,
    /// Patterns of the paths that only it may edit; `!` excludes.
    pub owns: Vec<Located<String>>,
    /// True when it lands in several waves.
    pub continuous: bool,
    /// The queue whose items are its work.
    pub queue: Option<String>,
    /// What its session is told.
    pub prompt: Option<Prompt>,
    /// When it is good.
    pub success: Vec<String>,
    /// Steps on the way.
    pub milestones: Vec<Milestone>,
    /// How far it should be after a time.
    pub expect: Vec<Expect>,
    /// The agent program; `None`: the plan's.
    pub agent: Option<String>,
    /// The set-up command; `None`: the plan's.
    pub setup: Option<String>,
    /// Gates that `submit` asks for.
    pub gates: Vec<Located<String>>,
}

/// A step of a workstream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Milestone {
    /// Its id.
    pub id: String,
    /// What is reached.
    pub text: String,
    /// The day on which it should be.
    pub day: Option<u32>,
}

/// How far a workstream should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// After so many days of its work.
    pub after_days: f64,
    /// At least this percentage.
    pub percent: u32,
}

/// `[[wave]]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wave {
    /// Where it is in the file.
    #[serde(skip)]
    pub place: Located<()>,
    /// Its title.
    pub title: Option<String>,
    /// The day on which it is planned.
    pub day: Option<u32>,
    /// What it merges, in order.
    pub merge: Vec<Located<String>>,
    /// Gates after the merges.
    pub gates: Vec<Located<String>>,
    /// Gates of the integration branch before the merges.
    pub before: Vec<Located<String>>,
    /// What it brings, for the report.
    pub result: Option<String>,
    /// True for the last one: the plan can be finished after it.
    pub finish: bool,
}
