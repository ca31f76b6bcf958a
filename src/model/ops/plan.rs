//! Operations on the plan.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::base::SessionName;
use crate::model::records::plan::{HandBack, PlanFile};

/// See [`crate::model::Op::Plan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum PlanOp {
    /// Makes a plan the plan.
    Apply(Box<ApplyPlan>),
    /// Ends the plan: it binds nobody from now on. What it did stays readable.
    Archive {
        /// Who.
        by: Option<SessionName>,
    },
    /// A workstream begins, or goes on with another session.
    Launch {
        /// Which.
        workstream: String,
        /// The session that works on it.
        session: SessionName,
        /// The commit at which its branch begins.
        base: String,
        /// Workstreams that it needs and does not wait for.
        despite: Vec<String>,
    },
    /// A commit of a workstream is to be merged.
    Submit {
        /// Which.
        workstream: String,
        /// Who says so.
        session: SessionName,
        /// The commit.
        commit: String,
        /// Its tree.
        tree: String,
    },
    /// A submitted commit is not to be merged.
    Withdraw {
        /// Which.
        workstream: String,
        /// Who says so.
        session: SessionName,
    },
    /// A workstream waits for something that is not in the plan; `None`: for nothing any longer.
    Block {
        /// Which.
        workstream: String,
        /// Who says so.
        session: SessionName,
        /// What it waits for.
        text: Option<String>,
        /// The workstream that it comes from.
        by: Option<String>,
    },
    /// How far a workstream is.
    Report {
        /// Which.
        workstream: String,
        /// Who says so.
        session: SessionName,
        /// Percentage done.
        percent: Option<u32>,
        /// In words.
        text: Option<String>,
        /// A milestone that is reached.
        milestone: Option<String>,
    },
    /// Pauses a workstream, or lets it go on.
    Pause {
        /// Which.
        workstream: String,
        /// True: pause.
        paused: bool,
        /// Who.
        by: Option<SessionName>,
    },
    /// Gives a workstream up.
    Drop {
        /// Which.
        workstream: String,
        /// Who.
        by: Option<SessionName>,
    },
    /// Lets a workstream edit a path that another one owns.
    Grant {
        /// Which.
        workstream: String,
        /// A pattern of paths.
        path: String,
        /// Who.
        by: Option<SessionName>,
    },
    /// A submitted workstream did not land.
    HandBack {
        /// Which.
        workstream: String,
        /// The wave that it was to land in.
        wave: Option<u32>,
        /// Why.
        why: HandBack,
    },
}

impl PlanOp {
    /// The session on whose behalf it runs.
    pub fn session(&self) -> Option<&SessionName> {
        match self {
            PlanOp::Apply(words) => words.by.as_ref(),
            PlanOp::Archive { by }
            | PlanOp::Pause { by, .. }
            | PlanOp::Drop { by, .. }
            | PlanOp::Grant { by, .. } => by.as_ref(),
            PlanOp::Launch { session, .. }
            | PlanOp::Submit { session, .. }
            | PlanOp::Withdraw { session, .. }
            | PlanOp::Block { session, .. }
            | PlanOp::Report { session, .. } => Some(session),
            PlanOp::HandBack { .. } => None,
        }
    }
}

/// See [`PlanOp::Apply`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyPlan {
    /// Who.
    pub by: Option<SessionName>,
    /// The version that it was compared with; 0: there was not one.
    pub based_on: u32,
    /// True when it may take the place of a plan from another file.
    pub replace: bool,
    /// The file's name.
    pub file: String,
    /// What it says.
    pub plan: PlanFile,
    /// Its text.
    pub source: String,
}

/// One difference between two plans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanChange {
    /// What has changed: `plan`, `workstream`, `wave`, `gate`, `conflict`, `target`, `risk`.
    pub what: String,
    /// Which one; a wave or rule by its number.
    pub id: String,
    /// The field; `None`: all of it was added or removed.
    pub field: Option<String>,
    /// The value before.
    pub from: Value,
    /// The value after.
    pub to: Value,
}
