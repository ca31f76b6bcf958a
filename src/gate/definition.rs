//! The gates of a commit, and what a verdict of one depends on.

use sha2::{Digest as _, Sha256};

use crate::git::HostRepo;
use crate::model::plan::{Gate, When};

use super::GateError;

/// Where gates are defined.
pub const FILE: &str = "coord.toml";

/// The version of what a key is made of.
const KEY_FORMAT: u8 = 1;

/// The gates of a commit.
#[derive(Debug, Clone)]
pub struct Gates {
    /// The commit.
    pub rev: String,
    /// In the order of the file.
    pub list: Vec<Gate>,
}

impl Gates {
    /// Reads the gates of a commit; none where it has no `coord.toml`.
    ///
    /// # Errors
    /// When the file is wrong: all that is, with line and column.
    pub fn read(repo: &HostRepo, rev: &str) -> Result<Self, GateError> {
        let text = repo.git().args(["cat-file", "blob", &format!("{rev}:{FILE}")]).output()?;
        if text.status != Some(0) {
            return Ok(Gates { rev: rev.to_owned(), list: Vec::new() });
        }
        let (file, problems) = crate::plan::parse(&String::from_utf8_lossy(&text.stdout));
        if !problems.is_empty() {
            let problem = |p: &crate::plan::Problem| format!("{}:{}: {}", p.line, p.column, p.reason);
            let problems = problems.iter().map(problem).collect();
            return Err(GateError::Definition { rev: rev.to_owned(), problems });
        }
        Ok(Gates { rev: rev.to_owned(), list: file.gates })
    }

    /// The gate of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&Gate, GateError> {
        let found = self.list.iter().find(|gate| gate.name.value == name);
        found.ok_or_else(|| GateError::Unknown { name: name.to_owned(), rev: self.rev.clone() })
    }

    /// The gates that a change of these paths concerns at this moment, and that have something to run.
    pub fn concerned(&self, when: When, changed: &[String]) -> Vec<&Gate> {
        let now = |gate: &&Gate| gate.when.is_empty() || gate.when.contains(&when);
        self.list.iter().filter(now).filter(|gate| gate.run.is_some() && concerns(gate, changed)).collect()
    }

    /// The commands in these gates, each with where it stands.
    pub fn commands(&self) -> Vec<(String, String)> {
        let of = |gate: &Gate| {
            let from = format!("gate {}", gate.name.value);
            let all = [&gate.run, &gate.only, &gate.cache_key];
            all.into_iter().flatten().map(|command| (command.clone(), from.clone())).collect::<Vec<_>>()
        };
        self.list.iter().flat_map(of).collect()
    }
}

/// True when a change of these paths concerns a gate.
pub(super) fn concerns(gate: &Gate, changed: &[String]) -> bool {
    gate.paths.is_empty()
        || changed.iter().any(|path| gate.paths.iter().any(|pattern| matches(pattern, path)))
}

/// True when a pattern fits a path.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(path))
        || path.starts_with(&format!("{}/", pattern.trim_end_matches('/')))
}

/// The SHA-256 of everything that the verdict of a gate depends on beside the tree. `extra` is what its
/// `cache_key` command printed.
pub(super) fn key(gate: &Gate, environment: &[(String, String)], extra: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update([KEY_FORMAT]);
    let definition = Gate { name: Default::default(), when: Vec::new(), ..gate.clone() };
    hash.update(crate::model::to_json(&definition));
    for (name, value) in environment {
        hash.update(format!("\0{name}={value}"));
    }
    hash.update([0]);
    hash.update(extra);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
