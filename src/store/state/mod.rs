//! The state as git objects in one bare repository: reading it, writing a new version of it, and
//! the compare-and-swap of the ref that makes that version the state. No protocol, no queue.
//!
//! - [`objects`]: reading objects; [`loose`]: writing them;
//! - [`delta`]: changes that are stored in a commit's message;
//! - [`view`]: one version of the state; [`write`]: the next one;
//! - [`cas`]: moving the ref; [`durable`]: syncing to the disk;
//! - [`history`]: the commits of the past and the audit log; [`cut`]: cutting it.

pub(in crate::store) mod cas;
pub mod cut;
pub(in crate::store) mod delta;
pub(in crate::store) mod durable;
pub(in crate::store) mod history;
pub(in crate::store) mod loose;
pub(in crate::store) mod objects;
mod ref_lock;
pub(in crate::store) mod view;
pub(in crate::store) mod write;
