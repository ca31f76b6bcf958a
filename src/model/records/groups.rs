//! Groups and phases: sets of items that others can need as a whole.
//!
//! `sets/<shard>/<name>.json` counts the members of a set and those that are not done;
//! `sets/<shard>/<name>.txt` names them in the order of import. The counters change with every
//! member that is done, the names only on import: so readiness is known without a search, and
//! finishing an item rewrites some dozen bytes, however large its phase is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, Txn, View, ViewError, txn};
use crate::model::records::queue::Slot;
use crate::model::records::{Item, id_key, queue};

/// How many members a set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Set {
    /// Number of members.
    pub total: u64,
    /// Number of members that are not done.
    pub open: u64,
}

impl Set {
    /// True when whoever needs the set has to wait. One without members is not known yet.
    pub fn is_open(&self) -> bool {
        self.total == 0 || self.open > 0
    }
}

/// True when a need names a group, a phase, or a wave or workstream of the plan, and not a single item.
pub fn is_set(need: &ItemId) -> bool {
    ["group:", "phase:", "wave:", "workstream:"].iter().any(|kind| need.as_str().starts_with(kind))
}

/// The sets that an item with this group and phase is a member of. A name that could stand in
/// nobody's `needs` makes none.
pub fn named(group: Option<&str>, phase: Option<&str>) -> Vec<ItemId> {
    let names = [group.map(|g| format!("group:{g}")), phase.map(|p| format!("phase:{p}"))];
    names.into_iter().flatten().filter_map(|name| ItemId::parse(&name).ok()).collect()
}

/// The sets that an item is a member of.
pub fn of(item: &Item) -> Vec<ItemId> {
    named(item.group.as_deref(), item.phase.as_deref())
}

pub(crate) fn key(set: &ItemId) -> String {
    format!("sets/{}.json", id_key::place(set))
}

pub(crate) fn members_key(set: &ItemId) -> String {
    format!("sets/{}.txt", id_key::place(set))
}

/// The counters of a set; zero when it has no members.
///
/// # Errors
/// When the state cannot be read.
pub fn get(view: &dyn View, set: &ItemId) -> Result<Set, ViewError> {
    Ok(txn::read_json(view, &key(set))?.unwrap_or_default())
}

/// Sets the counters of a set that has no members of its own: a wave or workstream of the plan.
pub(crate) fn put(txn: &mut Txn<'_>, set: &ItemId, counts: Set) {
    txn.put_json(key(set), &counts);
}

/// The members of a set, in the order of import.
///
/// # Errors
/// When the state cannot be read.
pub fn members(view: &dyn View, set: &ItemId) -> Result<Vec<ItemId>, ViewError> {
    let key = members_key(set);
    let Some(bytes) = view.blob(&key)? else { return Ok(Vec::new()) };
    let text = std::str::from_utf8(&bytes).map_err(|e| ViewError::damaged(key.as_str(), e))?;
    text.lines().map(|l| ItemId::parse(l).map_err(|e| ViewError::damaged(key.as_str(), e))).collect()
}

/// Adds new members, all of them open. Returns the sets that were finished before: what needs one of them
/// has to wait again.
pub(crate) fn add(txn: &mut Txn<'_>, new: &BTreeMap<ItemId, Vec<ItemId>>) -> Result<Vec<ItemId>, ViewError> {
    let mut reopened = Vec::new();
    for (set, ids) in new {
        let mut counts = get(txn, set)?;
        if !counts.is_open() {
            reopened.push(set.clone());
        }
        counts.total += ids.len() as u64;
        counts.open += ids.len() as u64;
        txn.put_json(key(set), &counts);
        let mut text = txn.blob(&members_key(set))?.map(|b| b.to_vec()).unwrap_or_default();
        ids.iter().for_each(|id| text.extend(format!("{id}\n").bytes()));
        txn.put(members_key(set), text);
    }
    Ok(reopened)
}

/// Notes that the item in `slot` is done. Returns the sets that are finished by it.
pub(crate) fn finish_member(txn: &mut Txn<'_>, slot: &Slot) -> Result<Vec<ItemId>, ViewError> {
    // Most stores have neither groups nor phases: then the item's content need not be read.
    if txn.kind("sets")? == crate::model::base::view::Kind::Missing {
        return Ok(Vec::new());
    }
    let mut finished = Vec::new();
    for set in of(&queue::item(txn, slot)?) {
        let mut counts = get(txn, &set)?;
        if counts.total == 0 {
            // Imported before groups were counted; the doctor makes the record.
            continue;
        }
        counts.open = counts.open.saturating_sub(1);
        txn.put_json(key(&set), &counts);
        if counts.open == 0 {
            finished.push(set);
        }
    }
    Ok(finished)
}
