//! What sessions leave for each other: notes on items, messages.

use crate::model::apply::Context;
use crate::model::apply::refusal::{Ruling, unknown};
use crate::model::base::event::{Event, EventKind};
use crate::model::base::{ItemId, SessionName, Txn};
use crate::model::ops::Outcome;
use crate::model::records::segment::ItemNote;
use crate::model::records::session::{self, MESSAGES_KEPT, Message, SessionState};
use crate::model::records::{header, item_index, queue};

/// Most notes of an item: the last ones.
const NOTES_KEPT: usize = 16;

/// Notes something on an item, whatever its state. It stays with it through every further attempt.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn note(
    txn: &mut Txn<'_>,
    by: Option<&SessionName>,
    item: &ItemId,
    text: &str,
    context: &Context,
) -> Ruling {
    let Some(slot) = item_index::find(txn, item)? else {
        return Err(unknown("item", item));
    };
    let mut states = queue::states(txn, &slot.queue, slot.segment)?;
    let free = states.free();
    let notes = &mut states.meta_mut(slot.index).notes;
    notes.push(ItemNote { at: context.now, by: by.cloned(), text: text.to_owned() });
    let surplus = notes.len().saturating_sub(NOTES_KEPT);
    notes.drain(..surplus);
    queue::put_states(txn, &slot.queue, slot.segment, &states, free);
    header::next_generation(txn)?;
    txn.record(Event::new(context.now, by, EventKind::Note).with("items", [item]).with("text", text));
    Ok(Outcome::Done)
}

/// Leaves a message for sessions; for none, when one of them is not known.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn tell(
    txn: &mut Txn<'_>,
    from: Option<&SessionName>,
    to: &[SessionName],
    text: &str,
    context: &Context,
) -> Ruling {
    let mut records = Vec::new();
    for name in to {
        match session::get(txn, name)?.filter(|record| !record.prefetch) {
            Some(record) => records.push(record),
            None => return Err(unknown("session", name)),
        }
    }
    if to.is_empty() {
        let at_work = |s: &session::Session| s.state == SessionState::Active && !s.prefetch;
        records = session::all(txn)?.into_iter().filter(|s| at_work(s) && Some(&s.name) != from).collect();
    }
    let to: Vec<SessionName> = records.iter().map(|record| record.name.clone()).collect();
    if to.is_empty() {
        return Ok(Outcome::Told { to });
    }
    for mut record in records {
        record.inbox.push(Message { at: context.now, from: from.cloned(), text: text.to_owned() });
        let surplus = record.inbox.len().saturating_sub(MESSAGES_KEPT);
        record.inbox.drain(..surplus);
        session::put(txn, &record);
    }
    header::next_generation(txn)?;
    txn.record(Event::new(context.now, from, EventKind::Tell).with("to", &to).with("text", text));
    Ok(Outcome::Told { to })
}
