//! Plans in a repository: reading the file, applying it, launching its workstreams, landing its waves.
//!
//! What is pure is in [`crate::plan`], what the state knows in [`crate::model::plan`].

mod error;
mod facts;
mod file;
mod finish;
pub mod launch;
mod report;
mod state;
mod status;
mod submit;
mod teardown;
mod waves;

pub use error::PlanError;
pub use facts::{facts, worktree_of};
pub use file::{PlanText, read_file};
pub use finish::{FinishAnswer, finish};
pub use report::{PlanReport, TargetRow, report};
pub use state::{State, current};
pub use status::{Status, WaveRow, WorkstreamRow, status};
pub use submit::{SubmitAnswer, submit, withdraw, workstream_of};
pub use teardown::{Kept, TeardownAnswer, teardown};
pub use waves::{WaveAnswer, WaveRequest, integrate, roll_back};
