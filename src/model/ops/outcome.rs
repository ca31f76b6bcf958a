//! What operations come to, as data.
//!
//! Being refused is an outcome, not an error.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, QueueName, RepoPath, RuleId, SessionName};
use crate::model::ops::choice::{ChosenBecause, Passed, SearchHints, SkipCounts};
use crate::model::ops::import_survey::Survey;
use crate::model::ops::plan::PlanChange;
use crate::model::ops::update::Updated;
pub use crate::model::records::conflict::{Blocker, Held};
use crate::model::records::landing::Intent;
use crate::model::records::segment::ItemNote;
use crate::model::records::session::{Lease, Loss, Session};
use crate::model::records::unlanded::Missing;
use crate::model::records::{Item, ItemState};

/// An item handed out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Its content.
    pub item: Item,
    /// Its queue.
    pub queue: QueueName,
    /// Its priority.
    pub priority: u32,
    /// The how manieth time it is handed out.
    pub attempt: u32,
    /// Under which lease.
    pub lease: u64,
    /// Until when, unless renewed.
    pub expires: Timestamp,
    /// What earlier sessions have noted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<ItemNote>,
    /// Why this one.
    pub because: ChosenBecause,
    /// True when it is not the session's own work, but help for others.
    pub help: bool,
}

/// Why `next` gave fewer items than asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EmptyReason {
    /// There is no such queue, or none at all.
    NoQueue,
    /// Everything in these queues is finished.
    AllDone,
    /// What is left is in other hands, waits for other items, or touches files that others hold.
    Waiting {
        /// Items that others hold.
        claimed: u64,
        /// Items that wait for other items.
        blocked: u64,
        /// Free items whose files others hold.
        files_held: u64,
        /// Free items outside the session's area.
        outside_area: u64,
        /// Free items of other sessions' shards.
        other_shard: u64,
        /// Free items that are not what was asked for.
        other_kind: u64,
        /// Queues of which the session holds as much as it may.
        full: Vec<QueueName>,
    },
}

impl EmptyReason {
    /// Which free items were passed over.
    pub fn skipped(&self) -> SkipCounts {
        match *self {
            EmptyReason::NoQueue | EmptyReason::AllDone => SkipCounts::default(),
            EmptyReason::Waiting { files_held, outside_area, other_shard, other_kind, .. } => {
                SkipCounts { files_held, outside_area, other_shard, other_kind }
            }
        }
    }
}

/// What an operation came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The session as it is now.
    Session {
        /// Its record.
        session: Box<Session>,
        /// What ending it gave back: paths.
        released: Vec<RepoPath>,
        /// What ending it gave back: items.
        dropped: Vec<ItemId>,
    },
    /// The paths are claimed.
    Claimed {
        /// One entry a path.
        claims: Vec<Held>,
    },
    /// The paths are given back.
    Released {
        /// Which.
        paths: Vec<RepoPath>,
    },
    /// Items handed out; fewer than asked for, with the reason.
    Taken {
        /// The items.
        items: Vec<Taken>,
        /// Why not more.
        reason: Option<EmptyReason>,
        /// The first of the free items that were passed over, when an explanation was asked for.
        #[serde(default)]
        passed: Vec<Passed>,
        /// What the next search may leave out, see [`crate::model::ops::choice::Choice::hints`].
        #[serde(default)]
        hints: Option<SearchHints>,
    },
    /// The items and their states now.
    Finished {
        /// One entry an item.
        items: Vec<(ItemId, ItemState)>,
        /// Items that can be taken now because of it.
        unblocked: Vec<ItemId>,
    },
    /// The leases that were renewed.
    Renewed {
        /// Lease and when it now runs out.
        leases: Vec<(u64, Timestamp)>,
    },
    /// The import.
    Imported {
        /// Items that are new.
        added: u64,
        /// Items that were known.
        known: u64,
        /// What the new items need and nobody has imported. They wait for it.
        unknown_needs: BTreeSet<ItemId>,
        /// What there is to say of the known ones.
        #[serde(default)]
        survey: Survey,
    },
    /// Many items were changed.
    Updated(Updated),
    /// The shards of a split are with its sessions.
    Split {
        /// Sessions whose shard of an earlier split is gone, with the items that they hold.
        retired: Vec<(SessionName, Vec<ItemId>)>,
    },
    /// A step of a landing.
    Landing(LandingOutcome),
    /// The plan as it is now.
    PlanApplied {
        /// Its version.
        version: u32,
        /// What has changed.
        changes: Vec<PlanChange>,
    },
    /// The message is left for these sessions.
    Told {
        /// For whom.
        to: Vec<SessionName>,
    },
    /// Done, nothing to tell.
    Done,
    /// Somebody else holds a path. Nothing was changed.
    Held {
        /// What is in the way.
        blockers: Vec<Blocker>,
    },
    /// The session holds it no more. Nothing was changed.
    Lost {
        /// What, since when and why.
        losses: Vec<Loss>,
        /// Who holds it now.
        holders: Vec<Blocker>,
    },
    /// The session was started again elsewhere; the worktree that asks is bound to what it was before. Nothing
    /// was changed.
    Displaced {
        /// Its name.
        session: SessionName,
        /// Where it is at work.
        worktree: Option<String>,
        /// On which host.
        host: Option<String>,
    },
    /// The branch lacks the newest versions of what it asks for ([`RuleId::Stale`]). Nothing was changed.
    Stale {
        /// What it lacks.
        missing: Vec<Missing>,
    },
    /// A rule says no. Nothing was changed.
    Refused {
        /// Which rule, as a word for programs.
        rule: RuleId,
        /// In words.
        message: String,
        /// What to do instead.
        hint: String,
    },
    /// Something named does not exist. Nothing was changed.
    Unknown {
        /// `session`, `queue` or `item`.
        what: String,
        /// Its name.
        name: String,
    },
}

/// See [`Outcome::Landing`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum LandingOutcome {
    /// The lease on the target branch is taken.
    Begun {
        /// Its number.
        lease: u64,
        /// What the integrator before was about to do when it died.
        intent: Option<Box<Intent>>,
    },
}

impl Outcome {
    /// The refusal to start a session in another worktree than the one that it is bound to.
    pub fn bound_elsewhere(session: &Session) -> Outcome {
        Outcome::Held {
            blockers: vec![Blocker {
                path: RepoPath::root(),
                held: RepoPath::root(),
                session: session.name.clone(),
                expires: session.leases.iter().map(Lease::expires).max(),
                reason: session.worktree.as_ref().map(|w| format!("it is at work in {w}")),
            }],
        }
    }

    /// True when the operation was refused and must leave no trace.
    pub fn is_refusal(&self) -> bool {
        match self {
            Outcome::Held { .. }
            | Outcome::Lost { .. }
            | Outcome::Displaced { .. }
            | Outcome::Stale { .. }
            | Outcome::Refused { .. }
            | Outcome::Unknown { .. } => true,
            Outcome::Session { .. }
            | Outcome::Claimed { .. }
            | Outcome::Released { .. }
            | Outcome::Taken { .. }
            | Outcome::Finished { .. }
            | Outcome::Renewed { .. }
            | Outcome::Imported { .. }
            | Outcome::Updated(_)
            | Outcome::Split { .. }
            | Outcome::Landing(_)
            | Outcome::PlanApplied { .. }
            | Outcome::Told { .. }
            | Outcome::Done => false,
        }
    }

    /// True when the same operation could be granted later, because it was others who were in the way.
    pub fn may_change(&self) -> bool {
        match self {
            Outcome::Held { .. } => true,
            Outcome::Taken { items, .. } => items.is_empty(),
            Outcome::Session { .. }
            | Outcome::Claimed { .. }
            | Outcome::Released { .. }
            | Outcome::Finished { .. }
            | Outcome::Renewed { .. }
            | Outcome::Imported { .. }
            | Outcome::Updated(_)
            | Outcome::Split { .. }
            | Outcome::Landing(_)
            | Outcome::PlanApplied { .. }
            | Outcome::Told { .. }
            | Outcome::Done
            | Outcome::Lost { .. }
            | Outcome::Displaced { .. }
            | Outcome::Stale { .. }
            | Outcome::Refused { .. }
            | Outcome::Unknown { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_says_of_an_import_is_read() {
        let text = r#"{"outcome":"imported","added":1,"known":2,"unknown_needs":[]}"#;
        let outcome: Outcome = serde_json::from_str(text).expect("readable");
        let survey = Survey::default();
        assert_eq!(outcome, Outcome::Imported { added: 1, known: 2, unknown_needs: BTreeSet::new(), survey });
        let named = r#"{"differing":{"count":1}}"#;
        let survey: Survey = serde_json::from_str(named).expect("readable");
        assert_eq!((survey.done.count, survey.differing.count), (0, 1));
    }
}
