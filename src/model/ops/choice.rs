//! Choosing what to hand out: what one call asks for, why an item was or was not taken, and what
//! the next search may leave out.

use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, QueueName, RepoPath};
use crate::model::ops::unlanded::Freshness;
use crate::model::records::conflict::Blocker;

/// What one call of `next` asks for, beyond queues and number.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Only items of one of these categories; empty: of any.
    pub categories: Vec<String>,
    /// Only items of one of these rules; empty: of any.
    pub rules: Vec<String>,
    /// Only items whose files lie in these areas; empty: anywhere.
    pub areas: Vec<String>,
    /// Exactly this item.
    pub item: Option<ItemId>,
    /// Tell which free items were passed over, and why.
    pub explain: bool,
    /// The length of the leases was named: a queue's own rule does not change it.
    pub exact_ttl: bool,
    /// What the branch has of the newest versions; `None`: it does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Freshness>,
    /// What earlier searches of this session found out, for one set of eligibility each.
    pub hints: Vec<SearchHints>,
}

/// Why an item was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChosenBecause {
    /// It is the first of the most urgent ones that this session may take.
    First,
    /// Of the most urgent ones, the session holds its files already.
    OwnFiles,
    /// It was asked for by its id.
    Named,
    /// The clone had it ready.
    Ready,
}

/// A free item that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Which.
    pub id: ItemId,
    /// Its queue.
    pub queue: QueueName,
    /// Its priority.
    pub priority: u32,
    /// Why.
    pub why: NotTaken,
}

/// Why a free item is not for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NotTaken {
    /// Others hold files of it.
    FilesHeld {
        /// What they hold.
        holders: Vec<Blocker>,
    },
    /// It lies outside the session's area.
    OutsideArea,
    /// It belongs to another session's shard.
    OtherShard,
    /// It is not what this call asked for.
    OtherKind,
}

/// What a search found out that holds for later ones of the same session and the same eligibility.
///
/// A session that others keep away from the first thousands of items would look through all of
/// them each time. So it remembers up to where there was nothing for it, and what that depends
/// on. It is a hint: kept beside the store and not in it, checked against the state before it is
/// used, and thrown away without loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchHints {
    /// The store that it is about.
    pub store: String,
    /// The generation of the state in which it was found out.
    pub generation: u64,
    /// The eligibility, as text: a search with others begins anew.
    pub eligibility: String,
    /// [`crate::model::records::header::StateHeader::released`] at that time.
    pub released: u64,
    /// What may be left out.
    pub ranges: Vec<SearchBookmark>,
}

/// The first segments of one priority of a queue, in which there is nothing to take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchBookmark {
    /// The queue.
    pub queue: QueueName,
    /// The priority.
    pub priority: u32,
    /// True when it was found out while helping others.
    pub help: bool,
    /// Segments with smaller numbers are left out, except those in which items became free since.
    pub before: u32,
    /// And of the segment with this number, the items before this one.
    pub index: usize,
    /// [`crate::model::records::queue::Queue::returned`] at that time.
    pub returned: u64,
    /// Claims in the way that items brought: all of them must still be there.
    pub held: Vec<RepoPath>,
    /// True when claims by hand are in the way as well.
    pub by_hand: bool,
    /// The items in these segments, for the explanation.
    pub skipped: SkipCounts,
}

/// Free items that were passed over, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SkipCounts {
    /// On files that others hold.
    pub files_held: u64,
    /// Outside the session's area.
    pub outside_area: u64,
    /// In other sessions' shards.
    pub other_shard: u64,
    /// Not what was asked for.
    pub other_kind: u64,
}

impl SkipCounts {
    /// Adds others.
    pub fn add(&mut self, other: &SkipCounts) {
        self.files_held += other.files_held;
        self.outside_area += other.outside_area;
        self.other_shard += other.other_shard;
        self.other_kind += other.other_kind;
    }
}
