//! Segments: up to [`SIZE`] items that stand together.
//!
//! A segment is two blobs. `items/…` holds the content of its items, one JSON line each, and is
//! never rewritten while they are worked on; `states/…` says where each of them stands. Taking an
//! item therefore rewrites a hundred bytes, not the text of 128 items.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::base::{SessionName, ViewError};
use crate::model::records::{Item, ItemState};

/// Most items in one segment.
pub const SIZE: usize = 128;

/// The letter of a place whose item stands elsewhere now.
const MOVED: u8 = b'x';

/// What is known of an item beyond its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ItemMeta {
    /// How often it was handed out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// How often it was given back as failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fails: u32,
    /// How often its lease ran out since it was last given back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lapses: u32,
    /// How many of its needs are not done.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub needs: u32,
    /// The session that holds it, or held it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SessionName>,
    /// The lease under which it is or was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<u64>,
    /// When it was finished or given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The commits that were made for it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
    /// When it has landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed: Option<Timestamp>,
    /// What sessions have noted for the next one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<ItemNote>,
    /// Not offered before this time, after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What a session has noted for the next one that works on an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemNote {
    /// When.
    pub at: Timestamp,
    /// Who; absent: somebody without a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SessionName>,
    /// One line.
    pub text: String,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The states of a segment's items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct States {
    /// Priority of all its items.
    pub priority: u32,
    /// One letter for each item, see [`ItemState::letter`].
    pub states: String,
    /// Notes by index, for the items that have any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<usize, ItemMeta>,
}

impl States {
    /// A segment without items.
    pub fn new(priority: u32) -> Self {
        States { priority, states: String::new(), notes: BTreeMap::new() }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// True when it holds no item.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The state of item `index`, or `None` beyond the end or for an unknown letter.
    pub fn get(&self, index: usize) -> Option<ItemState> {
        let letter = self.states.as_bytes().get(index)?;
        ItemState::from_letter(char::from(*letter))
    }

    /// Changes the state of item `index`.
    pub fn set(&mut self, index: usize, state: ItemState) {
        if index < self.states.len() {
            self.states.replace_range(index..=index, state.letter().encode_utf8(&mut [0; 4]));
        }
    }

    /// True when the item that stood at `index` has another place now.
    pub fn is_moved(&self, index: usize) -> bool {
        self.states.as_bytes().get(index) == Some(&MOVED)
    }

    /// Notes that the item at `index` has another place now; its line stays and counts no more.
    pub(crate) fn set_moved(&mut self, index: usize) {
        if index < self.states.len() {
            self.states.replace_range(index..=index, char::from(MOVED).encode_utf8(&mut [0; 4]));
            self.notes.remove(&index);
        }
    }

    /// Adds an item at the end.
    pub fn push(&mut self, state: ItemState, meta: ItemMeta) {
        if meta != ItemMeta::default() {
            self.notes.insert(self.len(), meta);
        }
        self.states.push(state.letter());
    }

    /// Number of items that are free to take.
    pub fn free(&self) -> usize {
        self.states.bytes().filter(|b| *b == b'p').count()
    }

    /// The note of item `index`, to be changed.
    pub fn meta_mut(&mut self, index: usize) -> &mut ItemMeta {
        self.notes.entry(index).or_default()
    }

    /// The note of item `index`.
    pub fn meta(&self, index: usize) -> ItemMeta {
        self.notes.get(&index).cloned().unwrap_or_default()
    }
}

/// The lines of a segment's content, one an item.
pub fn lines(content: &[u8]) -> Vec<&[u8]> {
    content.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect()
}

/// Reads the item in line `index`, or the part of it that `T` knows; `key` names the segment in an
/// error.
///
/// # Errors
/// When the line is missing or no item.
pub fn item_at<T: DeserializeOwned>(lines: &[&[u8]], index: usize, key: &str) -> Result<T, ViewError> {
    let line = lines.get(index).ok_or_else(|| ViewError::damaged(key, format!("it has no item {index}")))?;
    serde_json::from_slice(line).map_err(|e| ViewError::damaged(key, format!("item {index}: {e}")))
}

/// Adds the line of an item to a segment's content.
pub fn append(content: &mut Vec<u8>, item: &Item) {
    content.extend(crate::model::base::to_json(item));
    content.push(b'\n');
}
