//! Items that rest after a failure, until their queue offers them again.
//!
//! `cooling.json` lists them with the time at which each becomes free, so that the sweep finds
//! them without a search. The head's `sweep_at` is never after the first of these times.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, Txn, View, ViewError, txn};
use crate::model::records::{ItemState, header, item_index, queue};

/// Key of the record.
pub const KEY: &str = "cooling.json";

/// One item that rests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cooldown {
    /// When it is offered again.
    pub until: Timestamp,
    /// Which.
    pub id: ItemId,
}

/// All items that rest, the first to be free first.
///
/// # Errors
/// When the state cannot be read.
pub fn all(view: &dyn View) -> Result<Vec<Cooldown>, ViewError> {
    Ok(txn::read_json(view, KEY)?.unwrap_or_default())
}

fn put(txn: &mut Txn<'_>, list: &[Cooldown]) {
    if list.is_empty() { txn.remove(KEY) } else { txn.put_json(KEY, &list) }
}

/// Notes that an item rests. Its note says so already.
pub(crate) fn add(txn: &mut Txn<'_>, id: &ItemId, until: Timestamp) -> Result<(), ViewError> {
    let mut list = all(txn)?;
    list.retain(|rest| rest.id != *id);
    list.push(Cooldown { until, id: id.clone() });
    list.sort();
    put(txn, &list);
    header::record_expiry(txn, until)
}

/// Makes free what has rested long enough. Returns when the next one is due.
pub(crate) fn sweep(txn: &mut Txn<'_>, now: Timestamp) -> Result<Option<Timestamp>, ViewError> {
    let (due, left): (Vec<Cooldown>, Vec<Cooldown>) =
        all(txn)?.into_iter().partition(|rest| rest.until <= now);
    for rest in &due {
        let Some(slot) = item_index::find(txn, &rest.id)? else { continue };
        let (state, meta, _) = queue::placement(txn, &slot)?;
        // It may have been given up or put back by hand meanwhile.
        if state == ItemState::Blocked && meta.until.is_some_and(|until| until <= now) {
            queue::transition(txn, &slot, ItemState::Pending, |meta| meta.until = None)?;
        }
    }
    if !due.is_empty() {
        put(txn, &left);
    }
    Ok(left.first().map(|rest| rest.until))
}
