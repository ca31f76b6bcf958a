//! What the state is read through: a tree of named blobs, loaded as needed.

use std::collections::BTreeMap;
use std::rc::Rc;

/// Content of one blob.
pub type Blob = Rc<[u8]>;

/// What stands at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Missing,
    /// A record.
    Blob,
    /// Further keys below it.
    Tree,
}

/// One name in a folder of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last component of its key.
    pub name: String,
    /// True when it is a folder.
    pub is_tree: bool,
}

/// Why the state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The store could not deliver an object.
    #[error("the state cannot be read at {key:?}: {reason}")]
    Unreadable {
        /// The key that was asked for.
        key: String,
        /// What the store said.
        reason: String,
    },
    /// A record is there, but it is not what the format says.
    #[error("the record {key:?} is damaged: {reason}")]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ViewError {
    /// A record that does not hold what it must.
    pub fn damaged(key: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        ViewError::Damaged { key: key.into(), reason: reason.to_string() }
    }
}

/// One version of the state, which never changes while it is read.
///
/// Keys are `/`-separated, without a leading slash; the empty key is the root.
pub trait View {
    /// What stands at `key`.
    ///
    /// # Errors
    /// When the store cannot deliver it.
    fn kind(&self, key: &str) -> Result<Kind, ViewError>;

    /// The blob at `key`, or `None` when there is no blob.
    ///
    /// # Errors
    /// When the store cannot deliver it.
    fn blob(&self, key: &str) -> Result<Option<Blob>, ViewError>;

    /// The names directly below `key`, sorted; empty when it is no folder.
    ///
    /// # Errors
    /// When the store cannot deliver it.
    fn list(&self, key: &str) -> Result<Vec<Entry>, ViewError>;
}

/// A state held in memory, for tests and simulation.
#[derive(Debug, Clone, Default)]
pub struct MemView {
    blobs: BTreeMap<String, Blob>,
}

impl MemView {
    /// Writes what a transaction has changed.
    pub fn commit(&mut self, changes: BTreeMap<String, Option<Blob>>) {
        for (key, value) in changes {
            match value {
                Some(blob) => self.blobs.insert(key, blob),
                None => self.blobs.remove(&key),
            };
        }
    }

    /// Every key with its content.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.blobs.iter().map(|(k, v)| (k.as_str(), v.as_ref()))
    }
}

impl View for MemView {
    fn kind(&self, key: &str) -> Result<Kind, ViewError> {
        if self.blobs.contains_key(key) {
            return Ok(Kind::Blob);
        }
        let below = below(key);
        let tree = self.blobs.range(below.clone()..).next().is_some_and(|(k, _)| k.starts_with(&below));
        Ok(if tree { Kind::Tree } else { Kind::Missing })
    }

    fn blob(&self, key: &str) -> Result<Option<Blob>, ViewError> {
        Ok(self.blobs.get(key).cloned())
    }

    fn list(&self, key: &str) -> Result<Vec<Entry>, ViewError> {
        let below = below(key);
        let mut names: BTreeMap<String, bool> = BTreeMap::new();
        for (k, _) in self.blobs.range(below.clone()..).take_while(|(k, _)| k.starts_with(&below)) {
            match k[below.len()..].split_once('/') {
                Some((dir, _)) => names.insert(dir.to_owned(), true),
                None => names.insert(k[below.len()..].to_owned(), false),
            };
        }
        Ok(names.into_iter().map(|(name, is_tree)| Entry { name, is_tree }).collect())
    }
}

/// The prefix that all keys below `key` share.
pub(crate) fn below(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}/") }
}
