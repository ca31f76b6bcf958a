//! Leases: running out, being taken back, being renewed.

use jiff::Timestamp;

use super::lease_ops::{free, is_due, loss_of_item, loss_of_path, lost, put};
use super::refusal::{Ruling, active};
use crate::model::base::{Context, Event, EventKind, SessionName, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::op::RenewWhat;
use crate::model::records::session::{self as sessions, Lease, Loss, Session};
use crate::model::records::{ItemState, cooldown, header, queue};

/// Takes back every lease that has run out, except those of `alive`, which are renewed instead, as of when it
/// was `seen`: a session whose command arrives is not dead, and nobody has taken its place yet. Those of a
/// pool that is alive stay as they are.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn sweep(
    txn: &mut Txn<'_>,
    alive: &[&SessionName],
    seen: Timestamp,
    context: &Context,
) -> Result<(), ViewError> {
    let before = header::read(txn)?.sweep_at;
    if before.is_none_or(|at| context.now < at) && context.stale.is_empty() {
        return Ok(());
    }
    let mut earliest = cooldown::sweep(txn, context.now)?;
    let mut changed = false;
    for mut session in sessions::all(txn)? {
        let is_alive = alive.contains(&&session.name);
        if is_alive && session.prefetch {
            // Which of its items were handed out is told in this transaction, perhaps by several
            // operations. What was not runs out when that is done.
            earliest = earliest.into_iter().chain(session.leases.iter().map(Lease::expires).min()).min();
            continue;
        }
        let (out, kept): (Vec<Lease>, Vec<Lease>) =
            session.leases.drain(..).partition(|l| l.has_run_out(context));
        session.leases = kept;
        changed |= !out.is_empty();
        let (back, gone): (Vec<Lease>, Vec<Lease>) =
            out.into_iter().partition(|l| is_alive && l.expires_from(seen) > context.now);
        if !back.is_empty() {
            let then = Context { now: seen, ..context.clone() };
            session.leases.extend(back.into_iter().map(|mut lease| {
                lease.renew(&then);
                lease
            }));
            session.leases.sort_by_key(|l| l.id);
            sessions::put(txn, &session);
        }
        if !gone.is_empty() {
            let by = alive.first().copied().filter(|by| **by != session.name).cloned();
            expire(txn, &mut session, gone, by.as_ref(), context)?;
        }
        let next = session.leases.iter().map(Lease::expires).min();
        earliest = earliest.into_iter().chain(next).min();
    }
    // Another clone's lease may be over by its times and yet not watched for long enough.
    if changed || earliest != before {
        header::next_generation(txn)?;
        let mut head = header::read(txn)?;
        head.sweep_at = earliest;
        txn.put_json(header::KEY, &head);
    }
    Ok(())
}

/// Gives back what was held under leases that have run out, and tells the session so.
fn expire(
    txn: &mut Txn<'_>,
    session: &mut Session,
    gone: Vec<Lease>,
    by: Option<&SessionName>,
    context: &Context,
) -> Result<(), ViewError> {
    let mut event = Event::new(context.now, Some(&session.name), EventKind::Expired);
    let mut paths = Vec::new();
    let mut items = Vec::new();
    let mut lost = Vec::new();
    let ids: Vec<u64> = gone.iter().map(|l| l.id).collect();
    for lease in gone {
        let why = format!("its lease ran out at {}", lease.expires());
        let loss = |path, item| Loss {
            path,
            item,
            lease: lease.id,
            at: context.now,
            by: by.cloned(),
            why: why.clone(),
        };
        // A pool is nobody who could be told.
        for path in lease.all_paths().filter(|_| !session.prefetch) {
            lost.push(loss(Some(path.clone()), None));
        }
        if let Some(item) = &lease.item {
            lost.extend((!session.prefetch).then(|| loss(None, Some(item.id.clone()))));
            items.push(item.id.to_string());
        }
        paths.extend(lease.paths.iter().map(ToString::to_string));
        free(txn, &session.name, &lease)?;
        if let Some(item) = &lease.item {
            let state = if session.prefetch { ItemState::Pending } else { after_expiry(txn, &item.slot)? };
            queue::transition_of(txn, &item.slot, item.kind.as_ref(), state, |meta| {
                meta.at = Some(context.now);
                if !session.prefetch {
                    meta.lapses = if state == ItemState::Failed { 0 } else { meta.lapses + 1 };
                    meta.why = Some(match state {
                        ItemState::Failed => format!("{why}; no attempt came to an end"),
                        _ => why.clone(),
                    });
                }
            })?;
        }
    }
    lost.into_iter().for_each(|loss| session.remember_loss(loss));
    if !paths.is_empty() {
        event = event.with("paths", &paths);
    }
    if !items.is_empty() {
        event = event.with("items", &items);
    }
    sessions::put(txn, session);
    txn.record(event.with("leases", ids));
    Ok(())
}

/// How often an item may be handed out without coming back before it is given up, or its queue's limit where
/// that is higher. An item that kills whoever works on it would otherwise be handed out first for ever.
const MOST_EXPIRIES: u32 = 5;

/// The state of an item whose lease has run out.
fn after_expiry(txn: &Txn<'_>, slot: &queue::Slot) -> Result<ItemState, ViewError> {
    let limit = queue::must_get(txn, &slot.queue)?.max_attempts.max(MOST_EXPIRIES);
    let (_, meta, _) = queue::placement(txn, slot)?;
    Ok(if meta.lapses + 1 >= limit { ItemState::Failed } else { ItemState::Pending })
}

/// Renews leases of a session.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn renew(
    txn: &mut Txn<'_>,
    name: &SessionName,
    what: &RenewWhat,
    ttl: Option<u64>,
    context: &Context,
) -> Ruling {
    let mut session = active(txn, name)?;
    let mut losses = Vec::new();
    if let RenewWhat::These { paths, items } = what {
        for path in paths.iter().filter(|p| session.path_lease(p).is_none()) {
            losses.push(loss_of_path(&session, path));
        }
        for item in items.iter().filter(|i| session.item_lease(i).is_none()) {
            losses.push(loss_of_item(&session, item));
        }
    }
    if !losses.is_empty() {
        return Err(lost(txn, losses, name)?);
    }
    let chosen = |lease: &Lease| match what {
        RenewWhat::All => true,
        RenewWhat::Due => is_due(lease, context),
        RenewWhat::These { paths, items } => {
            lease.paths.iter().any(|p| paths.contains(p))
                || lease.item.as_ref().is_some_and(|i| items.contains(&i.id))
        }
    };
    let mut renewed = Vec::new();
    for lease in session.leases.iter_mut().filter(|l| chosen(l)) {
        lease.renew(context);
        lease.ttl = ttl.unwrap_or(lease.ttl);
        renewed.push((lease.id, lease.expires()));
    }
    if renewed.is_empty() {
        return Ok(Outcome::Renewed { leases: renewed });
    }
    put(txn, &session)?;
    header::next_generation(txn)?;
    let ids: Vec<u64> = renewed.iter().map(|(id, _)| *id).collect();
    txn.record(Event::new(context.now, Some(name), EventKind::Renew).with("leases", ids));
    Ok(Outcome::Renewed { leases: renewed })
}
