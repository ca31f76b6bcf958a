//! A view with changes on top: what a transaction sees, and what a state is that has not been
//! folded into its tree yet.

use std::collections::BTreeMap;

use crate::model::base::view::{Kind, below};
use crate::model::base::{Blob, Entry, View, ViewError};

/// What changed, by key; `None`: removed.
pub type Changes = BTreeMap<String, Option<Blob>>;

/// A view and the changes on top of it.
#[derive(Clone, Copy)]
pub struct Layered<'v> {
    /// What is below.
    pub base: &'v dyn View,
    /// What is on top.
    pub changes: &'v Changes,
}

impl View for Layered<'_> {
    fn kind(&self, key: &str) -> Result<Kind, ViewError> {
        match self.changes.get(key) {
            Some(Some(_)) => return Ok(Kind::Blob),
            // A removed blob may have made room for a folder.
            Some(None) => return Ok(if self.list(key)?.is_empty() { Kind::Missing } else { Kind::Tree }),
            None => {}
        }
        let prefix = below(key);
        let mut touched =
            self.changes.range(prefix.clone()..).take_while(|(k, _)| k.starts_with(&prefix)).peekable();
        if touched.peek().is_none() {
            return self.base.kind(key);
        }
        if touched.any(|(_, v)| v.is_some()) {
            return Ok(Kind::Tree);
        }
        Ok(if self.list(key)?.is_empty() { Kind::Missing } else { Kind::Tree })
    }

    fn blob(&self, key: &str) -> Result<Option<Blob>, ViewError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.blob(key),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<Entry>, ViewError> {
        let prefix = below(key);
        let base = self.base.list(key)?;
        if self.changes.range(prefix.clone()..).next().is_none_or(|(k, _)| !k.starts_with(&prefix)) {
            return Ok(base);
        }
        let mut names: BTreeMap<String, bool> = base.into_iter().map(|e| (e.name, e.is_tree)).collect();
        let mut doubtful: Vec<String> = Vec::new();
        for (k, value) in self.changes.range(prefix.clone()..).take_while(|(k, _)| k.starts_with(&prefix)) {
            match (k[prefix.len()..].split_once('/'), value) {
                (Some((dir, _)), Some(_)) => {
                    names.insert(dir.to_owned(), true);
                }
                (Some((dir, _)), None) => {
                    if doubtful.last().is_none_or(|last| last != dir) {
                        doubtful.push(dir.to_owned());
                    }
                }
                (None, Some(_)) => {
                    names.insert(k[prefix.len()..].to_owned(), false);
                }
                (None, None) => {
                    if names.get(&k[prefix.len()..]) == Some(&false) {
                        names.remove(&k[prefix.len()..]);
                    }
                }
            }
        }
        for dir in doubtful {
            if names.get(&dir) == Some(&true) && self.list(&format!("{prefix}{dir}"))?.is_empty() {
                names.remove(&dir);
            }
        }
        Ok(names.into_iter().map(|(name, is_tree)| Entry { name, is_tree }).collect())
    }
}
