//! Leasing items ahead.

use super::super::assignment::{areas_of, queues_of};
use super::super::candidate::Eligibility;
use super::super::grant::take;
use super::super::hints::{eligibility_text, merge, still_true};
use super::super::lease_ops::{is_due, put};
use super::super::search::Search;
use super::super::session;
use super::back::evict;
use super::fitting;
use crate::model::base::{Context, Event, EventKind, Txn, ViewError};
use crate::model::ops::op::TakeNext;
use crate::model::records::area::Areas;
use crate::model::records::queue::Queue;
use crate::model::records::{header, prefetch, session as sessions};

/// Of the items that are left, a clone keeps no more than one in so many ready: at the end of a
/// backlog nobody shall wait for what another clone does not work on.
const SHARE: u64 = 4;

/// Leases items ahead for whoever asks for the same as `op` next. What is there for them is renewed,
/// unless it is too much by now; what is there for others is not: they may have gone.
///
/// # Errors
/// When the state cannot be read.
pub(in super::super) fn refill(
    txn: &mut Txn<'_>,
    op: &TakeNext,
    surplus: Surplus,
    context: &Context,
) -> Result<(), ViewError> {
    let (Some(clone), None) = (&context.clone, &op.choice.item) else { return Ok(()) };
    let (Some(name), Some(session)) = (prefetch::name_of(clone), sessions::get(txn, &op.session)?) else {
        return Ok(());
    };
    let known = sessions::get(txn, &name)?;
    if known.as_ref().map_or(context.prefetch == 0, |k| !k.prefetch) {
        return Ok(());
    }
    let mut pool = known.unwrap_or_else(|| session::new_prefetch(&name, context));
    let (own, Ok(asked)) = (areas_of(&session)?, Areas::new(&op.choice.areas)) else { return Ok(()) };
    let queues = queues_of(txn, op, &session, false)?;
    let eligibility = Eligibility {
        session: &session,
        holder: None,
        choice: &op.choice,
        filter: &op.filter,
        own: &own,
        asked: &asked,
        help: false,
    };
    let mut ready = fitting(txn, &pool, &queues, &eligibility)?;
    let left: u64 = queues.iter().map(|q: &Queue| q.counts.pending).sum();
    let share = usize::try_from((left + ready.len() as u64) / SHARE).unwrap_or(usize::MAX);
    let target = context.prefetch.min(share);
    let beyond = ready.split_off(target.min(ready.len()));
    if surplus == Surplus::GoesBack && !beyond.is_empty() {
        evict(txn, context, |lease| beyond.contains(&lease.id))?;
        pool = sessions::get(txn, &name)?.unwrap_or(pool);
    }
    let before = pool.clone();
    for lease in pool.leases.iter_mut().filter(|l| ready.contains(&l.id) && is_due(l, context)) {
        lease.renew(context);
    }
    let mut ids = Vec::new();
    if ready.len() < target {
        // What is not for the session is not for the pool: it takes less.
        let mut ranges = still_true(txn, &session, &op.choice.hints, &eligibility_text(op, &session))?;
        let fill = TakeNext { session: name.clone(), ..op.clone() };
        while ready.len() + ids.len() < target {
            let mut search = Search::new(&eligibility);
            let Some(found) = search.run(txn, &queues, &ranges)? else { break };
            merge(&mut ranges, std::mem::take(&mut search.ranges));
            ids.push(take(txn, &mut pool, found, &fill, false, context)?.item.id.to_string());
        }
    }
    if pool != before {
        pool.state = sessions::SessionState::Active;
        pool.ended = None;
        put(txn, &pool)?;
        header::next_generation(txn)?;
    }
    if !ids.is_empty() {
        txn.record(Event::new(context.now, Some(&name), EventKind::Ready).with("items", ids));
    }
    Ok(())
}

/// What becomes of items in a pool beyond its share, because others have taken what was left, or the
/// setting was changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Surplus {
    /// It goes back.
    GoesBack,
    /// It may have been handed out, which is told a moment later: it runs out, if it was not.
    RunsOut,
}
