//! Finishing items, or giving them back.

use super::lease_ops::{free, held_under, loss_of_item, lost, put, renew_due};
use super::refusal::{Ruling, active, refused, unknown};
use crate::model::base::{Context, Event, ItemId, RuleId, SessionName, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::op::Finish;
use crate::model::records::session::{self as sessions, Lease, LeasedItem, Session};
use crate::model::records::{ItemState, cooldown, dependencies, header, item_index, queue};

/// Finishes items, or gives them back; all or nothing, and only what is held under the lease that is
/// named.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn finish(
    txn: &mut Txn<'_>,
    name: &SessionName,
    items: &[ItemId],
    (how, under): (&Finish, Option<u64>),
    context: &Context,
) -> Ruling {
    let mut session = active(txn, name)?;
    let mut states = Vec::new();
    let mut losses = Vec::new();
    let mut held: Vec<(Lease, LeasedItem)> = Vec::new();
    for id in items {
        if let Some((lease, item)) = held_under(&session, id, under).and_then(|l| Some((l, l.item.as_ref()?)))
        {
            if !held.iter().any(|(_, i)| i.id == *id) {
                held.push((lease.clone(), item.clone()));
            }
            continue;
        }
        let Some(slot) = item_index::find(txn, id)? else {
            return Err(unknown("item", id));
        };
        let (state, meta, _) = queue::placement(txn, &slot)?;
        // A repeated command, after an answer that did not arrive.
        let repeated = meta.by.as_ref() == Some(name) && under.is_none_or(|lease| meta.lease == Some(lease));
        if repeated && session.item_loss(id).is_none() && is_result(how, state) {
            states.push((id.clone(), state));
            continue;
        }
        let mut loss = loss_of_item(&session, id);
        if let Some(by) = meta.by.filter(|by| by != name) {
            loss.why = format!("{}; it is {state} now, with {by}", loss.why);
            loss.by = Some(by);
        } else {
            loss.why = format!("{}; it is {state} now", loss.why);
        }
        losses.push(loss);
    }
    if !losses.is_empty() {
        return Err(lost(txn, losses, name)?);
    }
    if matches!(how, Finish::Done) {
        must_be_verified(txn, &held)?;
    }
    let mut unblocked = Vec::new();
    for (lease, item) in &held {
        let state = hand_back(txn, &mut session, lease, item, how, context)?;
        if state == ItemState::Done {
            unblocked.extend(dependencies::satisfy(txn, &item.id, &item.slot)?);
        }
        states.push((item.id.clone(), state));
    }
    if !held.is_empty() {
        renew_due(&mut session, context);
        put(txn, &session)?;
        header::next_generation(txn)?;
        let ids: Vec<_> = held.iter().map(|(_, item)| item.id.to_string()).collect();
        let leases: Vec<_> = held.iter().map(|(lease, _)| lease.id).collect();
        let mut event =
            Event::new(context.now, Some(name), how.event()).with("items", ids).with("leases", leases);
        if let Finish::Fail { reason, last } = how {
            event = event.with("reason", reason).with("final", last);
        }
        txn.record(event);
    }
    states.sort_by_key(|(id, _)| items.iter().position(|i| i == id));
    Ok(Outcome::Finished { items: states, unblocked })
}

/// Refuses when a queue asks for a verification and an item has none that passed.
fn must_be_verified(txn: &Txn<'_>, held: &[(Lease, LeasedItem)]) -> Ruling<()> {
    for (_, item) in held {
        let rules = queue::must_get(txn, &item.slot.queue)?.rules;
        if !rules.verify || item.verified.as_ref().is_some_and(|v| v.ok) {
            continue;
        }
        let why = match &item.verified {
            Some(v) => format!("its verification failed: {}", v.command),
            None => format!("queue {} asks for a verification, and there was none", item.slot.queue),
        };
        let command = if rules.verify_command.is_some() { "" } else { " -- COMMAND" };
        let hint = format!("git coord verify {}{command}", item.id);
        return Err(refused(RuleId::VerificationRequired, format!("{}: {why}", item.id), hint));
    }
    Ok(())
}

/// True when `state` is what `how` leads to.
fn is_result(how: &Finish, state: ItemState) -> bool {
    match how {
        Finish::Done => state == ItemState::Done,
        Finish::Fail { .. } => {
            matches!(state, ItemState::Failed | ItemState::Pending | ItemState::Blocked)
        }
        Finish::Drop => matches!(state, ItemState::Pending | ItemState::Blocked),
    }
}

/// Moves one item on, frees its files and ends its lease.
fn hand_back(
    txn: &mut Txn<'_>,
    session: &mut Session,
    lease: &Lease,
    item: &LeasedItem,
    how: &Finish,
    context: &Context,
) -> Result<ItemState, ViewError> {
    let queue = queue::must_get(txn, &item.slot.queue)?;
    let limit = queue.max_attempts;
    let (_, meta, _) = queue::placement(txn, &item.slot)?;
    let state = match how {
        Finish::Done => ItemState::Done,
        Finish::Drop => ItemState::Pending,
        Finish::Fail { last, .. } if *last || meta.fails + 1 >= limit => ItemState::Failed,
        Finish::Fail { .. } => ItemState::Pending,
    };
    let rests = matches!(how, Finish::Fail { .. }) && state == ItemState::Pending;
    let until = queue.rules.cool_down.filter(|_| rests).map(|d| sessions::later(context.now, d));
    let state = queue::transition_of(txn, &item.slot, item.kind.as_ref(), state, |meta| {
        meta.at = Some(context.now);
        meta.lapses = 0;
        match how {
            Finish::Fail { reason, .. } => {
                meta.fails += 1;
                meta.until = until;
                meta.why = Some(reason.clone());
            }
            Finish::Drop => meta.attempt = meta.attempt.saturating_sub(1),
            Finish::Done => meta.why = None,
        }
    })?;
    if let Some(until) = until {
        cooldown::add(txn, &item.id, until)?;
    }
    free(txn, &session.name, lease)?;
    session.leases.retain(|l| l.id != lease.id);
    match how {
        Finish::Done => {
            session.done += 1;
            session.stats.pace.note(context.now);
        }
        Finish::Fail { .. } => session.failed += 1,
        Finish::Drop => session.stats.untouched(),
    }
    session.stats.last = Some(context.now);
    Ok(state)
}
