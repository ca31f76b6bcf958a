//! Clones: what the state knows of each clone that takes part through a remote.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::view::{View, ViewError};
use super::{Txn, txn};

/// The record of one clone, at `clones/<id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct CloneRecord {
    /// Nonce of the last state that this clone has brought in. A clone whose answer got lost
    /// finds out by it whether its push was applied.
    pub nonce: String,
    /// Its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// When, by its own clock; for display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

fn key(id: &str) -> String {
    format!("clones/{id}.json")
}

/// Reads the record of a clone, or `None` when it has never brought anything in.
///
/// # Errors
/// When the state cannot be read.
pub fn get(view: &dyn View, id: &str) -> Result<Option<CloneRecord>, ViewError> {
    txn::read_json(view, &key(id))
}

/// Writes the record of a clone.
pub(crate) fn put(txn: &mut Txn<'_>, id: &str, record: &CloneRecord) {
    txn.put_json(key(id), record);
}

/// Forgets clones that have brought nothing in since `before`, by their own clocks.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn forget_before(txn: &mut Txn<'_>, before: Timestamp) -> Result<(), ViewError> {
    for (id, record) in all(txn)? {
        if record.at.is_some_and(|at| at < before) {
            txn.remove(key(&id));
        }
    }
    Ok(())
}

/// All clones with their ids.
///
/// # Errors
/// When the state cannot be read.
pub fn all(view: &dyn View) -> Result<Vec<(String, CloneRecord)>, ViewError> {
    let mut list = Vec::new();
    for entry in view.list("clones")? {
        if let Some(id) = entry.name.strip_suffix(".json") {
            list.extend(get(view, id)?.map(|record| (id.to_owned(), record)));
        }
    }
    Ok(list)
}
