//! Who waits for whom: the slots of one run among themselves.
//!
//! A slot that finds nothing to take rests until another one has finished something, because that
//! may have made items ready or files free. When all rest, nothing that this run does can change
//! anything any more: they wait for items that cool down after a failure, then the run is over.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::choice::SkipCounts;

use crate::exec::Stop;
use crate::model::outcome::Taken;
use crate::model::{ItemId, QueueName};
use crate::trust::Untrusted;

use super::RunSpec;
use super::passed_over::{Objection, PassedOver};

/// How often a resting slot looks whether others have given something back. A bound on the cost:
/// a look may read all open segments.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How soon a resting slot notices that the run is stopped: a signal rings no bell.
const NOTICE: Duration = Duration::from_millis(50);

/// What a slot does after it found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// It looks again.
    Again,
    /// It goes: nothing will come.
    Over,
}

#[derive(Debug)]
struct State {
    resting: usize,
    /// Counts what slots have finished.
    changes: u64,
    started: u64,
    given_up: u64,
    over: bool,
    failed: bool,
    last_work: Instant,
    /// When the next item has cooled down, as the slot saw it that came to rest last.
    cooled: Option<Instant>,
    /// What the last slot has passed over that found nothing.
    passed: Option<SkipCounts>,
    /// Items whose commands may not run here.
    passed_over: PassedOver,
}

/// What the slots share.
#[derive(Debug)]
pub(super) struct Scheduler<'a> {
    slots: usize,
    max: Option<u64>,
    max_failed: Option<u64>,
    wait: Duration,
    stop: &'a Stop,
    state: Mutex<State>,
    bell: Condvar,
}

impl<'a> Scheduler<'a> {
    pub(super) fn new(slots: usize, spec: &RunSpec, stop: &'a Stop) -> Self {
        Scheduler {
            slots,
            max: spec.max,
            max_failed: spec.max_failed,
            wait: Duration::from_secs(spec.wait.unwrap_or(0)),
            stop,
            state: Mutex::new(State {
                resting: 0,
                changes: 0,
                started: 0,
                given_up: 0,
                over: false,
                failed: false,
                last_work: Instant::now(),
                cooled: None,
                passed: None,
                passed_over: PassedOver::default(),
            }),
            bell: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while it held the lock has left plain numbers.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How urgently a command is to be ended: 0 not at all, 1 it may tidy up, 2 at once.
    pub(super) fn stop_level(&self) -> u8 {
        self.stop.level().max(u8::from(self.state().failed))
    }

    /// True when somebody asked for it, not when a slot failed.
    pub(super) fn is_interrupted(&self) -> bool {
        self.stop.is_set()
    }

    /// True when nothing more is to be started.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop_level() > 0
    }

    /// Asks for permission to take an item. `None`: no more. The number tells [`Scheduler::rest`] what
    /// has been seen.
    pub(super) fn may_take(&self) -> Option<u64> {
        if self.is_stopped() {
            return None;
        }
        let mut state = self.state();
        let enough = |limit: Option<u64>, n: u64| limit.is_some_and(|limit| n >= limit);
        if state.passed_over.is_full()
            || enough(self.max, state.started)
            || enough(self.max_failed, state.given_up)
        {
            return None;
        }
        state.started += 1;
        Some(state.changes)
    }

    /// Gives back the permission of [`Scheduler::may_take`]: nothing was started.
    pub(super) fn take_none(&self) {
        self.state().started -= 1;
    }

    /// Tells that an item has left the slot's hands; `given_up`: for good, without success.
    pub(super) fn changed(&self, given_up: bool) {
        let mut state = self.state();
        state.given_up += u64::from(given_up);
        state.changes += 1;
        state.passed = None;
        state.last_work = Instant::now();
        self.bell.notify_all();
    }

    /// Passes over an item whose command may not run here, which gives the permission back.
    pub(super) fn pass_over(&self, taken: &Taken, objection: Objection) {
        let mut state = self.state();
        state.started -= 1;
        state.passed_over.add(taken, objection);
    }

    /// Leaves an item that was lost again and again to others.
    pub(super) fn leave_out(&self, item: ItemId) {
        self.state().passed_over.leave_out(item);
    }

    /// Those items.
    pub(super) fn lost(&self) -> Vec<ItemId> {
        self.state().passed_over.lost().to_vec()
    }

    /// The items and queues that are passed over.
    pub(super) fn except(&self) -> (Vec<ItemId>, Vec<QueueName>) {
        self.state().passed_over.except()
    }

    /// The commands that did not run, because they are not approved here.
    pub(super) fn untrusted(&self) -> Vec<Untrusted> {
        self.state().passed_over.commands().to_vec()
    }

    /// Notes what a look has passed over that found nothing.
    pub(super) fn found_none(&self, passed: SkipCounts) {
        self.state().passed = Some(passed);
    }

    /// What the last look has passed over, unless something was finished since.
    pub(super) fn passed(&self) -> Option<SkipCounts> {
        self.state().passed
    }

    /// Rests after nothing was found, which gives the permission back. `cooled`: an item that it
    /// could take has cooled down then.
    pub(super) fn rest(&self, seen: u64, cooled: Option<Instant>) -> Rest {
        let began = Instant::now();
        let mut state = self.state();
        state.started -= 1;
        state.resting += 1;
        state.cooled = cooled;
        loop {
            if state.over || state.failed || self.stop.is_set() {
                return Rest::Over;
            }
            let idle = state.resting == self.slots && state.last_work.elapsed() >= self.wait;
            if state.changes == seen && idle && state.cooled.is_none() {
                state.over = true;
                self.bell.notify_all();
                return Rest::Over;
            }
            let due = match state.cooled {
                // Nothing else is waited for.
                Some(at) if idle => Instant::now() >= at,
                _ => began.elapsed() >= LOOK_EVERY,
            };
            if state.changes != seen || due {
                state.resting -= 1;
                return Rest::Again;
            }
            let (next, _) = self.bell.wait_timeout(state, NOTICE).unwrap_or_else(PoisonError::into_inner);
            state = next;
        }
    }

    /// Tells that a slot has gone. When it failed, all others stop.
    pub(super) fn leave(&self, failed: bool) {
        let mut state = self.state();
        state.resting += usize::from(!state.over);
        state.failed |= failed;
        self.bell.notify_all();
    }
}
