//! The list of items that rest after a failure.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::doctor::Finding;
use crate::model::cooldown::{self, Cooldown};
use crate::model::{ItemState, Txn, View};

use super::scan::Scan;

/// What the list should be, from the notes of the items.
fn right(scan: &Scan) -> BTreeSet<Cooldown> {
    let rests = scan.slots.iter().filter_map(|(id, slot)| {
        let (state, note) = scan.standing(slot)?;
        let until = note.until.filter(|_| state == ItemState::Blocked)?;
        Some(Cooldown { until, id: id.clone() })
    });
    rests.collect()
}

/// When the first item is due.
pub fn first(scan: &Scan) -> Option<Timestamp> {
    right(scan).first().map(|rest| rest.until)
}

/// What is wrong: an item that nobody would offer again, or a list that cannot be read. What is
/// on the list and does not rest any more is passed over when its time comes.
fn is_wrong(view: &dyn View, scan: &Scan) -> Option<String> {
    match cooldown::all(view) {
        Err(e) => Some(e.to_string()),
        Ok(found) => {
            let missing = right(scan).into_iter().find(|rest| !found.contains(rest))?;
            Some(format!("item {} cools down and is not on the list", missing.id))
        }
    }
}

/// What is wrong.
pub fn findings(view: &dyn View, scan: &Scan) -> Option<Finding> {
    let fault = is_wrong(view, scan).filter(|_| scan.items_whole)?;
    Some(Finding::at_key("cooling", cooldown::KEY, fault))
}

/// Makes the list say what is so.
pub fn mend(txn: &mut Txn<'_>, scan: &Scan) {
    if scan.items_whole && is_wrong(txn, scan).is_some() {
        let list: Vec<Cooldown> = right(scan).into_iter().collect();
        if list.is_empty() { txn.remove(cooldown::KEY) } else { txn.put_json(cooldown::KEY, &list) }
    }
}
