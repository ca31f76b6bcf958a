//! Taking the next items, each with its files, in one act.

use super::super::area::Areas;
use super::super::claim::{self, Grant, Holder, Mode};
use super::super::event::Event;
use super::super::op::{EmptyReason, Outcome, TakeNext, Taken};
use super::super::queue::{self, Slot};
use super::super::segment::{self, Note, States, item_at};
use super::super::session::{Lease, LeasedItem, Session};
use super::super::view::ViewError;
use super::super::{Item, ItemState, QueueName, RepoPath, Txn, head};
use super::leases::{put, renew_due};
use super::{Context, active, granted};

/// How many free items are looked at for one whose files the session holds already, before the
/// first one that is free is taken. Two segments: a bound on the cost, not on the choice.
const AFFINITY_WINDOW: usize = 2 * super::super::segment::SIZE;

/// Takes the next items for a session.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn next(txn: &mut Txn<'_>, op: &TakeNext, context: &Context) -> Result<Outcome, ViewError> {
    let mut session = granted!(active(txn, &op.session)?);
    for name in &op.queues {
        if queue::get(txn, name)?.is_none() {
            return Ok(Outcome::Unknown { what: "queue".into(), name: name.to_string() });
        }
    }
    let areas = match Areas::new(&session.areas) {
        Ok(areas) => areas,
        Err(e) => return Err(ViewError::damaged(format!("sessions/{}.json", session.name), e)),
    };
    let queues = queues_of(txn, op, &session)?;
    renew_due(&mut session, context);
    let mut taken = Vec::new();
    let mut skipped = Skipped::default();
    while taken.len() < op.count {
        let Some((slot, item, priority)) = choose(txn, &session, &areas, &queues, &mut skipped)? else {
            break;
        };
        taken.push(take(txn, &mut session, slot, item, priority, op.ttl, context)?);
    }
    let reason = if taken.len() < op.count { Some(explain(txn, &queues, &skipped)?) } else { None };
    if !taken.is_empty() {
        put(txn, &session)?;
        let ids: Vec<_> = taken.iter().map(|t| t.item.id.to_string()).collect();
        let leases: Vec<_> = taken.iter().map(|t| t.lease).collect();
        let event = Event::new(context.now, Some(&op.session), "next").with("items", ids);
        txn.record(event.with("leases", leases));
    }
    Ok(Outcome::Taken { items: taken, reason })
}

/// The queues to take from: as asked, else the session's, else all.
fn queues_of(txn: &Txn<'_>, op: &TakeNext, session: &Session) -> Result<Vec<QueueName>, ViewError> {
    let wanted = if op.queues.is_empty() { &session.queues } else { &op.queues };
    if !wanted.is_empty() {
        // A session may be assigned to a queue before the first import into it.
        let mut list = Vec::new();
        for name in wanted {
            if queue::get(txn, name)?.is_some() {
                list.push(name.clone());
            }
        }
        return Ok(list);
    }
    Ok(queue::all(txn)?.into_iter().map(|q| q.name).collect())
}

/// Free items that were passed over, for the explanation.
#[derive(Debug, Default)]
struct Skipped {
    files_held: u64,
    outside_area: u64,
}

/// Finds the item to take: the most urgent one whose files nobody else holds; among the first of
/// that priority, one whose files the session holds already.
fn choose(
    txn: &Txn<'_>,
    session: &Session,
    areas: &Areas,
    queues: &[QueueName],
    skipped: &mut Skipped,
) -> Result<Option<(Slot, Item, u32)>, ViewError> {
    *skipped = Skipped::default();
    let mut priorities = Vec::new();
    for name in queues {
        for priority in queue::open_priorities(txn, name)? {
            priorities.push((priority, name));
        }
    }
    // Stable: within one priority, queues in the order in which they were named.
    priorities.sort_by_key(|(priority, _)| *priority);
    let has_files = session.leases.iter().any(|l| l.all_paths().next().is_some());
    let mut search = Search { session, areas, skipped, first: None, looked: 0, has_files };
    for (position, (priority, name)) in priorities.iter().enumerate() {
        let stop = queue::each_open_segment(txn, name, *priority, |segment| {
            search.visit(txn, name, segment, *priority)
        })?;
        let last_of_priority = priorities.get(position + 1).is_none_or(|(next, _)| next != priority);
        if stop || (last_of_priority && search.first.is_some()) {
            break;
        }
    }
    Ok(search.first)
}

struct Search<'a> {
    session: &'a Session,
    areas: &'a Areas,
    skipped: &'a mut Skipped,
    first: Option<(Slot, Item, u32)>,
    looked: usize,
    has_files: bool,
}

impl Search<'_> {
    /// Looks through one segment; true when the search is over.
    fn visit(
        &mut self,
        txn: &Txn<'_>,
        queue: &QueueName,
        segment: u32,
        priority: u32,
    ) -> Result<bool, ViewError> {
        let states: States = queue::states(txn, queue, segment)?;
        let content = queue::content(txn, queue, segment)?;
        let lines = segment::lines(&content);
        let key = queue::items_key(queue, segment);
        for index in (0..states.len()).filter(|i| states.get(*i) == Some(ItemState::Pending)) {
            let item = item_at(&lines, index, &key)?;
            if !self.areas.admits(&item.files) {
                self.skipped.outside_area += 1;
                continue;
            }
            let own = !item.files.is_empty() && item.files.iter().all(|f| self.session.may_edit(f));
            if own || !in_the_way(txn, self.session, &item.files)? {
                let slot = Slot { queue: queue.clone(), segment, index };
                if own || self.first.is_none() {
                    self.first = Some((slot, item, priority));
                }
                if own || !self.has_files {
                    return Ok(true);
                }
            } else {
                self.skipped.files_held += 1;
            }
            self.looked += 1;
            if self.first.is_some() && self.looked >= AFFINITY_WINDOW {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn in_the_way(txn: &Txn<'_>, session: &Session, files: &[RepoPath]) -> Result<bool, ViewError> {
    for file in files {
        for claim in claim::overlapping(txn, file)? {
            if claim.conflicts(&session.name, Mode::Exclusive).next().is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Gives an item and its files to the session, under a lease of its own.
fn take(
    txn: &mut Txn<'_>,
    session: &mut Session,
    slot: Slot,
    item: Item,
    priority: u32,
    ttl: u64,
    context: &Context,
) -> Result<Taken, ViewError> {
    let generation = head::next_generation(txn)?;
    let mut attempt = 0;
    queue::transition(txn, &slot, ItemState::Claimed, |note: &mut Note| {
        note.attempt += 1;
        attempt = note.attempt;
        note.by = Some(session.name.clone());
        note.lease = Some(generation);
        note.at = None;
    })?;
    let mut files = item.files.clone();
    files.sort();
    files.dedup();
    for file in &files {
        let holder = Holder {
            session: session.name.clone(),
            mode: Mode::Exclusive,
            since: context.now,
            grants: vec![Grant { lease: generation, item: Some(item.id.clone()), mode: Mode::Exclusive }],
            reason: None,
        };
        claim::grant(txn, file, holder)?;
        session.forget_losses(file);
    }
    session.lost.retain(|l| l.item.as_ref() != Some(&item.id));
    let lease = Lease {
        id: generation,
        mode: Mode::Exclusive,
        since: context.now,
        renewed: context.now,
        renewals: 0,
        ttl,
        clone: context.clone.clone(),
        paths: Vec::new(),
        item: Some(LeasedItem { id: item.id.clone(), slot: slot.clone(), files }),
    };
    let expires = lease.expires();
    session.leases.push(lease);
    Ok(Taken { item, queue: slot.queue, priority, attempt, lease: generation, expires })
}

/// Says why there is nothing more to take.
fn explain(txn: &Txn<'_>, queues: &[QueueName], skipped: &Skipped) -> Result<EmptyReason, ViewError> {
    let mut left = queue::Counts::default();
    for name in queues {
        let counts = queue::must_get(txn, name)?.counts;
        left.pending += counts.pending;
        left.claimed += counts.claimed;
        left.blocked += counts.blocked;
    }
    if queues.is_empty() {
        return Ok(EmptyReason::NoQueue);
    }
    if left.pending + left.claimed + left.blocked == 0 {
        return Ok(EmptyReason::AllDone);
    }
    Ok(EmptyReason::Waiting {
        claimed: left.claimed,
        blocked: left.blocked,
        files_held: skipped.files_held,
        outside_area: skipped.outside_area,
    })
}
