//! One way of writing a repaired state: as any other, under the lock, objects first, then one
//! compare-and-swap of the ref.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::objs::tree::{Entry, EntryKind, name_order};

use crate::model::Txn;
use crate::store::commit::lock::StoreLock;
use crate::store::commit::locked::LockedStore;
use crate::store::commit::session::WriteSession;
use crate::store::state::cas::Swap;
use crate::store::state::cut;
use crate::store::state::view::GitView;
use crate::store::state::write::{Writer, message};
use crate::store::{Store, StoreError, durable};

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

impl Store {
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
        guard: &StoreLock,
        scope: Scope,
        base: &GitView<'_>,
        mut txn: Txn<'_>,
        onto: Onto<'_>,
        old: Option<ObjectId>,
    ) -> Result<Option<ObjectId>, StoreError> {
        let mut session = WriteSession::unresolved(LockedStore::under(self, guard))?;
        session.stamp(&mut txn)?;
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
            && session.remote().is_some()
        {
            // Without this, other clones could not tell it from a state that was forced.
            text.push_str(&self.named(ended)?);
        }
        let commit = writer.commit(tree, parent, text, crate::clock::now())?;
        durable::sync_objects(self, writer.written())?;
        // Without a local ref, the remote's next answer tells whether this state may follow.
        let swap = match old {
            Some(old) if scope == Scope::Everywhere => session.publish(old, commit)?,
            old => session.swap_from(old, commit)?,
        };
        if swap == Swap::Lost {
            return Ok(None);
        }
        durable::sync_ref(self)?;
        Ok(Some(commit))
    }
}

/// Appends the events of commits that leave the history to the log in the state.
pub(crate) fn keep_events(txn: &mut Txn<'_>, lines: &[String]) -> Result<(), StoreError> {
    Ok(cut::append_log(txn, lines)?)
}
