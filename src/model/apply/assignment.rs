//! What a session is assigned, and what of it a call asks for.

use super::candidate::Found;
use crate::model::base::{QueueName, Txn, ViewError};
use crate::model::ops::op::TakeNext;
use crate::model::records::area::Areas;
use crate::model::records::queue::{self, Queue};
use crate::model::records::session::Session;

/// The compiled areas of a session.
pub(super) fn areas_of(session: &Session) -> Result<Areas, ViewError> {
    Areas::new(&session.areas).map_err(|e| ViewError::damaged(format!("sessions/{}.json", session.name), e))
}

/// Seconds of a lease on an item of this queue.
pub(super) fn ttl_of(op: &TakeNext, queue: &Queue) -> u64 {
    if op.choice.exact_ttl { op.ttl } else { queue.rules.ttl.unwrap_or(op.ttl) }
}

/// The queues to take from: as asked, else the session's, else all.
pub(super) fn queues_of(
    txn: &Txn<'_>,
    op: &TakeNext,
    session: &Session,
    help: bool,
) -> Result<Vec<Queue>, ViewError> {
    let own: &[QueueName] = if help { &[] } else { &session.queues };
    let wanted = if op.queues.is_empty() { own } else { &op.queues };
    let mut list = Vec::new();
    if wanted.is_empty() {
        list = queue::all(txn)?;
    }
    // A session may be assigned to a queue before the first import into it.
    for name in wanted {
        list.extend(queue::get(txn, name)?);
    }
    list.retain(|queue| !op.filter.except_queues.contains(&queue.name));
    Ok(list)
}

/// Why an item is not for a session because of its assignment; `None`: it is, or the session
/// may help others.
pub(super) fn unassigned(
    session: &Session,
    op: &TakeNext,
    found: &Found,
) -> Result<Option<String>, ViewError> {
    let item = &found.item;
    let queue = &found.slot.queue;
    let wanted = if op.queues.is_empty() { &session.queues } else { &op.queues };
    if !wanted.is_empty() && !wanted.contains(queue) {
        return Ok(Some(format!("it is in queue {queue}, which is not this session's")));
    }
    if !areas_of(session)?.admits(&item.files) {
        return Ok(Some("it lies outside this session's area".into()));
    }
    let other = session.shard.filter(|shard| !shard.has(item));
    Ok(other.map(|shard| {
        let other = || format!("it does not belong to this session's shard {shard}");
        session.without_shard().unwrap_or_else(other)
    }))
}
