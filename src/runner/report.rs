//! What a run tells, meanwhile and at its end.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::choice::SkipCounts;
use crate::model::queue::Counts;
use crate::model::{ItemId, QueueName, SessionName};
use crate::trust::Untrusted;

/// What came of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// The item is done.
    Done,
    /// It failed and goes back for another attempt.
    Retry,
    /// It failed and is given up.
    Failed,
    /// The lease was lost meanwhile: what was done does not count.
    Lost,
    /// The run was stopped: the item was given back.
    Dropped,
}

/// One attempt at an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// The item.
    pub item: ItemId,
    /// Its title.
    pub title: String,
    /// Its queue.
    pub queue: QueueName,
    /// The session that tried.
    pub session: SessionName,
    /// The how manieth attempt.
    pub number: u32,
    /// What came of it.
    pub result: AttemptResult,
    /// Why, unless it is done.
    pub reason: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// What the command printed.
    pub log: PathBuf,
    /// The commit that was made of its changes.
    pub commit: Option<String>,
}

/// What happens meanwhile, for display.
#[derive(Debug, Clone)]
pub enum Event {
    /// The slots are ready.
    Begin(Vec<SessionName>),
    /// A slot cannot be used, because a worktree beside its own has its branch.
    LeftOut {
        /// Its session.
        session: SessionName,
        /// That worktree.
        worktree: PathBuf,
    },
    /// A command starts.
    Started {
        /// Number of the slot, from 0.
        slot: usize,
        /// The item.
        item: ItemId,
        /// Its title.
        title: String,
        /// The how manieth attempt.
        attempt: u32,
    },
    /// A command has ended.
    Ended {
        /// Number of the slot.
        slot: usize,
        /// What came of it.
        attempt: AttemptReport,
    },
    /// There is nothing to take at the moment.
    Resting {
        /// Number of the slot.
        slot: usize,
        /// True when an item that it could take cools down.
        cooling: bool,
    },
    /// Somebody has ended its session, and it works no more.
    Gone {
        /// Number of the slot.
        slot: usize,
        /// Its session.
        session: SessionName,
    },
    /// Where the items of the queues stand.
    Left(Counts),
    /// It is being stopped.
    Stopping,
}

/// A slot and what it has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotReport {
    /// Its session.
    pub session: SessionName,
    /// Its worktree.
    pub worktree: PathBuf,
    /// Its branch; `None` outside the pool.
    pub branch: Option<String>,
    /// Commits on that branch which are not in the base.
    pub commits: u64,
    /// Commits of the base that its branch has not: later items work on older code.
    pub behind: u64,
    /// Branches with commits of done items that do not go on from that branch, and that the base has not.
    pub aside: Vec<String>,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// All attempts, in the order in which they ended.
    pub attempts: Vec<AttemptReport>,
    /// The slots.
    pub slots: Vec<SlotReport>,
    /// Those of them whose sessions somebody has ended meanwhile.
    pub ended: Vec<SessionName>,
    /// Where the items of the queues stand now.
    pub left: Counts,
    /// Which of the free ones the last look passed over; `None` when it was not there to the end.
    pub passed: Option<SkipCounts>,
    /// Commands that did not run, because they are not approved on this clone.
    pub untrusted: Vec<Untrusted>,
    /// Items that were lost three times while their commands ran, and then left to others.
    pub lost: Vec<ItemId>,
    /// How long it took.
    pub took: Duration,
    /// True when it was stopped.
    pub stopped: bool,
}
