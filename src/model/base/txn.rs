//! A transaction: the state as it would be after the operations so far.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::base::view::Kind;
use crate::model::base::{Blob, Changes, Entry, Event, Layered, View, ViewError};

/// Changes on top of a [`View`], with the events that explain them.
///
/// Several operations are applied in one transaction; one that turns out to be refused is taken
/// back with [`Txn::rollback`] and leaves nothing behind.
pub struct Txn<'v> {
    base: &'v dyn View,
    overlay: Changes,
    undo: Vec<(String, Option<Option<Blob>>)>,
    events: Vec<Event>,
}

/// A point to which a transaction can return.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Savepoint {
    undo: usize,
    events: usize,
}

impl<'v> Txn<'v> {
    /// A transaction without changes.
    pub fn new(base: &'v dyn View) -> Self {
        Txn { base, overlay: Changes::new(), undo: Vec::new(), events: Vec::new() }
    }

    /// The state below the changes.
    pub fn base(&self) -> &'v dyn View {
        self.base
    }

    /// Marks the present point.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint { undo: self.undo.len(), events: self.events.len() }
    }

    /// Takes back everything since `point`.
    pub fn rollback(&mut self, point: Savepoint) {
        for (key, before) in self.undo.drain(point.undo..).rev() {
            match before {
                Some(value) => self.overlay.insert(key, value),
                None => self.overlay.remove(&key),
            };
        }
        self.events.truncate(point.events);
    }

    /// True when something has changed since `point`.
    pub fn changed_since(&self, point: Savepoint) -> bool {
        self.undo.len() > point.undo
    }

    /// True when nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.overlay.is_empty()
    }

    /// Adds an event to the record of this transaction.
    pub fn record(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The events so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Ends the transaction: the changed keys (`None`: removed) and the events.
    pub fn finish(self) -> (Changes, Vec<Event>) {
        (self.overlay, self.events)
    }

    /// Writes a blob.
    pub fn put(&mut self, key: impl Into<String>, bytes: impl Into<Blob>) {
        self.set(key.into(), Some(bytes.into()));
    }

    /// Removes a blob; nothing happens when there is none.
    pub fn remove(&mut self, key: impl Into<String>) {
        self.set(key.into(), None);
    }

    fn set(&mut self, key: String, value: Option<Blob>) {
        let before = self.overlay.insert(key.clone(), value);
        self.undo.push((key, before));
    }

    /// Writes a record as JSON.
    pub fn put_json<T: Serialize>(&mut self, key: impl Into<String>, record: &T) {
        self.put(key, to_json(record));
    }

    /// Reads a record, or `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read or is not what `T` says.
    pub fn json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ViewError> {
        read_json(self, key)
    }
}

/// The bytes of a record: compact JSON, keys in the order of the struct.
pub fn to_json<T: Serialize>(record: &T) -> Vec<u8> {
    // Serialising our own records (string keys, no maps with other keys) cannot fail.
    serde_json::to_vec(record).unwrap_or_default()
}

/// Reads a JSON record from any view, or `None` when there is none.
///
/// # Errors
/// When it cannot be read or is not what `T` says.
pub fn read_json<T: DeserializeOwned>(view: &dyn View, key: &str) -> Result<Option<T>, ViewError> {
    match view.blob(key)? {
        Some(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| ViewError::damaged(key, e)),
        None => Ok(None),
    }
}

impl View for Txn<'_> {
    fn kind(&self, key: &str) -> Result<Kind, ViewError> {
        Layered { base: self.base, changes: &self.overlay }.kind(key)
    }

    fn blob(&self, key: &str) -> Result<Option<Blob>, ViewError> {
        Layered { base: self.base, changes: &self.overlay }.blob(key)
    }

    fn list(&self, key: &str) -> Result<Vec<Entry>, ViewError> {
        Layered { base: self.base, changes: &self.overlay }.list(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::base::MemView;

    fn names(txn: &Txn<'_>, key: &str) -> Vec<String> {
        let list = txn.list(key).expect("memory");
        list.into_iter().map(|e| if e.is_tree { e.name + "/" } else { e.name }).collect()
    }

    fn base(keys: &[&str]) -> MemView {
        let mut view = MemView::default();
        let mut txn = Txn::new(&view);
        for key in keys {
            txn.put(*key, key.as_bytes());
        }
        let (changes, _) = txn.finish();
        view.commit(changes);
        view
    }

    #[test]
    fn listing_merges_changes_and_drops_emptied_folders() {
        let base = base(&["a/x/1", "a/y", "b"]);
        let mut txn = Txn::new(&base);
        txn.remove("a/x/1");
        txn.put("a/z/deep/2", *b"2");
        assert_eq!(names(&txn, "a"), ["y", "z/"]);
        assert_eq!(txn.kind("a/x").expect("memory"), Kind::Missing);
        txn.remove("b");
        txn.put("b/now/folder", *b"3");
        assert_eq!(names(&txn, ""), ["a/", "b/"]);
        assert_eq!(txn.kind("b").expect("memory"), Kind::Tree);
    }

    #[test]
    fn rollback_restores_what_an_earlier_operation_wrote() {
        let base = base(&["k"]);
        let mut txn = Txn::new(&base);
        txn.put("k", *b"first");
        let point = txn.savepoint();
        txn.put("k", *b"second");
        txn.remove("k");
        txn.put("new", *b"n");
        assert!(txn.changed_since(point));
        txn.rollback(point);
        assert_eq!(txn.blob("k").expect("memory").as_deref(), Some(b"first".as_slice()));
        assert_eq!(txn.kind("new").expect("memory"), Kind::Missing);
    }
}
