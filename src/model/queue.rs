//! Queues: their settings and counters, and where each item stands.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rules::Rules;
use super::segment::{self, Note, States};
use super::stats::{self, Kind, QueueStats, Step};
use super::view::{View, ViewError};
use super::{Item, ItemState, QueueName, Txn, txn};

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

/// Number of items in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Counts {
    /// Free to take.
    pub pending: u64,
    /// Waiting for others.
    pub blocked: u64,
    /// In somebody's hands.
    pub claimed: u64,
    /// Finished.
    pub done: u64,
    /// Given up.
    pub failed: u64,
}

impl Counts {
    /// The counter of a state.
    pub fn of(&mut self, state: ItemState) -> &mut u64 {
        match state {
            ItemState::Pending => &mut self.pending,
            ItemState::Blocked => &mut self.blocked,
            ItemState::Claimed => &mut self.claimed,
            ItemState::Done => &mut self.done,
            ItemState::Failed => &mut self.failed,
        }
    }

    /// Number of items in all.
    pub fn total(&self) -> u64 {
        self.left() + self.done + self.failed
    }

    /// Items that are neither finished nor given up.
    pub fn left(&self) -> u64 {
        self.pending + self.blocked + self.claimed
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.pending += other.pending;
        self.blocked += other.blocked;
        self.claimed += other.claimed;
        self.done += other.done;
        self.failed += other.failed;
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
    /// Further counters; `None` in a record of a version that did not keep them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<QueueStats>,
}

/// Seconds in one span of [`Queue::lately`].
pub const SPAN: i64 = 60;

/// Seconds over which the rate is taken.
const RATE_WINDOW: i64 = 3600;

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
            stats: Some(QueueStats::default()),
        }
    }

    /// Notes that an item in a segment became free.
    pub(crate) fn note_return(&mut self, segment: u32) {
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

/// Reads a queue's record, or `None` when there is no such queue.
///
/// # Errors
/// When the state cannot be read.
pub fn get(view: &dyn View, name: &QueueName) -> Result<Option<Queue>, ViewError> {
    txn::read_json(view, &key(name))
}

/// Reads the record of a queue that must be there, because a slot names it.
///
/// # Errors
/// When it is missing or cannot be read.
pub(crate) fn must_get(view: &dyn View, name: &QueueName) -> Result<Queue, ViewError> {
    get(view, name)?.ok_or_else(|| ViewError::damaged(key(name), "it is missing"))
}

/// Writes a queue's record.
pub(crate) fn put(txn: &mut Txn<'_>, queue: &Queue) {
    txn.put_json(key(&queue.name), queue);
}

/// All queues, by name.
///
/// # Errors
/// When the state cannot be read.
pub fn all(view: &dyn View) -> Result<Vec<Queue>, ViewError> {
    let mut list = Vec::new();
    for entry in view.list("queues")? {
        let key = format!("queues/{}/queue.json", entry.name);
        list.extend(txn::read_json::<Queue>(view, &key)?);
    }
    Ok(list)
}

/// The states of a segment.
///
/// # Errors
/// When the record is missing or damaged.
pub fn states(view: &dyn View, queue: &QueueName, segment: u32) -> Result<States, ViewError> {
    let key = states_key(queue, segment);
    txn::read_json(view, &key)?.ok_or_else(|| ViewError::damaged(key, "it is missing"))
}

/// The content of a segment's items, one JSON line each.
///
/// # Errors
/// When the record is missing.
pub fn content(view: &dyn View, queue: &QueueName, segment: u32) -> Result<super::view::Blob, ViewError> {
    let key = items_key(queue, segment);
    view.blob(&key)?.ok_or_else(|| ViewError::damaged(key, "it is missing"))
}

/// The item in a slot.
///
/// # Errors
/// When the record is missing or damaged.
pub fn item(view: &dyn View, slot: &Slot) -> Result<Item, ViewError> {
    let content = content(view, &slot.queue, slot.segment)?;
    segment::item_at(&segment::lines(&content), slot.index, &items_key(&slot.queue, slot.segment))
}

/// The state and the note of the item in a slot, with its priority.
///
/// # Errors
/// When the record is missing or damaged.
pub fn standing(view: &dyn View, slot: &Slot) -> Result<(ItemState, Note, u32), ViewError> {
    let states = states(view, &slot.queue, slot.segment)?;
    let state = states.get(slot.index).ok_or_else(|| {
        ViewError::damaged(states_key(&slot.queue, slot.segment), format!("it has no item {}", slot.index))
    })?;
    Ok((state, states.note(slot.index), states.priority))
}

/// The priorities of which a queue has free items, most urgent first.
///
/// # Errors
/// When the state cannot be read.
pub fn open_priorities(view: &dyn View, queue: &QueueName) -> Result<Vec<u32>, ViewError> {
    numbers(view, &format!("queues/{queue}/open"))
}

pub(crate) fn numbers(view: &dyn View, key: &str) -> Result<Vec<u32>, ViewError> {
    let mut list = Vec::new();
    for entry in view.list(key)? {
        let number = entry.name.parse().map_err(|_| {
            ViewError::damaged(format!("{key}/{}", entry.name), "the name should be a number")
        })?;
        list.push(number);
    }
    list.sort_unstable();
    Ok(list)
}

/// Calls `visit` with the segments of one priority that have free items, in order, until it
/// returns true.
///
/// # Errors
/// When the state cannot be read, or from `visit`.
pub fn each_open_segment(
    view: &dyn View,
    queue: &QueueName,
    priority: u32,
    mut visit: impl FnMut(u32) -> Result<bool, ViewError>,
) -> Result<bool, ViewError> {
    let key = format!("queues/{queue}/open/{priority}");
    for high in numbers(view, &key)? {
        for low in numbers(view, &format!("{key}/{high:04}"))? {
            if visit(high * 100 + low)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// All segments of a queue, in order.
///
/// # Errors
/// When the state cannot be read.
pub fn segments(view: &dyn View, queue: &QueueName) -> Result<Vec<u32>, ViewError> {
    let key = format!("queues/{queue}/states");
    let mut list = Vec::new();
    for high in numbers(view, &key)? {
        for entry in view.list(&format!("{key}/{high:04}"))? {
            let low: u32 =
                entry.name.strip_suffix(".json").and_then(|n| n.parse().ok()).ok_or_else(|| {
                    ViewError::damaged(format!("{key}/{high:04}/{}", entry.name), "not the name of a segment")
                })?;
            list.push(high * 100 + low);
        }
    }
    list.sort_unstable();
    Ok(list)
}

/// Calls `visit` with the items of a queue, or those in one state, in the order in which they
/// stand, until it returns true.
///
/// # Errors
/// When the state cannot be read, or from `visit`.
pub fn each_item(
    view: &dyn View,
    queue: &QueueName,
    only: Option<ItemState>,
    mut visit: impl FnMut(Item, Slot, &States) -> Result<bool, ViewError>,
) -> Result<bool, ViewError> {
    for segment in segments(view, queue)? {
        let states = states(view, queue, segment)?;
        let fits = |index: &usize| states.get(*index).is_some_and(|s| only.is_none_or(|only| s == only));
        let fitting: Vec<usize> = (0..states.len()).filter(fits).collect();
        if fitting.is_empty() {
            continue;
        }
        let (content, key) = (content(view, queue, segment)?, items_key(queue, segment));
        let lines = segment::lines(&content);
        for index in fitting {
            let slot = Slot { queue: queue.clone(), segment, index };
            if visit(segment::item_at(&lines, index, &key)?, slot, &states)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Writes the states of a segment and its mark, if it has free items.
pub(crate) fn put_states(
    txn: &mut Txn<'_>,
    queue: &QueueName,
    segment: u32,
    states: &States,
    was_free: usize,
) {
    let open = open_key(queue, states.priority, segment);
    match (was_free > 0, states.free() > 0) {
        (false, true) => txn.put(open, *b"\n"),
        (true, false) => txn.remove(open),
        _ => {}
    }
    txn.put_json(states_key(queue, segment), states);
}

/// Moves the item in `slot` to another state and lets `change` write its note. Counters follow.
/// What should be pending and has to wait is blocked. Returns the state that it came to.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn transition(
    txn: &mut Txn<'_>,
    slot: &Slot,
    to: ItemState,
    change: impl FnOnce(&mut Note),
) -> Result<ItemState, ViewError> {
    transition_of(txn, slot, None, to, change)
}

/// The same for an item whose `kind` is known: its content need not be read, which may be packed
/// and far away.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn transition_of(
    txn: &mut Txn<'_>,
    slot: &Slot,
    kind: Option<&Kind>,
    to: ItemState,
    change: impl FnOnce(&mut Note),
) -> Result<ItemState, ViewError> {
    let mut states = states(txn, &slot.queue, slot.segment)?;
    let free = states.free();
    let from = states.get(slot.index).ok_or_else(|| {
        ViewError::damaged(states_key(&slot.queue, slot.segment), format!("it has no item {}", slot.index))
    })?;
    let note = states.note_mut(slot.index);
    let fails = note.fails;
    change(note);
    let to = waiting_or(to, &states.note(slot.index));
    states.set(slot.index, to);
    let note = states.note(slot.index);
    let fails = u64::from(note.fails.saturating_sub(fails));
    let done_at = note.at.filter(|_| to == ItemState::Done);
    put_states(txn, &slot.queue, slot.segment, &states, free);
    let mut queue = must_get(txn, &slot.queue)?;
    if let Some(stats) = &mut queue.stats {
        let read = match kind {
            None if stats.has_names() => Kind::of(&item(txn, slot)?),
            _ => Kind::default(),
        };
        stats.count(kind.unwrap_or(&read), &Step { from: Some(from), to, fails, done_at });
    }
    if from != to {
        *queue.counts.of(from) = queue.counts.of(from).saturating_sub(1);
        *queue.counts.of(to) += 1;
        if to == ItemState::Pending {
            queue.note_return(slot.segment);
        }
    }
    if let Some(at) = done_at {
        let span = at.as_second() / SPAN;
        *queue.lately.entry(span).or_default() += 1;
        queue.lately = queue.lately.split_off(&(span - RATE_WINDOW / SPAN));
    }
    put(txn, &queue);
    Ok(to)
}

/// The state of an item that should be in `to`: one that has to wait is not pending but blocked.
pub(crate) fn waiting_or(to: ItemState, note: &Note) -> ItemState {
    let waits = note.needs > 0 || note.until.is_some();
    if to == ItemState::Pending && waits { ItemState::Blocked } else { to }
}

/// Adds items at the end of a queue, all of one priority, with their first states. Returns their
/// slots in the same order. The caller has made sure that they are new.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn append(
    txn: &mut Txn<'_>,
    queue: &mut Queue,
    priority: u32,
    items: &[(&Item, ItemState, Note)],
) -> Result<Vec<Slot>, ViewError> {
    let mut stats = match queue.stats.take() {
        Some(stats) => stats,
        // A queue of a version that did not keep them: here is the time to count.
        None => stats::recount(txn, &queue.name)?,
    };
    let mut slots = Vec::with_capacity(items.len());
    let mut rest = items;
    while !rest.is_empty() {
        let (segment, mut text, mut states) = match queue.tails.get(&priority).copied() {
            Some(segment) => {
                queue.note_return(segment);
                let text = content(txn, &queue.name, segment)?.to_vec();
                (segment, text, self::states(txn, &queue.name, segment)?)
            }
            None => {
                let segment = queue.next_segment;
                queue.next_segment += 1;
                queue.tails.insert(priority, segment);
                (segment, Vec::new(), States::new(priority))
            }
        };
        let free = states.free();
        let (now, later) = rest.split_at(rest.len().min(segment::SIZE - states.len().min(segment::SIZE)));
        for (item, state, note) in now {
            slots.push(Slot { queue: queue.name.clone(), segment, index: states.len() });
            segment::append(&mut text, item);
            states.push(*state, note.clone());
            *queue.counts.of(*state) += 1;
            let step = Step { from: None, to: *state, fails: u64::from(note.fails), done_at: None };
            stats.count(&Kind::of(item), &step);
        }
        if states.len() >= segment::SIZE {
            queue.tails.remove(&priority);
        }
        txn.put(items_key(&queue.name, segment), text);
        put_states(txn, &queue.name, segment, &states, free);
        rest = later;
    }
    queue.stats = Some(stats);
    put(txn, queue);
    Ok(slots)
}
