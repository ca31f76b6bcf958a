//! Ids of items, given by a prefix that only one of them has.

use crate::model::session::Session;
use crate::model::{ItemId, item_index};

use super::{Client, ClientError, ClientResult};

/// A shorter prefix is an id that was misspelt.
const SHORTEST: usize = 4;

/// Ids that an error names.
const SHOWN: usize = 5;

impl Client {
    /// The item with this id, or the only one whose id begins so. An unknown id is returned as it is: the
    /// use case refuses it.
    ///
    /// # Errors
    /// [`ClientError::Ambiguous`], and from the store.
    pub fn item_id(&self, word: &ItemId) -> ClientResult<ItemId> {
        if self.store.read(|view| item_index::find(view, word))?.is_some() || word.as_str().len() < SHORTEST {
            return Ok(word.clone());
        }
        let all = self.store.read(|view| item_index::all(view))?;
        let mut found: Vec<&String> = all.keys().filter(|id| id.starts_with(word.as_str())).collect();
        found.sort();
        match &found[..] {
            [one] => Ok(ItemId::parse(one)?),
            [] => Ok(word.clone()),
            several => Err(ClientError::Ambiguous {
                prefix: word.to_string(),
                count: several.len(),
                first: several.iter().take(SHOWN).map(|id| (*id).clone()).collect(),
            }),
        }
    }

    /// The same among what a session holds, which is looked at first.
    ///
    /// # Errors
    /// As [`Client::item_id`].
    pub fn held_item_id(&self, record: Option<&Session>, word: &ItemId) -> ClientResult<ItemId> {
        let leased = record.iter().flat_map(|r| r.leases.iter()).filter_map(|l| l.item.as_ref());
        let held: Vec<&ItemId> =
            leased.map(|item| &item.id).filter(|id| id.as_str().starts_with(word.as_str())).collect();
        match &held[..] {
            _ if held.contains(&word) => Ok(word.clone()),
            [one] if word.as_str().len() >= SHORTEST => Ok((*one).clone()),
            _ => self.item_id(word),
        }
    }
}
