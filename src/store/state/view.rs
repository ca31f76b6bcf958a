//! One version of the state, read from the store as needed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use crate::model::view::{Blob, Entry, Kind, View, ViewError};
use crate::model::{Changes, Layered};

use crate::store::state::delta::is_too_deep;
use crate::store::state::objects::Objects;

/// Blobs are kept for reading again up to this sum of their sizes.
const CACHE_BYTES: usize = 32 << 20;

/// One entry of a git tree.
#[derive(Debug, Clone)]
pub(in crate::store) struct Node {
    pub name: String,
    pub kind: EntryKind,
    pub id: ObjectId,
}

impl Node {
    pub fn is_tree(&self) -> bool {
        self.kind == EntryKind::Tree
    }
}

/// A [`View`] of one state: the tree of a commit, with the changes on top that the commit's
/// message holds.
pub struct GitView<'r> {
    tree: TreeView<'r>,
    delta: Changes,
}

impl<'r> GitView<'r> {
    /// A view of the tree `root` with `delta` on top.
    pub(in crate::store) fn new(objects: &'r Objects, root: ObjectId, delta: Changes) -> Self {
        GitView {
            tree: TreeView { objects, root, trees: RefCell::default(), blobs: RefCell::default() },
            delta,
        }
    }

    /// What is on top of the tree.
    pub(in crate::store) fn delta(&self) -> &Changes {
        &self.delta
    }

    /// The id of the tree below the changes.
    pub(in crate::store) fn root(&self) -> ObjectId {
        self.tree.root
    }

    /// The entries of a folder of that tree.
    pub(in crate::store) fn tree(&self, id: ObjectId, key: &str) -> Result<Rc<Vec<Node>>, ViewError> {
        self.tree.nodes(id, key)
    }
}

impl View for GitView<'_> {
    fn kind(&self, key: &str) -> Result<Kind, ViewError> {
        Layered { base: &self.tree, changes: &self.delta }.kind(key)
    }

    fn blob(&self, key: &str) -> Result<Option<Blob>, ViewError> {
        Layered { base: &self.tree, changes: &self.delta }.blob(key)
    }

    fn list(&self, key: &str) -> Result<Vec<Entry>, ViewError> {
        Layered { base: &self.tree, changes: &self.delta }.list(key)
    }
}

/// A view of a tree alone.
struct TreeView<'r> {
    objects: &'r Objects,
    root: ObjectId,
    trees: RefCell<HashMap<ObjectId, Rc<Vec<Node>>>>,
    blobs: RefCell<(HashMap<ObjectId, Blob>, usize)>,
}

impl TreeView<'_> {
    /// The entries of a tree.
    fn nodes(&self, id: ObjectId, key: &str) -> Result<Rc<Vec<Node>>, ViewError> {
        if let Some(nodes) = self.trees.borrow().get(&id) {
            return Ok(nodes.clone());
        }
        let unreadable = |reason: String| ViewError::Unreadable { key: key.to_owned(), reason };
        let object = self.objects.find(id).map_err(unreadable)?;
        if object.kind != gix::objs::Kind::Tree {
            return Err(ViewError::damaged(key, "it should be a folder"));
        }
        let mut nodes = Vec::new();
        for entry in gix::objs::TreeRefIter::from_bytes(&object.data, id.kind()) {
            let entry = entry.map_err(|e| unreadable(e.to_string()))?;
            let name = std::str::from_utf8(entry.filename).map_err(|e| ViewError::damaged(key, e))?;
            nodes.push(Node { name: name.to_owned(), kind: entry.mode.kind(), id: entry.oid.to_owned() });
        }
        let nodes = Rc::new(nodes);
        self.trees.borrow_mut().insert(id, nodes.clone());
        Ok(nodes)
    }

    fn resolve(&self, key: &str) -> Result<Option<Node>, ViewError> {
        let mut node = Node { name: String::new(), kind: EntryKind::Tree, id: self.root };
        let mut done = 0;
        for part in key.split('/').filter(|p| !p.is_empty()) {
            if !node.is_tree() {
                return Ok(None);
            }
            let nodes = self.nodes(node.id, &key[..done])?;
            match nodes.iter().find(|n| n.name == part) {
                Some(found) => node = found.clone(),
                None => return Ok(None),
            }
            done += part.len() + usize::from(done > 0);
        }
        Ok(Some(node))
    }
}

impl View for TreeView<'_> {
    fn kind(&self, key: &str) -> Result<Kind, ViewError> {
        Ok(match self.resolve(key)? {
            None => Kind::Missing,
            Some(node) if node.is_tree() => Kind::Tree,
            Some(_) => Kind::Blob,
        })
    }

    fn blob(&self, key: &str) -> Result<Option<Blob>, ViewError> {
        let Some(node) = self.resolve(key)?.filter(|n| !n.is_tree()) else { return Ok(None) };
        if let Some(blob) = self.blobs.borrow().0.get(&node.id) {
            return Ok(Some(blob.clone()));
        }
        let object = self
            .objects
            .find(node.id)
            .map_err(|reason| ViewError::Unreadable { key: key.to_owned(), reason })?;
        let blob: Blob = Rc::from(object.data.as_slice());
        let mut cache = self.blobs.borrow_mut();
        if cache.1 + blob.len() > CACHE_BYTES {
            *cache = (HashMap::new(), 0);
        }
        cache.1 += blob.len();
        cache.0.insert(node.id, blob.clone());
        Ok(Some(blob))
    }

    fn list(&self, key: &str) -> Result<Vec<Entry>, ViewError> {
        // Who lists folders goes down into them; a state of somebody else can be made as deep as one likes.
        if is_too_deep(key) {
            return Err(ViewError::damaged(key.get(..60).unwrap_or("claims"), "it has too many levels"));
        }
        let Some(node) = self.resolve(key)?.filter(Node::is_tree) else { return Ok(Vec::new()) };
        let nodes = self.nodes(node.id, key)?;
        let mut list: Vec<Entry> =
            nodes.iter().map(|n| Entry { name: n.name.clone(), is_tree: n.is_tree() }).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }
}
