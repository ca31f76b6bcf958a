//! Granting items, each with its files.

use std::collections::BTreeSet;

use super::assignment::ttl_of;
use super::candidate::Found;
use super::lease_ops::{free, put};
use crate::model::base::{Context, Event, EventKind, Txn, ViewError};
use crate::model::ops::choice::ChosenBecause;
use crate::model::ops::op::TakeNext;
use crate::model::ops::outcome::Taken;
use crate::model::records::claim::{self, Grant, Holder, Mode};
use crate::model::records::counters::{self, Kind};
use crate::model::records::segment::ItemMeta;
use crate::model::records::session::{Lease, LeasedItem, Session};
use crate::model::records::{ItemState, header, queue};

/// Bytes of a title that a lease keeps.
const TITLE: usize = 80;

/// Gives an item and its files to the session, under a lease of its own.
pub(super) fn take(
    txn: &mut Txn<'_>,
    session: &mut Session,
    found: Found,
    op: &TakeNext,
    help: bool,
    context: &Context,
) -> Result<Taken, ViewError> {
    let Found { slot, item, priority, because } = found;
    let ttl = ttl_of(op, &queue::must_get(txn, &slot.queue)?);
    let generation = header::next_generation(txn)?;
    let (mut attempt, mut notes) = (0, Vec::new());
    let kind = Kind::of(&item);
    queue::transition_of(txn, &slot, Some(&kind), ItemState::Claimed, |meta: &mut ItemMeta| {
        // What is only kept ready is not tried yet.
        meta.attempt += u32::from(!session.prefetch);
        attempt = meta.attempt;
        notes.clone_from(&meta.notes);
        meta.by = Some(session.name.clone());
        meta.lease = Some(generation);
        meta.at = None;
    })?;
    let mut files = item.files.clone();
    files.sort();
    files.dedup();
    let lease = Lease {
        id: generation,
        mode: Mode::Exclusive,
        since: context.now,
        renewed: context.now,
        renewals: 0,
        ttl,
        clone: context.clone.clone(),
        paths: Vec::new(),
        item: Some(LeasedItem {
            id: item.id.clone(),
            slot: slot.clone(),
            verified: None,
            files,
            title: Some(counters::short(&item.title, TITLE)),
            kind: Some(kind),
        }),
    };
    grant_files(txn, session, &lease)?;
    let expires = lease.expires();
    session.leases.push(lease);
    Ok(Taken { item, queue: slot.queue, priority, attempt, lease: generation, expires, notes, because, help })
}

/// Moves one lease with its item and files from a pool to a session. The lease keeps its number:
/// it is the same grant, in other hands of the same clone. Its time begins anew with `begin`, the
/// seconds that it lasts from then on.
pub(super) fn grant_one(
    txn: &mut Txn<'_>,
    pool: &mut Session,
    session: &mut Session,
    id: u64,
    begin: Option<(&Context, u64)>,
) -> Result<Option<Taken>, ViewError> {
    let Some(at) = pool.leases.iter().position(|l| l.id == id && l.item.is_some()) else { return Ok(None) };
    let mut lease = pool.leases.remove(at);
    if let Some((context, ttl)) = begin {
        lease.renew(context);
        lease.ttl = ttl;
    }
    let Some(held) = &lease.item else { return Ok(None) };
    free(txn, &pool.name, &lease)?;
    grant_files(txn, session, &lease)?;
    queue::transition_of(txn, &held.slot, held.kind.as_ref(), ItemState::Claimed, |meta: &mut ItemMeta| {
        meta.by = Some(session.name.clone());
        meta.attempt += 1;
    })?;
    let (_, meta, priority) = queue::placement(txn, &held.slot)?;
    let taken = Taken {
        item: queue::item(txn, &held.slot)?,
        queue: held.slot.queue.clone(),
        priority,
        attempt: meta.attempt,
        lease: id,
        expires: lease.expires(),
        notes: meta.notes.clone(),
        because: ChosenBecause::Ready,
        help: false,
    };
    session.leases.push(lease);
    Ok(Some(taken))
}

/// Counts what a session was given, and writes it and the event.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn record_taken(
    txn: &mut Txn<'_>,
    session: &mut Session,
    taken: &[Taken],
    at: jiff::Timestamp,
) -> Result<(), ViewError> {
    let from: BTreeSet<_> = taken.iter().map(|t| &t.queue).collect();
    queue::begin(txn, from.into_iter(), at)?;
    session.stats.grant(taken.len() as u64, at);
    put(txn, session)?;
    let ids: Vec<_> = taken.iter().map(|t| t.item.id.to_string()).collect();
    let leases: Vec<_> = taken.iter().map(|t| t.lease).collect();
    txn.record(
        Event::new(at, Some(&session.name), EventKind::Next).with("items", ids).with("leases", leases),
    );
    Ok(())
}

/// Gives the files of an item to the session that holds it under `lease`.
fn grant_files(txn: &mut Txn<'_>, session: &mut Session, lease: &Lease) -> Result<(), ViewError> {
    let Some(item) = &lease.item else { return Ok(()) };
    for file in &item.files {
        let holder = Holder {
            session: session.name.clone(),
            mode: Mode::Exclusive,
            since: lease.since,
            grants: vec![Grant { lease: lease.id, item: Some(item.id.clone()), mode: Mode::Exclusive }],
            reason: None,
        };
        claim::grant(txn, file, holder)?;
        session.forget_losses(file);
    }
    session.lost.retain(|l| l.item.as_ref() != Some(&item.id));
    Ok(())
}
