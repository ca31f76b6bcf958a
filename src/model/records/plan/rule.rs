//! Rules for conflicts.

use serde::{Deserialize, Serialize};

use super::Located;

/// `[[conflict]]`: what becomes of a conflict in these paths. The last rule that matches counts,
/// as in gitattributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictRule {
    /// Patterns of the paths.
    pub paths: Vec<Located<String>>,
    /// What happens.
    pub rule: Rule,
}

/// See [`ConflictRule`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Conflicting hunks are taken from this workstream or session; all others merge.
    Prefer(Located<String>),
    /// The whole file is taken from it whenever both sides have changed it.
    Take(Located<String>),
    /// Both sides are kept, the target's first.
    Both,
    /// It stops; these are named.
    Ask(Vec<Located<String>>),
    /// The file is made anew by this command.
    Regenerate(String),
    /// A merge driver of git's configuration.
    Driver(String),
}
