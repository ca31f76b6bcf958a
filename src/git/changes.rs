//! What a commit changes: the one being made ([`staged`]) and those already made ([`in_range`]).
//!
//! Guarantees:
//! - A path is reported when its entry (mode or object) differs; so a rename counts on both
//!   sides, and deletions, mode changes, symbolic links and submodules count. It is what
//!   `git diff-index --cached --no-renames --ita-invisible-in-index --name-only -z HEAD` prints.
//! - Of a merge only what differs from what merging its parents gives is reported: what both sides bring
//!   was their edit. Where the result is one side's although the other has changed the file too, the
//!   author of the merge has undone that change.
//! - Nothing is judged by `refs/replace` or grafts, which anybody can push or write.
//! - Whatever gix cannot read with certainty (split or sparse index, an extension it does not
//!   know, an object that a partial clone has yet to fetch) is asked of the `git` program instead.
//!   Speed differs then, the answer does not.

mod compare;
mod edits;
mod merges;
mod push;
mod range;
#[cfg(test)]
mod tests;
mod worktree;

use std::path::{Path, PathBuf};

use crate::model::{PathError, RepoPath};

use super::cmd::GitError;
use super::repo::HostRepo;

pub use edits::Edits;
pub use push::{Arrival, Pushed, TakenOff, has_state, in_arrival, in_push, is_judged, parse_push};
pub use range::{CommitChanges, in_range, last, these};
pub use worktree::{uncommitted, unstaged};

/// The paths that a commit in the making changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Sorted, each once.
    pub paths: Vec<RepoPath>,
    /// True when the commit will have more than one parent.
    pub merge: bool,
    /// True when the answer came from the `git` program, not from gix.
    pub asked_git: bool,
}

/// Why it is not known what a commit changes.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// git was asked and gave no answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A path that cannot be a claimable one.
    #[error("git reports a change of a path that cannot be claimed: {0}")]
    Path(#[from] PathError),
    /// A file of git's own that cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// git printed something else than it is documented to print.
    #[error(
        "`git log` printed what cannot be understood near {near:?}; please report this with `git --version`"
    )]
    Log {
        /// The part in question.
        near: String,
    },
    /// A line on the standard input of `pre-push` that is not four words.
    #[error("pre-push: git is expected to name `<ref> <object> <ref> <object>`, but wrote {line:?}")]
    PushLine {
        /// The line.
        line: String,
    },
    /// A range that git would take for an option.
    #[error("{range:?}: not a range of commits; write it as `A..B`")]
    Range {
        /// As given.
        range: String,
    },
}

/// What the commit in the making changes.
///
/// `index_file` is what git exports as `GIT_INDEX_FILE` to a hook (`index.lock` for `commit -a`,
/// `next-index-<pid>.lock` for `commit <path>`), taken from the top of the worktree when it is
/// relative; `None` means the worktree's own index. While `MERGE_HEAD` exists its commits count
/// as parents. A cherry-pick, revert or squash merge makes an ordinary commit, and so do the
/// edits of an amend: a hook does not learn of `--amend`, and what the commit before already
/// had was checked when it was made.
///
/// # Errors
/// When neither gix nor git can compare the index with the parents.
pub fn staged(repo: &HostRepo, index_file: Option<&Path>) -> Result<Changes, ChangesError> {
    staged_with_parents(repo, index_file, &[])
}

/// As [`staged`], with further parents that are known from elsewhere, as hex ids.
///
/// `pre-merge-commit` needs it: git writes `MERGE_HEAD` only after that hook, and names the
/// merged commits in variables `GITHEAD_<id>` alone. Without them a clean merge would look as if
/// its author had edited everything that the other side did.
///
/// # Errors
/// As [`staged`].
pub fn staged_with_parents(
    repo: &HostRepo,
    index_file: Option<&Path>,
    parents: &[String],
) -> Result<Changes, ChangesError> {
    let mut others = merge_heads(&repo.git_dir)?;
    for id in parents {
        if !others.contains(id) {
            others.push(id.clone());
        }
    }
    let merge = !others.is_empty();
    let merged = match &others[..] {
        [other] => merges::merged_tree(repo.git().as_judge(), other)?,
        _ => None,
    };
    let (paths, asked_git) = match merged {
        // Not against HEAD as well: what is HEAD's again although the other side has changed it was undone.
        Some(tree) => against(repo, index_file, &[tree])?,
        None => against_head(repo, index_file, &others)?,
    };
    Ok(Changes { paths, merge, asked_git })
}

/// As [`staged`], without what `tree` has already: the tree of a pick that has stopped, as far as git could
/// merge it.
///
/// # Errors
/// As [`staged`].
pub fn staged_beside(
    repo: &HostRepo,
    index_file: Option<&Path>,
    tree: &str,
) -> Result<Changes, ChangesError> {
    let (paths, asked_git) = against_head(repo, index_file, &[tree.to_owned()])?;
    Ok(Changes { paths, merge: false, asked_git })
}

/// Paths that differ from HEAD and from all of `others`, commits or trees.
fn against_head(
    repo: &HostRepo,
    index_file: Option<&Path>,
    others: &[String],
) -> Result<(Vec<RepoPath>, bool), ChangesError> {
    let all: Vec<String> = std::iter::once(HEAD.to_owned()).chain(others.iter().cloned()).collect();
    against(repo, index_file, &all)
}

/// Paths of the index that differ from all of `bases`; true with them when git was asked.
fn against(
    repo: &HostRepo,
    index_file: Option<&Path>,
    bases: &[String],
) -> Result<(Vec<RepoPath>, bool), ChangesError> {
    let index = match index_file {
        Some(path) => repo.root.join(path),
        None => repo.git_dir.join("index"),
    };
    let (paths, asked_git) = match compare::with_gix(repo, &index, bases) {
        Ok(paths) => (paths, false),
        Err(compare::AskGit) => (with_git(repo, &index, bases)?, true),
    };
    let mut paths = paths.iter().map(|p| RepoPath::from_bytes(p)).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    paths.dedup();
    Ok((paths, asked_git))
}

/// The base that is the commit of this worktree, if there is one yet.
const HEAD: &str = "HEAD";

/// The ids in `MERGE_HEAD`, one a line; none when no merge is going on.
fn merge_heads(git_dir: &Path) -> Result<Vec<String>, ChangesError> {
    let path = git_dir.join("MERGE_HEAD");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(ChangesError::Read { path, source }),
    }
}

/// The id of the commit at HEAD, from git; `None` on a branch without commits.
fn head_from_git(repo: &HostRepo) -> Result<Option<String>, GitError> {
    repo.git().as_judge().args(["rev-parse", "--verify", "-q", "HEAD^{commit}"]).optional()
}

/// The comparison as the `git` program makes it.
fn with_git(repo: &HostRepo, index: &Path, bases: &[String]) -> Result<Vec<Vec<u8>>, ChangesError> {
    let mut common: Option<Vec<Vec<u8>>> = None;
    for base in bases {
        let base = match (base.as_str(), head_from_git(repo)?) {
            (HEAD, Some(id)) => id,
            // The empty tree is known to every git; its id depends on the object format.
            (HEAD, None) => repo.git().args(["hash-object", "-t", "tree", "--stdin"]).text()?,
            (other, _) => other.to_owned(),
        };
        let out = repo
            .git()
            .as_judge()
            .env("GIT_INDEX_FILE", index)
            // `submodule.<name>.ignore` would hide a submodule that the commit does change.
            .args(["diff-index", "--cached", "--no-renames", "--ignore-submodules=none", "--no-relative"])
            // `git add -N` only announces a file: the commit will not have it.
            .args(["--ita-invisible-in-index", "--name-only", "-z", base.as_str(), "--"])
            .run()?;
        let mut paths: Vec<Vec<u8>> =
            out.split(|b| *b == 0).filter(|p| !p.is_empty()).map(<[u8]>::to_vec).collect();
        paths.sort();
        paths.dedup();
        common = Some(match common {
            None => paths,
            Some(before) => intersect(before, &paths),
        });
    }
    Ok(common.unwrap_or_default())
}

/// What is in both sorted lists.
fn intersect(mut a: Vec<Vec<u8>>, b: &[Vec<u8>]) -> Vec<Vec<u8>> {
    a.retain(|path| b.binary_search(path).is_ok());
    a
}
