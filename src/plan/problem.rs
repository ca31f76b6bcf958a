//! What is wrong with a plan, and where.

use serde::Serialize;

/// What kind of problem it is: a word that programs can rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Not TOML.
    Toml,
    /// A field that nothing reads.
    UnknownField,
    /// A value of the wrong type, or not one of the allowed words.
    Type,
    /// A field that has to be there is missing.
    Missing,
    /// Not a duration or an estimate.
    Duration,
    /// Not a day of the plan.
    Day,
    /// An id or a name that cannot be used.
    Name,
    /// A pattern of paths that cannot be used.
    Pattern,
    /// A workstream that is not in the plan.
    UnknownWorkstream,
    /// A gate that is not in the plan.
    UnknownGate,
    /// Workstreams that need each other.
    Cycle,
    /// A wave merges a workstream before what it needs has landed.
    WaveOrder,
    /// A workstream that no wave merges.
    NeverMerged,
    /// A workstream in two waves that is not continuous.
    MergedTwice,
    /// Two workstreams own the same path, and no conflict rule covers it.
    Overlap,
    /// Two workstreams with one branch.
    SameBranch,
    /// Two workstreams with one worktree.
    SameWorktree,
    /// A branch that exists and belongs to something else.
    BranchTaken,
    /// A folder that exists and belongs to something else.
    WorktreeTaken,
    /// A branch name that git does not accept.
    BadRef,
    /// A gate that checks nothing.
    GateEmpty,
    /// A gate's file of results that its command is not told to write.
    GateFile,
    /// A prompt's file that is not there.
    PromptMissing,
    /// Warning: the plan is longer than its days.
    DoesNotFit,
    /// Warning: a wave without a gate.
    NoGate,
    /// Warning: files that nobody owns.
    Unowned,
    /// Warning: a member ends after the day of its wave.
    LateWave,
    /// Warning: both sides of a conflict in source code are kept.
    KeepBoth,
}

impl Code {
    /// True for what is worth saying but does not keep the plan from being applied.
    pub fn is_warning(self) -> bool {
        match self {
            Code::DoesNotFit | Code::NoGate | Code::Unowned | Code::LateWave | Code::KeepBoth => true,
            Code::Toml
            | Code::UnknownField
            | Code::Type
            | Code::Missing
            | Code::Duration
            | Code::Day
            | Code::Name
            | Code::Pattern
            | Code::UnknownWorkstream
            | Code::UnknownGate
            | Code::Cycle
            | Code::WaveOrder
            | Code::NeverMerged
            | Code::MergedTwice
            | Code::Overlap
            | Code::SameBranch
            | Code::SameWorktree
            | Code::BranchTaken
            | Code::WorktreeTaken
            | Code::BadRef
            | Code::GateEmpty
            | Code::GateFile
            | Code::PromptMissing => false,
        }
    }
}

/// One thing that is wrong, or worth a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What kind.
    pub code: Code,
    /// Where in the plan: `workstream.TD1.needs`.
    pub path: String,
    /// What was found, and what was expected.
    pub reason: String,
}

/// Collects all problems of one text, so that they are shown together.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    text: &'a str,
    list: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub fn new(text: &'a str) -> Self {
        Problems { text, list: Vec::new() }
    }

    /// The text that they are about.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Adds a problem at a byte offset of the text.
    pub fn add(&mut self, at: usize, code: Code, path: impl Into<String>, reason: impl Into<String>) {
        let (line, column) = position(self.text, at);
        self.list.push(Problem { line, column, code, path: path.into(), reason: reason.into() });
    }

    /// All of them, in the order of the text.
    pub fn finish(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|p| (p.line, p.column, p.code));
        self.list.dedup();
        self.list
    }
}

/// The line and column, both counted from 1, of a byte offset.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (line, text[start..at].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let text = "a\nbé = 1\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 2), (2, 1));
        assert_eq!(position(text, text.find('=').unwrap()), (2, 4));
        assert_eq!(position(text, 4), (2, 2), "within a character");
        assert_eq!(position(text, 999), (3, 1));
    }
}
