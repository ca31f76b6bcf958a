//! What `doctor` needs of a store that may be damaged: reading without trust, and one way of
//! writing a mended state.
//!
//! - Every object is read in full and hashed: a disk that returns something else is found out.
//! - Nothing here follows a path that a damaged object could break; what cannot be read is
//!   reported with the key under which the state knows it.
//! - A mended state is written as any other: under the lock, objects first, then one
//!   compare-and-swap of the ref.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::{Entry, EntryKind, name_order};

use crate::model::event::Event;
use crate::model::view::View;
use crate::model::{Changes, Txn, header};

use crate::store::arbiter::remote::WriteSession;
use crate::store::commit::lock::{self, StoreLock};
use crate::store::state::cas::{self, Swap};
use crate::store::state::delta;
use crate::store::state::loose::LooseWriter;
use crate::store::state::view::GitView;
use crate::store::state::write::{Writer, message};
use crate::store::{STATE_REF, Store, StoreError, durable};

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

/// What stands at a key in place of what is damaged there; `None`: nothing.
type Graft = Option<(EntryKind, ObjectId)>;

/// What stands in place of what is damaged, by key.
pub(crate) type Grafts = BTreeMap<String, Graft>;

/// What a mended state comes after.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Onto<'a> {
    /// A state.
    Parent(ObjectId),
    /// The history cannot be continued.
    Nothing {
        /// Its commits, newest first, as far as they can be read.
        ended: &'a [ObjectId],
    },
}

/// Where a mended state counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Where every act does.
    Everywhere,
    /// In this clone, because the remote that decides has lost its state.
    Here,
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
            Ok(nodes) => nodes,
            Err(reason) => {
                note(reason);
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

    /// Writes a tree in which other things stand at some keys.
    pub(crate) fn graft(&self, root: ObjectId, grafts: &Grafts) -> Result<ObjectId, StoreError> {
        let flat: Vec<(&str, Graft)> = grafts.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        match self.graft_tree(root, &flat)? {
            Some(id) => Ok(id),
            None => self.write_tree(Vec::new()),
        }
    }

    fn graft_tree(&self, tree: ObjectId, grafts: &[(&str, Graft)]) -> Result<Option<ObjectId>, StoreError> {
        let mut nodes = self.nodes(tree).map_err(StoreError::objects("read a folder", &self.path))?;
        let mut deeper: BTreeMap<&str, Vec<(&str, Graft)>> = BTreeMap::new();
        for (key, new) in grafts {
            match key.split_once('/') {
                Some((name, rest)) => deeper.entry(name).or_default().push((rest, *new)),
                None => {
                    nodes.retain(|(name, _, _)| name != key);
                    nodes.extend(new.map(|(kind, id)| ((*key).to_owned(), kind, id)));
                }
            }
        }
        for (name, below) in deeper {
            let Some(place) = nodes.iter().position(|(n, k, _)| n == name && *k == EntryKind::Tree) else {
                continue;
            };
            match self.graft_tree(nodes[place].2, &below)? {
                Some(id) => nodes[place].2 = id,
                None => {
                    nodes.remove(place);
                }
            }
        }
        if nodes.is_empty() { Ok(None) } else { self.write_tree(nodes).map(Some) }
    }

    fn write_tree(&self, mut nodes: Vec<(String, EntryKind, ObjectId)>) -> Result<ObjectId, StoreError> {
        let is_tree = |kind: &EntryKind| *kind == EntryKind::Tree;
        nodes.sort_by(|a, b| name_order(a.0.as_bytes(), is_tree(&a.1), b.0.as_bytes(), is_tree(&b.1)));
        let entries = nodes
            .into_iter()
            .map(|(name, kind, id)| Entry { mode: kind.into(), filename: name.into(), oid: id })
            .collect();
        let id = Writer::new(self).object(gix::objs::Tree { entries })?;
        // Found present or new: durable before the ref refers to it.
        durable::sync_objects(self, &[id])?;
        Ok(id)
    }

    /// Writes a mended state: the changes of `txn` on top of `base`, as a commit, and moves the ref
    /// to it from `old` (`None`: there is no ref). `None` when somebody else has moved the ref
    /// meanwhile; then nothing has happened.
    pub(crate) fn write_mended(
        &self,
        _guard: &StoreLock,
        scope: Scope,
        base: &GitView<'_>,
        mut txn: Txn<'_>,
        onto: Onto<'_>,
        old: Option<ObjectId>,
    ) -> Result<Option<ObjectId>, StoreError> {
        let mut session = WriteSession::begin(self)?;
        self.stamp(&mut txn, session.arbiter())?;
        let (changes, events) = txn.finish();
        let mut writer = Writer::new(self);
        let tree = writer.tree(base, &changes)?;
        let mut text = message(&events);
        let parent = match onto {
            Onto::Parent(parent) => Some(parent),
            Onto::Nothing { .. } => None,
        };
        if let Some(old) = old.filter(|old| Some(*old) != parent) {
            text.push_str(&crate::store::upkeep::replaces(old));
        }
        if let Onto::Nothing { ended } = onto
            && session.arbiter().is_some()
        {
            // Without this, other clones could not tell it from a state that was forced.
            text.push_str(&self.named(ended)?);
        }
        let commit = writer.commit(tree, parent, text, crate::clock::now())?;
        durable::sync_objects(self, writer.written())?;
        // Without a local ref, the remote's next answer tells whether this state may follow.
        let swap = match old {
            Some(old) if scope == Scope::Everywhere => self.advance(&mut session, old, commit)?,
            Some(old) => cas::swap(self, Some(old), commit)?,
            None => cas::swap(self, None, commit)?,
        };
        if swap == Swap::Lost {
            return Ok(None);
        }
        durable::sync_ref(self)?;
        Ok(Some(commit))
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

/// Appends the events of commits that leave the history to the log in the state.
pub(crate) fn keep_events(txn: &mut Txn<'_>, lines: &[String]) -> Result<(), StoreError> {
    crate::store::upkeep::append_log(txn, lines)
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

/// What is in a folder; nothing when it cannot be read.
pub(crate) fn files_in(dir: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> =
        std::fs::read_dir(dir).map(|d| d.flatten().map(|e| e.path()).collect()).unwrap_or_default();
    list.sort();
    list
}

/// The last component of a path as text.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
