//! What an operation needs to know beyond the state.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::SessionName;

/// What an operation needs to know beyond the state.
#[derive(Debug, Clone)]
pub struct Context {
    /// The wall clock.
    pub now: Timestamp,
    /// This clone, when a remote decides between several.
    pub clone: Option<String>,
    /// Leases of other clones, with their numbers of renewals, that this clone has watched
    /// unchanged for longer than they last. Clocks of two machines are never compared.
    pub stale: BTreeSet<(u64, u64)>,
    /// Leases of this clone, with their numbers of renewals, whose sessions were at work within the time
    /// that they last, whatever the wall clock says: they have not run out.
    pub at_work: BTreeSet<(u64, u64)>,
    /// Items that this clone keeps ready for those who ask for the same, see `records::prefetch`.
    pub prefetch: usize,
    /// The session as which the operation is submitted, when a worktree is bound to it.
    pub identity: Option<Identity>,
    /// When the operation was accepted, if nobody has waited for it since: what is only recorded tells that
    /// its session was alive then, and not that it is.
    pub accepted: Option<Timestamp>,
}

impl Context {
    /// The context of a store that decides by itself.
    pub fn local(now: Timestamp) -> Self {
        Context {
            now,
            clone: None,
            stale: BTreeSet::new(),
            at_work: BTreeSet::new(),
            prefetch: 0,
            identity: None,
            accepted: None,
        }
    }
}

/// A session, and what shows that it is the one that a worktree was bound to: a name can be started again
/// elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its name.
    pub session: SessionName,
    /// The token that was drawn when the worktree was bound.
    pub token: String,
}
