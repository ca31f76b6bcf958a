//! Operations on verdicts, baselines and tests that may fail.

use serde::{Deserialize, Serialize};

use crate::model::base::SessionName;
use crate::model::records::verdict::{AllowedTest, Baseline, Verdict};

/// See [`crate::model::Op::Gate`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum GateOp {
    /// Notes what a gate came to.
    Verdict {
        /// The verdict.
        verdict: Box<Verdict>,
        /// The tests behind it; empty: it has none.
        tests: String,
    },
    /// Records what a branch is compared with.
    Baseline(Box<Baseline>),
    /// Lets a test fail until a day.
    Allow(AllowedTest),
}

impl GateOp {
    /// Who acts.
    pub fn session(&self) -> Option<&SessionName> {
        match self {
            GateOp::Verdict { verdict, .. } => verdict.by.as_ref(),
            GateOp::Allow(allowed) => allowed.by.as_ref(),
            GateOp::Baseline(_) => None,
        }
    }
}
