//! Agent programs: their hooks, read and answered in each program's own form.
//!
//! An agent program calls `git coord hook agent` before a tool runs. The event is read from standard
//! input by [`event`] in the dialect that [`dialect`] recognises; [`tools`], [`patch`] and [`shell`] find
//! the paths that the call is certain to write; `edit` claims the free ones for the session of the
//! worktree that they are in, and objects to what another session holds; [`answer`] writes the objection
//! in exactly the form that the program accepts.
//!
//! Rules that hold everywhere here:
//! - Without an objection there is no output: several programs take any text, or an unknown field, for a mistake and
//!   run the tool all the same, others refuse the call.
//! - What is uncertain is not refused. It is looked for with `git status` after the tool has run.
//! - A failure of ours never blocks an agent, unless `coord.onEdit` asks for `strict`.

mod abandoned;
mod after;
pub mod answer;
mod brief;
mod desk;
pub mod dialect;
mod edit;
pub mod event;
mod hook;
mod ignored;
mod notices;
mod objection;
pub mod patch;
mod places;
mod roster;
pub mod setup;
pub mod shell;
pub mod tools;
mod worktree;

pub use desk::Failure;
pub use hook::{Call, answer as answer_event};
pub use ignored::GitConfigs;
pub use roster::DIR;
