//! The settings of a queue, and what its items must have passed to be done.

use super::lease_ops::{held_under, loss_of_item, lost, put, renew_due};
use super::refusal::{Ruling, active};
use crate::model::base::{Context, Event, EventKind, ItemId, QueueName, SessionName, Txn};
use crate::model::ops::Outcome;
use crate::model::records::rules::Rule;
use crate::model::records::session::Verified;
use crate::model::records::{header, queue};

/// Changes settings; the queue comes to be if need be.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn set(
    txn: &mut Txn<'_>,
    name: &QueueName,
    max_attempts: Option<u32>,
    rules: &[Rule],
    context: &Context,
) -> Ruling {
    let mut queue = queue::get(txn, name)?.unwrap_or_else(|| queue::Queue::new(name.clone(), context.now));
    queue.max_attempts = max_attempts.unwrap_or(queue.max_attempts).max(1);
    rules.iter().for_each(|rule| queue.rules.set(rule.clone()));
    queue::put(txn, &queue);
    header::next_generation(txn)?;
    let mut event = Event::new(context.now, None, EventKind::Queue)
        .with("queue", name.as_str())
        .with("max_attempts", queue.max_attempts);
    if !rules.is_empty() {
        event = event.with("rules", &queue.rules);
    }
    txn.record(event);
    Ok(Outcome::Done)
}

/// Notes what a check of an item came to, with the lease under which the session holds it.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn verify(
    txn: &mut Txn<'_>,
    name: &SessionName,
    (id, under): (&ItemId, Option<u64>),
    verified: &Verified,
    context: &Context,
) -> Ruling {
    let mut session = active(txn, name)?;
    let Some(lease) = held_under(&session, id, under).map(|lease| lease.id) else {
        return Err(lost(txn, vec![loss_of_item(&session, id)], name)?);
    };
    for item in session.leases.iter_mut().filter(|l| l.id == lease).filter_map(|l| l.item.as_mut()) {
        item.verified = Some(Box::new(verified.clone()));
    }
    renew_due(&mut session, context);
    put(txn, &session)?;
    header::next_generation(txn)?;
    let mut event = Event::new(context.now, Some(name), EventKind::Verify)
        .with("items", [id.as_str()])
        .with("ok", verified.ok)
        .with("lease", lease)
        .with("command", &verified.command);
    if let Some(exit) = verified.exit {
        event = event.with("exit", exit);
    }
    txn.record(event);
    Ok(Outcome::Done)
}
