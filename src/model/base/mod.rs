//! What everything else is written in: paths and names, the tree of records and transactions on it.

pub mod event;
pub mod layered;
pub mod name;
pub mod path;
pub mod txn;
pub mod view;

pub use event::Event;
pub use layered::{Changes, Layered};
pub use name::{ItemId, NameError, QueueName, SessionName};
pub use path::{PathError, RepoPath};
pub use txn::{Savepoint, Txn, read_json, to_json};
pub use view::{Blob, Entry, MemView, View, ViewError};
