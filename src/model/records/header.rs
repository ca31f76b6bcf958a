//! The head record: format, identity and the counters that order everything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{Txn, View, ViewError, txn};

/// The format that this version writes.
pub const FORMAT: u32 = 2;

/// No store comes to this generation by itself: at a thousand operations a second, in 285,000 years. One
/// that says so was forged, and leaves no room for the next.
pub const MOST_GENERATIONS: u64 = 1 << 53;

/// Key of the head record.
pub const KEY: &str = "head.json";

/// How far numbering goes on when nobody can tell how many leases were granted in states that
/// are lost. A number that is given twice would let a session that lost its lease commit under
/// somebody else's.
pub const UNKNOWN_NUMBERS: u64 = 1_000_000;

/// What every change of the state writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateHeader {
    /// Version of the layout. A newer one is read as far as possible and never written.
    pub format: u32,
    /// Identity of the store, given when it is made.
    pub store: String,
    /// Counts the operations that changed something; also the number of the last lease.
    pub generation: u64,
    /// Fresh in every version, so that no two versions have the same object id: git takes a push
    /// or update to an equal id for a success.
    pub nonce: String,
    /// No lease runs out before this; `None` when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep_at: Option<Timestamp>,
    /// How often a path was given back that had been claimed by hand: by this a search that left
    /// items out because of such claims knows whether to look again.
    #[serde(default)]
    pub released: u64,
    /// Events in the log that have left the history (see `docs/format.md`).
    #[serde(default)]
    pub logged: u64,
    /// Generations that were left out when a remote's state was put back from a clone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restored: Vec<Restored>,
}

/// A state was put back: what was between these generations is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The last generation that was known to whoever put it back.
    pub from: u64,
    /// The generation with which the numbering goes on.
    pub to: u64,
}

impl StateHeader {
    /// The head of a new store.
    pub fn new(store: String) -> Self {
        StateHeader {
            format: FORMAT,
            store,
            generation: 0,
            nonce: String::new(),
            sweep_at: None,
            released: 0,
            logged: 0,
            restored: Vec::new(),
        }
    }

    /// True when a state of this generation was left out when the state was put back.
    pub fn leaves_out(&self, generation: u64) -> bool {
        self.restored.iter().any(|r| r.from < generation && generation < r.to)
    }
}

/// Reads the head.
///
/// # Errors
/// When it is missing or damaged.
pub fn read(view: &dyn View) -> Result<StateHeader, ViewError> {
    txn::read_json(view, KEY)?.ok_or_else(|| ViewError::damaged(KEY, "it is missing"))
}

/// Takes the next generation, which becomes the number of a lease.
pub(crate) fn next_generation(txn: &mut Txn<'_>) -> Result<u64, ViewError> {
    let mut head = read(txn)?;
    head.generation += 1;
    let generation = head.generation;
    txn.put_json(KEY, &head);
    Ok(generation)
}

/// Notes that a path was given back that had been claimed by hand.
pub(crate) fn record_release(txn: &mut Txn<'_>) -> Result<(), ViewError> {
    // A repair works on claims alone, without a head.
    if let Some(mut head) = txn.json::<StateHeader>(KEY)? {
        head.released += 1;
        txn.put_json(KEY, &head);
    }
    Ok(())
}

/// Notes that a lease, or a cool-down, runs out at `at`.
pub(crate) fn record_expiry(txn: &mut Txn<'_>, at: Timestamp) -> Result<(), ViewError> {
    let mut head = read(txn)?;
    if head.sweep_at.is_none_or(|known| at < known) {
        head.sweep_at = Some(at);
        txn.put_json(KEY, &head);
    }
    Ok(())
}
