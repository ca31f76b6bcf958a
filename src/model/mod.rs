//! The state machine: paths, claims, items, leases, sessions, and the operations on them.
//!
//! Nothing here touches git, a clock, a file or the environment. The state is a tree of records
//! ([`View`]); [`apply()`] carries out an operation ([`Op`]) in a transaction ([`Txn`]) and says
//! what it came to ([`Outcome`]). `docs/format.md` describes the records.

pub mod again;
mod apply;
pub mod area;
pub mod choice;
pub mod claim;
pub mod clone;
pub mod condition;
pub mod cooling;
pub mod deps;
pub mod document;
pub mod event;
pub mod figures;
pub mod filter;
pub mod head;
pub mod ids;
mod item;
pub mod known;
mod layered;
mod name;
pub mod needs;
pub mod op;
pub mod outcome;
pub(crate) mod path;
pub mod pool;
pub mod queue;
pub mod rules;
pub mod segment;
pub mod session;
pub mod sets;
pub(crate) mod severity;
pub mod share;
pub mod split;
pub mod stats;
mod txn;
pub mod update;
pub mod view;
pub mod why;

pub use apply::{
    Context, Intake, apply, apply_import, apply_ready, blockers_of, expiry, foresee, preview_update,
};
pub use item::{Item, ItemState, NewItem};
pub use layered::{Changes, Layered};
pub use name::{ItemId, NameError, QueueName, SessionName};
pub use op::Op;
pub use outcome::Outcome;
pub use path::{PathError, RepoPath};
pub use txn::{Savepoint, Txn, read_json, to_json};
pub use view::{MemView, View, ViewError};
