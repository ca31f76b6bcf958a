//! Gates: commands that have to pass, and what their results have to say.

use serde::{Deserialize, Serialize};

use super::Located;

/// When a gate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Before an item is done: `git coord verify`.
    Item,
    /// On the target, before something lands.
    Before,
    /// On the candidate of a wave.
    After,
    /// On the candidate of every landing.
    Land,
}

/// What flaky tests mean to a gate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flaky {
    /// They pass, are counted and shown.
    #[default]
    Allow,
    /// They are red.
    Refuse,
}

/// What a landing of several branches is tested as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Once, for all together.
    #[default]
    Batch,
    /// After each branch.
    EachBranch,
}

/// Where a gate's command writes its results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    /// `junit`, `tap`, `cargo`, `pytest`, `go`, `node`, `jest`, `sarif`; `None`: seen from the content.
    pub format: Option<String>,
    /// A file or pattern below the results folder, or the worktree; `None`: the output.
    pub file: Option<String>,
}

/// `[gate.NAME]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name.
    pub name: Located<String>,
    /// The command, for `sh -c`.
    pub run: Option<String>,
    /// The command that runs only the tests in `{tests}`.
    pub only: Option<String>,
    /// Time limit in seconds.
    pub time: u64,
    /// When it runs; empty: wherever a wave or `--gate` names it, and at every landing.
    pub when: Vec<When>,
    /// Patterns: it concerns a change only when a changed path matches; empty: always.
    pub paths: Vec<String>,
    /// Files with the outcomes of tests.
    pub results: Vec<ResultFile>,
    /// Fewer executed tests than this mean that it did not run.
    pub min_tests: Option<u32>,
    /// Ids of tests that must be there and pass.
    pub must_pass: Vec<String>,
    /// Limits of coverage.
    pub coverage: Option<Coverage>,
    /// Limits of measured values.
    pub metrics: Option<Metrics>,
    /// The gate whose results it judges.
    pub of: Option<Located<String>>,
    /// How often it runs.
    pub repeat: u32,
    /// What flaky tests mean.
    pub flaky: Flaky,
    /// What a person has to have seen; signed with `gate pass`.
    pub manual: Option<String>,
    /// Files that must exist.
    pub exists: Vec<String>,
    /// False: its verdict is never used again.
    pub cache: bool,
    /// A command whose output is part of the verdict's key.
    pub cache_key: Option<String>,
    /// Names of environment variables that are part of the verdict's key.
    pub env: Vec<String>,
    /// True: a gate without tests that is red on the base too does not hold a landing.
    pub pass_when_base_red: bool,
    /// What a landing of several branches is tested as.
    pub scope: Scope,
}

/// Limits of coverage, in per cent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// The report: Cobertura, LCOV, coverage.py, Go, JaCoCo.
    pub file: String,
    /// At least this much of all lines.
    pub min: Option<f64>,
    /// At least this much of the lines of added files.
    pub min_new: Option<f64>,
    /// Patterns: only these files count.
    pub paths: Vec<String>,
}

/// Limits of measured values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// OpenMetrics text, JSON, or `name value` lines.
    pub file: String,
    /// Name, or path in JSON, and its limits.
    pub limits: Vec<(String, Limit)>,
}

/// The allowed range of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// At least.
    pub min: Option<f64>,
    /// At most.
    pub max: Option<f64>,
}
