//! Plans: what `coord.toml` says, whether it makes sense, and how long it takes.
//!
//! The file is input. What counts is the plan that was applied to the state
//! ([`crate::model::plan`]); this folder reads the text ([`parse`]), checks it against itself and
//! against the repository ([`check()`]), and computes the schedule ([`schedule()`]). Nothing here
//! touches git, a clock or the state: facts about the repository come in as [`Facts`].
//!
//! A file without `[plan]` is fine: gates and conflict rules are of use without workstreams.

mod check;
mod nearest;
mod problem;
mod read;
mod readiness;
mod schedule;
mod table;
#[cfg(test)]
mod tests;

pub use check::{Facts, check};
pub use problem::{Code, Problem};
pub use read::parse;
pub use readiness::{Readiness, Standing, Waiting};
pub use schedule::{Chain, Lengths, Row, Schedule, range, schedule};
