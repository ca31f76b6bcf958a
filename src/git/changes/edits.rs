//! Whether a commit makes the same change of a file as another.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use crate::model::RepoPath;

use super::super::cmd::GitError;
use super::super::repo::HostRepo;

/// What one commit does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    /// Mode and object afterwards, as git writes them.
    result: Vec<u8>,
    /// A hash of the lines that go and come, wherever in the file that is.
    lines: u64,
}

/// The edits of some commits, by commit and path.
#[derive(Debug, Default)]
pub struct Edits {
    of: HashMap<String, HashMap<Vec<u8>, Edit>>,
}

impl Edits {
    /// Reads the edits of commits; merges have none here.
    ///
    /// # Errors
    /// When git fails.
    pub fn read<'a>(repo: &HostRepo, commits: impl Iterator<Item = &'a str>) -> Result<Self, GitError> {
        let stdin: String = commits.map(|id| format!("{id}\n")).collect();
        if stdin.is_empty() {
            return Ok(Edits::default());
        }
        let out = repo
            .git()
            .as_judge()
            .args([
                "-c",
                "core.quotePath=false",
                "diff-tree",
                "--stdin",
                "-r",
                "--root",
                "--raw",
                "-p",
                "-U0",
            ])
            .args([
                "--full-index",
                "--no-abbrev",
                "--no-renames",
                "--no-ext-diff",
                "--no-textconv",
                "--binary",
            ])
            .args(["--no-color", "--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/"])
            .args(["--no-relative", "--submodule=short"])
            .stdin(stdin)
            .run()?;
        Ok(Edits::parse(&out))
    }

    /// The raw lines of a commit come first, then a patch for each of them, in the same order.
    fn parse(out: &[u8]) -> Self {
        let mut edits = Edits::default();
        let mut commit = String::new();
        let mut order: Vec<Vec<u8>> = Vec::new();
        let mut at: Option<usize> = None;
        let mut hasher = DefaultHasher::new();
        for line in out.split(|b| *b == b'\n') {
            let of = edits.of.entry(commit.clone()).or_default();
            if let Some(id) = as_id(line) {
                close(of, &order, at, &hasher);
                (commit, at) = (id, None);
                order.clear();
            } else if line.starts_with(b":") {
                let mut halves = line.splitn(2, |b| *b == b'\t');
                let words: Vec<&[u8]> = halves.next().unwrap_or_default().split(|b| *b == b' ').collect();
                let path = halves.next().unwrap_or_default().to_vec();
                let result =
                    [words.get(1).copied().unwrap_or_default(), words.get(3).copied().unwrap_or_default()]
                        .join(&b' ');
                of.insert(path.clone(), Edit { result, lines: 0 });
                order.push(path);
            } else if line.starts_with(b"diff --git ") {
                close(of, &order, at, &hasher);
                at = Some(at.map_or(0, |at| at + 1));
                hasher = DefaultHasher::new();
            } else if !line.starts_with(b"@@ ") && !line.starts_with(b"index ") {
                hasher.write(line);
                hasher.write_u8(b'\n');
            }
        }
        close(edits.of.entry(commit).or_default(), &order, at, &hasher);
        edits
    }

    /// True when both commits change `path`, in the same way: with the same result, or the same lines.
    pub fn are_same(&self, one: &str, other: &str, path: &RepoPath) -> bool {
        let path = path.to_bytes();
        let edit = |commit: &str| self.of.get(commit).and_then(|files| files.get(&path));
        match (edit(one), edit(other)) {
            (Some(one), Some(other)) => one.result == other.result || one.lines == other.lines,
            _ => false,
        }
    }
}

/// Ends the patch of a file.
fn close(of: &mut HashMap<Vec<u8>, Edit>, order: &[Vec<u8>], at: Option<usize>, hasher: &DefaultHasher) {
    if let Some(edit) = at.and_then(|at| order.get(at)).and_then(|path| of.get_mut(path)) {
        edit.lines = hasher.finish();
    }
}

/// The line before a commit. No line of a patch is one: those of files begin with a sign.
fn as_id(line: &[u8]) -> Option<String> {
    let is_id = matches!(line.len(), 40 | 64) && line.iter().all(u8::is_ascii_hexdigit);
    is_id.then(|| String::from_utf8_lossy(line).into_owned())
}
