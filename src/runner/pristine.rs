//! Which files differ from a commit although nobody has changed it.
//!
//! In some repositories a fresh checkout is never clean: files with CRLF under `text eol=lf`, files
//! of LFS that were committed without it. git says that they are modified, and will say so for ever. That
//! is no work of anybody: it must neither fail an item nor be committed with it, and keeps nobody from
//! removing a worktree.
//!
//! A file is as it was checked out when its bytes are those that a checkout writes for its entry of
//! the index (`git cat-file --filters`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::git::{Git, GitError};

/// A path that git calls changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry<'a> {
    path: &'a [u8],
    /// The object of the index, where nothing but the content of a plain file differs from it.
    object: Option<&'a str>,
}

/// The git that lists what [`changes`] reads.
pub(super) fn status(root: &Path) -> Git {
    Git::new(root)
        .args(["status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all"])
        .arg("--ignore-submodules=none")
}

/// What `status` lists, and the question which of it is pristine.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Listed<'a> {
    /// Reads what [`status`] prints.
    pub(super) fn of(status: &'a [u8]) -> Self {
        Listed { entries: parse(status) }
    }

    /// What [`contents`] reads; `None` when there is nothing to ask.
    pub(super) fn question(&self) -> Option<Vec<u8>> {
        let mut question = Vec::new();
        for entry in &self.entries {
            let Some(object) = entry.object else { continue };
            question.extend_from_slice(object.as_bytes());
            question.push(b' ');
            question.extend_from_slice(entry.path);
            question.push(b'\n');
        }
        (!question.is_empty()).then_some(question)
    }

    /// The paths that differ from what a checkout writes; `contents` is what it would write.
    pub(super) fn changed(&self, root: &Path, contents: &[u8]) -> Vec<&'a [u8]> {
        let mut contents = Contents { rest: contents };
        let mut pristine = |entry: &Entry<'_>| {
            entry.object.is_some()
                && contents.next().is_some_and(|content| {
                    let path = root.join(OsStr::from_bytes(entry.path));
                    std::fs::read(path).is_ok_and(|found| found == content)
                })
        };
        self.entries.iter().filter(|entry| !pristine(entry)).map(|entry| entry.path).collect()
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The git that answers [`Listed::question`].
pub(super) fn contents(root: &Path) -> Git {
    Git::new(root).args(["cat-file", "--batch", "--filters"])
}

/// True when a worktree has nothing that a fresh checkout of its commit would not have, except what is ignored.
///
/// # Errors
/// When git does not answer.
pub(super) fn is_clean(root: &Path) -> Result<bool, GitError> {
    let status = status(root).run()?;
    let listed = Listed::of(&status);
    let written = match listed.question() {
        Some(question) => contents(root).stdin(question).run()?,
        None => Vec::new(),
    };
    Ok(listed.changed(root, &written).is_empty())
}

/// Reads `git status --porcelain=v2 -z`.
fn parse(status: &[u8]) -> Vec<Entry<'_>> {
    let mut list = Vec::new();
    for line in status.split(|b| *b == 0).filter(|line| !line.is_empty()) {
        let fields: Vec<&[u8]> = match line.first() {
            Some(b'1') => line.splitn(9, |b| *b == b' ').collect(),
            Some(b'u') => line.splitn(11, |b| *b == b' ').collect(),
            Some(b'?') => line.splitn(2, |b| *b == b' ').collect(),
            _ => continue,
        };
        let Some(path) = fields.last() else { continue };
        // What is not committed within a submodule cannot be committed here.
        if fields.get(2).is_some_and(|sub| sub.starts_with(b"S.")) {
            continue;
        }
        let object = match fields[..] {
            // A path with a line break cannot be asked for.
            [b"1", b".M", b"N...", _, index, worktree, _, object, path]
                if index == worktree && index.starts_with(b"100") && !path.contains(&b'\n') =>
            {
                std::str::from_utf8(object).ok()
            }
            _ => None,
        };
        list.push(Entry { path, object });
    }
    list
}

/// What `git cat-file --batch` answers, one object after the other.
struct Contents<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Contents<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|b| *b == b'\n')?;
        let (head, rest) = self.rest.split_at(end);
        let size: usize = std::str::from_utf8(head).ok()?.rsplit(' ').next()?.parse().ok()?;
        let rest = rest.get(1..)?;
        let content = rest.get(..size)?;
        self.rest = rest.get(size + 1..).unwrap_or_default();
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_whose_content_alone_differs_are_asked_for() {
        let status = b"# branch.oid 1\x001 .M N... 100644 100644 100644 aa bb win dows.txt\0\
            1 M. N... 100644 100644 100644 aa bb staged\x001 .M N... 100644 100644 100755 aa bb mode\0\
            1 .M SCM. 160000 160000 160000 aa bb sub\0? new file\0";
        let found: Vec<(&[u8], Option<&str>)> = parse(status).iter().map(|e| (e.path, e.object)).collect();
        let want: [(&[u8], Option<&str>); 5] = [
            (b"win dows.txt", Some("bb")),
            (b"staged", None),
            (b"mode", None),
            (b"sub", None),
            (b"new file", None),
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn contents_are_cut_by_their_length() {
        let contents = Contents { rest: b"aa blob 3\na\nb\nbb blob 0\n\ncc missing\n" };
        assert_eq!(contents.collect::<Vec<_>>(), [&b"a\nb"[..], b""]);
    }
}
