//! Items of work: taking the next ones, and finishing them.

mod empty;
mod finish;
mod next;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

pub use empty::Empty;
pub use finish::{Finished, FinishedItem, HeldUpInfo, finish};
pub use next::{NextItems, NextRequest, PassedItem, PassedReason, next};

/// An item: its content as it was imported, and where it is in the queue. Fields that the import did not
/// name are absent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ItemDocument(#[schemars(with = "ItemFields")] pub Map<String, Value>);

/// The fields of an item that are always there; the rest is what was imported.
#[derive(Debug, Clone, JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct ItemFields {
    /// Its id.
    id: String,
    /// What is to be done.
    title: String,
    /// Its queue.
    queue: String,
    /// 0 is the most urgent.
    priority: u32,
    /// Files that it touches.
    files: Vec<String>,
    /// Which attempt this is, counted from 1.
    attempt: Option<u32>,
}
