//! Group commit: operations come in, one writer at a time applies all that wait, and one
//! compare-and-swap makes the result the state.

pub(in crate::store) mod import;
pub(in crate::store) mod lock;
pub(in crate::store) mod submit;
pub(crate) mod write_queue;
