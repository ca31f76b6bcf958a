//! Items of work: what is imported and what is handed out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::base::{ItemId, QueueName, RepoPath};

/// The content of an item: what there is to do. It does not change while the item is worked on.
///
/// This is also the form of one line in a segment (`docs/format.md`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Identity: the importer's id, or the fingerprint of the content.
    pub id: ItemId,
    /// One line that says what to do.
    pub title: String,
    /// Severity in the words of whoever found it (`CRITICAL`, `error`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Area of concern, for partitions (`security`, `types`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The phase of a plan that it belongs to; see `needs` in `docs/json.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The group that it belongs to, within its phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The rule or check that found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Line of the first file where it was seen, counted from 1. Not part of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Files that the work will touch; claimed together with the item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<RepoPath>,
    /// Items that must be done before this one is offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<ItemId>,
    /// Command that does the work, for `git coord run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Seconds after which that command counts as hanging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// The tool that reported it: what `queue import --sync` goes by. Not part of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Whatever else the importer wants to hand to the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

impl Item {
    /// An item that has an id and a title, and nothing else.
    pub fn new(id: ItemId, title: String) -> Self {
        Item {
            id,
            title,
            severity: None,
            category: None,
            phase: None,
            group: None,
            rule: None,
            line: None,
            files: Vec::new(),
            needs: Vec::new(),
            run: None,
            timeout: None,
            tool: None,
            payload: None,
        }
    }
}

/// An item on its way into a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewItem {
    /// The content.
    pub item: Item,
    /// Where it goes; `None`: the queue that the import names, or `main`.
    pub queue: Option<QueueName>,
    /// 0 is most urgent. Equal priorities go in order of import.
    pub priority: u32,
}

/// Where an item stands. It is in exactly one state at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemState {
    /// Free to take.
    Pending,
    /// Waits for other items.
    Blocked,
    /// A session holds it.
    Claimed,
    /// Finished.
    Done,
    /// Given up: no further attempt.
    Failed,
}

impl ItemState {
    /// All states, in the order in which they are shown.
    pub const ALL: [ItemState; 5] =
        [ItemState::Pending, ItemState::Blocked, ItemState::Claimed, ItemState::Done, ItemState::Failed];

    /// The one-letter form in a segment's state string.
    pub fn letter(self) -> char {
        match self {
            ItemState::Pending => 'p',
            ItemState::Blocked => 'b',
            ItemState::Claimed => 'c',
            ItemState::Done => 'd',
            ItemState::Failed => 'f',
        }
    }

    /// The state of a letter, or `None` for a letter that this version does not know.
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.letter() == letter)
    }

    /// The word for people and JSON.
    pub fn word(self) -> &'static str {
        match self {
            ItemState::Pending => "pending",
            ItemState::Blocked => "blocked",
            ItemState::Claimed => "claimed",
            ItemState::Done => "done",
            ItemState::Failed => "failed",
        }
    }
}

impl std::fmt::Display for ItemState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}
