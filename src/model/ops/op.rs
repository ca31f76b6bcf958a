//! Operations, as data.
//!
//! An operation can be written to a file, handed to another process, applied to a newer state
//! after a lost race, or replayed in a test. What it comes to is an [`crate::model::ops::Outcome`].

mod kinds;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::base::{EventKind, EventWord, ItemId, QueueName, RepoPath, SessionName};
use crate::model::ops::choice::Choice;
use crate::model::ops::filter::Filter;
use crate::model::ops::plan::PlanOp;
use crate::model::ops::unlanded::{Freshness, UnlandedOp};
use crate::model::ops::update::Update;
use crate::model::ops::verdict::GateOp;
use crate::model::records::NewItem;
use crate::model::records::claim::Mode;
use crate::model::records::landing::{Checkpoint, HandedBack, Intent};
use crate::model::records::rules::Rule;
use crate::model::records::session::Verified;
use crate::model::records::shard::Shard;

/// What a session wants done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Starts or resumes a session.
    StartSession(StartSession),
    /// Changes what a session is offered.
    Assign(Assign),
    /// Gives the shards of a split to the sessions `<prefix>-1`, `<prefix>-2` and so on, all or
    /// nothing: half of a split would leave items to nobody. Those that have further shards of an
    /// earlier split with this prefix have none from now on, and keep what they hold.
    Split {
        /// What the names of its sessions begin with.
        prefix: String,
        /// Who, and what.
        sessions: Vec<Assign>,
    },
    /// Ends a session; everything it holds goes back.
    EndSession {
        /// Which.
        name: SessionName,
    },
    /// Claims paths, all or nothing.
    Claim(ClaimPaths),
    /// Gives claimed paths back, all or nothing.
    Release {
        /// Who.
        session: SessionName,
        /// Which; `None`: all that were claimed by hand.
        paths: Option<Vec<RepoPath>>,
    },
    /// Takes the next items with their files.
    Next(TakeNext),
    /// Tells that items of a clone's pool were handed out.
    PrefetchGrant(PrefetchGrant),
    /// Finishes items, or gives them back; all or nothing.
    Finish {
        /// Who.
        session: SessionName,
        /// Which.
        items: Vec<ItemId>,
        /// How.
        how: Finish,
        /// Only under this lease; `None`: whatever the session holds it under. A session that was ended
        /// and begun anew has the same name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease: Option<u64>,
    },
    /// Renews leases.
    Renew {
        /// Who.
        session: SessionName,
        /// Which.
        what: RenewWhat,
        /// New length in seconds; `None`: as it was.
        ttl: Option<u64>,
    },
    /// Adds items that are not known yet.
    Import {
        /// Who, for the log.
        session: Option<SessionName>,
        /// The items, in order.
        items: Vec<NewItem>,
        /// The queue of items that name none.
        queue: QueueName,
    },
    /// Takes back leases that have run out.
    Sweep,
    /// Writes an event to the log: a commit, progress, …
    Record {
        /// Who.
        session: Option<SessionName>,
        /// What.
        event: EventWord,
        /// The particulars.
        data: Map<String, Value>,
    },
    /// Changes the settings of a queue, which comes to be if need be.
    SetQueue {
        /// Which.
        name: QueueName,
        /// After so many failures an item is given up; `None`: as before.
        max_attempts: Option<u32>,
        /// Changes of its other rules.
        #[serde(default)]
        rules: Vec<Rule>,
    },
    /// Notes what a check of an item that the session holds came to.
    Verify {
        /// Who.
        session: SessionName,
        /// Which.
        item: ItemId,
        /// The result.
        verified: Verified,
        /// Only under this lease; `None`: whatever the session holds it under. See [`Op::Finish`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease: Option<u64>,
    },
    /// Changes many items at once.
    Update(Update),
    /// A step of a landing or rollback.
    Landing(LandingOp),
    /// An operation on the plan.
    Plan(PlanOp),
    /// An operation on unlanded versions of paths.
    Unlanded(UnlandedOp),
    /// Notes something on an item, for the next session that works on it.
    Note {
        /// Who.
        session: Option<SessionName>,
        /// Which.
        item: ItemId,
        /// One line.
        text: String,
    },
    /// Leaves a message for sessions.
    Tell {
        /// Who.
        from: Option<SessionName>,
        /// For whom; empty: all that are at work, apart from the sender.
        to: Vec<SessionName>,
        /// What.
        text: String,
    },
    /// What gates came to, and what they are compared with.
    Gate(GateOp),
}

/// See [`Op::Landing`]. Every step but the first names the lease under which it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum LandingOp {
    /// Takes the lease on a target branch.
    Begin(BeginLanding),
    /// Renews it.
    Renew {
        /// The target branch.
        branch: String,
        /// The lease.
        lease: u64,
    },
    /// Says what is about to be done to the branch.
    Intend {
        /// The target branch.
        branch: String,
        /// The lease.
        lease: u64,
        /// What.
        intent: Box<Intent>,
    },
    /// Says that it was done, and ends the lease.
    Finish {
        /// The target branch.
        branch: String,
        /// The lease.
        lease: u64,
        /// Paths with their newest commits outside the target, which the target has now.
        contained: Vec<(RepoPath, String)>,
    },
    /// Ends the lease; what was intended was not done.
    End {
        /// The target branch.
        branch: String,
        /// The lease.
        lease: u64,
        /// Branches that could not land.
        #[serde(default)]
        handed_back: Vec<HandedBack>,
    },
    /// Keeps the values of refs.
    Checkpoint(Checkpoint),
}

/// See [`LandingOp::Begin`]. The integrator holds the kernel lock of its clone for this branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginLanding {
    /// The target branch, without `refs/heads/`.
    pub branch: String,
    /// The integrator.
    pub by: SessionName,
    /// Its host.
    pub host: String,
    /// Seconds until the lease runs out.
    pub ttl: u64,
}

/// See [`Op::StartSession`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartSession {
    /// Its name.
    pub name: SessionName,
    /// The token of the worktree that it is bound to.
    pub token: String,
    /// Top folder of that worktree.
    pub worktree: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// Its host.
    pub host: Option<String>,
    /// The session's queues; `None`: as before.
    pub queues: Option<Vec<QueueName>>,
    /// The session's areas; `None`: as before.
    pub areas: Option<Vec<String>>,
    /// The session's shard of the items; `None`: as before.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// Whether it helps others when it has no work of its own; `None`: as before.
    #[serde(default)]
    pub help_others: Option<bool>,
    /// True when the worktree that holds the session now is known to be gone.
    pub abandoned: bool,
    /// True where file systems take names that differ in case or Unicode form for one: from then on they
    /// are in each other's way for all who share the state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folds_names: bool,
}

impl StartSession {
    /// A session without a worktree, known by its name alone.
    pub fn new(name: SessionName) -> Self {
        StartSession {
            name,
            token: String::new(),
            worktree: None,
            branch: None,
            host: None,
            queues: None,
            areas: None,
            shard: None,
            help_others: None,
            abandoned: false,
            folds_names: false,
        }
    }
}

/// See [`Op::Assign`]. Nothing else of the session changes: it is no sign of life, whoever does it.
/// One that is not known comes to be, to be started later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assign {
    /// Who.
    pub session: SessionName,
    /// Its queues from now on; empty: all.
    pub queues: Vec<QueueName>,
    /// Its areas from now on; empty: none in particular.
    pub areas: Vec<String>,
    /// Its shard of the items from now on; `None`: all.
    pub shard: Option<Shard>,
}

/// See [`Op::Claim`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimPaths {
    /// Who.
    pub session: SessionName,
    /// Which.
    pub paths: Vec<RepoPath>,
    /// Exclusive or shared.
    pub mode: Mode,
    /// Seconds until the lease runs out.
    pub ttl: u64,
    /// What for.
    pub reason: Option<String>,
    /// What the branch has of the newest versions; `None`: it does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Freshness>,
}

/// See [`Op::Next`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeNext {
    /// Who.
    pub session: SessionName,
    /// From which queues; empty: the session's, or all.
    pub queues: Vec<QueueName>,
    /// How many at the most.
    pub count: usize,
    /// Seconds until the leases run out.
    pub ttl: u64,
    /// Which of the free items.
    #[serde(default)]
    pub filter: Filter,
    /// Which of them, and how to choose.
    #[serde(default)]
    pub choice: Choice,
}

/// See [`Op::PrefetchGrant`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrefetchGrant {
    /// From which pool.
    pub pool: SessionName,
    /// What was asked for, and by whom.
    pub next: TakeNext,
    /// Which were given.
    pub items: Vec<PrefetchedItem>,
    /// When.
    pub at: Timestamp,
}

/// One item that was handed out of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefetchedItem {
    /// Which.
    pub id: ItemId,
    /// The pool's lease of it. Should the item have come back to the pool meanwhile, that is another
    /// grant, and perhaps another session's by now.
    pub lease: u64,
}

/// How an item leaves a session's hands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It is done.
    Done,
    /// This attempt failed.
    Fail {
        /// Why.
        reason: String,
        /// No further attempt, whatever the queue's limit.
        last: bool,
    },
    /// Given back untouched.
    Drop,
}

impl Finish {
    /// The event that it makes.
    pub fn event(&self) -> EventKind {
        match self {
            Finish::Done => EventKind::Done,
            Finish::Fail { .. } => EventKind::Fail,
            Finish::Drop => EventKind::Drop,
        }
    }
}

/// Which leases to renew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RenewWhat {
    /// All that the session holds.
    All,
    /// Those past half of their time.
    Due,
    /// Those of these paths and items; each word is a path or an item.
    These {
        /// Paths claimed by hand.
        paths: Vec<RepoPath>,
        /// Items.
        items: Vec<ItemId>,
    },
}
