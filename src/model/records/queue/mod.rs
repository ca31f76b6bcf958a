//! Queues: their settings and counters, and where each item stands.

mod change;
mod read;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::QueueName;
pub use crate::model::records::counters::Counts;
use crate::model::records::counters::QueueStats;
use crate::model::records::rules::Rules;
pub(crate) use change::{append, begin, put, put_states, transition, transition_of, waiting_or};
pub(crate) use read::must_get;
pub use read::{
    all, content, each_item, each_open_segment, get, item, open_priorities, placement, segments, states,
};

/// How often an item is handed out again after a failure, unless its queue says otherwise.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;

/// The place of an item, which it keeps for life.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Its queue.
    pub queue: QueueName,
    /// Its segment.
    pub segment: u32,
    /// Its position in the segment.
    pub index: usize,
}

impl Slot {
    /// True when both are places in one segment.
    pub(crate) fn is_beside(&self, other: &Slot) -> bool {
        (self.segment, &self.queue) == (other.segment, &other.queue)
    }
}

/// The record of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name.
    pub name: QueueName,
    /// When it came to be.
    pub created: Timestamp,
    /// After so many failures an item is given up.
    pub max_attempts: u32,
    /// What else holds for its items.
    #[serde(default, skip_serializing_if = "Rules::is_default")]
    pub rules: Rules,
    /// How often an item became free in a segment that was there before: by this a search that
    /// left segments out knows whether to look again.
    #[serde(default)]
    pub returned: u64,
    /// The segments of the last of these, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<u32>,
    /// Number of the next new segment.
    pub next_segment: u32,
    /// The segment of each priority that still takes new items.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tails: BTreeMap<u32, u32>,
    /// Number of items in each state.
    pub counts: Counts,
    /// Items finished lately: how many in each span of [`SPAN`] seconds, by the number of the
    /// span since 1970. The last hour is kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lately: BTreeMap<i64, u64>,
    /// Items that have landed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub landed: u64,
    /// Further counters; `None` in a record of a version that did not keep them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<QueueStats>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Seconds in one span of [`Queue::lately`].
pub const SPAN: i64 = 60;

impl Queue {
    /// An empty queue.
    pub fn new(name: QueueName, created: Timestamp) -> Self {
        Queue {
            name,
            created,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            rules: Rules::default(),
            returned: 0,
            returns: Vec::new(),
            next_segment: 0,
            tails: BTreeMap::new(),
            counts: Counts::default(),
            lately: BTreeMap::new(),
            landed: 0,
            stats: Some(QueueStats::default()),
        }
    }

    /// Notes that an item in a segment became free.
    pub(crate) fn record_return(&mut self, segment: u32) {
        self.returned += 1;
        self.returns.push(segment);
        let surplus = self.returns.len().saturating_sub(RETURNS_KEPT);
        self.returns.drain(..surplus);
    }

    /// The segments in which items became free since there were `known` returns; `None` when
    /// there were too many since to tell.
    pub fn returns_since(&self, known: u64) -> Option<&[u32]> {
        let new = usize::try_from(self.returned.checked_sub(known)?).ok()?;
        self.returns.get(self.returns.len().checked_sub(new)?..)
    }
}

/// How many of [`Queue::returns`] are kept.
const RETURNS_KEPT: usize = 16;

pub(crate) fn key(queue: &QueueName) -> String {
    format!("queues/{queue}/queue.json")
}

/// A segment number as two path components, so that no folder grows beyond a hundred entries.
fn fan_out(segment: u32) -> String {
    format!("{:04}/{:02}", segment / 100, segment % 100)
}

pub(crate) fn items_key(queue: &QueueName, segment: u32) -> String {
    format!("queues/{queue}/items/{}.jsonl", fan_out(segment))
}

pub(crate) fn states_key(queue: &QueueName, segment: u32) -> String {
    format!("queues/{queue}/states/{}.json", fan_out(segment))
}

/// Marks a segment that has items free to take.
pub(crate) fn open_key(queue: &QueueName, priority: u32, segment: u32) -> String {
    format!("queues/{queue}/open/{priority}/{}", fan_out(segment))
}
