//! Reading queues: their records, their segments, and the items in them.

use crate::model::base::{Blob, QueueName, View, ViewError, txn};
use crate::model::records::queue::{Queue, Slot, items_key, key, states_key};
use crate::model::records::segment::{self, ItemMeta, States};
use crate::model::records::{Item, ItemState};

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
pub fn content(view: &dyn View, queue: &QueueName, segment: u32) -> Result<Blob, ViewError> {
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
pub fn placement(view: &dyn View, slot: &Slot) -> Result<(ItemState, ItemMeta, u32), ViewError> {
    let states = states(view, &slot.queue, slot.segment)?;
    let state = states.get(slot.index).ok_or_else(|| {
        ViewError::damaged(states_key(&slot.queue, slot.segment), format!("it has no item {}", slot.index))
    })?;
    Ok((state, states.meta(slot.index), states.priority))
}

/// The priorities of which a queue has free items, most urgent first.
///
/// # Errors
/// When the state cannot be read.
pub fn open_priorities(view: &dyn View, queue: &QueueName) -> Result<Vec<u32>, ViewError> {
    numbers(view, &format!("queues/{queue}/open"))
}

fn numbers(view: &dyn View, key: &str) -> Result<Vec<u32>, ViewError> {
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
