//! Working items off with commands: several at once, each in a worktree of its own.
//!
//! Guarantees:
//! - A command runs only while its session holds the item. The lease is renewed as long as the
//!   command runs; when it is lost, the command is stopped and what it did is thrown away.
//! - Whatever a command started ends with it: its process group is killed when the command has
//!   ended, when its time is over, when the run is stopped, and by the [`guardian`] when the run
//!   itself dies. Only a process that leaves its group on purpose (`setsid`) escapes.
//! - What a command changes in a worktree of the pool is committed, through the hooks, before the
//!   item counts as done; of a failed attempt nothing stays. In the user's own worktree nothing
//!   is committed or thrown away.
//! - A run that is stopped gives back what it holds. One that is killed leaves that to its leases,
//!   or to the next run, which finds by the kernel's lock that the slot's owner is dead.
//!
//! Parts: [`pool`] the slots, [`tree`] the worktree of one, [`supervise`] one command, `crew` who
//! waits for whom, `worker` the loop of one slot, [`logs`] what the commands print.

mod crew;
mod guardian;
mod hand;
pub mod logs;
pub mod pool;
pub mod supervise;
pub mod tidy;
pub mod tree;
mod worker;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::binding::BindingError;
use crate::git::{GitError, HostRepo, RepoError};
use crate::hook::HookError;
use crate::model::filter::Share;
use crate::model::op::Taken;
use crate::model::queue::{self, Counts};
use crate::model::{ItemId, Outcome, QueueName, SessionName};
use crate::store::{Store, StoreError, StoreOptions};

use crew::Crew;
use guardian::Guardian;
use logs::Logs;
use pool::Slot;
pub use supervise::Stop;
use worker::{Common, Worker};

/// The variable that names the session, for hooks and commands.
pub const SESSION: &str = "GIT_COORD_SESSION";

/// How often the counters are looked at for the display.
const TICK: Duration = Duration::from_millis(500);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// With which command.
    pub job: Job,
    /// Where.
    pub place: Place,
    /// Items of which queues; empty: of all.
    pub queues: Vec<QueueName>,
    /// Only this share of them.
    pub share: Option<Share>,
    /// Seconds of the leases.
    pub ttl: u64,
    /// Seconds that a command may take when its item does not say.
    pub time_limit: Option<u64>,
    /// Start so many commands at the most.
    pub max: Option<u64>,
    /// Stop when so many items have been given up.
    pub max_failed: Option<u64>,
    /// Seconds to wait for work that others hold or that is still to come.
    pub wait: Option<u64>,
}

/// The command for an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// The item's own, by the shell; items without one are passed over.
    Own,
    /// This program with these words, for every item.
    Same(Vec<OsString>),
}

/// Where the commands run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the current worktree, as this session, one after the other.
    Here(SessionName),
    /// In worktrees of the pool.
    Pool {
        /// How many.
        slots: usize,
        /// The commit that fresh ones start from; `None`: the current one.
        base: Option<String>,
        /// Commit what a command leaves behind; otherwise that is thrown away.
        commit: bool,
    },
}

/// What came of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
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
pub struct Attempt {
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
    pub verdict: Verdict,
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
        attempt: Attempt,
    },
    /// There is nothing to take at the moment.
    Resting {
        /// Number of the slot.
        slot: usize,
    },
    /// Where the items of the queues stand.
    Left(Counts),
    /// It is being stopped.
    Stopping,
}

/// A slot and what it has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its session.
    pub session: SessionName,
    /// Its worktree.
    pub worktree: PathBuf,
    /// Its branch; `None` outside the pool.
    pub branch: Option<String>,
    /// Commits on that branch which are not in the base.
    pub commits: u64,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// All attempts, in the order in which they ended.
    pub attempts: Vec<Attempt>,
    /// The slots.
    pub slots: Vec<Shown>,
    /// Where the items of the queues stand now.
    pub left: Counts,
    /// How long it took.
    pub took: Duration,
    /// True when it was stopped.
    pub stopped: bool,
}

/// Why a run cannot go on. What it held is given back.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Hooks could not be installed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A worktree could not be bound to its session.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// A worktree of the pool is none.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The store said no.
    #[error("the store refuses: {0:?}")]
    Refused(Box<Outcome>),
    /// A file.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process works as this session.
    #[error("another git coord work or run is at work as session {0}")]
    Busy(SessionName),
    /// A commit has no author.
    #[error("cannot commit what commands change, because git does not know who you are: {0}")]
    Identity(String),
    /// There is nothing to start from.
    #[error("{0} is no commit to start from")]
    Base(String),
}

impl RunnerError {
    /// An I/O error for `map_err`.
    fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| RunnerError::Io { what, path, source }
    }
}

/// What a run needs to know of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The repository, and the worktree that it was started in.
    pub repo: &'a HostRepo,
    /// Settings of this clone.
    pub options: StoreOptions,
    /// The program that hooks are to call.
    pub program: &'a Path,
}

/// Works until nothing is left that it could take, or `stop` is set. `observer` hears what
/// happens.
///
/// # Errors
/// When it cannot go on. Failing commands are no error, see [`Summary`].
pub fn run(
    around: Around<'_>,
    plan: &Plan,
    stop: &Stop,
    observer: &mut dyn FnMut(&Event),
) -> Result<Summary, RunnerError> {
    let started = Instant::now();
    let store = Store::open(&around.repo.common_dir, around.options)?;
    let logs = Logs::open(&store)?;
    let guardian = Guardian::start()?;
    let slots = match &plan.place {
        Place::Here(session) => vec![pool::here(around.repo, &store, session)?],
        Place::Pool { slots, base, .. } => pool::open(around.repo, &store, *slots, base.as_deref())?,
    };
    let crew = Crew::new(slots.len(), plan, stop);
    let common = Common { around, plan, crew: &crew, guardian: &guardian, logs: &logs };
    let result = attend(&store, &slots, common, observer);
    let shown: Result<Vec<Shown>, RunnerError> = slots.iter().map(pool::show).collect();
    let closed: Result<(), RunnerError> = slots.into_iter().try_for_each(|slot| slot.close(&store));
    logs.prune();
    let attempts = result?;
    closed?;
    let left = counts(&store, &plan.queues)?;
    Ok(Summary { attempts, slots: shown?, left, took: started.elapsed(), stopped: stop.is_set() })
}

/// Lets every slot work in a thread of its own, and passes on what they tell.
fn attend(
    store: &Store,
    slots: &[Slot],
    common: Common<'_>,
    observer: &mut dyn FnMut(&Event),
) -> Result<Vec<Attempt>, RunnerError> {
    let Common { around, plan, crew, .. } = common;
    if matches!(plan.place, Place::Pool { .. }) {
        // A new worktree may look for its hooks in a folder of its own (core.hooksPath).
        crate::hook::install(around.repo, around.program)?;
    }
    observer(&Event::Begin(slots.iter().map(|s| s.session.clone()).collect()));
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        let work = |(number, slot)| {
            let sender = sender.clone();
            scope.spawn(move || {
                let result = Worker::new(number, slot, common, sender).and_then(|mut w| w.work());
                crew.leave(result.is_err());
                result
            })
        };
        let threads: Vec<_> = slots.iter().enumerate().map(work).collect();
        drop(sender);
        let attempts = listen(store, common, &receiver, observer);
        let mut first = Ok(());
        for thread in threads {
            let result = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            first = first.and(result);
        }
        first.map(|()| attempts)
    })
}

/// Passes on what the slots tell, until the last of them has gone.
fn listen(
    store: &Store,
    common: Common<'_>,
    receiver: &Receiver<Event>,
    observer: &mut dyn FnMut(&Event),
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let mut stopping = false;
    let mut looked = None;
    loop {
        if looked.is_none_or(|at: Instant| at.elapsed() >= TICK) {
            looked = Some(Instant::now());
            // For display only: the next look may succeed.
            if let Ok(left) = counts(store, &common.plan.queues) {
                observer(&Event::Left(left));
            }
        }
        if common.crew.is_interrupted() && !stopping {
            stopping = true;
            observer(&Event::Stopping);
        }
        match receiver.recv_timeout(Duration::from_millis(100)) {
            Ok(event) => {
                observer(&event);
                if let Event::Ended { attempt, .. } = event {
                    attempts.push(attempt);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return attempts,
        }
    }
}

/// The counters of these queues, or of all.
fn counts(store: &Store, queues: &[QueueName]) -> Result<Counts, StoreError> {
    let mut sum = Counts::default();
    for queue in store.read(|view| queue::all(view))? {
        if queues.is_empty() || queues.contains(&queue.name) {
            sum.pending += queue.counts.pending;
            sum.blocked += queue.counts.blocked;
            sum.claimed += queue.counts.claimed;
            sum.done += queue.counts.done;
            sum.failed += queue.counts.failed;
        }
    }
    Ok(sum)
}

/// An item as a command gets it: the document of `git coord next --json` for it.
pub fn item_json(taken: &Taken) -> Value {
    let mut map = match serde_json::to_value(&taken.item) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    map.insert("queue".into(), json!(taken.queue));
    map.insert("priority".into(), json!(taken.priority));
    map.insert("files".into(), json!(taken.item.files));
    map.insert("attempt".into(), json!(taken.attempt));
    map.insert("lease".into(), json!(taken.lease));
    map.insert("expires".into(), json!(taken.expires.to_string()));
    Value::Object(map)
}
