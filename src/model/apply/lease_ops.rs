//! What the rules for claims, items and sessions do with leases alike.

use super::refusal::Stop;
use crate::model::base::{Context, ItemId, SessionName, Txn, View, ViewError};
use crate::model::ops::Outcome;
use crate::model::records::claim::{self, Mode};
use crate::model::records::conflict::blockers_of;
use crate::model::records::header;
use crate::model::records::session::{self as sessions, Lease, Loss, Session};

/// Removes everything that stands in `claims/` under a lease.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn free(txn: &mut Txn<'_>, session: &SessionName, lease: &Lease) -> Result<(), ViewError> {
    for path in lease.all_paths() {
        claim::ungrant(txn, path, session, |grant| grant.lease == lease.id)?;
    }
    Ok(())
}

/// What a session is told about a path that it does not hold.
pub(super) fn loss_of_path(session: &Session, path: &crate::model::base::RepoPath) -> Loss {
    session.path_loss(path).cloned().map(|loss| Loss { path: Some(path.clone()), ..loss }).unwrap_or_else(
        || Loss {
            path: Some(path.clone()),
            item: None,
            lease: 0,
            at: session.started,
            by: None,
            why: "this session has no claim of it".into(),
        },
    )
}

/// The lease of a session on an item; where one is named, only that one.
pub(super) fn held_under<'a>(session: &'a Session, item: &ItemId, under: Option<u64>) -> Option<&'a Lease> {
    session.item_lease(item).filter(|lease| under.is_none_or(|id| lease.id == id))
}

/// What a session is told about an item that it does not hold.
pub(super) fn loss_of_item(session: &Session, item: &ItemId) -> Loss {
    session.item_loss(item).cloned().unwrap_or_else(|| Loss {
        path: None,
        item: Some(item.clone()),
        lease: 0,
        at: session.started,
        by: None,
        why: "this session does not hold it".into(),
    })
}

/// Writes the record of a session whose leases may have been renewed. A lease can run out sooner than
/// before: when the clock was set back, or it is another clone's.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn put(txn: &mut Txn<'_>, session: &Session) -> Result<(), ViewError> {
    if let Some(first) = session.leases.iter().map(Lease::expires).min() {
        header::record_expiry(txn, first)?;
    }
    sessions::put(txn, session);
    Ok(())
}

/// Renews the leases of a session that are past half of their time, as part of another operation.
pub(super) fn renew_due(session: &mut Session, context: &Context) {
    for lease in session.leases.iter_mut().filter(|l| is_due(l, context)) {
        lease.renew(context);
    }
}

/// True when a lease is past half of its time, or its times are another clone's.
pub(super) fn is_due(lease: &Lease, context: &Context) -> bool {
    lease.clone != context.clone || lease.is_due(context.now)
}

/// The outcome for things that a session does not hold: who holds them now is told with it.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn lost(view: &dyn View, losses: Vec<Loss>, session: &SessionName) -> Result<Stop, ViewError> {
    let mut holders = Vec::new();
    for path in losses.iter().filter_map(|l| l.path.as_ref()) {
        holders.extend(blockers_of(view, path, session, Mode::Exclusive)?);
    }
    Ok(Outcome::Lost { losses, holders }.into())
}
