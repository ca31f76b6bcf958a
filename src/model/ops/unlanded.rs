//! Operations on unlanded versions of paths, see [`crate::model::records::unlanded`].

use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, RepoPath, SessionName};

/// What the branch of a session has, for operations that grant paths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Freshness {
    /// Unlanded commits of others that it contains.
    pub has: Vec<String>,
    /// True: what others have not landed is not granted, whatever the branch has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_landed: bool,
}

/// See [`crate::model::Op::Unlanded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum UnlandedOp {
    /// A commit was made in a session's worktree.
    Committed(Committed),
    /// Commits of a session were replaced by others: amend, rebase.
    Rewritten {
        /// Which session.
        session: SessionName,
        /// The id before and after.
        commits: Vec<(String, String)>,
    },
    /// Versions that will not land: of these paths and below, whoever made them, or all of the session.
    GiveUp {
        /// The session that says so.
        session: SessionName,
        /// Which paths; `None`: all that the session has made.
        paths: Option<Vec<RepoPath>>,
    },
    /// The target contains these commits.
    Contained {
        /// The session that has found it.
        session: Option<SessionName>,
        /// Which.
        commits: Vec<String>,
    },
}

impl UnlandedOp {
    /// The session on whose behalf it runs.
    pub fn session(&self) -> Option<&SessionName> {
        match self {
            UnlandedOp::Committed(words) => Some(&words.session),
            UnlandedOp::Rewritten { session, .. } | UnlandedOp::GiveUp { session, .. } => Some(session),
            UnlandedOp::Contained { session, .. } => session.as_ref(),
        }
    }
}

/// See [`UnlandedOp::Committed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Committed {
    /// Which session.
    pub session: SessionName,
    /// The branch, without `refs/heads/`; `None` for a detached HEAD.
    pub branch: Option<String>,
    /// The commit.
    pub commit: String,
    /// Its subject.
    pub text: String,
    /// The paths that it changes; of a merge those that differ from all parents.
    pub paths: Vec<RepoPath>,
    /// The items that it names.
    pub items: Vec<ItemId>,
    /// The leases that it names.
    pub leases: Vec<u64>,
    /// Unlanded commits of other sessions that it builds on.
    pub contained: Vec<String>,
}
