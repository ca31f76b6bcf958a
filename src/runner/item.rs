//! One item from its hand-out to its end: the worktree before it, the attempt, the worktree after it.

use std::sync::mpsc::Sender;
use std::time::Instant;

use crate::exec::End;
use crate::model::ItemState;
use crate::model::op::Finish;

use super::attempt::Attempt;
use super::finish::Judged;
use super::heartbeat::Heartbeat;
use super::hold::Hold;
use super::inflight::InFlight;
use super::slot_worktree::SlotWorktree;
use super::slots;
use super::supervised_git::KeepAlive;
use super::{AttemptReport, AttemptResult, Event, RunnerError};

/// Passes on what happens in a slot.
#[derive(Debug)]
pub(super) struct Teller {
    /// Number of the slot, from 0.
    pub(super) slot: usize,
    pub(super) sender: Sender<Event>,
}

impl Teller {
    pub(super) fn tell(&self, event: Event) {
        // Nobody listens when the run is being torn down: the work goes on.
        let _ = self.sender.send(event);
    }
}

/// An item in hand, and who hears of it.
#[derive(Debug)]
pub(super) struct ItemRun<'a> {
    pub(super) hold: Hold<'a>,
    pub(super) inflight: &'a InFlight,
    pub(super) teller: &'a Teller,
}

impl ItemRun<'_> {
    /// Executes one item, and leaves the worktree clean behind it.
    ///
    /// # Errors
    /// When the slot cannot go on.
    pub(super) fn run(&self) -> Result<AttemptResult, RunnerError> {
        let started = Instant::now();
        let Hold { desk, taken } = self.hold;
        self.teller.tell(Event::Started {
            slot: self.teller.slot,
            item: taken.item.id.clone(),
            title: taken.item.title.clone(),
            attempt: taken.attempt,
        });
        let tree = desk.slot.tree.as_ref();
        let before = match tree.map(|tree| self.prepare(tree)).transpose() {
            Err(RunnerError::Halted) => return self.hand_back(started),
            before => before?,
        };
        self.inflight.record(taken, before.as_deref())?;
        let report = match self.attempt(started, before.clone()) {
            Ok(report) => report,
            Err(error) => {
                // The first failure is the one to report. Where the branch stays as it is, the file of
                // the item in flight says to the next run what is left to do.
                let _ = self.take_back(&error, before.as_deref());
                return Err(error);
            }
        };
        // What does not count must not stay on the branch.
        let settled = match (tree, &before) {
            (Some(tree), Some(before)) => self.settle(tree, before, report.result),
            _ => Ok(()),
        };
        match settled {
            Ok(()) => self.inflight.clear(),
            // The file of the item in flight says to the next run what is left to do.
            Err(RunnerError::Halted) => {}
            Err(error) => return Err(error),
        }
        let result = report.result;
        self.teller.tell(Event::Ended { slot: self.teller.slot, attempt: report });
        Ok(result)
    }

    /// Cleans the worktree for an item. Returns the commit that is checked out.
    fn prepare(&self, tree: &SlotWorktree<'_>) -> Result<String, RunnerError> {
        let mut heartbeat = Heartbeat::new(self.hold);
        // A loss is found again as soon as the command runs.
        let made = self.make_worktree(&tree.base, &mut || heartbeat.look().map(|_| None))?;
        let commit = tree.clean()?;
        if made { tree.catch_up(commit) } else { Ok(commit) }
    }

    /// Brings the branch and the worktree to where the next item is to find them.
    fn settle(
        &self,
        tree: &SlotWorktree<'_>,
        before: &str,
        result: AttemptResult,
    ) -> Result<(), RunnerError> {
        self.make_worktree(before, &mut || Ok(None))?;
        match result {
            AttemptResult::Done => tree.keep(before),
            _ => tree.go_back(before),
        }
    }

    /// Gives back an item whose command was never started, because the run was stopped.
    fn hand_back(&self, started: Instant) -> Result<AttemptResult, RunnerError> {
        let Hold { desk, taken } = self.hold;
        let (log, _) = desk.shared.logs.create(taken.item.id.as_str(), taken.attempt)?;
        let attempt = Attempt { hold: self.hold, before: None, log };
        let (result, reason) = attempt.finish(Finish::Drop)?;
        let report = attempt.report((result, reason, None), started.elapsed());
        self.teller.tell(Event::Ended { slot: self.teller.slot, attempt: report });
        Ok(result)
    }

    /// Takes the commits of an attempt that ended in an error off the branch, unless the item may be
    /// done for all that is known: an operation whose answer is missing may have been carried out, also
    /// one of the command's own.
    fn take_back(&self, error: &RunnerError, before: Option<&str>) -> Result<(), RunnerError> {
        let desk = self.hold.desk;
        let (Some(tree), Some(before)) = (&desk.slot.tree, before) else { return Ok(()) };
        let unknown = !error.changed_nothing() || desk.store.has_in_doubt_push();
        if unknown || self.hold.left_by_us()?.is_some_and(|left| left.state == ItemState::Done) {
            return Ok(());
        }
        self.make_worktree(before, &mut || Ok(None))?;
        tree.go_back(before)?;
        self.inflight.clear();
        Ok(())
    }

    /// Makes the worktree where it is missing: for the first item, or because a command has removed it.
    fn make_worktree(&self, base: &str, keep: KeepAlive<'_>) -> Result<bool, RunnerError> {
        let desk = self.hold.desk;
        slots::make_worktree(desk.shared.context.repo, desk.store, desk.slot, base, keep)
    }

    /// From the start of the command to the item's place in the queue.
    fn attempt(&self, started: Instant, before: Option<String>) -> Result<AttemptReport, RunnerError> {
        let Hold { desk, taken } = self.hold;
        let (log, file) = desk.shared.logs.create(taken.item.id.as_str(), taken.attempt)?;
        let attempt = Attempt { hold: self.hold, before, log };
        let end = attempt.command(file)?;
        let took = started.elapsed();
        let judged = attempt.judge(&end)?;
        let lost = matches!(judged, Judged::Lost(_));
        if !lost && !matches!(end, End::Stopped) {
            attempt.record(&end, took)?;
        }
        let outcome = match judged {
            Judged::Lost(why) => (AttemptResult::Lost, Some(why), None),
            Judged::Finish(how, commit) => {
                let (result, reason) = attempt.finish(how)?;
                (result, reason, commit)
            }
        };
        Ok(attempt.report(outcome, took))
    }
}
