//! What is in the way of a claim.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, RepoPath, SessionName, View, ViewError};
use crate::model::records::claim::{self, Claim, Holder, Mode};
use crate::model::records::fence::Fence;
use crate::model::records::session::{self as sessions, Lease};

/// A claim that was granted, or is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The path.
    pub path: RepoPath,
    /// Who holds it.
    pub session: SessionName,
    /// Exclusive or shared.
    pub mode: Mode,
    /// Under which lease.
    pub lease: u64,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless renewed; `None` when the record of the lease is gone.
    pub expires: Option<Timestamp>,
    /// The item that brought it.
    pub item: Option<ItemId>,
    /// What for.
    pub reason: Option<String>,
}

/// A claim in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// The path that was asked for.
    pub path: RepoPath,
    /// The claim in the way: the same path, or one above or below.
    pub held: RepoPath,
    /// Who holds that.
    pub session: SessionName,
    /// Until when, unless renewed.
    pub expires: Option<Timestamp>,
    /// What for.
    pub reason: Option<String>,
}

/// What stands in the way of `session` holding `path` in `mode`.
///
/// # Errors
/// When the state cannot be read.
pub fn blockers_of(
    view: &dyn View,
    path: &RepoPath,
    session: &SessionName,
    mode: Mode,
) -> Result<Vec<Blocker>, ViewError> {
    let mut blockers: Vec<Blocker> =
        Fence::around(view, session)?.and_then(|f| f.blocker(path)).into_iter().collect();
    for claim in claim::overlapping(view, path)? {
        for holder in claim.conflicts(session, mode) {
            blockers.push(blocker(view, path, &claim, holder)?);
        }
    }
    Ok(blockers)
}

fn blocker(view: &dyn View, path: &RepoPath, claim: &Claim, holder: &Holder) -> Result<Blocker, ViewError> {
    Ok(Blocker {
        path: path.clone(),
        held: claim.path.clone(),
        session: holder.session.clone(),
        expires: expiry(view, holder)?,
        reason: holder.reason.clone(),
    })
}

/// When a hold ends unless renewed: the last of its leases.
///
/// # Errors
/// When the state cannot be read.
pub fn expiry(view: &dyn View, holder: &Holder) -> Result<Option<Timestamp>, ViewError> {
    let Some(session) = sessions::get(view, &holder.session)? else { return Ok(None) };
    let leases = session.leases.iter().filter(|l| holder.grants.iter().any(|g| g.lease == l.id));
    Ok(leases.map(Lease::expires).max())
}
