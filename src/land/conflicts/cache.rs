//! What is known of pairs of commits: a merge of the same two gives the same answer.
//!
//! The file `pairs.json` in the workshop. What else an answer depends on is its key: the conflict rules,
//! the target's attributes, the git version. It is written whole, and losing it costs time only.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::to_json;
use crate::store::random_hex;

use super::{FileConflict, PairState};

const FILE: &str = "pairs.json";

/// How many pairs are kept: 100 branches.
const KEPT: usize = 5000;

/// What is known of one pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Clean, or not.
    pub state: PairState,
    /// The files in conflict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileConflict>,
    /// True when the second, the target, contains the first: there is nothing to merge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contained: bool,
    /// When it was used last: the number of the call.
    pub used: u64,
}

/// A live branch as it was seen last: for a word in `status` and before a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenBranch {
    /// The branch.
    pub name: String,
    /// Its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Its commit.
    pub tip: String,
    /// The paths that it changes against the target, in the form of records.
    pub paths: Vec<String>,
}

/// The content of the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cache {
    /// What the answers depend on besides the commits.
    key: String,
    /// Number of calls so far.
    calls: u64,
    /// By `<commit> <commit>`, the smaller id first.
    pairs: BTreeMap<String, Known>,
    /// The live branches when all were looked at last.
    #[serde(default)]
    pub branches: Vec<SeenBranch>,
    /// Pairs of these that conflict: names of branches.
    #[serde(default)]
    pub conflicts: Vec<(String, String)>,
    #[serde(skip)]
    changed: bool,
}

fn pair(a: &str, b: &str) -> String {
    if a < b { format!("{a} {b}") } else { format!("{b} {a}") }
}

impl Cache {
    /// Reads the file in a workshop; an unreadable one is taken for empty.
    pub fn read(workshop: &Path) -> Self {
        let bytes = std::fs::read(workshop.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Reads what was found under this key; nothing when it was another.
    pub fn open(workshop: &Path, key: &str) -> Self {
        let mut cache = Self::read(workshop);
        if cache.key != key {
            cache = Cache { key: key.to_owned(), ..Cache::default() };
        }
        cache.calls += 1;
        cache
    }

    /// What is known of two commits.
    pub fn get(&mut self, a: &str, b: &str) -> Option<Known> {
        let calls = self.calls;
        let known = self.pairs.get_mut(&pair(a, b))?;
        known.used = calls;
        Some(known.clone())
    }

    /// Adds what was found.
    pub fn put(&mut self, a: &str, b: &str, state: PairState, files: Vec<FileConflict>) {
        self.pairs.insert(pair(a, b), Known { state, files, contained: false, used: self.calls });
        self.changed = true;
    }

    /// Notes that the target contains a commit.
    pub fn put_contained(&mut self, commit: &str, target: &str) {
        let (state, files) = (PairState::Clean, Vec::new());
        self.pairs.insert(pair(commit, target), Known { state, files, contained: true, used: self.calls });
        self.changed = true;
    }

    /// Notes the live branches and which of them conflict.
    pub fn note(&mut self, branches: Vec<SeenBranch>, conflicts: Vec<(String, String)>) {
        self.changed |= self.branches != branches || self.conflicts != conflicts;
        self.branches = branches;
        self.conflicts = conflicts;
    }

    /// Writes the file, if there is anything new. A failure costs only time.
    pub fn save(mut self, workshop: &Path) {
        if !self.changed {
            return;
        }
        if self.pairs.len() > KEPT {
            let mut ages: Vec<u64> = self.pairs.values().map(|known| known.used).collect();
            ages.sort_unstable_by(|a, b| b.cmp(a));
            let oldest = ages[KEPT - 1];
            self.pairs.retain(|_, known| known.used >= oldest);
        }
        let new = workshop.join(format!("{FILE}.{}", random_hex(4)));
        let written =
            std::fs::write(&new, to_json(&self)).and_then(|()| std::fs::rename(&new, workshop.join(FILE)));
        if written.is_err() {
            let _ = std::fs::remove_file(&new);
        }
    }
}
