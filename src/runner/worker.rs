//! The loop of one slot: take an item, run its command, commit, finish; again.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::fresh::Branch;
use crate::git::{GitEnv, HostRepo};
use crate::model::area::Areas;
use crate::model::choice::Choice;
use crate::model::filter::Filter;
use crate::model::op::TakeNext;
use crate::model::outcome::Taken;
use crate::model::shard::Shard;
use crate::model::{ItemId, ItemState, Op, Outcome, RuleId, cooldown, item_index, queue, session};
use crate::store::Store;

use super::hold::{Desk, Hold, Shared};
use super::inflight::InFlight;
use super::item::{ItemRun, Teller};
use super::scheduler::Rest;
use super::slots::Slot;
use super::{AttemptResult, Event, Job, RunnerError};

/// An item that a slot has lost so often is left to others.
const MOST_LOSSES: u32 = 3;

/// The worker of a slot.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    slot: &'a Slot<'a>,
    shared: Shared<'a>,
    store: Store,
    inflight: InFlight,
    teller: Teller,
    losses: HashMap<ItemId, u32>,
}

impl<'a> Worker<'a> {
    /// A worker with a store of its own.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub(super) fn new(
        number: usize,
        slot: &'a Slot<'a>,
        shared: Shared<'a>,
        sender: Sender<Event>,
    ) -> Result<Self, RunnerError> {
        let store = Store::open(&shared.context.repo.common_dir, shared.context.options)?;
        let inflight = InFlight::of(&store, &slot.session);
        let teller = Teller { slot: number, sender };
        Ok(Worker { slot, shared, store, inflight, teller, losses: HashMap::new() })
    }

    fn desk(&self) -> Desk<'_> {
        Desk { slot: self.slot, shared: self.shared, store: &self.store }
    }

    /// Works until there is nothing left to do, or the run is stopped.
    ///
    /// # Errors
    /// When it cannot go on.
    pub(super) fn work(&mut self) -> Result<(), RunnerError> {
        let scheduler = self.shared.scheduler;
        while let Some(seen) = scheduler.may_take() {
            let began = crate::clock::now();
            let (found, trouble) = match self.take() {
                Ok(found) => (found, None),
                // The other slots may be able to go on, and this one later.
                Err(error) if error.may_pass() => (None, Some(error)),
                Err(error) => {
                    scheduler.take_none();
                    return Err(self.gone(error));
                }
            };
            match found {
                Some(taken) => {
                    let hold = Hold { desk: self.desk(), taken: &taken };
                    if let Some(objection) = hold.objection()? {
                        hold.give_back()?;
                        scheduler.pass_over(&taken, objection);
                        continue;
                    }
                    let result = ItemRun { hold, inflight: &self.inflight, teller: &self.teller }.run()?;
                    if result == AttemptResult::Lost {
                        self.lost(taken.item.id);
                    }
                    scheduler.changed(result == AttemptResult::Failed);
                }
                None => {
                    let cooled = self.cooled(began)?;
                    self.teller.tell(Event::Resting { slot: self.teller.slot, cooling: cooled.is_some() });
                    if scheduler.rest(seen, cooled) == Rest::Over {
                        return trouble.filter(|_| !scheduler.is_stopped()).map_or(Ok(()), Err);
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells when a slot goes because its session was ended.
    fn gone(&self, error: RunnerError) -> RunnerError {
        if let RunnerError::Ended(session) = &error {
            self.teller.tell(Event::Gone { slot: self.teller.slot, session: session.clone() });
        }
        error
    }

    /// Counts a loss. A command that gives its own item back each time would be run for ever.
    fn lost(&mut self, item: ItemId) {
        let times = self.losses.entry(item.clone()).or_insert(0);
        *times += 1;
        if *times >= MOST_LOSSES {
            self.shared.scheduler.leave_out(item);
        }
    }

    fn take(&self) -> Result<Option<Taken>, RunnerError> {
        let spec = self.shared.spec;
        let ended = || RunnerError::Ended(self.slot.session.clone());
        let pooled = self.slot.tree.is_some();
        let record = self.store.read(|view| session::get(view, &self.slot.session))?;
        if pooled && !self.slot.is_own(record.as_ref()) {
            return Err(ended());
        }
        let (except, except_queues) = self.shared.scheduler.except();
        let known = self.store.hints(&self.slot.session);
        let make = |fresh| {
            let filter = Filter {
                run: spec.job == Job::Own,
                shard: spec.shard,
                except: except.clone(),
                except_queues: except_queues.clone(),
            };
            let hints = known.clone();
            Op::Next(TakeNext {
                session: self.slot.session.clone(),
                queues: spec.queues.clone(),
                count: 1,
                ttl: spec.ttl,
                filter,
                choice: Choice { exact_ttl: spec.exact_ttl, hints, fresh, ..Choice::default() },
            })
        };
        let (desk, context) = (self.desk(), self.shared.context);
        let home = HostRepo::discover(&self.slot.root, &GitEnv::default()).ok();
        let outcome = match &home {
            Some(repo) => {
                let (store, settings, session) = (&self.store, context.settings, &self.slot.session);
                Branch { repo, store, settings, session }.submit(&[], make, |op| desk.submit(op))?.outcome
            }
            // Its worktree is made again before the item begins.
            None => desk.submit(&make(None))?,
        };
        match outcome {
            Outcome::Taken { items, reason, hints, .. } => {
                if let (true, Some(reason)) = (items.is_empty(), reason) {
                    self.shared.scheduler.found_none(reason.skipped());
                }
                self.store.keep_hint(&self.slot.session, known, hints);
                Ok(items.into_iter().next())
            }
            Outcome::Refused { rule, .. } if rule == RuleId::SessionEnded && pooled => Err(ended()),
            other => Err(RunnerError::Refused(Box::new(other))),
        }
    }

    /// When the next item that this run could take has cooled down. What was so when it looked, at
    /// `began`, others hold.
    fn cooled(&self, began: Timestamp) -> Result<Option<Instant>, RunnerError> {
        let spec = self.shared.spec;
        let until = self.store.read(|view| {
            // Who helps others takes what is not assigned to it as well.
            let session = session::get(view, &self.slot.session)?.filter(|s| !s.help_others);
            let queues = match &session {
                Some(session) if spec.queues.is_empty() => &session.queues,
                _ => &spec.queues,
            };
            let shards = [spec.shard, session.as_ref().and_then(|s| s.shard)];
            let areas = session.as_ref().and_then(|s| Areas::new(&s.areas).ok());
            for rest in cooldown::all(view)?.into_iter().filter(|rest| rest.until > began) {
                let Some(slot) = item_index::find(view, &rest.id)? else { continue };
                if !queues.is_empty() && !queues.contains(&slot.queue) {
                    continue;
                }
                let item = queue::item(view, &slot)?;
                let other = |shard: &Shard| !shard.has_files(&item.files, &item.id);
                let ours = (spec.job != Job::Own || item.run.is_some())
                    && !shards.iter().flatten().any(other)
                    && areas.as_ref().is_none_or(|areas| areas.admits(&item.files));
                if ours && queue::placement(view, &slot)?.0 == ItemState::Blocked {
                    return Ok(Some(rest.until));
                }
            }
            Ok(None)
        })?;
        let left = until.map(|until| until.duration_since(crate::clock::now()));
        Ok(left.map(|left| Instant::now() + Duration::try_from(left).unwrap_or_default()))
    }
}
