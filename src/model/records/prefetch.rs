//! A clone's pool: items that are leased ahead for whoever of its sessions asks next.
//!
//! With a remote, taking an item costs a push. So a clone may lease some items more than it was
//! asked for, in the name of a session of its own kind, and hand them out by itself: the lease is
//! the clone's already, no other clone can be given the item meanwhile. What was handed out is
//! told with the next push ([`crate::model::ops::Op::PrefetchGrant`]).

use crate::model::base::{Context, SessionName, View, ViewError};
use crate::model::records::session::{self, Session};

/// The name under which a clone keeps items ready.
pub fn name_of(clone: &str) -> Option<SessionName> {
    SessionName::parse(&format!("prefetch-{clone}")).ok()
}

/// The pool of a clone, if it has one. A session that somebody has given that name is none.
///
/// # Errors
/// When the state cannot be read.
pub fn of(view: &dyn View, clone: &str) -> Result<Option<Session>, ViewError> {
    let Some(name) = name_of(clone) else { return Ok(None) };
    Ok(session::get(view, &name)?.filter(|s| s.prefetch))
}

/// The pool of the clone that acts.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn own(view: &dyn View, context: &Context) -> Result<Option<Session>, ViewError> {
    context.clone.as_ref().map_or(Ok(None), |clone| of(view, clone))
}
