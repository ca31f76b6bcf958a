//! What a plan consists of. Everything can be stored as JSON in the state and read again.

use serde::{Deserialize, Serialize};

use super::{ConflictRule, Gate, Limit, Priority, Wave, Workstream};

/// A value and where it was read, as a byte offset of the text. The place is for messages only: it
/// is not stored, and two values are equal wherever they were read.
#[derive(Debug, Clone, Default)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// The byte offset at which it begins; 0 when it was not read from a text.
    pub at: usize,
}

impl<T> Located<T> {
    /// A value that was read at an offset.
    pub fn new(value: T, at: usize) -> Self {
        Located { value, at }
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Located { value, at: 0 })
    }
}

/// All of `coord.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanFile {
    /// `[plan]`; `None`: gates and rules only.
    pub plan: Option<Header>,
    /// `[workstream.ID]`, in the order of the file.
    pub workstreams: Vec<Workstream>,
    /// `[[wave]]`, in order; the first is wave 1.
    pub waves: Vec<Wave>,
    /// `[gate.NAME]`, in the order of the file.
    pub gates: Vec<Gate>,
    /// `[[conflict]]`, in order.
    pub conflicts: Vec<ConflictRule>,
    /// `[target.NAME]`: what the plan is measured by.
    pub targets: Vec<Target>,
    /// `[risk.ID]`.
    pub risks: Vec<Risk>,
}

impl PlanFile {
    /// The workstream of this id.
    pub fn workstream(&self, id: &str) -> Option<&Workstream> {
        self.workstreams.iter().find(|w| w.id.value == id)
    }

    /// The gate of this name.
    pub fn gate(&self, name: &str) -> Option<&Gate> {
        self.gates.iter().find(|g| g.name.value == name)
    }

    /// The numbers of the waves that merge a workstream, counted from 1.
    pub fn waves_of(&self, id: &str) -> Vec<usize> {
        let merges = |wave: &Wave| wave.merge.iter().any(|m| m.value == id);
        self.waves.iter().enumerate().filter(|(_, w)| merges(w)).map(|(n, _)| n + 1).collect()
    }

    /// The commands that it has: set-up, gates, files made anew; each with where it is from.
    pub fn commands(&self) -> Vec<(&str, String)> {
        let mut list: Vec<(&str, String)> = Vec::new();
        let setup = self.plan.as_ref().and_then(|p| p.setup.as_deref());
        list.extend(setup.map(|command| (command, "the plan's set-up".to_owned())));
        for workstream in &self.workstreams {
            let from = || format!("the set-up of workstream {}", workstream.id.value);
            list.extend(workstream.setup.as_deref().map(|command| (command, from())));
        }
        for gate in &self.gates {
            let commands = [gate.run.as_deref(), gate.only.as_deref(), gate.cache_key.as_deref()];
            let from = || format!("gate {}", gate.name.value);
            list.extend(commands.into_iter().flatten().map(|command| (command, from())));
        }
        for rule in &self.conflicts {
            if let super::Rule::Regenerate(command) = &rule.rule {
                list.push((command, "a conflict rule of the plan".to_owned()));
            }
        }
        list
    }

    /// Hours of work in a day; 8 unless the plan says otherwise.
    pub fn hours_per_day(&self) -> f64 {
        self.plan.as_ref().and_then(|p| p.hours_per_day).unwrap_or(8.0)
    }
}

/// `[plan]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Its name, for display and reports.
    pub name: String,
    /// Day 1; `None`: the day on which it is applied.
    pub start: Option<jiff::civil::Date>,
    /// How many days it should take.
    pub days: Option<u32>,
    /// Hours of work in a day.
    pub hours_per_day: Option<f64>,
    /// The branch at which branches begin until something has landed.
    pub base: Located<String>,
    /// The branch into which waves merge.
    pub integration: Located<String>,
    /// The branch into which the plan finishes.
    pub target: Located<String>,
    /// Tags that `finish` makes.
    pub tags: Vec<Located<String>>,
    /// Pattern of worktree folders: `{repo}`, `{name}`, `{id}`.
    pub worktree: String,
    /// Pattern of branch names.
    pub branch: String,
    /// Name of the file in each worktree that tells its session how to begin.
    pub start_file: String,
    /// The agent program that is started in a worktree.
    pub agent: Option<String>,
    /// How to open a window: a kind, or a command with `{dir}` and `{cmd}`.
    pub open: Option<String>,
    /// A command that prepares a new worktree.
    pub setup: Option<String>,
    /// Subject of a wave's merges: `{wave}`, `{letter}`, `{id}`, `{title}`, `{branch}`.
    pub message: String,
    /// Sessions that may move integration and target; empty: all.
    pub integrators: Vec<String>,
    /// When something takes so long that it is shown.
    pub limits: Limits,
    /// Printed by `finish`, or run with `--run`.
    pub after_finish: Vec<String>,
}

/// `[plan] limits`, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// A conflict that is open for longer.
    pub conflict: Option<u64>,
    /// A workstream that was silent for longer.
    pub silent: Option<u64>,
}

/// `[target.NAME]`: a figure by which the plan is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: Located<String>,
    /// Where the value comes from: `gate:NAME FIGURE`, `plan:conflicts`, `plan:rollbacks`.
    pub value: String,
    /// The value at the beginning.
    pub from: Option<f64>,
    /// The allowed range.
    pub limit: Limit,
}

/// `[risk.ID]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// Its id.
    pub id: Located<String>,
    /// How bad it is.
    pub severity: Priority,
    /// Workstreams that it is about.
    pub about: Vec<Located<String>>,
    /// What might happen.
    pub text: String,
    /// What is done then.
    pub plan: Option<String>,
}
