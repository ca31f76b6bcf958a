//! Changing many items at once.
//!
//! A state changes in place. Another queue, priority or category needs another place: the item is
//! added there, and its old place is marked as left. Ids lead to the new place, and who waits for
//! whom goes by id, so nothing else changes.

use std::collections::BTreeMap;

use super::prefetch;
use super::refusal::Ruling;
use crate::model::base::{Context, Event, EventKind, QueueName, Txn, View, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::update::{Match, Selection, Update, Updated, places, preview};
use crate::model::records::counters::{Kind, Step};
use crate::model::records::queue::{self, Queue};
use crate::model::records::segment::ItemMeta;
use crate::model::records::{Item, ItemState, header, item_index};

/// Items on their way to another place, by queue and priority, in the order of their places.
type Moving = BTreeMap<(QueueName, u32), Vec<(Item, ItemState, ItemMeta)>>;

/// Changes the items that fulfil the conditions; one atomic act, however many.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn update(txn: &mut Txn<'_>, op: &Update, context: &Context) -> Ruling {
    prefetch::evict_matching(txn, op, context)?;
    let mut selection = Selection::new(op);
    let mut updated = Updated::default();
    let mut moving = Moving::new();
    for place in places(txn, op)? {
        let found = selection.of_segment(txn, &place, &op.change)?;
        found.iter().for_each(|one| updated.count(one));
        let free: Vec<Match> = found.into_iter().filter(|one| one.state != ItemState::Claimed).collect();
        if !free.is_empty() {
            change_segment(txn, &place, free, op, &mut moving, context)?;
        }
    }
    if updated.changed == 0 {
        return Ok(Outcome::Updated(updated));
    }
    let mut index = item_index::Index::default();
    for ((name, priority), items) in moving {
        let mut queue = queue::get(txn, &name)?.unwrap_or_else(|| Queue::new(name.clone(), context.now));
        let entries: Vec<(&Item, ItemState, ItemMeta)> =
            items.iter().map(|(item, state, meta)| (item, *state, meta.clone())).collect();
        let slots = queue::append(txn, &mut queue, priority, &entries)?;
        for ((item, ..), slot) in items.iter().zip(&slots) {
            index.add(txn, &item.id, slot)?;
        }
    }
    index.write(txn);
    header::next_generation(txn)?;
    txn.record(event(op, &updated, context));
    Ok(Outcome::Updated(updated))
}

/// What an update by this clone would do.
///
/// # Errors
/// When the state cannot be read.
pub fn preview_update(view: &dyn View, op: &Update, context: &Context) -> Result<Updated, ViewError> {
    let mut txn = Txn::new(view);
    prefetch::evict_matching(&mut txn, op, context)?;
    preview(&txn, op)
}

/// Changes items of one segment; those that need another place are taken out of it.
fn change_segment(
    txn: &mut Txn<'_>,
    place: &(QueueName, u32),
    items: Vec<Match>,
    op: &Update,
    moving: &mut Moving,
    context: &Context,
) -> Result<(), ViewError> {
    let (name, segment) = place;
    let mut states = queue::states(txn, name, *segment)?;
    let mut queue = queue::must_get(txn, name)?;
    let free = states.free();
    for one in items {
        let moves = op.change.moves(&one.item, name, states.priority);
        let (state, meta) = changed(&one, op, context);
        *queue.counts.of(one.state) = queue.counts.of(one.state).saturating_sub(1);
        let kind = Kind::of(&one.item);
        if let Some(stats) = &mut queue.stats {
            stats.leave(&kind, one.state, u64::from(one.meta.fails));
        }
        if moves {
            states.set_moved(one.index);
            let to = op.change.queue.clone().unwrap_or_else(|| name.clone());
            let priority = op.change.priority.unwrap_or(states.priority);
            let item = op.change.applied_to(one.item);
            moving.entry((to, priority)).or_default().push((item, state, meta));
            continue;
        }
        *queue.counts.of(state) += 1;
        if let Some(stats) = &mut queue.stats {
            let fails = u64::from(meta.fails);
            stats.count(&kind, &Step { from: None, to: state, fails, done_at: None });
        }
        states.set(one.index, state);
        *states.meta_mut(one.index) = meta;
        if state == ItemState::Pending {
            queue.record_return(*segment);
        }
    }
    queue::put_states(txn, name, *segment, &states, free);
    queue::put(txn, &queue);
    Ok(())
}

/// State and note of an item afterwards.
fn changed(one: &Match, op: &Update, context: &Context) -> (ItemState, ItemMeta) {
    let mut meta = one.meta.clone();
    let mut state = op.change.state_of(one);
    if state == ItemState::Failed && one.state != state {
        meta.why = Some("cancelled".into());
        meta.at = Some(context.now);
        meta.until = None;
    } else if op.change.requeue && (one.state == ItemState::Failed || meta.until.is_some()) {
        meta.fails = 0;
        meta.until = None;
        state = queue::waiting_or(ItemState::Pending, &meta);
    }
    (state, meta)
}

fn event(op: &Update, updated: &Updated, context: &Context) -> Event {
    let conditions: Vec<String> = op.conditions.iter().map(ToString::to_string).collect();
    let mut event = Event::new(context.now, op.session.as_ref(), EventKind::Update)
        .with("where", conditions)
        .with("changed", updated.changed);
    let change = &op.change;
    if let Some(queue) = &change.queue {
        event = event.with("queue", queue);
    }
    if let Some(priority) = change.priority {
        event = event.with("priority", priority);
    }
    if let Some(category) = &change.category {
        event = event.with("category", category);
    }
    let what = [("cancel", change.cancel), ("requeue", change.requeue)];
    what.into_iter().filter(|(_, set)| *set).fold(event, |event, (word, _)| event.with(word, true))
}
