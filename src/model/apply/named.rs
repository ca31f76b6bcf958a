//! Taking exactly one item, asked for by its id.

use super::assignment::unassigned;
use super::candidate::Found;
use super::lease_ops::put;
use super::refusal::{Ruling, Stop, refused, unknown};
use crate::model::base::{EventKind, ItemId, RepoPath, RuleId, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::choice::ChosenBecause;
use crate::model::ops::op::TakeNext;
use crate::model::ops::outcome::Taken;
use crate::model::records::claim::Mode;
use crate::model::records::conflict::{Blocker, blockers_of};
use crate::model::records::segment::ItemMeta;
use crate::model::records::session::{self as sessions, Session};
use crate::model::records::{Item, ItemState, header, item_index, queue};

/// An item that was asked for and may be had.
pub(super) enum Named {
    /// It is free. True: it is help for others.
    Free(Box<Found>, bool),
    /// The session has it already.
    Mine(Box<Taken>),
}

/// Looks for an item that is asked for by its id.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn find(txn: &mut Txn<'_>, session: &Session, op: &TakeNext, id: &ItemId) -> Ruling<Named> {
    let Some(slot) = item_index::find(txn, id)? else {
        return Err(unknown("item", id));
    };
    let (state, meta, priority) = queue::placement(txn, &slot)?;
    let item = queue::item(txn, &slot)?;
    let found = Found { slot, item, priority, because: ChosenBecause::Named };
    if state == ItemState::Claimed {
        return match mine(txn, session, &found, &meta)? {
            Some(taken) => Ok(Named::Mine(Box::new(taken))),
            None => Err(Outcome::Held { blockers: holders(txn, &found.item, &meta)? }.into()),
        };
    }
    if state != ItemState::Pending {
        return Err(not_free(id, state, &meta));
    }
    let mut blockers = Vec::new();
    for file in &found.item.files {
        blockers.extend(blockers_of(txn, file, &session.name, Mode::Exclusive)?);
    }
    if !blockers.is_empty() {
        return Err(Outcome::Held { blockers }.into());
    }
    if let Some((held, most)) = session.filled(&queue::must_get(txn, &found.slot.queue)?) {
        let queue = &found.slot.queue;
        return Err(refused(
            RuleId::MaxHeld,
            format!("{id}: this session holds {held} items of queue {queue}, and may hold {most}"),
            "finish one of them first, or give it back: git coord queue list --mine",
        ));
    }
    match unassigned(session, op, &found)? {
        Some(why) if !session.help_others => Err(refused(
            RuleId::OutsideAssignment,
            format!("{id}: {why}"),
            "let the session help others: git coord session start NAME --help-others",
        )),
        other => Ok(Named::Free(Box::new(found), other.is_some())),
    }
}

fn not_free(id: &ItemId, state: ItemState, meta: &ItemMeta) -> Stop {
    let message = match (state, meta.until, &meta.why) {
        (ItemState::Blocked, Some(until), _) => format!("{id} is not offered before {until}"),
        (ItemState::Blocked, None, _) => format!("{id} waits for others that are not done"),
        (state, _, Some(why)) => format!("{id} is {state}: {why}"),
        (state, _, None) => format!("{id} is {state}"),
    };
    refused(RuleId::NotFree, message, format!("see what it waits for: git coord queue why {id}"))
}

/// The item as it was handed to this session, when it holds it: asking again changes nothing.
fn mine(
    txn: &mut Txn<'_>,
    session: &Session,
    found: &Found,
    meta: &ItemMeta,
) -> Result<Option<Taken>, ViewError> {
    let Some(lease) = session.item_lease(&found.item.id) else { return Ok(None) };
    let taken = Taken {
        item: found.item.clone(),
        queue: found.slot.queue.clone(),
        priority: found.priority,
        attempt: meta.attempt,
        lease: lease.id,
        expires: lease.expires(),
        notes: meta.notes.clone(),
        because: ChosenBecause::Named,
        help: false,
    };
    // Its lease may have been renewed on the way.
    if sessions::get(txn, &session.name)?.as_ref() != Some(session) {
        put(txn, session)?;
        header::next_generation(txn)?;
        let event =
            crate::model::base::event::Event::new(lease.renewed, Some(&session.name), EventKind::Renew);
        txn.record(event.with("leases", [lease.id]));
    }
    Ok(Some(taken))
}

/// Who holds an item, in the form of claims in the way.
fn holders(txn: &Txn<'_>, item: &Item, meta: &ItemMeta) -> Result<Vec<Blocker>, ViewError> {
    let Some(by) = &meta.by else { return Ok(Vec::new()) };
    let holder = sessions::get(txn, by)?;
    let until = holder.as_ref().and_then(|s| s.item_lease(&item.id)).map(|lease| lease.expires());
    let whole = [RepoPath::root()];
    let paths = if item.files.is_empty() { &whole[..] } else { &item.files };
    let blocker = |path: &RepoPath| Blocker {
        path: path.clone(),
        held: path.clone(),
        session: by.clone(),
        expires: until,
        reason: Some(format!("item {}", item.id)),
    };
    Ok(paths.iter().map(blocker).collect())
}
