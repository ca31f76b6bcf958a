//! What a merge changes of its own.
//!
//! Merging two commits again, as git would, and comparing shows the edits of the merge's author: also
//! where the result is one side's and the other side's change is gone (`-s ours`), which no comparison with
//! the parents shows. git does that for merges of two (`--remerge-diff`); for more, this does.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::RepoPath;

use super::super::cmd::{Git, GitError};
use super::ChangesError;

/// Mode and object of an entry, as git writes them; of zeros where there is none.
type Entry = (String, String);

/// The paths that a merge of more than two changes of its own: where it differs from the one changed
/// version among its parents, or has one of several.
pub(super) fn of_octopus(
    git: &dyn Fn() -> Git,
    parents: &[String],
    merge: &str,
) -> Result<Vec<RepoPath>, ChangesError> {
    let base = match git().args(["merge-base", "--octopus"]).args(parents).optional()? {
        Some(base) => base,
        // Histories without a common root: all of it was added. Every git knows the empty tree.
        None => git().args(["hash-object", "-t", "tree", "--stdin"]).text()?,
    };
    let mut sides = Vec::new();
    for parent in parents {
        sides.push(changed(git(), &base, parent)?);
    }
    let result = changed(git(), &base, merge)?;
    let paths: BTreeSet<&Vec<u8>> = sides.iter().flat_map(BTreeMap::keys).chain(result.keys()).collect();
    let mut edited = Vec::new();
    for path in paths {
        let versions: BTreeSet<&Entry> = sides.iter().filter_map(|side| side.get(path)).collect();
        let natural = match versions.len() {
            0 | 1 => Some(versions.first().copied()),
            _ => None,
        };
        if natural != Some(result.get(path)) {
            edited.push(RepoPath::from_bytes(path)?);
        }
    }
    Ok(edited)
}

/// What differs from `base` in `commit`, by path.
fn changed(git: Git, base: &str, commit: &str) -> Result<BTreeMap<Vec<u8>, Entry>, GitError> {
    let out = git.args(["diff-tree", "-r", "-z", "--raw", "--no-renames", base, commit, "--"]).run()?;
    let mut fields = out.split(|b| *b == 0);
    let mut map = BTreeMap::new();
    while let (Some(line), Some(path)) = (fields.next(), fields.next()) {
        let words: Vec<String> =
            line.split(|b| *b == b' ').map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        if let [_, mode, _, id, _] = &words[..] {
            map.insert(path.to_vec(), (mode.clone(), id.clone()));
        }
    }
    Ok(map)
}

/// The tree that merging `other` into HEAD gives, conflicts marked in its files. `None` when git cannot
/// tell, as for histories without a common commit.
pub(super) fn merged_tree(git: Git, other: &str) -> Result<Option<String>, GitError> {
    let words = ["merge-tree", "--write-tree", "--no-messages", "--name-only", "HEAD", other];
    let out = git.args(words).output()?;
    // 0: clean, 1: with conflicts; the tree is on the first line either way.
    if !matches!(out.status, Some(0 | 1)) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(text.lines().next().map(str::to_owned).filter(|line| !line.is_empty()))
}
