//! Plans: what `coord.toml` says, whether it makes sense, and how long it takes.
//!
//! The file is input. What counts is the plan that was applied to the state; this folder reads the
//! text ([`parse`]), checks it against itself and against the repository ([`check`]), and computes
//! the schedule ([`schedule`]). Nothing here touches git, a clock or the state: facts about the
//! repository come in as [`Facts`].
//!
//! A file without `[plan]` is fine: gates and conflict rules are of use without workstreams.

pub mod check;
mod estimate;
mod nearest;
pub mod ownership;
mod problem;
mod read;
pub mod schedule;
mod table;
#[cfg(test)]
mod tests;
mod types;

pub use check::{Facts, check};
pub use estimate::Estimate;
pub use problem::{Code, Problem};
pub use read::parse;
pub use schedule::{Row, Schedule, schedule};
pub use types::{
    Base, ConflictRule, Coverage, Expect, Flaky, Gate, Header, Limit, Limits, Located, Metrics, Milestone,
    PlanFile, Priority, Prompt, ResultFile, Risk, Rule, Scope, Target, Wave, When, Workstream,
};
