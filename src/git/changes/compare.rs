//! Index against tree, in this process.
//!
//! git sorts a tree as if the names of folders ended in `/`, and the index by whole paths. The
//! two orders are the same once a tree is walked depth first, so one pass over both is enough.
//! The index's cache of tree ids (extension `TREE`) shows which folders cannot differ; those are
//! neither read from the object database nor compared.

use std::ops::Range;
use std::path::Path;

use gix::index::entry::{Flags, Mode};
use gix::index::extension::Tree as CachedTree;
use gix::index::{Entry, State};
use gix::objs::FindExt;

use super::super::head;
use super::super::repo::HostRepo;

/// gix cannot answer for certain. Why does not matter: git is asked, and its message is the one
/// that the user can look up.
#[derive(Debug)]
pub(super) struct AskGit;

/// Deeper than any folder of a real repository (git itself refuses at 2,048): ends the recursion
/// before the stack does.
const MAX_DEPTH: usize = 1024;

/// Paths whose index entry differs from every one of `bases` (commits, trees, [`super::HEAD`]), sorted.
pub(super) fn with_gix(repo: &HostRepo, index: &Path, bases: &[String]) -> Result<Vec<Vec<u8>>, AskGit> {
    let git = head::open(repo).ok_or(AskGit)?;
    let state = read_index(index, git.object_hash())?;
    let mut common: Option<Vec<Vec<u8>>> = None;
    for base in bases {
        let tree = match base.as_str() {
            super::HEAD => head_tree(repo, &git)?,
            id => Some(tree_of(&git, gix::ObjectId::from_hex(id.as_bytes()).map_err(|_| AskGit)?)?),
        };
        let changed = against(&git, &state, tree)?;
        common = Some(match common {
            None => changed,
            Some(before) => super::intersect(before, &changed),
        });
    }
    Ok(common.unwrap_or_default())
}

/// The tree of the commit at HEAD; `None` on a branch without commits.
fn head_tree(repo: &HostRepo, git: &gix::Repository) -> Result<Option<gix::ObjectId>, AskGit> {
    let commit = if head::has_ref_files(git) {
        let mut head = git.head().map_err(|_| AskGit)?;
        if head.is_unborn() {
            return Ok(None);
        }
        head.try_peel_to_id().map_err(|_| AskGit)?.ok_or(AskGit)?.detach()
    } else {
        // gix reads refs from files whatever the format, and would find a placeholder there.
        match super::head_from_git(repo).map_err(|_| AskGit)? {
            None => return Ok(None),
            Some(id) => gix::ObjectId::from_hex(id.as_bytes()).map_err(|_| AskGit)?,
        }
    };
    tree_of(git, commit).map(Some)
}

/// The tree of a commit; a tree's own id.
fn tree_of(git: &gix::Repository, id: gix::ObjectId) -> Result<gix::ObjectId, AskGit> {
    let mut buf = Vec::new();
    let object = git.objects.find(&id, &mut buf).map_err(|_| AskGit)?;
    match object.kind {
        gix::objs::Kind::Tree => Ok(id),
        gix::objs::Kind::Commit => {
            gix::objs::CommitRefIter::from_bytes(object.data, git.object_hash()).tree_id().map_err(|_| AskGit)
        }
        _ => Err(AskGit),
    }
}

fn read_index(path: &Path, hash: gix::hash::Kind) -> Result<State, AskGit> {
    let data = match std::fs::read(path) {
        Ok(data) => data,
        // Before the first `git add` there is no index, which git takes for an empty one.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(State::new(hash)),
        Err(_) => return Err(AskGit),
    };
    // One thread: starting more takes longer than what they save below 100,000 files.
    let options = gix::index::decode::Options { thread_limit: Some(1), ..Default::default() };
    let timestamp = State::new(hash).timestamp();
    let (state, _checksum) = State::from_bytes(&data, timestamp, hash, options).map_err(|_| AskGit)?;
    if state.link().is_some() || state.is_sparse() {
        return Err(AskGit);
    }
    Ok(state)
}

fn against(
    git: &gix::Repository,
    state: &State,
    tree: Option<gix::ObjectId>,
) -> Result<Vec<Vec<u8>>, AskGit> {
    let mut walk = Walk {
        objects: &git.objects,
        state,
        entries: state.entries(),
        path: Vec::new(),
        changed: Vec::new(),
        spare: Vec::new(),
    };
    let all = 0..walk.entries.len();
    match tree {
        None => walk.added(all),
        Some(tree) => {
            if !walk.is_unchanged(state.tree(), tree, &all) {
                walk.folder(tree, all, state.tree(), 0)?;
            }
        }
    }
    walk.changed.sort();
    walk.changed.dedup();
    Ok(walk.changed)
}

struct Walk<'a> {
    objects: &'a gix::OdbHandle,
    state: &'a State,
    entries: &'a [Entry],
    /// Path of the folder that is being walked, with a slash at its end unless it is the root.
    path: Vec<u8>,
    changed: Vec<Vec<u8>>,
    /// Buffers of folders that are done.
    spare: Vec<Vec<u8>>,
}

impl<'a> Walk<'a> {
    fn path_at(&self, at: usize) -> &'a [u8] {
        self.entries.get(at).map_or(&[], |e| e.path(self.state))
    }

    /// True when the cache says that the entries of a folder make up exactly the tree `id`.
    fn is_unchanged(&self, cached: Option<&CachedTree>, id: gix::ObjectId, range: &Range<usize>) -> bool {
        cached.is_some_and(|c| c.id == id && c.num_entries.is_some_and(|n| n as usize == range.len()))
    }

    /// Entries that the tree does not have. `git add -N` only announces a file: the commit will
    /// not have it.
    fn added(&mut self, range: Range<usize>) {
        for at in range {
            if self.entries.get(at).is_some_and(|e| !e.flags.contains(Flags::INTENT_TO_ADD)) {
                self.changed.push(self.path_at(at).to_vec());
            }
        }
    }

    /// Compares the tree `id` with the entries in `range`, which are those below `self.path`.
    fn folder(
        &mut self,
        id: gix::ObjectId,
        range: Range<usize>,
        cached: Option<&CachedTree>,
        depth: usize,
    ) -> Result<(), AskGit> {
        if depth > MAX_DEPTH {
            return Err(AskGit);
        }
        let mut buf = self.spare.pop().unwrap_or_default();
        let objects = self.objects;
        let tree = objects.find_tree_iter(&id, &mut buf).map_err(|_| AskGit)?;
        let mut at = range.start;
        let above = self.path.len();
        for entry in tree {
            let entry = entry.map_err(|_| AskGit)?;
            self.path.extend_from_slice(entry.filename);
            if entry.mode.is_tree() {
                self.path.push(b'/');
            }
            let before = at;
            while at < range.end && self.path_at(at) < self.path.as_slice() {
                at += 1;
            }
            self.added(before..at);
            if entry.mode.is_tree() {
                let below = at..self.end_of_folder(at, range.end);
                at = below.end;
                let name: &[u8] = entry.filename;
                let cached = cached.and_then(|c| child(c, name));
                if !self.is_unchanged(cached, entry.oid.to_owned(), &below) {
                    self.folder(entry.oid.to_owned(), below, cached, depth + 1)?;
                }
            } else {
                at = self.file(entry.mode, entry.oid, at, range.end);
            }
            self.path.truncate(above);
        }
        self.added(at..range.end);
        self.spare.push(buf);
        Ok(())
    }

    /// Where the entries that begin with `self.path` end.
    fn end_of_folder(&self, start: usize, end: usize) -> usize {
        let slice = self.entries.get(start..end).unwrap_or_default();
        start + slice.partition_point(|e| e.path(self.state).starts_with(&self.path))
    }

    /// Compares one file of the tree with the entries at `at`; returns where the next path begins.
    fn file(&mut self, mode: gix::objs::tree::EntryMode, id: &gix::oid, at: usize, end: usize) -> usize {
        let mut next = at;
        let mut same = false;
        while next < end && self.path_at(next) == self.path.as_slice() {
            // More than one entry for a path, or one of a stage above 0: an unresolved conflict,
            // which differs from everything.
            same = next == at
                && self.entries.get(next).is_some_and(|e| {
                    e.stage_raw() == 0
                        && !e.flags.contains(Flags::INTENT_TO_ADD)
                        && e.id == id
                        // Through the kind, as old trees hold modes such as 100664.
                        && e.mode == Mode::from(mode.kind())
                });
            next += 1;
        }
        if !same {
            self.changed.push(self.path.clone());
        }
        next
    }
}

/// The part of the cache for a subfolder; gix keeps them sorted by name.
fn child<'c>(cached: &'c CachedTree, name: &[u8]) -> Option<&'c CachedTree> {
    let at = cached.children.binary_search_by(|c| c.name.as_slice().cmp(name)).ok()?;
    cached.children.get(at)
}
