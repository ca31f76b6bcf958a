//! Group commit: operations come in, one writer at a time applies all that wait, and one
//! compare-and-swap makes the result the state.

//!
//! - [`submit`]: one operation, from the call to its answer;
//! - [`write_queue`], [`waiter`], [`outbox`]: operations that wait;
//! - [`session`]: the writer, who applies them; [`locked`]: the proof that nobody else writes;
//! - [`batch`]: its decisions, pure;
//! - [`import`]: an import, which is too large for one transaction.

pub mod batch;
pub(in crate::store) mod import;
pub(in crate::store) mod lock;
pub(crate) mod locked;
pub(crate) mod outbox;
pub(in crate::store) mod session;
pub(in crate::store) mod submit;
pub(in crate::store) mod waiter;
pub(crate) mod write_queue;
