//! Dependencies: who waits for whom.
//!
//! `deps/<shard>/<id>` lists the items that wait for an item, so that finishing it finds them
//! without a search. A blocked item's note counts the needs that are not done yet.

use super::view::{Kind, View, ViewError};
use super::{ItemId, ItemState, Txn, ids, queue, txn};

/// An id as a tree entry: everything but letters, digits, `_` and `-` as `%XX`.
pub(crate) fn key(id: &ItemId) -> String {
    let mut name = String::new();
    for byte in id.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    let shard = id.as_str().bytes().fold(0u8, |sum, b| sum.wrapping_mul(31).wrapping_add(b));
    format!("deps/{shard:02x}/{name}.json")
}

/// The items that wait for `id`.
///
/// # Errors
/// When the state cannot be read.
pub fn waiting_for(view: &dyn View, id: &ItemId) -> Result<Vec<ItemId>, ViewError> {
    Ok(txn::read_json(view, &key(id))?.unwrap_or_default())
}

/// True when nobody waits for anything.
pub(crate) fn none(view: &dyn View) -> Result<bool, ViewError> {
    Ok(view.kind("deps")? == Kind::Missing)
}

/// Notes that new items, none of which is noted yet, need `id`. All at once: the list of one that
/// a whole backlog waits for is read and written once.
pub(crate) fn add(txn: &mut Txn<'_>, id: &ItemId, waiters: Vec<ItemId>) -> Result<(), ViewError> {
    let mut list = waiting_for(txn, id)?;
    list.extend(waiters);
    txn.put_json(key(id), &list);
    Ok(())
}

/// Tells those that wait for `id` that it is done. Returns those that are free to take now.
pub(crate) fn satisfy(txn: &mut Txn<'_>, id: &ItemId) -> Result<Vec<ItemId>, ViewError> {
    let waiters = waiting_for(txn, id)?;
    if waiters.is_empty() {
        return Ok(waiters);
    }
    txn.remove(key(id));
    let mut freed = Vec::new();
    for waiter in waiters {
        let Some(slot) = ids::find(txn, &waiter)? else { continue };
        let (state, note, _) = queue::standing(txn, &slot)?;
        if state != ItemState::Blocked {
            continue;
        }
        let left = note.needs.saturating_sub(1);
        let to = if left == 0 { ItemState::Pending } else { ItemState::Blocked };
        queue::transition(txn, &slot, to, |note| note.needs = left)?;
        if left == 0 {
            freed.push(waiter);
        }
    }
    Ok(freed)
}
