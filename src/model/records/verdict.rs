//! Verdicts of gates, each for one tree and one definition, and the baselines of branches.
//!
//! `verdicts/<gate>/<tree>-<key>.json` has the verdict, `….tests` the tests behind it, one a line: a
//! letter (`p` passed, `f` failed, `k` flaky, `s` skipped), a space, its id. They are a memory and no
//! truth: a verdict that is gone is found out again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{RuleId, SessionName, View, ViewError, read_json};

/// What a gate came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateResult {
    /// It passed.
    Passed,
    /// It failed, and failed again.
    Failed,
    /// It could not run, or did not say what it had to. Never passes.
    Broken,
    /// Its time was over.
    Timeout,
    /// It failed once and passed once, on one tree.
    Flaky,
    /// What failed had failed on the base as well.
    KnownRed,
}

impl GateResult {
    /// True when it holds nothing up.
    pub fn passes(self) -> bool {
        matches!(self, GateResult::Passed | GateResult::Flaky | GateResult::KnownRed)
    }
}

/// Numbers of tests, and those that are not as they were on the base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCounts {
    /// Tests that passed, flaky ones among them.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that did not run.
    pub skipped: u64,
    /// The first of those that the base does not have.
    pub new: Vec<String>,
    /// The first of those that passed on the base and are gone.
    pub vanished: Vec<String>,
}

/// What a gate came to on one tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The gate.
    pub gate: String,
    /// The tree that it saw.
    pub tree: String,
    /// The SHA-256 of its definition and of what it says that its result depends on.
    pub key: String,
    /// What it came to.
    pub result: GateResult,
    /// Why it does not pass, as a rule for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Why it does not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How often it ran.
    pub attempts: u32,
    /// Milliseconds that it took in all.
    pub millis: u64,
    /// The exit status of the last run; absent when a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Its tests.
    pub tests: TestCounts,
    /// The first of the tests that failed.
    pub failing: Vec<String>,
    /// The first of those that failed on the base as well.
    pub known: Vec<String>,
    /// The first of those that passed on the base.
    pub regressions: Vec<String>,
    /// Where its output is, on the clone that ran it.
    pub log: String,
    /// Who ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SessionName>,
    /// On which clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Verdicts of one gate that are kept; of more, any others go.
pub const KEPT: usize = 300;

/// Tests that a record names; the list beside it has all.
pub const NAMED: usize = 200;

/// Digits of the definition's hash in the key of a record.
const KEY_DIGITS: usize = 16;

/// What a branch is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The branch.
    pub branch: String,
    /// The commit.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// What each gate came to there.
    pub gates: Vec<Verdict>,
}

/// A test that may fail until a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AllowedTest {
    /// The gate.
    pub gate: String,
    /// The test.
    pub test: String,
    /// The last moment.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who allowed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SessionName>,
}

/// Key of the list of tests that may fail.
pub const ALLOWED_KEY: &str = "verdicts/allowed.json";

/// Key of a verdict, without its ending.
pub fn stem(gate: &str, tree: &str, key: &str) -> String {
    format!("verdicts/{gate}/{tree}-{}", key.get(..KEY_DIGITS).unwrap_or(key))
}

/// Key of a baseline. Slashes of the branch become `%2F`, so that each has one file.
pub fn baseline_key(branch: &str) -> String {
    format!("baselines/{}.json", branch.replace('%', "%25").replace('/', "%2F"))
}

/// True when a gate's name can be part of a key.
pub fn is_name(gate: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !gate.is_empty() && gate.len() <= 100 && !gate.starts_with('.') && gate.bytes().all(plain)
}

/// The verdict for a tree under a definition.
///
/// # Errors
/// When the record cannot be read.
pub fn get(view: &dyn View, gate: &str, tree: &str, key: &str) -> Result<Option<Verdict>, ViewError> {
    let found: Option<Verdict> = read_json(view, &format!("{}.json", stem(gate, tree, key)))?;
    // The name of the record has a part of the hash only.
    Ok(found.filter(|verdict| verdict.key == key && verdict.tree == tree))
}

/// All verdicts of a gate.
///
/// # Errors
/// When a record cannot be read.
pub fn all(view: &dyn View, gate: &str) -> Result<Vec<Verdict>, ViewError> {
    if !is_name(gate) {
        return Ok(Vec::new());
    }
    let folder = format!("verdicts/{gate}");
    let mut list = Vec::new();
    for entry in view.list(&folder)?.into_iter().filter(|entry| entry.name.ends_with(".json")) {
        list.extend(read_json(view, &format!("{folder}/{}", entry.name))?);
    }
    Ok(list)
}

/// The tests behind a verdict.
///
/// # Errors
/// When the record cannot be read.
pub fn tests(view: &dyn View, gate: &str, tree: &str, key: &str) -> Result<Option<String>, ViewError> {
    let blob = view.blob(&format!("{}.tests", stem(gate, tree, key)))?;
    Ok(blob.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The baseline of a branch.
///
/// # Errors
/// When the record cannot be read.
pub fn baseline(view: &dyn View, branch: &str) -> Result<Option<Baseline>, ViewError> {
    read_json(view, &baseline_key(branch))
}

/// The tests that may fail.
///
/// # Errors
/// When the record cannot be read.
pub fn allowed(view: &dyn View) -> Result<Vec<AllowedTest>, ViewError> {
    Ok(read_json(view, ALLOWED_KEY)?.unwrap_or_default())
}
