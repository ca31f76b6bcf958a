//! The plan as it was applied, and how far its workstreams and waves are.
//!
//! - `plan/plan.json`: an [`Applied`] plan with its version.
//! - `plan/source.toml`: the text that was applied, comments included.
//! - `plan/workstreams/<ID>.json`: a [`Progress`] for each workstream that has begun.
//! - `plan/waves/<number>.json`: a [`WaveRecord`] for each wave of which something has landed.

mod estimate;
mod file;
mod gate;
mod ownership;
mod rule;
mod state;
mod workstream;

pub use estimate::Estimate;
pub use file::{Header, Limits, Located, PlanFile, Risk, Target};
pub use gate::{Coverage, Flaky, Gate, Limit, Metrics, ResultFile, Scope, When};
pub use ownership::Ownership;
pub use rule::{ConflictRule, Rule};
pub use state::{
    Applied, Blocked, HandBack, LandedIn, Progress, Report, Stage, Submitted, WaveRecord, applied, progress,
    source, wave,
};
pub(crate) use state::{PLAN, SOURCE, progress_key, wave_key};
pub use workstream::{Base, Expect, Milestone, Priority, Prompt, Wave, Workstream};
