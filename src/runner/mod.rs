//! Executing the commands of items: several at once, each in a worktree of its own.
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
//! Parts: [`slots`] the pool, [`slot_worktree`] the worktree of one slot, `worktree_setup` making it,
//! `supervised_git` what git does there for the run itself, `scheduler` which slot waits for which,
//! `worker` the loop of one slot, `heartbeat` keeping its lease, `inflight` what a killed run leaves to
//! settle. Commands run through [`crate::exec`].

mod attempt;
pub mod cleanup;
mod commit;
mod error;
mod finish;
mod heartbeat;
mod hold;
mod inflight;
mod item;
mod ownership;
mod passed_over;
mod pristine;
mod report;
mod scheduler;
pub mod slot_worktree;
pub mod slots;
mod spec;
mod stash;
mod submodules;
mod supervised_git;
mod worker;
mod worktree_setup;

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::exec::logs::Logs;
use crate::exec::{Guardian, Stop};
use crate::git::HostRepo;
use crate::model::queue::{self, Counts};
use crate::model::{QueueName, SessionName};
use crate::settings::Settings;
use crate::store::{Store, StoreError, StoreOptions};
use crate::trust::{Policy, Trust};

pub use error::RunnerError;
use hold::Shared;
pub use report::{AttemptReport, AttemptResult, Event, SlotReport, Summary};
use scheduler::Scheduler;
use slots::Slot;
pub use spec::{Job, RunSpec, Workspace};
use supervised_git::SupervisedGit;
use worker::Worker;

/// The variable that names the session, for hooks and commands.
pub const SESSION: &str = "GIT_COORD_SESSION";

/// Folder of the logs in the store's folder.
const LOGS_DIR: &str = "run-logs";

/// How often the counters are looked at for the display.
const TICK: Duration = Duration::from_millis(500);

/// What a run needs to know of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct RunContext<'a> {
    /// The repository, and the worktree that it was started in.
    pub repo: &'a HostRepo,
    /// Settings of this clone.
    pub options: StoreOptions,
    /// The program that hooks are to call.
    pub program: &'a Path,
    /// Which commands of the shared state may run here.
    pub trust: Policy,
    /// The settings of this clone.
    pub settings: &'a Settings,
}

/// Works until nothing is left that it could take, or `stop` is set. `observer` hears what
/// happens.
///
/// # Errors
/// When it cannot go on. Failing commands are no error, see [`Summary`].
pub fn run(
    context: RunContext<'_>,
    spec: &RunSpec,
    stop: &Stop,
    observer: &mut dyn FnMut(&Event),
) -> Result<Summary, RunnerError> {
    let started = Instant::now();
    let store = Store::open(&context.repo.common_dir, context.options)?;
    let logs = Logs::open(store.path().join(LOGS_DIR))?;
    let guardian = Guardian::start()?;
    let (slots, left_out) = match &spec.workspace {
        Workspace::Here(session) => (vec![slots::here(context.repo, &store, session)?], Vec::new()),
        Workspace::Pool { slots, base, .. } => {
            let chores = SupervisedGit::new(&guardian, stop);
            match slots::open(context.repo, &store, &chores, *slots, base.as_deref()) {
                // Nothing was begun.
                Err(RunnerError::Halted) => (Vec::new(), Vec::new()),
                opened => opened?,
            }
        }
    };
    for (session, worktree) in left_out {
        observer(&Event::LeftOut { session, worktree });
    }
    let scheduler = Scheduler::new(slots.len(), spec, stop);
    let trust = Trust::new(store.path(), context.trust);
    let shared =
        Shared { context, spec, scheduler: &scheduler, guardian: &guardian, logs: &logs, trust: &trust };
    let result = attend(&store, &slots, shared, observer);
    let shown: Result<Vec<SlotReport>, RunnerError> = slots.iter().map(slots::show).collect();
    // All of them, also when one cannot be closed; the first failure is the one to tell of.
    let mut closed = Ok(());
    for slot in slots {
        closed = closed.and(slot.close(&store));
    }
    logs.prune();
    let (attempts, ended) = result?;
    closed?;
    let left = counts(&store, &spec.queues)?;
    let (passed, took, stopped) = (scheduler.passed(), started.elapsed(), stop.is_set());
    let (untrusted, lost) = (scheduler.untrusted(), scheduler.lost());
    Ok(Summary { attempts, slots: shown?, ended, left, passed, untrusted, lost, took, stopped })
}

/// Lets every slot work in a thread of its own, and passes on what they tell. Returns the attempts, and
/// the slots whose sessions somebody has ended.
fn attend(
    store: &Store,
    slots: &[Slot<'_>],
    shared: Shared<'_>,
    observer: &mut dyn FnMut(&Event),
) -> Result<(Vec<AttemptReport>, Vec<SessionName>), RunnerError> {
    let Shared { context, spec, scheduler, .. } = shared;
    if matches!(spec.workspace, Workspace::Pool { .. }) {
        // A new worktree may look for its hooks in a folder of its own (core.hooksPath).
        crate::hook::install(context.repo, context.program)?;
    }
    observer(&Event::Begin(slots.iter().map(|s| s.session.clone()).collect()));
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        let work = |(number, slot)| {
            let sender = sender.clone();
            scope.spawn(move || {
                let result = Worker::new(number, slot, shared, sender).and_then(|mut w| w.work());
                // Who ends the session of one slot has nothing against the others.
                scheduler.leave(!matches!(result, Ok(()) | Err(RunnerError::Ended(_))));
                result
            })
        };
        let threads: Vec<_> = slots.iter().enumerate().map(work).collect();
        drop(sender);
        let attempts = listen(store, shared, &receiver, observer);
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
    shared: Shared<'_>,
    receiver: &Receiver<Event>,
    observer: &mut dyn FnMut(&Event),
) -> Vec<AttemptReport> {
    let mut attempts = Vec::new();
    let mut stopping = false;
    let mut looked = None;
    loop {
        if looked.is_none_or(|at: Instant| at.elapsed() >= TICK) {
            looked = Some(Instant::now());
            // For display only: the next look may succeed.
            if let Ok(left) = counts(store, &shared.spec.queues) {
                observer(&Event::Left(left));
            }
        }
        if shared.scheduler.is_interrupted() && !stopping {
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
