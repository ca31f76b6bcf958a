//! Dependencies: who waits for whom.
//!
//! `deps/<shard>/<id>` lists the items that wait for an item, so that finishing it finds them
//! without a search. An item's note counts its needs that are not done yet. For a group or phase
//! ([`crate::model::records::groups`]) the list names all that need it, also when it is finished: a new member makes
//! them wait again.

use crate::model::base::{ItemId, Txn, View, ViewError, txn};
use crate::model::records::queue::Slot;
use crate::model::records::{ItemState, groups, id_key, item_index, queue};

/// The key of the list of those that wait for `id`.
pub(crate) fn key(id: &ItemId) -> String {
    format!("deps/{}.json", id_key::place(id))
}

/// The items that wait for `id`.
///
/// # Errors
/// When the state cannot be read.
pub fn waiting_for(view: &dyn View, id: &ItemId) -> Result<Vec<ItemId>, ViewError> {
    Ok(txn::read_json(view, &key(id))?.unwrap_or_default())
}

/// Notes that all of `waiters` need `id`.
pub(crate) fn add(txn: &mut Txn<'_>, id: &ItemId, waiters: &[ItemId]) -> Result<(), ViewError> {
    let mut list = waiting_for(txn, id)?;
    let known: std::collections::HashSet<ItemId> = list.iter().cloned().collect();
    list.extend(waiters.iter().filter(|w| !known.contains(*w)).cloned());
    txn.put_json(key(id), &list);
    Ok(())
}

/// Tells those that wait for the item `id` in `slot`, or for its group or phase, that it is done.
/// Returns those that are free to take now.
pub(crate) fn satisfy(txn: &mut Txn<'_>, id: &ItemId, slot: &Slot) -> Result<Vec<ItemId>, ViewError> {
    let waiters = waiting_for(txn, id)?;
    let mut freed = Vec::new();
    if !waiters.is_empty() {
        txn.remove(key(id));
        freed = count(txn, &waiters, |needs| needs.saturating_sub(1))?;
    }
    for set in groups::finish_member(txn, slot)? {
        let waiters = waiting_for(txn, &set)?;
        freed.extend(count(txn, &waiters, |needs| needs.saturating_sub(1))?);
    }
    Ok(freed)
}

/// Takes one open need from those that need a set. Returns those that are free to take now.
pub(crate) fn release(txn: &mut Txn<'_>, set: &ItemId) -> Result<Vec<ItemId>, ViewError> {
    let waiters = waiting_for(txn, set)?;
    count(txn, &waiters, |needs| needs.saturating_sub(1))
}

/// Makes those that need a group or phase wait again: it was finished, and has a new member.
pub(crate) fn reopen(txn: &mut Txn<'_>, set: &ItemId) -> Result<(), ViewError> {
    let waiters = waiting_for(txn, set)?;
    count(txn, &waiters, |needs| needs.saturating_add(1)).map(|_| ())
}

/// Changes the number of open needs of items that are not done. Returns those that became free.
fn count(
    txn: &mut Txn<'_>,
    waiters: &[ItemId],
    change: impl Fn(u32) -> u32,
) -> Result<Vec<ItemId>, ViewError> {
    let mut freed = Vec::new();
    for waiter in waiters {
        let Some(slot) = item_index::find(txn, waiter)? else { continue };
        let (state, ..) = queue::placement(txn, &slot)?;
        if state == ItemState::Done {
            continue;
        }
        // What is in somebody's hands stays there; it waits when it is given back.
        let free = matches!(state, ItemState::Pending | ItemState::Blocked);
        let to = if free { ItemState::Pending } else { state };
        let now = queue::transition(txn, &slot, to, |meta| meta.needs = change(meta.needs))?;
        if (state, now) == (ItemState::Blocked, ItemState::Pending) {
            freed.push(waiter.clone());
        }
    }
    Ok(freed)
}
