//! Import: one act, however many items, in bounded memory.
//!
//! The items come in batches. Each is applied to the state as the batches before have left it and
//! written as blobs and trees, which are then the state that the next one sees. One commit at the
//! end has the former state as its parent, and one compare-and-swap makes all of it the state.
//!
//! Steps, and what a death after each of them leaves:
//! 1. Lock taken: nothing; the kernel frees it.
//! 2. Batches written: objects that nothing refers to, removed by upkeep. They are written under
//!    the lock, because upkeep would otherwise remove them at once.
//! 3. Ref moved: the new state, whole. Importing again finds everything known.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::time::Instant;

use gix::ObjectId;

use crate::crash_point;
use crate::model::event::Event;
use crate::model::import_survey::Survey;
use crate::model::reimport::{Again, OwnIds};
use crate::model::{
    Changes, Context, Intake, ItemId, NewItem, Op, Outcome, QueueName, Scope, SessionName, Txn, ViewError,
    apply_import, follow_report, groups, item_index,
};

use crate::store::arbiter::remote::{LeaseObserver, RemoteError};
use crate::store::commit::session::WriteSession;
use crate::store::state::cas::Swap;
use crate::store::state::view::GitView;
use crate::store::state::write::Writer;
use crate::store::{Store, StoreError, durable};
use crate::trust::{Approval, CommandHash};

/// How often an import is tried at least when other clones are faster, however long each try takes.
const MIN_TRIES: u32 = 5;

/// Items in batches that can be gone through more than once: again when a swap was lost.
pub trait Batches {
    /// Goes back to the first batch.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    fn rewind(&mut self) -> io::Result<()>;

    /// The next batch, or `None` after the last one. What it takes in memory is bounded here.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    fn next_batch(&mut self) -> io::Result<Option<&[NewItem]>>;
}

/// Batches, and the commands of the items that came by.
struct WithCommands<'a> {
    inner: &'a mut dyn Batches,
    commands: BTreeSet<CommandHash>,
}

impl Batches for WithCommands<'_> {
    fn rewind(&mut self) -> io::Result<()> {
        self.inner.rewind()
    }

    fn next_batch(&mut self) -> io::Result<Option<&[NewItem]>> {
        let items = self.inner.next_batch()?;
        let commands = items.iter().flat_map(|items| items.iter()).filter_map(|i| i.item.run.as_deref());
        self.commands.extend(commands.map(CommandHash::of));
        Ok(items)
    }
}

/// Who imports, and where to.
#[derive(Debug, Clone)]
pub struct Import {
    /// Who, for the log.
    pub session: Option<SessionName>,
    /// The queue of items that name none.
    pub queue: QueueName,
    /// What is done is new work, under the ids of [`Again`].
    pub again: bool,
    /// Cancel what is in this scope and not in the file.
    pub follow: Option<Scope>,
}

impl Store {
    /// Imports all items of `batches`, or none. Their commands are approved on this clone, also those
    /// that were known: somebody here has given the file.
    ///
    /// # Errors
    /// When the store cannot be read or written, or the batches cannot be read. Nothing is
    /// imported then.
    pub fn import(&self, import: &Import, batches: &mut dyn Batches) -> Result<Outcome, StoreError> {
        let mut batches = WithCommands { inner: batches, commands: BTreeSet::new() };
        let outcome = self.import_batches(import, &mut batches)?;
        if !outcome.is_refusal() {
            self.approve(batches.commands, Approval::Made)?;
        }
        Ok(outcome)
    }

    fn import_batches(&self, import: &Import, batches: &mut dyn Batches) -> Result<Outcome, StoreError> {
        // What is done is not known then, and which items are done is judged under the lock.
        let all = if import.again {
            Ok(None)
        } else {
            self.require_tip().and_then(|tip| self.all_known(tip, OwnIds::default(), import, batches))
        };
        match all {
            Ok(Some((known, survey))) => {
                return Ok(Summary { known, survey, ..Summary::default() }.outcome());
            }
            // Upkeep may remove an old version while it is being read: look again under the lock.
            Ok(None) | Err(StoreError::View(_)) => {}
            Err(error) => return Err(error),
        }
        let mut session = WriteSession::begin(self.locked()?, None)?;
        if session.remote().is_some() {
            // A look at the remote costs less than writing a large import in vain. And what waits goes
            // first: an import takes back what has run out, be it handed out of the pool or not.
            session.commit_batch(&Op::Sweep, None)?;
        }
        let (mut lost, mut end) = (0, None);
        loop {
            session.convert()?;
            let old = self.require_tip()?;
            let (commit, outcome) = session.import_onto(old, import, batches)?;
            let Some(commit) = commit else {
                // Nobody waits for what is only to be told.
                drop(session);
                return Ok(self.surveyed(old, import, batches, outcome));
            };
            crash_point!("before the ref");
            // Reading and writing it may have taken longer than any other act: each push has its
            // full time, and there is an end to them all the same.
            session.extend(self.options.patience);
            let end = *end.get_or_insert(Instant::now() + self.options.patience);
            if session.publish(old, commit)? == Swap::Won {
                crash_point!("after the ref");
                drop(session);
                return Ok(self.surveyed(commit, import, batches, outcome));
            }
            lost += 1;
            if let Some(arbiter) = session.remote()
                && lost >= MIN_TRIES
                && Instant::now() >= end
            {
                let remote = arbiter.remote.clone();
                return Err(RemoteError::Contended { remote, tries: lost }.into());
            }
        }
    }

    /// The number of items and what there is to say of them, if all are known. Known items stay known,
    /// so this needs no lock: importing again what is there keeps nobody waiting. It ends with the first
    /// batch that has a new one.
    fn all_known(
        &self,
        state: ObjectId,
        mut own: OwnIds,
        import: &Import,
        batches: &mut dyn Batches,
    ) -> Result<Option<(u64, Survey)>, StoreError> {
        let view = self.view_of(state)?;
        let (mut known, mut survey, mut index) = (0, Survey::default(), item_index::Index::default());
        batches.rewind().map_err(StoreError::Batches)?;
        while let Some(items) = batches.next_batch().map_err(StoreError::Batches)? {
            own.note(items);
            if !survey.look(&view, &mut index, items, &own, import.again)? {
                return Ok(None);
            }
            known += items.len() as u64;
        }
        Ok(Some((known, survey)))
    }

    /// The outcome with what there is to say of the items that were known. The import is over: if that
    /// cannot be found out any more, nothing is said.
    fn surveyed(
        &self,
        state: ObjectId,
        import: &Import,
        batches: &mut dyn Batches,
        mut outcome: Outcome,
    ) -> Outcome {
        if let Outcome::Imported { known: 1.., survey, .. } = &mut outcome
            && let Ok(own) = own_ids(batches)
            && let Ok(Some((_, found))) = self.all_known(state, own, import, batches)
        {
            *survey = Survey { cancelled: survey.cancelled, reopened: survey.reopened, ..found };
        }
        outcome
    }
}

impl WriteSession<'_> {
    /// Writes the state that results from importing into that of `old`. Returns its commit, to
    /// which nothing refers yet, or `None` when nothing changes; and what the import comes to.
    fn import_onto(
        &self,
        old: ObjectId,
        import: &Import,
        batches: &mut dyn Batches,
    ) -> Result<(Option<ObjectId>, Outcome), StoreError> {
        let mut view = self.view_of(old)?;
        let context = LeaseObserver::open(self, self.remote())?.context(&view)?;
        let root = view.root();
        let again = if import.again { Some(again(&view, batches)?) } else { None };
        let mut writer = Writer::new(self);
        let mut sum = Summary::default();
        // What the last batch has changed: folded when another one comes, else part of the
        // commit, so that a small import is one object like any other act.
        let mut last: Option<Changes> = None;
        batches.rewind().map_err(StoreError::Batches)?;
        while let Some(items) = batches.next_batch().map_err(StoreError::Batches)? {
            if let Some(changes) = last.take() {
                let tree = writer.tree(&view, &changes)?;
                view = GitView::new(&self.objects, tree, Changes::new());
                crash_point!("batch written");
            }
            let mut txn = Txn::new(&view);
            let intake =
                Intake { session: import.session.as_ref(), queue: &import.queue, again: again.as_ref() };
            match apply_import(&mut txn, items, intake, &context)? {
                Outcome::Imported { added, known, unknown_needs, .. } => {
                    sum.count(added, known);
                    sum.miss(&txn, unknown_needs)?;
                }
                refused => return Ok((None, refused)),
            }
            if !txn.is_empty() {
                self.stamp(&mut txn)?;
                let (changes, events) = txn.finish();
                sum.take(events);
                last = Some(changes);
            }
        }
        if let Some(scope) = &import.follow {
            if let Some(changes) = last.take() {
                let tree = writer.tree(&view, &changes)?;
                view = GitView::new(&self.objects, tree, Changes::new());
            }
            let ids = reported(batches, again.as_ref()).map_err(StoreError::Batches)?;
            let mut txn = Txn::new(&view);
            let (cancelled, reopened) = follow_report(&mut txn, scope, &ids, &context)?;
            (sum.survey.cancelled, sum.survey.reopened) = (cancelled, reopened);
            if !txn.is_empty() {
                self.stamp(&mut txn)?;
                let event = Event::new(context.now, import.session.as_ref(), crate::model::EventKind::Import);
                sum.other.push(event.with("cancelled", cancelled).with("reopened", reopened));
                last = Some(txn.finish().0);
            }
        }
        let outcome = sum.outcome();
        let changes = match last {
            Some(changes) => changes,
            // The last batch held only what was known: all that is new is in the tree already.
            None if view.root() != root => Changes::new(),
            None => return Ok((None, outcome)),
        };
        let commit = writer.state(&view, old, changes, &sum.events(import, &context))?;
        durable::sync_objects(self, writer.written())?;
        Ok((Some(commit), outcome))
    }
}

/// Under which ids the items come when what is done is new work.
fn again(view: &GitView<'_>, batches: &mut dyn Batches) -> Result<Again, StoreError> {
    let (mut again, mut index) = (Again::default(), item_index::Index::default());
    batches.rewind().map_err(StoreError::Batches)?;
    while let Some(items) = batches.next_batch().map_err(StoreError::Batches)? {
        again.note(view, &mut index, items)?;
    }
    again.settle(view, &mut index)?;
    Ok(again)
}

/// The ids that the items of a file have here.
fn reported(batches: &mut dyn Batches, again: Option<&Again>) -> io::Result<HashSet<ItemId>> {
    let mut ids = HashSet::new();
    batches.rewind()?;
    while let Some(items) = batches.next_batch()? {
        ids.extend(
            items.iter().map(|new| again.map_or(&new.item.id, |again| again.name(&new.item.id)).clone()),
        );
    }
    Ok(ids)
}

fn own_ids(batches: &mut dyn Batches) -> io::Result<OwnIds> {
    let mut own = OwnIds::default();
    batches.rewind()?;
    while let Some(items) = batches.next_batch()? {
        own.note(items);
    }
    Ok(own)
}

/// What all batches come to: the log has one event for an import.
#[derive(Debug, Default)]
struct Summary {
    added: u64,
    known: u64,
    queues: BTreeMap<String, u64>,
    unknown_needs: BTreeSet<ItemId>,
    survey: Survey,
    /// What else happened: leases that had run out.
    other: Vec<Event>,
}

impl Summary {
    fn count(&mut self, added: u64, known: u64) {
        self.added += added;
        self.known += known;
    }

    /// Notes what a batch needs that is not there, and that it may bring what those before needed.
    fn miss(&mut self, txn: &Txn<'_>, more: BTreeSet<ItemId>) -> Result<(), ViewError> {
        let mut index = item_index::Index::default();
        let mut missing = BTreeSet::new();
        for need in std::mem::take(&mut self.unknown_needs) {
            let found = match groups::is_set(&need) {
                true => groups::get(txn, &need)?.total > 0,
                false => index.find(txn, &need)?.is_some(),
            };
            if !found {
                missing.insert(need);
            }
        }
        missing.extend(more);
        self.unknown_needs = missing;
        Ok(())
    }

    fn outcome(&self) -> Outcome {
        let unknown_needs = self.unknown_needs.clone();
        let survey = self.survey.clone();
        Outcome::Imported { added: self.added, known: self.known, unknown_needs, survey }
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            match event.data.get("queues").and_then(|q| q.as_object()) {
                Some(queues) if event.event == crate::model::EventKind::Import => {
                    for (queue, n) in queues {
                        *self.queues.entry(queue.clone()).or_default() += n.as_u64().unwrap_or(0);
                    }
                }
                _ => self.other.push(event),
            }
        }
    }

    fn events(self, import: &Import, context: &Context) -> Vec<Event> {
        let mut events = self.other;
        if self.added > 0 {
            events.push(
                Event::new(context.now, import.session.as_ref(), crate::model::EventKind::Import)
                    .with("added", self.added)
                    .with("known", self.known)
                    .with("queues", self.queues),
            );
        }
        events
    }
}
