//! The index of item ids: which items are known, and where each of them stands.
//!
//! 256 shards by the first byte of the SHA-256 of the id; in each, one line an item, sorted:
//! id, queue, segment, index, separated by tabs. Importing again looks here, as do commands that
//! name an item; handing items out does not.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use crate::model::base::{ItemId, QueueName, Txn, View, ViewError};
use crate::model::records::queue::Slot;

pub(crate) fn shard_of(id: &str) -> u8 {
    Sha256::digest(id.as_bytes())[0]
}

pub(crate) fn key(shard: u8) -> String {
    format!("ids/{shard:02x}.tsv")
}

fn parse(line: &str) -> Option<(&str, Slot)> {
    let (id, rest) = line.split_once('\t')?;
    Some((id, slot(rest)?))
}

fn slot(rest: &str) -> Option<Slot> {
    let mut parts = rest.split('\t');
    let queue = QueueName::parse(parts.next()?).ok()?;
    let segment = parts.next()?.parse().ok()?;
    let index = parts.next()?.parse().ok()?;
    Some(Slot { queue, segment, index })
}

fn shard_text(view: &dyn View, shard: u8) -> Result<String, ViewError> {
    let key = key(shard);
    match view.blob(&key)? {
        Some(bytes) => String::from_utf8(bytes.to_vec()).map_err(|e| ViewError::damaged(key, e)),
        None => Ok(String::new()),
    }
}

/// Where an item stands, or `None` when it is unknown.
///
/// # Errors
/// When the state cannot be read.
pub fn find(view: &dyn View, id: &ItemId) -> Result<Option<Slot>, ViewError> {
    let shard = shard_of(id.as_str());
    let text = shard_text(view, shard)?;
    let prefix = format!("{id}\t");
    match text.lines().find(|line| line.starts_with(&prefix)) {
        Some(line) => match parse(line) {
            Some((_, slot)) => Ok(Some(slot)),
            None => Err(ViewError::damaged(key(shard), format!("the line of {id} is no entry"))),
        },
        None => Ok(None),
    }
}

/// All ids with their slots.
///
/// # Errors
/// When the state cannot be read.
pub fn all(view: &dyn View) -> Result<HashMap<String, Slot>, ViewError> {
    let mut map = HashMap::new();
    for shard in 0..=u8::MAX {
        for line in shard_text(view, shard)?.lines() {
            let (id, slot) =
                parse(line).ok_or_else(|| ViewError::damaged(key(shard), format!("{line:?} is no entry")))?;
            map.insert(id.to_owned(), slot);
        }
    }
    Ok(map)
}

/// The index while many items are looked up and added: each shard is read once and written once.
#[derive(Debug, Default)]
pub(crate) struct Index {
    shards: HashMap<u8, (BTreeMap<String, String>, bool)>,
}

impl Index {
    fn shard(
        &mut self,
        view: &dyn View,
        shard: u8,
    ) -> Result<&mut (BTreeMap<String, String>, bool), ViewError> {
        use std::collections::hash_map::Entry;
        match self.shards.entry(shard) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let mut lines = BTreeMap::new();
                for line in shard_text(view, shard)?.lines() {
                    let (id, rest) = line
                        .split_once('\t')
                        .ok_or_else(|| ViewError::damaged(key(shard), format!("{line:?} is no entry")))?;
                    lines.insert(id.to_owned(), rest.to_owned());
                }
                Ok(entry.insert((lines, false)))
            }
        }
    }

    /// Where an item stands, or `None`.
    pub(crate) fn find(&mut self, view: &dyn View, id: &ItemId) -> Result<Option<Slot>, ViewError> {
        let shard = shard_of(id.as_str());
        let found = self.shard(view, shard)?.0.get(id.as_str());
        found.map_or(Ok(None), |rest| match slot(rest) {
            Some(slot) => Ok(Some(slot)),
            None => Err(ViewError::damaged(key(shard), format!("the line of {id} is no entry"))),
        })
    }

    /// Adds an item.
    pub(crate) fn add(&mut self, view: &dyn View, id: &ItemId, slot: &Slot) -> Result<(), ViewError> {
        let shard = self.shard(view, shard_of(id.as_str()))?;
        shard.0.insert(id.to_string(), format!("{}\t{}\t{}", slot.queue, slot.segment, slot.index));
        shard.1 = true;
        Ok(())
    }

    /// Writes the shards that have changed.
    pub(crate) fn write(self, txn: &mut Txn<'_>) {
        for (shard, (lines, dirty)) in self.shards {
            if dirty {
                let text: String = lines.iter().map(|(id, rest)| format!("{id}\t{rest}\n")).collect();
                txn.put(key(shard), text.into_bytes());
            }
        }
    }
}
