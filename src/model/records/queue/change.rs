//! Changing queues: items that come, and items that go from state to state. Counters follow.

use jiff::Timestamp;

use crate::model::base::{QueueName, Txn, View, ViewError};
use crate::model::records::counters::{Kind, QueueStats, Step};
use crate::model::records::queue::read::{content, each_item, item, must_get, states};
use crate::model::records::queue::{Queue, SPAN, Slot, items_key, key, open_key, states_key};
use crate::model::records::segment::{self, ItemMeta, States};
use crate::model::records::{Item, ItemState};

/// Seconds over which the rate is taken.
const RATE_WINDOW: i64 = 3600;

/// Writes a queue's record.
pub(crate) fn put(txn: &mut Txn<'_>, queue: &Queue) {
    txn.put_json(key(&queue.name), queue);
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
    change: impl FnOnce(&mut ItemMeta),
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
    change: impl FnOnce(&mut ItemMeta),
) -> Result<ItemState, ViewError> {
    let mut states = states(txn, &slot.queue, slot.segment)?;
    let free = states.free();
    let from = states.get(slot.index).ok_or_else(|| {
        ViewError::damaged(states_key(&slot.queue, slot.segment), format!("it has no item {}", slot.index))
    })?;
    let meta = states.meta_mut(slot.index);
    let fails = meta.fails;
    change(meta);
    let to = waiting_or(to, &states.meta(slot.index));
    states.set(slot.index, to);
    let meta = states.meta(slot.index);
    let fails = u64::from(meta.fails.saturating_sub(fails));
    let done_at = meta.at.filter(|_| to == ItemState::Done);
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
            queue.record_return(slot.segment);
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
pub(crate) fn waiting_or(to: ItemState, meta: &ItemMeta) -> ItemState {
    let waits = meta.needs > 0 || meta.until.is_some();
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
    items: &[(&Item, ItemState, ItemMeta)],
) -> Result<Vec<Slot>, ViewError> {
    let mut stats = match queue.stats.take() {
        Some(stats) => stats,
        // A queue of a version that did not keep them: here is the time to count.
        None => recount(txn, &queue.name)?,
    };
    let mut slots = Vec::with_capacity(items.len());
    let mut rest = items;
    while !rest.is_empty() {
        let (segment, mut text, mut states) = match queue.tails.get(&priority).copied() {
            Some(segment) => {
                queue.record_return(segment);
                let text = content(txn, &queue.name, segment)?.to_vec();
                (segment, text, crate::model::records::queue::states(txn, &queue.name, segment)?)
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
        for (item, state, meta) in now {
            slots.push(Slot { queue: queue.name.clone(), segment, index: states.len() });
            segment::append(&mut text, item);
            states.push(*state, meta.clone());
            *queue.counts.of(*state) += 1;
            let step = Step { from: None, to: *state, fails: u64::from(meta.fails), done_at: None };
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

/// Counts the items of a queue whose record has no such counters, by reading them all.
///
/// # Errors
/// When the state cannot be read.
fn recount(view: &dyn View, name: &QueueName) -> Result<QueueStats, ViewError> {
    let mut stats = QueueStats::default();
    each_item(view, name, None, |item, slot, states| {
        if let Some(to) = states.get(slot.index) {
            let fails = u64::from(states.meta(slot.index).fails);
            stats.count(&Kind::of(&item), &Step { from: None, to, fails, done_at: None });
        }
        Ok(false)
    })?;
    Ok(stats)
}

/// Notes in the records of these queues that work on them has begun.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn begin<'a>(
    txn: &mut Txn<'_>,
    queues: impl Iterator<Item = &'a QueueName>,
    now: Timestamp,
) -> Result<(), ViewError> {
    for name in queues {
        let mut queue = must_get(txn, name)?;
        if let Some(stats) = queue.stats.as_mut().filter(|s| s.begun.is_none()) {
            stats.begun = Some(now);
            put(txn, &queue);
        }
    }
    Ok(())
}
