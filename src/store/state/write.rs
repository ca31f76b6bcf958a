//! Writing a new version of the state: blobs, the trees above them, the commit.

use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::{Entry, EntryKind, name_order};

use crate::crash_point;
use crate::model::Changes;
use crate::model::event::Event;
use crate::model::view::Blob;

use crate::store::state::delta;
use crate::store::state::loose::LooseWriter;
use crate::store::state::view::{GitView, Node};
use crate::store::{Store, StoreError};

/// Name and address under which states are committed; nobody's, so that no statistics of people
/// count them.
const AUTHOR: &str = "git-coord";
const EMAIL: &str = "git-coord@invalid";

/// Writes objects and remembers which, so that they can be made durable together.
pub(in crate::store) struct Writer<'s> {
    store: &'s Store,
    loose: LooseWriter,
    written: Vec<ObjectId>,
}

impl<'s> Writer<'s> {
    pub fn new(store: &'s Store) -> Self {
        Writer { store, loose: LooseWriter::new(&store.path), written: Vec::new() }
    }

    /// Writes the commit of `changes` on top of `view`, with a delta if they fit into one.
    pub fn state(
        &mut self,
        view: &GitView<'_>,
        parent: ObjectId,
        changes: Changes,
        events: &[Event],
    ) -> Result<ObjectId, StoreError> {
        let time = crate::clock::now();
        let mut text = message(events);
        let mut all = view.delta().clone();
        all.extend(changes);
        match delta::line(&all) {
            Some(line) => {
                text.push_str(&line);
                self.commit(view.root(), Some(parent), text, time)
            }
            None => {
                let tree = self.folded(view, &all)?;
                self.commit(tree, Some(parent), text, time)
            }
        }
    }

    /// Writes the tree that results from `changes` on top of the state of `view`.
    pub fn tree(&mut self, view: &GitView<'_>, changes: &Changes) -> Result<ObjectId, StoreError> {
        let mut all = view.delta().clone();
        all.extend(changes.iter().map(|(k, v)| (k.clone(), v.clone())));
        self.folded(view, &all)
    }

    /// Writes the tree of `view` with `changes`, which are all that differs from it.
    fn folded(&mut self, view: &GitView<'_>, changes: &Changes) -> Result<ObjectId, StoreError> {
        let changes: Vec<(&str, Option<&Blob>)> =
            changes.iter().map(|(k, v)| (k.as_str(), v.as_ref())).collect();
        match self.subtree(view, Some(view.root()), "", &changes)? {
            Some(id) => Ok(id),
            None => self.object(gix::objs::Tree::empty()),
        }
    }

    /// Rewrites one folder; `None` when nothing is left in it. `changes` are the keys below it,
    /// relative to it, in order.
    fn subtree(
        &mut self,
        view: &GitView<'_>,
        base: Option<ObjectId>,
        path: &str,
        changes: &[(&str, Option<&Blob>)],
    ) -> Result<Option<ObjectId>, StoreError> {
        let mut nodes: Vec<Node> = match base {
            Some(id) => view.tree(id, path)?.to_vec(),
            None => Vec::new(),
        };
        let mut rest = changes;
        while let Some((key, value)) = rest.first() {
            let (name, deeper) = key.split_once('/').map_or((*key, false), |(name, _)| (name, true));
            let place = nodes.iter().position(|n| n.name == name);
            if !deeper {
                rest = &rest[1..];
                let id = value.map(|blob| self.blob(blob)).transpose()?;
                // A removed blob may have given its name to a folder, written by a later key.
                replace(&mut nodes, place, name, id.map(|id| (EntryKind::Blob, id)), |n| !n.is_tree());
                continue;
            }
            let same = |(k, _): &&(&str, Option<&Blob>)| {
                k.len() > name.len() && k.starts_with(name) && k.as_bytes()[name.len()] == b'/'
            };
            let count = rest.iter().take_while(same).count();
            let below: Vec<_> = rest[..count].iter().map(|(k, v)| (&k[name.len() + 1..], *v)).collect();
            rest = &rest[count..];
            let base = place.filter(|p| nodes[*p].is_tree()).map(|p| nodes[p].id);
            let id = self.subtree(view, base, &format!("{path}/{name}"), &below)?;
            replace(&mut nodes, place, name, id.map(|id| (EntryKind::Tree, id)), Node::is_tree);
        }
        if nodes.is_empty() {
            return Ok(None);
        }
        nodes.sort_by(|a, b| name_order(a.name.as_bytes(), a.is_tree(), b.name.as_bytes(), b.is_tree()));
        let entries = nodes
            .into_iter()
            .map(|n| Entry { mode: n.kind.into(), filename: n.name.into(), oid: n.id })
            .collect();
        self.object(gix::objs::Tree { entries }).map(Some)
    }

    fn blob(&mut self, bytes: &Blob) -> Result<ObjectId, StoreError> {
        let id = self.bytes(Kind::Blob, bytes)?;
        crash_point!("after a blob");
        Ok(id)
    }

    /// Writes a tree or commit.
    pub fn object(&mut self, object: impl gix::objs::WriteTo) -> Result<ObjectId, StoreError> {
        let mut bytes = Vec::new();
        let path = &self.store.path;
        object.write_to(&mut bytes).map_err(StoreError::io("put an object together", path))?;
        let id = self.bytes(object.kind(), &bytes)?;
        crash_point!("after a tree or commit");
        Ok(id)
    }

    /// Writes an object of any kind.
    pub fn bytes(&mut self, kind: Kind, bytes: &[u8]) -> Result<ObjectId, StoreError> {
        let id = gix::objs::compute_hash(self.store.objects.hash(), kind, bytes)
            .map_err(StoreError::objects("hash an object", &self.store.path))?;
        self.loose.write(id, kind, bytes)?;
        self.written.push(id);
        Ok(id)
    }

    /// Writes the commit of a tree.
    pub fn commit(
        &mut self,
        tree: ObjectId,
        parent: Option<ObjectId>,
        message: String,
        time: jiff::Timestamp,
    ) -> Result<ObjectId, StoreError> {
        let signature = gix::actor::Signature {
            name: AUTHOR.into(),
            email: EMAIL.into(),
            time: gix::date::Time::new(time.as_second(), 0),
        };
        self.object(gix::objs::Commit {
            tree,
            parents: parent.into_iter().collect(),
            author: signature.clone(),
            committer: signature,
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        })
    }

    /// The objects that were written or found present.
    pub fn written(&self) -> &[ObjectId] {
        &self.written
    }
}

/// Puts an entry in place of another, or removes it. An entry of the other kind is only replaced,
/// never removed.
fn replace(
    nodes: &mut Vec<Node>,
    place: Option<usize>,
    name: &str,
    new: Option<(EntryKind, ObjectId)>,
    same_kind: impl Fn(&Node) -> bool,
) {
    match (place, new) {
        (Some(p), Some((kind, id))) => nodes[p] = Node { name: name.to_owned(), kind, id },
        (None, Some((kind, id))) => nodes.push(Node { name: name.to_owned(), kind, id }),
        (Some(p), None) if same_kind(&nodes[p]) => {
            nodes.remove(p);
        }
        _ => {}
    }
}

/// The message of a state: a line for people, then each event as one line of JSON.
pub(in crate::store) fn message(events: &[Event]) -> String {
    let mut text = match events {
        [] => "upkeep".to_owned(),
        [only] => only.headline(),
        [first, rest @ ..] => format!("{} (+{} more)", first.headline(), rest.len()),
    };
    text.push('\n');
    for event in events {
        text.push('\n');
        text.push_str(&serde_json::Value::Object(event.to_value()).to_string());
    }
    text.push('\n');
    text
}
