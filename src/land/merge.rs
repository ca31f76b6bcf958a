//! One merge in memory: `git merge-tree --write-tree` in the workshop.

use std::collections::BTreeMap;

use crate::model::RepoPath;

use super::LandError;
use super::workshop::Workshop;

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The tree; with conflicts it has their markers.
    pub tree: String,
    /// Files in conflict with the kind of conflict, in git's words: `contents`, `rename/delete`, …
    /// Empty when the merge is clean.
    pub conflicts: BTreeMap<String, String>,
    /// True when there is no conflict. git says so apart from the list of files, which may be empty.
    pub clean: bool,
}

impl Workshop {
    /// Merges two commits. `base`: instead of their merge base.
    ///
    /// # Errors
    /// When git fails: no common history, an object that is not here.
    pub fn merge(&self, ours: &str, theirs: &str, base: Option<&str>) -> Result<Merged, LandError> {
        let mut git = self.merging().args(["merge-tree", "--write-tree", "-z"]);
        if let Some(base) = base {
            if !self.takes_merge_base() {
                let base = self.bare_commit(base, None)?;
                let (ours, theirs) =
                    (self.bare_commit(ours, Some(&base))?, self.bare_commit(theirs, Some(&base))?);
                return self.merge(&ours, &theirs, None);
            }
            git = git.arg(format!("--merge-base={base}"));
        }
        let output = git.args([ours, theirs]).output()?;
        let clean = match output.status {
            Some(0) => true,
            Some(1) => false,
            _ => return Err(LandError::unreadable(theirs, &output.stderr)),
        };
        let mut words = output.stdout.split(|b| *b == 0);
        body(&mut words, clean).ok_or_else(|| LandError::unreadable(theirs, b"merge-tree printed no tree"))
    }

    /// A commit with the tree of another and this parent: git before 2.40 finds the base itself.
    fn bare_commit(&self, of: &str, parent: Option<&str>) -> Result<String, LandError> {
        let mut git = self.git();
        for who in ["AUTHOR", "COMMITTER"] {
            git = git
                .env(format!("GIT_{who}_NAME"), "git-coord")
                .env(format!("GIT_{who}_EMAIL"), "coord@invalid");
            git = git.env(format!("GIT_{who}_DATE"), "@0 +0000");
        }
        git = git.args(["commit-tree", &self.tree(of)?]);
        if let Some(parent) = parent {
            git = git.args(["-p", parent]);
        }
        Ok(git.stdin("merge").text()?)
    }
}

/// Reads the part of an answer that follows its status: the tree, conflicted files and messages.
pub(super) fn body<'o>(words: &mut impl Iterator<Item = &'o [u8]>, clean: bool) -> Option<Merged> {
    let tree = text(words.next()?);
    let mut merged = Merged { tree, conflicts: BTreeMap::new(), clean };
    if clean {
        return Some(merged);
    }
    // `<mode> <object> <stage>\t<path>`, up to an empty word.
    for word in words.by_ref().take_while(|word| !word.is_empty()) {
        let at = word.iter().position(|b| *b == b'\t')?;
        merged.conflicts.insert(path(&word[at + 1..]), String::new());
    }
    // `<number of paths> <paths> <type> <message>`, up to an empty word.
    while let Some(count) = words.next().filter(|word| !word.is_empty()) {
        let count: usize = text(count).parse().ok()?;
        let paths: Vec<String> = words.by_ref().take(count).map(path).collect();
        let kind = text(words.next()?);
        words.next()?;
        let Some(kind) = kind.strip_prefix("CONFLICT (").and_then(|k| k.strip_suffix(')')) else { continue };
        for path in paths {
            let known = merged.conflicts.entry(path).or_default();
            if known.is_empty() {
                kind.clone_into(known);
            }
        }
    }
    Some(merged)
}

fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

/// A path of git's in the form in which all records have it.
pub(super) fn path(word: &[u8]) -> String {
    RepoPath::from_bytes(word).map_or_else(|_| text(word), |path| path.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_conflict_have_their_kind() {
        let out = b"0\x00aa\x00100644 d0 1\tf\x00100644 00 2\tf\x00\x001\x00f\x00Auto-merging\x00Auto-merging f\n\x00\
                    1\x00f\x00CONFLICT (contents)\x00CONFLICT (content): Merge conflict in f\n\x00\x00next";
        let mut words = out.split(|b| *b == 0);
        assert_eq!(words.next(), Some(b"0".as_slice()));
        let merged = body(&mut words, false).expect("readable");
        assert_eq!(merged.conflicts, BTreeMap::from([("f".to_owned(), "contents".to_owned())]));
        assert_eq!(words.next(), Some(b"next".as_slice()), "nothing of the next answer is taken");
        let mut words = b"aa\x00\x00next".split(|b| *b == 0);
        assert_eq!(body(&mut words, true).map(|m| m.tree), Some("aa".into()));
    }
}
