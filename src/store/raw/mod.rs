//! What `doctor` needs of a store that may be damaged: reading without trust, and one way of
//! writing a repaired state ([`repair`]).
//!
//! - Every object is read in full and hashed: a disk that returns something else is found out.
//! - Nothing here follows a path that a damaged object could break; what cannot be read is
//!   reported with the key under which the state knows it.

mod repair;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::EntryKind;

use crate::model::event::Event;
use crate::model::view::View;
use crate::model::{Changes, header};
use crate::store::commit::lock::{self, StoreLock};
use crate::store::state::delta;
use crate::store::state::loose::LooseWriter;
use crate::store::state::view::GitView;
use crate::store::{STATE_REF, Store, StoreError, durable};

pub(crate) use crate::store::files::{file_name, files_in};
pub(crate) use repair::{Grafts, Onto, Scope, keep_events};

/// An object of the state that cannot be used.
#[derive(Debug, Clone)]
pub(crate) struct Bad {
    /// Where the state knows it; empty for the root.
    pub key: String,
    /// Its id.
    pub id: ObjectId,
    /// What is wrong with it.
    pub reason: String,
}

/// A commit as far as it can be read.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub tree: ObjectId,
    pub delta: Changes,
    pub parent: Option<ObjectId>,
    pub seconds: i64,
    pub events: Vec<String>,
}

/// Takes the lock of the store in this folder, which need not be one that can be opened.
pub(crate) fn lock_folder(store: &Path) -> Result<StoreLock, StoreError> {
    lock::lock(&store.join("coord.lock"))
}

/// Takes the lock under which upkeep packs, if it is free.
pub(crate) fn try_lock_upkeep(store: &Path) -> Result<Option<StoreLock>, StoreError> {
    lock::try_lock(&store.join("upkeep.lock"))
}

impl Store {
    /// Reads an object and proves that it is the one of this id.
    pub(crate) fn sound(&self, id: ObjectId) -> Result<(Kind, Vec<u8>), String> {
        let object = self.objects.find(id).map_err(|e| {
            // Errors name the file, which the caller knows.
            let file = format!("{}: ", self.objects.loose_path(id).display());
            let told = e.strip_prefix(&file).unwrap_or(&e);
            told.split(", path=").next().unwrap_or_default().to_lowercase()
        })?;
        match gix::objs::compute_hash(id.kind(), object.kind, &object.data) {
            Ok(found) if found == id => Ok((object.kind, object.data)),
            Ok(found) => Err(format!("its content is that of another object, {found}")),
            Err(e) => Err(e.to_string()),
        }
    }

    /// Reads a commit; its delta counts as part of it.
    pub(crate) fn sound_commit(&self, id: ObjectId) -> Result<Commit, String> {
        let (kind, data) = self.sound(id)?;
        if kind != Kind::Commit {
            return Err(format!("it is a {kind}, not a commit"));
        }
        let parsed = gix::objs::CommitRef::from_bytes(&data, id.kind()).map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(parsed.message);
        Ok(Commit {
            tree: parsed.tree(),
            delta: delta::parse(parsed.message)?,
            parent: parsed.parents().next(),
            seconds: parsed.committer().ok().and_then(|s| s.time().ok()).map_or(0, |t| t.seconds),
            events: text.lines().filter(|l| l.starts_with('{')).map(str::to_owned).collect(),
        })
    }

    /// Reads everything below a tree. `known` remembers what has been looked at, and is shared
    /// between the states of one history, which have almost everything in common.
    pub(crate) fn walk(&self, root: ObjectId, known: &mut HashMap<ObjectId, bool>) -> Vec<Bad> {
        let mut bad = Vec::new();
        self.walk_tree(root, "", known, &mut bad);
        bad
    }

    /// True when the tree and everything below it is sound.
    fn walk_tree(
        &self,
        id: ObjectId,
        key: &str,
        known: &mut HashMap<ObjectId, bool>,
        bad: &mut Vec<Bad>,
    ) -> bool {
        // What was found damaged before is walked again: this state knows it by another key.
        if known.get(&id) == Some(&true) {
            return true;
        }
        let mut note = |reason: String| bad.push(Bad { key: key.to_owned(), id, reason });
        let nodes = match self.nodes(id) {
            Ok(nodes) if !delta::is_too_deep(key) => nodes,
            other => {
                note(other.map_or_else(|reason| reason, |_| "it has too many levels".to_owned()));
                known.insert(id, false);
                return false;
            }
        };
        let mut whole = true;
        for (name, kind, child) in nodes {
            let below = if key.is_empty() { name } else { format!("{key}/{name}") };
            whole &= match kind {
                EntryKind::Tree => self.walk_tree(child, &below, known, bad),
                _ => self.walk_blob(child, below, known, bad),
            };
        }
        known.insert(id, whole);
        whole
    }

    fn walk_blob(
        &self,
        id: ObjectId,
        key: String,
        known: &mut HashMap<ObjectId, bool>,
        bad: &mut Vec<Bad>,
    ) -> bool {
        if known.get(&id) == Some(&true) {
            return true;
        }
        let reason = match self.sound(id) {
            Ok((Kind::Blob, _)) => None,
            Ok((kind, _)) => Some(format!("it is a {kind}, not a record")),
            Err(reason) => Some(reason),
        };
        known.insert(id, reason.is_none());
        match reason {
            None => true,
            Some(reason) => {
                bad.push(Bad { key, id, reason });
                false
            }
        }
    }

    /// The entries of a tree.
    fn nodes(&self, id: ObjectId) -> Result<Vec<(String, EntryKind, ObjectId)>, String> {
        let (kind, data) = self.sound(id)?;
        if kind != Kind::Tree {
            return Err(format!("it is a {kind}, not a folder"));
        }
        let mut nodes = Vec::new();
        for entry in gix::objs::TreeRefIter::from_bytes(&data, id.kind()) {
            let entry = entry.map_err(|e| e.to_string())?;
            let name = std::str::from_utf8(entry.filename).map_err(|e| e.to_string())?;
            nodes.push((name.to_owned(), entry.mode.kind(), entry.oid.to_owned()));
        }
        Ok(nodes)
    }

    /// What stands at `key` below a tree, if the way there can be read.
    pub(crate) fn node_at(&self, root: ObjectId, key: &str) -> Option<(EntryKind, ObjectId)> {
        let mut at = (EntryKind::Tree, root);
        for part in key.split('/').filter(|p| !p.is_empty()) {
            let (_, kind, id) = self.nodes(at.1).ok()?.into_iter().find(|(name, _, _)| name == part)?;
            at = (kind, id);
        }
        Some(at)
    }

    /// A view of a tree with the changes of a commit on top.
    pub(crate) fn view_tree(&self, tree: ObjectId, delta: &Changes) -> GitView<'_> {
        GitView::new(&self.objects, tree, delta.clone())
    }

    /// Ids of all loose objects, with their files, also of those that cannot be read.
    pub(crate) fn loose(&self) -> Vec<(ObjectId, PathBuf)> {
        let mut list = Vec::new();
        for fan in files_in(&self.path.join("objects")) {
            let name = file_name(&fan);
            if name.len() != 2 {
                continue;
            }
            for file in files_in(&fan) {
                if let Ok(id) = ObjectId::from_hex(format!("{name}{}", file_name(&file)).as_bytes()) {
                    list.push((id, file));
                }
            }
        }
        list
    }

    /// Packs without an index, which nobody reads.
    pub(crate) fn packs_without_index(&self) -> Vec<PathBuf> {
        let mut packs = files_in(&self.path.join("objects/pack"));
        packs.retain(|p| p.extension().is_some_and(|e| e == "pack") && !p.with_extension("idx").exists());
        packs
    }

    /// Pack indexes, each with the ids that it names or why it cannot be read.
    pub(crate) fn packs(&self) -> Vec<(PathBuf, Result<Vec<ObjectId>, String>)> {
        let mut packs = Vec::new();
        for file in files_in(&self.path.join("objects/pack")) {
            if file.extension().is_none_or(|e| e != "idx") {
                continue;
            }
            let ids = gix::odb::pack::index::File::at(&file, self.objects.hash())
                .map(|index| index.iter().map(|entry| entry.oid).collect())
                .map_err(|e| e.to_string());
            packs.push((file, ids));
        }
        packs
    }

    /// Writes an object as a loose one, although a pack holds it.
    pub(crate) fn write_loose(&self, id: ObjectId, kind: Kind, data: &[u8]) -> Result<(), StoreError> {
        LooseWriter::new(&self.path).write(id, kind, data)?;
        durable::sync_objects(self, &[id])
    }

    /// True when an object is a commit.
    pub(crate) fn looks_like_commit(&self, id: ObjectId) -> bool {
        self.objects.find(id).is_ok_and(|o| o.kind == Kind::Commit)
    }

    /// The same store, opened anew: what it has remembered of its files is forgotten.
    pub(crate) fn reopened(&self) -> Result<Store, StoreError> {
        Store::open(self.path.parent().unwrap_or(&self.path), self.options)
    }

    /// File of the state's ref.
    pub(crate) fn ref_file(&self) -> PathBuf {
        self.path.join(STATE_REF)
    }
}

/// The lines of the log in the state, oldest first, as far as they can be read.
pub(crate) fn logged(view: &GitView<'_>) -> Vec<String> {
    let count = header::read(view).map_or(0, |h| h.logged);
    let mut lines = Vec::new();
    for file in 0..count.div_ceil(super::LOG_SEGMENT) {
        if let Ok(Some(blob)) = view.blob(&crate::store::log_key(file * crate::store::LOG_SEGMENT)) {
            lines.extend(String::from_utf8_lossy(&blob).lines().map(str::to_owned));
        }
    }
    lines
}

/// Reads the events of lines of a log.
pub(crate) fn parse_events(lines: &[String]) -> Vec<Event> {
    lines.iter().filter_map(|l| Event::from_line(l)).collect()
}
