//! Giving back what is kept ready: nobody works on it yet.

use std::collections::BTreeSet;

use super::super::lease_ops::free;
use crate::model::base::{Context, Event, EventKind, RepoPath, Txn, ViewError};
use crate::model::ops::update::{Match, Selection, Update};
use crate::model::records::session::{self as sessions, Lease, LeasedItem, Session};
use crate::model::records::{ItemState, header, prefetch, queue};

/// Gives back what the own clone's pool holds in the way of a session's claim: it is not worked
/// on yet.
///
/// # Errors
/// When the state cannot be read.
pub(in super::super) fn evict_overlapping(
    txn: &mut Txn<'_>,
    paths: &[RepoPath],
    context: &Context,
) -> Result<(), ViewError> {
    evict(txn, context, |lease| {
        lease.all_paths().any(|held| paths.iter().any(|p| p.covers(held) || held.covers(p)))
    })
}

/// Gives back what the own clone's pool holds of what is to be changed: nobody works on it, so it is
/// free as any other.
///
/// # Errors
/// When the state cannot be read.
pub(in super::super) fn evict_matching(
    txn: &mut Txn<'_>,
    update: &Update,
    context: &Context,
) -> Result<(), ViewError> {
    let Some(pool) = prefetch::own(txn, context)? else { return Ok(()) };
    let selection = Selection::new(update);
    let mut found = BTreeSet::new();
    for lease in &pool.leases {
        let Some(LeasedItem { slot, .. }) = &lease.item else { continue };
        let (_, meta, priority) = queue::placement(txn, slot)?;
        let (item, state) = (queue::item(txn, slot)?, ItemState::Pending);
        let one = Match { index: slot.index, item, state, meta };
        if selection.has(&one, slot, priority, &update.change) {
            found.insert(lease.id);
        }
    }
    evict(txn, context, |lease| found.contains(&lease.id))
}

/// Gives back items of the own clone's pool.
///
/// # Errors
/// When the state cannot be read.
pub(in super::super) fn evict(
    txn: &mut Txn<'_>,
    context: &Context,
    chosen: impl Fn(&Lease) -> bool,
) -> Result<(), ViewError> {
    let Some(mut pool) = prefetch::own(txn, context)? else { return Ok(()) };
    let (gone, kept): (Vec<Lease>, Vec<Lease>) = pool.leases.drain(..).partition(chosen);
    pool.leases = kept;
    if gone.is_empty() {
        return Ok(());
    }
    for lease in &gone {
        put_back(txn, &pool, lease, context)?;
    }
    sessions::put(txn, &pool);
    header::next_generation(txn)?;
    let ids: Vec<_> = gone.iter().filter_map(|l| l.item.as_ref()).map(|i| i.id.to_string()).collect();
    let leases: Vec<_> = gone.iter().map(|l| l.id).collect();
    let event = Event::new(context.now, Some(&pool.name), EventKind::Drop).with("items", ids);
    txn.record(event.with("leases", leases));
    Ok(())
}

/// One item goes back, untouched.
fn put_back(txn: &mut Txn<'_>, pool: &Session, lease: &Lease, context: &Context) -> Result<(), ViewError> {
    free(txn, &pool.name, lease)?;
    let Some(item) = &lease.item else { return Ok(()) };
    queue::transition_of(txn, &item.slot, item.kind.as_ref(), ItemState::Pending, |meta| {
        meta.at = Some(context.now);
    })?;
    Ok(())
}
