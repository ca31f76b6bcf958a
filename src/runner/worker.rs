//! The loop of one slot: take an item, run its command, commit, finish; again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::model::area::Areas;
use crate::model::choice::Choice;
use crate::model::filter::Filter;
use crate::model::op::{Finish, TakeNext};
use crate::model::outcome::Taken;
use crate::model::shard::Share;
use crate::model::{ItemId, ItemState, Op, Outcome, cooldown, item_index, queue, session};
use crate::store::Store;

use super::crew::{Crew, Rest};
use super::finish::ENDED;
use super::guardian::Guardian;
use super::hand::Hand;
use super::keep::Keeper;
use super::logs::Logs;
use super::pool::{self, Slot};
use super::supervise::End;
use super::tree::Tree;
use super::{Around, Attempt, Event, Job, Plan, RunnerError, Verdict};

/// A slot that has lost one item so often does not go on.
const MOST_LOSSES: u32 = 3;

/// What all slots of a run share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) around: Around<'a>,
    pub(super) plan: &'a Plan,
    pub(super) crew: &'a Crew<'a>,
    pub(super) guardian: &'a Guardian,
    pub(super) logs: &'a Logs,
}

/// The worker of a slot.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    number: usize,
    pub(super) slot: &'a Slot<'a>,
    pub(super) common: Common<'a>,
    pub(super) store: Store,
    hand: Hand,
    sender: Sender<Event>,
    losses: HashMap<ItemId, u32>,
}

/// How an attempt is to be finished, or that there is nothing left to finish.
pub(super) enum Judged {
    Finish(Finish, Option<String>),
    Lost(String),
}

impl<'a> Worker<'a> {
    /// A worker with a store of its own.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub(super) fn new(
        number: usize,
        slot: &'a Slot<'a>,
        common: Common<'a>,
        sender: Sender<Event>,
    ) -> Result<Self, RunnerError> {
        let store = Store::open(&common.around.repo.common_dir, common.around.options)?;
        let hand = Hand::of(&store, &slot.session);
        Ok(Worker { number, slot, common, store, hand, sender, losses: HashMap::new() })
    }

    /// Works until there is nothing left to do, or the run is stopped.
    ///
    /// # Errors
    /// When it cannot go on.
    pub(super) fn work(&mut self) -> Result<(), RunnerError> {
        let crew = self.common.crew;
        while let Some(seen) = crew.may_take() {
            let began = crate::clock::now();
            let (found, trouble) = match self.take() {
                Ok(found) => (found, None),
                // The other slots may be able to go on, and this one later.
                Err(error) if error.may_pass() => (None, Some(error)),
                Err(error) => {
                    crew.take_none();
                    return Err(self.gone(error));
                }
            };
            match found {
                Some(taken) => {
                    let verdict = self.item(&taken)?;
                    if verdict == Verdict::Lost {
                        self.lost(taken.item.id)?;
                    }
                    crew.changed(verdict == Verdict::Failed);
                }
                None => {
                    let cooled = self.cooled(began)?;
                    self.tell(Event::Resting { slot: self.number, cooling: cooled.is_some() });
                    if crew.rest(seen, cooled) == Rest::Over {
                        return trouble.filter(|_| !crew.is_stopped()).map_or(Ok(()), Err);
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells when a slot goes because its session was ended.
    fn gone(&self, error: RunnerError) -> RunnerError {
        if let RunnerError::Ended(session) = &error {
            self.tell(Event::Gone { slot: self.number, session: session.clone() });
        }
        error
    }

    /// Counts a loss. A command that gives its own item back each time would never come to an end.
    fn lost(&mut self, item: ItemId) -> Result<(), RunnerError> {
        let times = self.losses.entry(item.clone()).or_insert(0);
        *times += 1;
        if *times < MOST_LOSSES { Ok(()) } else { Err(RunnerError::Lost(item)) }
    }

    fn tell(&self, event: Event) {
        // Whoever listened has gone: the work goes on.
        let _ = self.sender.send(event);
    }

    pub(super) fn submit(&self, op: &Op) -> Result<Outcome, RunnerError> {
        let outcome = self.store.submit(op, None)?;
        self.store.touch_session(&self.slot.session);
        self.upkeep();
        Ok(outcome)
    }

    /// Starts upkeep in the background when the store has grown.
    pub(super) fn upkeep(&self) {
        if self.store.wants_upkeep() {
            crate::process::detach_self(&["upkeep"], &self.common.around.repo.root);
        }
    }

    fn take(&self) -> Result<Option<Taken>, RunnerError> {
        let plan = self.common.plan;
        let ended = || RunnerError::Ended(self.slot.session.clone());
        let pooled = self.slot.tree.is_some();
        let record = self.store.read(|view| session::get(view, &self.slot.session))?;
        if pooled && !self.slot.is_own(record.as_ref()) {
            return Err(ended());
        }
        let known = self.store.hints(&self.slot.session);
        let outcome = self.submit(&Op::Next(TakeNext {
            session: self.slot.session.clone(),
            queues: plan.queues.clone(),
            count: 1,
            ttl: plan.ttl,
            filter: Filter { run: plan.job == Job::Own, share: plan.share },
            choice: Choice { exact_ttl: plan.exact_ttl, skips: known.clone(), ..Choice::default() },
        }))?;
        match outcome {
            Outcome::Taken { items, reason, skips, .. } => {
                if let (true, Some(reason)) = (items.is_empty(), reason) {
                    self.common.crew.found_none(reason.skipped());
                }
                self.store.keep_hint(&self.slot.session, known, skips);
                Ok(items.into_iter().next())
            }
            Outcome::Refused { rule, .. } if rule == ENDED && pooled => Err(ended()),
            other => Err(RunnerError::Refused(Box::new(other))),
        }
    }

    /// When the next item that this run could take has cooled down. What was so when it looked, at
    /// `began`, others hold.
    fn cooled(&self, began: Timestamp) -> Result<Option<Instant>, RunnerError> {
        let plan = self.common.plan;
        let until = self.store.read(|view| {
            // Who helps others takes what is not assigned to it as well.
            let session = session::get(view, &self.slot.session)?.filter(|s| !s.help_others);
            let queues = match &session {
                Some(session) if plan.queues.is_empty() => &session.queues,
                _ => &plan.queues,
            };
            let shares = [plan.share, session.as_ref().and_then(|s| s.share)];
            let areas = session.as_ref().and_then(|s| Areas::new(&s.areas).ok());
            for rest in cooldown::all(view)?.into_iter().filter(|rest| rest.until > began) {
                let Some(slot) = item_index::find(view, &rest.id)? else { continue };
                if !queues.is_empty() && !queues.contains(&slot.queue) {
                    continue;
                }
                let item = queue::item(view, &slot)?;
                let other = |share: &Share| !share.has_files(&item.files, &item.id);
                let ours = (plan.job != Job::Own || item.run.is_some())
                    && !shares.iter().flatten().any(other)
                    && areas.as_ref().is_none_or(|areas| areas.admits(&item.files));
                if ours && queue::standing(view, &slot)?.0 == ItemState::Blocked {
                    return Ok(Some(rest.until));
                }
            }
            Ok(None)
        })?;
        let left = until.map(|until| until.duration_since(crate::clock::now()));
        Ok(left.map(|left| Instant::now() + Duration::try_from(left).unwrap_or_default()))
    }

    /// Does one item, and leaves the worktree clean behind it.
    fn item(&self, taken: &Taken) -> Result<Verdict, RunnerError> {
        let started = Instant::now();
        self.tell(Event::Started {
            slot: self.number,
            item: taken.item.id.clone(),
            title: taken.item.title.clone(),
            attempt: taken.attempt,
        });
        let tree = self.slot.tree.as_ref();
        let before = match tree.map(|tree| self.prepare(taken, tree)).transpose() {
            Err(RunnerError::Halted) => return self.hand_back(taken, started),
            before => before?,
        };
        self.hand.take(taken, before.as_deref())?;
        let attempt = match self.attempt(taken, started, before.as_deref()) {
            Ok(attempt) => attempt,
            Err(error) => {
                // The failure is what is to be told; where the branch stays as it is, the file of
                // what is in hand tells the next run.
                let _ = self.take_back(taken, &error, before.as_deref());
                return Err(error);
            }
        };
        // What does not count must not stand on the branch.
        let settled = match (tree, &before) {
            (Some(tree), Some(before)) => self.settle(tree, before, attempt.verdict),
            _ => Ok(()),
        };
        match settled {
            Ok(()) => self.hand.empty(),
            // The file of what is in hand tells the next run what is left to do.
            Err(RunnerError::Halted) => {}
            Err(error) => return Err(error),
        }
        let verdict = attempt.verdict;
        self.tell(Event::Ended { slot: self.number, attempt });
        Ok(verdict)
    }

    /// Has the worktree clean for an item. Returns the commit that it stands at.
    fn prepare(&self, taken: &Taken, tree: &Tree<'_>) -> Result<String, RunnerError> {
        let mut keeper = Keeper::new(self, taken);
        // A loss is found again as soon as the command runs.
        let keep = &mut || keeper.look().map(|_| None);
        let made = pool::stand(self.common.around.repo, &self.store, self.slot, &tree.base, keep)?;
        let commit = tree.clean()?;
        if made { tree.catch_up(commit) } else { Ok(commit) }
    }

    /// Brings the branch and the worktree to where the next item is to find them.
    fn settle(&self, tree: &Tree<'_>, before: &str, verdict: Verdict) -> Result<(), RunnerError> {
        self.stand(before)?;
        match verdict {
            Verdict::Done => tree.keep(before),
            _ => tree.go_back(before),
        }
    }

    /// Gives back an item whose command was never started, because the run was stopped.
    fn hand_back(&self, taken: &Taken, started: Instant) -> Result<Verdict, RunnerError> {
        let (log, _) = self.common.logs.create(&taken.item.id, taken.attempt)?;
        let (verdict, reason) = self.finish(taken, Finish::Drop, &log)?;
        let attempt = self.ended(taken, (verdict, reason, None), started.elapsed(), log);
        self.tell(Event::Ended { slot: self.number, attempt });
        Ok(verdict)
    }

    /// Takes what was done for an item off the branch when the attempt ended in an error, unless the
    /// item may be done for all that is known: an act whose answer is missing may have been carried
    /// out, also one of the command's own.
    fn take_back(&self, taken: &Taken, error: &RunnerError, before: Option<&str>) -> Result<(), RunnerError> {
        let (Some(tree), Some(before)) = (&self.slot.tree, before) else { return Ok(()) };
        let unknown = !error.changed_nothing() || self.store.has_in_doubt_push();
        if unknown || self.left_by_us(taken)? == Some(ItemState::Done) {
            return Ok(());
        }
        self.stand(before)?;
        tree.go_back(before)?;
        self.hand.empty();
        Ok(())
    }

    /// Makes the worktree again when the command has removed it.
    fn stand(&self, before: &str) -> Result<(), RunnerError> {
        pool::stand(self.common.around.repo, &self.store, self.slot, before, &mut || Ok(None)).map(drop)
    }

    /// From the start of the command to the item's place in the queue.
    fn attempt(&self, taken: &Taken, started: Instant, before: Option<&str>) -> Result<Attempt, RunnerError> {
        let (log, file) = self.common.logs.create(&taken.item.id, taken.attempt)?;
        let end = self.command(taken, file)?;
        let took = started.elapsed();
        let judged = self.judge(taken, &end, &log, before)?;
        let lost = matches!(judged, Judged::Lost(_));
        if !lost && !matches!(end, End::Stopped) {
            self.record(taken, &end, took, &log)?;
        }
        let (verdict, reason, commit) = match judged {
            Judged::Lost(why) => (Verdict::Lost, Some(why), None),
            Judged::Finish(how, commit) => {
                let (verdict, reason) = self.finish(taken, how, &log)?;
                (verdict, reason, commit)
            }
        };
        Ok(self.ended(taken, (verdict, reason, commit), took, log))
    }

    fn ended(
        &self,
        taken: &Taken,
        (verdict, reason, commit): (Verdict, Option<String>, Option<String>),
        took: Duration,
        log: PathBuf,
    ) -> Attempt {
        Attempt {
            item: taken.item.id.clone(),
            title: taken.item.title.clone(),
            queue: taken.queue.clone(),
            session: self.slot.session.clone(),
            number: taken.attempt,
            verdict,
            reason,
            took,
            log,
            commit: commit.filter(|_| verdict == Verdict::Done),
        }
    }
}
