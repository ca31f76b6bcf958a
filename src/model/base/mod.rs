//! What everything else is written in: paths and names, the tree of records and transactions on it.

pub mod context;
pub mod event;
pub mod layered;
pub mod name;
pub mod path;
pub mod rule;
pub mod txn;
pub mod view;
mod words;

pub use context::{Context, Identity};
pub use event::{Event, EventKind, EventWord};
pub use layered::{Changes, Layered};
pub use name::{ItemId, NameError, QueueName, SessionName};
pub use path::{PathError, RepoPath};
pub use rule::RuleId;
pub use txn::{Savepoint, Txn, read_json, to_json};
pub use view::{Blob, Entry, MemView, View, ViewError};
