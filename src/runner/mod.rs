//! Working items off with commands: several at once, each in a worktree of its own.
//!
//! Guarantees:
//! - A command runs only while its session holds the item. The lease is renewed as long as the
//!   command runs; when it is lost, the command is stopped and what it did is thrown away.
//! - Whatever a command started ends with it: its process group is killed when the command has
//!   ended, when its time is over, when the run is stopped, and by the `guardian` when the run
//!   itself dies. Only a process that leaves its group on purpose (`setsid`) escapes.
//! - What a command changes in a worktree of the pool is committed, through the hooks, before the
//!   item counts as done; of a failed attempt nothing stays. No command takes what was committed for
//!   earlier items off the slot's branch. In the user's own worktree nothing is committed or thrown away.
//! - A run that is stopped gives back what it holds. One that is killed leaves that to its leases,
//!   or to the next run, which finds by the kernel's lock that the slot's owner is dead.
//!
//! Parts: [`pool`] the slots, [`tree`] the worktree of one, [`supervise`] one command, `crew` who
//! waits for whom, `worker` the loop of one slot, `command` what runs there, [`logs`] what the commands print, `bound` how much
//! of it, `chores` what git does in a slot for the run itself, `place` making a worktree.

mod bound;
mod chores;
mod command;
mod commit;
mod crew;
mod finish;
mod guardian;
mod hand;
mod keep;
pub mod logs;
mod place;
mod plan;
pub mod pool;
mod report;
pub mod stop;
pub mod supervise;
pub mod tidy;
pub mod tree;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::binding::BindingError;
use crate::git::{GitError, HostRepo, RepoError};
use crate::hook::HookError;
use crate::model::queue::{self, Counts};
use crate::model::{ItemId, Outcome, QueueName, SessionName};
use crate::store::remote::RemoteError;
use crate::store::{Store, StoreError, StoreOptions};

use chores::Chores;
use crew::Crew;
use guardian::Guardian;
use logs::Logs;
pub use plan::{Job, Place, Plan};
use pool::Slot;
pub use report::{Attempt, Event, Shown, Summary, Verdict};
pub use stop::Stop;
use worker::{Common, Worker};

/// The variable that names the session, for hooks and commands.
pub const SESSION: &str = "GIT_COORD_SESSION";

/// How often the counters are looked at for the display.
const TICK: Duration = Duration::from_millis(500);

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
    /// An item is lost again and again.
    #[error("item {0} was lost three times while its command ran")]
    Lost(ItemId),
    /// Somebody has ended the session of a slot.
    #[error("session {0} was ended by somebody else")]
    Ended(SessionName),
    /// A commit has no author.
    #[error("cannot commit what commands change, because git does not know who you are: {0}")]
    Identity(String),
    /// git did not come to an end.
    #[error("`git {command}` in {dir} did not come to an end in {seconds}s")]
    Slow {
        /// The words of the command.
        command: String,
        /// Where it ran.
        dir: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The run was stopped before a worktree was in order.
    #[error("the run was stopped before a worktree was in order")]
    Halted,
    /// There is nothing to start from.
    #[error("{0} is no commit to start from")]
    Base(String),
}

impl RunnerError {
    /// True when the same act may succeed later: the remote did not answer, or not in time.
    fn may_pass(&self) -> bool {
        use RemoteError::{Contended, Unknown, Unreachable};
        let RunnerError::Store(StoreError::Remote(error)) = self else { return false };
        matches!(error, Unreachable { .. } | Unknown { .. } | Contended { .. })
    }

    /// True when it is certain that the act which failed has changed nothing, here or at the remote.
    fn changed_nothing(&self) -> bool {
        match self {
            RunnerError::Store(StoreError::Remote(error)) => !matches!(error, RemoteError::Unknown { .. }),
            RunnerError::Store(_) => false,
            _ => true,
        }
    }

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
    let (slots, left_out) = match &plan.place {
        Place::Here(session) => (vec![pool::here(around.repo, &store, session)?], Vec::new()),
        Place::Pool { slots, base, .. } => {
            let chores = Chores::new(&guardian, stop);
            match pool::open(around.repo, &store, &chores, *slots, base.as_deref()) {
                // Nothing was begun.
                Err(RunnerError::Halted) => (Vec::new(), Vec::new()),
                opened => opened?,
            }
        }
    };
    for (session, worktree) in left_out {
        observer(&Event::LeftOut { session, worktree });
    }
    let crew = Crew::new(slots.len(), plan, stop);
    let common = Common { around, plan, crew: &crew, guardian: &guardian, logs: &logs };
    let result = attend(&store, &slots, common, observer);
    let shown: Result<Vec<Shown>, RunnerError> = slots.iter().map(pool::show).collect();
    // All of them, also when one cannot be closed; the first failure is the one to tell of.
    let mut closed = Ok(());
    for slot in slots {
        closed = closed.and(slot.close(&store));
    }
    logs.prune();
    let (attempts, ended) = result?;
    closed?;
    let left = counts(&store, &plan.queues)?;
    let (passed, took, stopped) = (crew.passed(), started.elapsed(), stop.is_set());
    Ok(Summary { attempts, slots: shown?, ended, left, passed, took, stopped })
}

/// Lets every slot work in a thread of its own, and passes on what they tell. Returns the attempts, and
/// the slots whose sessions somebody has ended.
fn attend(
    store: &Store,
    slots: &[Slot<'_>],
    common: Common<'_>,
    observer: &mut dyn FnMut(&Event),
) -> Result<(Vec<Attempt>, Vec<SessionName>), RunnerError> {
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
                // Who ends the session of one slot has nothing against the others.
                crew.leave(!matches!(result, Ok(()) | Err(RunnerError::Ended(_))));
                result
            })
        };
        let threads: Vec<_> = slots.iter().enumerate().map(work).collect();
        drop(sender);
        let attempts = listen(store, common, &receiver, observer);
        let (mut first, mut ended) = (Ok(()), Vec::new());
        for thread in threads {
            match thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                Err(RunnerError::Ended(session)) => ended.push(session),
                result => first = first.and(result),
            }
        }
        first.map(|()| (attempts, ended))
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
            sum += queue.counts;
        }
    }
    Ok(sum)
}
