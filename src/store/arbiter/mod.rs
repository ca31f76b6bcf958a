//! Who decides what the state is: this store alone, or a remote that several clones share.

pub(in crate::store) mod identity;
pub mod remote;
