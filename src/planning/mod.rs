//! Plans in a repository: reading the file, applying it, and how far everything is.
//!
//! What is pure is in [`crate::plan`], what the state knows in [`crate::model::plan`].

mod error;
mod facts;
mod file;
mod state;
mod status;

pub use error::PlanError;
pub use facts::{facts, worktree_of};
pub use file::{PlanText, read_file};
pub use state::{State, current};
pub use status::{Status, WaveRow, WorkstreamRow, status};
