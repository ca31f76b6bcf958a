//! Keeping items ready for the sessions of a clone, see [`crate::model::records::prefetch`].
//!
//! A pool is a session that nobody works as: it holds leases and files as any other, so that what
//! holds for sessions (one holder a path, leases that run out, what `doctor` counts) holds for it.
//! No two of its items touch the same file: each of them must be fit to go to another session.

mod back;
mod fill;
#[cfg(test)]
mod tests;

use super::assignment::{areas_of, queues_of, ttl_of};
use super::candidate::{Eligibility, Facts};
use super::grant::{grant_one, record_taken};
use super::lease_ops::{put, renew_due};
use super::refusal::{Ruling, Stop, active, unknown};
use crate::model::base::{Context, Event, EventKind, ItemId, Txn, View, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::op::{PrefetchGrant, PrefetchedItem, TakeNext};
use crate::model::ops::outcome::Taken;
use crate::model::records::area::Areas;
use crate::model::records::queue::{self, Queue};
use crate::model::records::session::{self as sessions, Lease, Loss, Session};
use crate::model::records::{header, prefetch};
pub(super) use back::{evict, evict_matching, evict_overlapping};
pub(super) use fill::{Surplus, refill};

/// The items of a pool that a session may take, the most urgent first: their leases.
///
/// # Errors
/// When the state cannot be read.
fn fitting(
    view: &dyn View,
    pool: &Session,
    queues: &[Queue],
    eligibility: &Eligibility<'_>,
) -> Result<Vec<u64>, ViewError> {
    let mut found = Vec::new();
    for lease in &pool.leases {
        let Some(held) = &lease.item else { continue };
        let slot = &held.slot;
        if !queues.iter().any(|q| q.name == slot.queue) {
            continue;
        }
        let item = queue::item(view, slot)?;
        if eligibility.reject(&Facts::of(&item)).is_none() {
            found.push((queue::placement(view, slot)?.2, lease.id));
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, lease)| lease).collect())
}

/// Gives a session items of its clone's pool, at most as many as asked for. Their leases begin
/// anew; with `is_fresh` they do not, and only those are given that have at least half of their
/// time before them, by the wall clock and by that judgement.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn offer(
    txn: &mut Txn<'_>,
    session: &mut Session,
    op: &TakeNext,
    areas: (&Areas, &Areas),
    context: &Context,
    is_fresh: Option<&dyn Fn(&Lease) -> bool>,
) -> Result<Vec<Taken>, ViewError> {
    let Some(mut pool) = prefetch::own(txn, context)?.filter(|p| !p.leases.is_empty()) else {
        return Ok(Vec::new());
    };
    let queues = queues_of(txn, op, session, false)?;
    let leases = {
        let (own, asked) = areas;
        let eligibility = Eligibility {
            session,
            holder: Some(&session.name),
            choice: &op.choice,
            filter: &op.filter,
            own,
            asked,
            help: false,
        };
        fitting(txn, &pool, &queues, &eligibility)?
    };
    let mut taken = Vec::new();
    for id in leases {
        if taken.len() == op.count {
            break;
        }
        let Some(lease) = pool.leases.iter().find(|l| l.id == id) else { continue };
        let queue = lease.item.as_ref().and_then(|i| queues.iter().find(|q| q.name == i.slot.queue));
        let Some(queue) = queue.filter(|q| session.filled(q).is_none()) else { continue };
        let ttl = ttl_of(op, queue);
        let holds = lease.clone == context.clone && !lease.is_due(context.now) && lease.ttl == ttl;
        let begin = match is_fresh {
            Some(is_fresh) if !holds || !is_fresh(lease) => continue,
            Some(_) => None,
            None => Some((context, ttl)),
        };
        taken.extend(grant_one(txn, &mut pool, session, id, begin)?);
    }
    if !taken.is_empty() {
        sessions::put(txn, &pool);
    }
    Ok(taken)
}

/// What the pool of the clone has for a session, without asking the remote: nothing, or as many
/// items as asked for, and they are the session's in the transaction. `is_fresh` tells of a lease
/// whether less than half of its time has passed by a clock that nobody sets.
///
/// # Errors
/// When the state cannot be read.
pub fn grant_prefetched(
    txn: &mut Txn<'_>,
    op: &TakeNext,
    context: &Context,
    is_fresh: &dyn Fn(&Lease) -> bool,
) -> Result<Vec<Taken>, ViewError> {
    let mut session = match active(txn, &op.session) {
        Ok(session) => session,
        Err(Stop::Refused(_)) => return Ok(Vec::new()),
        Err(Stop::Unreadable(error)) => return Err(error),
    };
    let Ok(asked) = Areas::new(&op.choice.areas) else { return Ok(Vec::new()) };
    for name in &op.queues {
        if queue::get(txn, name)?.is_none() {
            return Ok(Vec::new());
        }
    }
    let own = areas_of(&session)?;
    let items = offer(txn, &mut session, op, (&own, &asked), context, Some(is_fresh))?;
    Ok(if items.len() == op.count { items } else { Vec::new() })
}

/// Hands items of a pool to a session that has been told so already, and fills the pool up.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn hand_out(txn: &mut Txn<'_>, op: &PrefetchGrant, context: &Context) -> Ruling {
    let outcome = grant_all(txn, op, Some(context))?;
    if let Outcome::Taken { .. } = outcome {
        refill(txn, &op.next, Surplus::RunsOut, context)?;
    }
    Ok(outcome)
}

/// With a context the time of the leases begins anew: now everybody is told who holds them.
///
/// Each item by itself: that one has run out, because nobody could be told for so long, is no reason
/// to take the others away from who works on them.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn grant_all(txn: &mut Txn<'_>, op: &PrefetchGrant, context: Option<&Context>) -> Ruling {
    let mut session = active(txn, &op.next.session)?;
    let Some(mut pool) = sessions::get(txn, &op.pool)? else {
        return Err(unknown("session", &op.pool));
    };
    let (mut taken, mut lost) = (Vec::new(), Vec::new());
    for PrefetchedItem { id, lease } in &op.items {
        // What the session holds it was told of before, by a process that died before it could take
        // the note of it away.
        if session.leases.iter().any(|l| l.id == *lease) {
            continue;
        }
        match pool.leases.iter().find(|l| l.id == *lease).map(|l| l.ttl) {
            Some(ttl) => {
                let begin = context.map(|c| (c, ttl));
                taken.extend(grant_one(txn, &mut pool, &mut session, *lease, begin)?);
            }
            None => lost.push(id.clone()),
        }
    }
    if let Some(context) = context {
        renew_due(&mut session, context);
        record_lost(txn, &mut session, &lost, context);
    }
    if taken.is_empty() && lost.is_empty() {
        return Ok(Outcome::Taken { items: taken, reason: None, passed: Vec::new(), hints: None });
    }
    if taken.is_empty() {
        put(txn, &session)?;
    } else {
        record_taken(txn, &mut session, &taken, op.at)?;
        sessions::put(txn, &pool);
    }
    header::next_generation(txn)?;
    Ok(Outcome::Taken { items: taken, reason: None, passed: Vec::new(), hints: None })
}

/// What ran out before anybody could be told that it was handed out.
fn record_lost(txn: &mut Txn<'_>, session: &mut Session, lost: &[ItemId], context: &Context) {
    if lost.is_empty() {
        return;
    }
    for id in lost.iter().filter(|id| session.item_loss(id).is_none()).cloned().collect::<Vec<_>>() {
        session.remember_loss(Loss {
            path: None,
            item: Some(id),
            lease: 0,
            at: context.now,
            by: None,
            why: "its lease ran out before the remote was told who had it".into(),
        });
    }
    let ids: Vec<_> = lost.iter().map(ToString::to_string).collect();
    txn.record(Event::new(context.now, Some(&session.name), EventKind::Late).with("items", ids));
}
