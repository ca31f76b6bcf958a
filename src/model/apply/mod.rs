//! `apply`: the one function that changes the state.
//!
//! It is pure: the same state, operation and context give the same result, so it serves the local
//! writer, a retry after a lost race, the simulator and the tests alike.
//!
//! Guarantees:
//! - a refused operation leaves nothing behind;
//! - no two sessions hold overlapping paths unless both share them;
//! - an item is in one state at any time, and the counters follow every change;
//! - a lease number is never given twice, and who lost a lease can do nothing under it.

mod claim;
mod cycle;
mod finish;
mod import;
mod landing;
mod leases;
mod named;
mod next;
mod plan;
mod prefetch;
mod search;
mod session;
mod settings;
mod update;

pub use claim::{blockers_of, expiry};
pub use import::Intake;
pub use plan::{Fence, changes as plan_changes};
pub use prefetch::grant_prefetched;
use std::collections::BTreeSet;
pub use update::preview_update;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{Event, SessionName, Txn, ViewError};
use crate::model::ops::{Op, Outcome};
use crate::model::records::{NewItem, header, session as sessions};

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
    /// Items that this clone keeps ready for those who ask for the same, see [`crate::model::records::prefetch`].
    pub prefetch: usize,
    /// The session as which the operation is submitted, when a worktree is bound to it.
    pub identity: Option<Identity>,
    /// When the operation was accepted, if nobody has waited for it since: what is only recorded tells that
    /// its session was alive then, and not that it is.
    pub accepted: Option<Timestamp>,
}

/// A session, and what shows that it is the one that a worktree was bound to: a name can be started anew
/// elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its name.
    pub session: SessionName,
    /// The token that was drawn when the worktree was bound.
    pub token: String,
}

impl Identity {
    /// True when the session of that name is at work, and bound to another worktree.
    pub fn is_displaced_by(&self, record: &sessions::Session) -> bool {
        record.is_bound() && record.token != self.token
    }
}

impl Context {
    /// The context of a store that decides by itself.
    pub fn local(now: Timestamp) -> Self {
        Context { now, clone: None, stale: BTreeSet::new(), prefetch: 0, identity: None, accepted: None }
    }
}

/// Applies one operation. A refused one is rolled back.
///
/// # Errors
/// When the state cannot be read or is damaged; the transaction is then of no use.
pub fn apply(txn: &mut Txn<'_>, op: &Op, context: &Context) -> Result<Outcome, ViewError> {
    let pool = match op {
        Op::PrefetchGrant(out) => Some(&out.pool),
        _ => None,
    };
    let mut alive: Vec<&SessionName> = op.session().into_iter().chain(pool).collect();
    let displaced = displaced(txn, op, context)?;
    if displaced.is_some() {
        // It says nothing of the life of the session that has this name now.
        alive.clear();
    }
    let seen = match op {
        Op::Record { .. } => happened(context),
        _ => context.now,
    };
    guarded(txn, &alive, seen, context, |txn| match displaced {
        Some(outcome) => Ok(outcome),
        None => dispatch(txn, op, context),
    })
}

/// The refusal of an operation from a worktree whose session was started anew elsewhere: it is not that
/// session, whatever its name.
fn displaced(txn: &Txn<'_>, op: &Op, context: &Context) -> Result<Option<Outcome>, ViewError> {
    let Some(identity) = &context.identity else { return Ok(None) };
    let named = match op {
        Op::StartSession(_) => None,
        Op::EndSession { name } => Some(name),
        other => other.session(),
    };
    if named != Some(&identity.session) {
        return Ok(None);
    }
    Ok(sessions::get(txn, &identity.session)?.filter(|record| identity.is_displaced_by(record)).map(
        |record| Outcome::Displaced { session: record.name, worktree: record.worktree, host: record.host },
    ))
}

/// When what is being recorded has happened. A clock that was set back does not make it the future.
fn happened(context: &Context) -> Timestamp {
    context.accepted.map_or(context.now, |at| at.min(context.now))
}

/// Applies [`Op::Import`] to items that stand somewhere else, so that a large import is not
/// copied. A refused one is rolled back.
///
/// # Errors
/// As [`apply`].
pub fn apply_import(
    txn: &mut Txn<'_>,
    items: &[NewItem],
    intake: Intake<'_>,
    context: &Context,
) -> Result<Outcome, ViewError> {
    let alive: Vec<&SessionName> = intake.session.into_iter().collect();
    guarded(txn, &alive, context.now, context, |txn| import::import(txn, items, intake, context))
}

/// Shows a state as it will be when something that was accepted without the remote has gone out.
/// What cannot be done any more changes nothing.
///
/// # Errors
/// When the state cannot be read.
pub fn project(txn: &mut Txn<'_>, op: &Op, context: &Context) -> Result<(), ViewError> {
    let point = txn.savepoint();
    let outcome = match op {
        Op::PrefetchGrant(out) => prefetch::grant_all(txn, out, None)?,
        other => dispatch(txn, other, context)?,
    };
    if outcome.is_refusal() {
        txn.rollback(point);
    }
    Ok(())
}

/// `alive`: who shows by this that it was at work when it was `seen`; the first is the session that acts.
fn guarded(
    txn: &mut Txn<'_>,
    alive: &[&SessionName],
    seen: Timestamp,
    context: &Context,
    act: impl FnOnce(&mut Txn<'_>) -> Result<Outcome, ViewError>,
) -> Result<Outcome, ViewError> {
    // What has run out goes back first, and stays back even when the operation is refused.
    leases::sweep(txn, alive, seen, context)?;
    let point = txn.savepoint();
    let outcome = act(txn)?;
    if outcome.is_refusal() {
        txn.rollback(point);
    } else if txn.changed_since(point) {
        notice(txn, alive.first().copied(), context)?;
    }
    Ok(outcome)
}

/// Notes in which clone a session has acted last: its name may have changed since the session
/// began, or it began before there was a remote.
fn notice(txn: &mut Txn<'_>, session: Option<&SessionName>, context: &Context) -> Result<(), ViewError> {
    let (Some(name), Some(clone)) = (session, &context.clone) else { return Ok(()) };
    if let Some(mut record) = sessions::get(txn, name)?
        && record.clone.as_ref() != Some(clone)
    {
        record.clone = Some(clone.clone());
        sessions::put(txn, &record);
    }
    Ok(())
}

fn dispatch(txn: &mut Txn<'_>, op: &Op, context: &Context) -> Result<Outcome, ViewError> {
    match op {
        Op::StartSession(start) => session::start(txn, start, context),
        Op::Assign(to) => session::assign(txn, to, context),
        Op::Split { prefix, sessions } => session::split(txn, prefix, sessions, context),
        Op::EndSession { name } => session::end(txn, name, context),
        Op::Claim(claim) => claim::claim(txn, claim, context),
        Op::Release { session, paths } => claim::release(txn, session, paths.as_deref(), context),
        Op::Next(next) => next::next(txn, next, context),
        Op::PrefetchGrant(out) => prefetch::hand_out(txn, out, context),
        Op::Finish { session, items, how, lease } => {
            finish::finish(txn, session, items, (how, *lease), context)
        }
        Op::Renew { session, what, ttl } => leases::renew(txn, session, what, *ttl, context),
        Op::Import { session, items, queue } => {
            let intake = Intake { session: session.as_ref(), queue, again: None };
            import::import(txn, items, intake, context)
        }
        Op::Sweep => Ok(Outcome::Done),
        Op::Record { session, event, data } => {
            header::next_generation(txn)?;
            let mut entry = Event::new(happened(context), session.as_ref(), event);
            entry.data = data.clone();
            txn.record(entry);
            Ok(Outcome::Done)
        }
        Op::SetQueue { name, max_attempts, rules } => settings::set(txn, name, *max_attempts, rules, context),
        Op::Verify { session, item, verified, lease } => {
            settings::verify(txn, session, (item, *lease), verified, context)
        }
        Op::Update(update) => update::update(txn, update, context),
        Op::Landing(step) => landing::landing(txn, step, context),
        Op::Plan(op) => plan::plan(txn, op, context),
    }
}

/// The record of a session that is at work, or the outcome that says why there is none. Nobody works
/// as a pool: its record would be changed in two ways at once.
fn active(txn: &Txn<'_>, name: &SessionName) -> Result<Result<sessions::Session, Outcome>, ViewError> {
    Ok(match sessions::get(txn, name)? {
        Some(session) if session.prefetch => Err(session::reserved_for_prefetch(name)),
        Some(session) if session.state == sessions::SessionState::Active => Ok(session),
        Some(_) => Err(Outcome::Refused {
            rule: "session-ended".into(),
            message: format!("session {name} has ended"),
            hint: format!("git coord session start {name}"),
        }),
        None => Err(Outcome::Unknown { what: "session".into(), name: name.to_string() }),
    })
}

/// Unwraps the inner result of [`active`], returning the refusal.
macro_rules! granted {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(outcome) => return Ok(outcome),
        }
    };
}
use granted;
