//! Clones: what the state knows of each clone that takes part through a remote.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{Txn, View, ViewError, txn};

/// The record of one clone, at `clones/<id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct CloneRecord {
    /// Nonce of the last state that this clone has brought in. A clone whose answer got lost
    /// finds out by it whether its push was applied.
    pub nonce: String,
    /// The generation of that state; none in records of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
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

/// After so many acts of others a clone is forgotten. It only has to know by then what became of its
/// last push: longer than any outage, also when numbering was moved on by a repair (a million).
const FORGET_AFTER: u64 = 3_000_000;

/// Forgets clones that have brought nothing in for long. How long is counted in generations, because
/// the time in a record is that of another machine's clock.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn forget_old(txn: &mut Txn<'_>, generation: u64) -> Result<(), ViewError> {
    for (id, record) in all(txn)? {
        match record.generation {
            Some(at) if at.saturating_add(FORGET_AFTER) < generation => txn.remove(key(&id)),
            Some(_) => {}
            // Its time begins now.
            None => put(txn, &id, &CloneRecord { generation: Some(generation), ..record }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::base::MemView;

    #[test]
    fn a_clone_is_forgotten_by_the_number_of_acts_since_its_last() {
        let state = MemView::default();
        let mut txn = Txn::new(&state);
        let old = "1970-01-01T00:00:00Z".parse().ok();
        for (id, generation) in [("new", Some(2_000_000)), ("old", Some(5)), ("older-version", None)] {
            put(&mut txn, id, &CloneRecord { generation, at: old, ..CloneRecord::default() });
        }
        forget_old(&mut txn, 3_000_006).expect("memory");
        let left: Vec<_> = all(&txn).expect("memory").into_iter().map(|(id, r)| (id, r.generation)).collect();
        assert_eq!(left, [("new".into(), Some(2_000_000)), ("older-version".into(), Some(3_000_006))]);
    }
}
