//! Bringing branches together: landing them on a target, showing which of them conflict, and going
//! back.
//!
//! Merges happen in a repository of our own ([`workshop`]), so no worktree, index, hook or object of
//! the user's is touched before the target branch moves. `docs/landing.md` describes it for users.

mod candidate;
mod checkpoint;
pub mod conflicts;
mod error;
mod finished;
mod integrator;
mod landed;
mod landing;
mod members;
mod merge;
mod moves;
mod rollback;
mod target;
pub mod workshop;

pub use checkpoint::CheckpointLine;
pub use error::LandError;
pub use integrator::Integrator;
pub use landed::{Answer as LandedAnswer, Standing};
pub use landing::{Chosen, Landed, Report, Request};
pub use members::{Asked, Waiting};
pub use merge::Merged;
pub use rollback::{Back, BackReport, Infected, Later};
