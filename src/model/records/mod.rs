//! The records of the state and their layout, as `docs/format.md` describes them.

pub mod area;
pub mod claim;
pub mod clone;
pub mod conflict;
pub mod cooldown;
pub mod counters;
pub mod dependencies;
pub mod fence;
pub mod groups;
pub mod header;
mod id_key;
pub mod item;
pub mod item_index;
pub mod landing;
pub mod need_syntax;
pub mod plan;
pub mod prefetch;
pub mod queue;
pub mod rules;
pub mod segment;
pub mod session;
pub mod severity;
pub mod shard;
pub mod unlanded;
pub mod verdict;

pub use item::{Item, ItemState, NewItem};
