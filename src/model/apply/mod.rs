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
mod leases;
mod named;
mod next;
mod search;
mod session;
mod settings;
mod update;

pub use claim::{blockers_of, expiry};
use jiff::Timestamp;

use super::event::Event;
use super::view::ViewError;
use super::{Op, Outcome, SessionName, Txn, head, session as sessions};

/// What an operation needs to know beyond the state.
#[derive(Debug, Clone)]
pub struct Context {
    /// The wall clock.
    pub now: Timestamp,
}

/// Applies one operation. A refused one is rolled back.
///
/// # Errors
/// When the state cannot be read or is damaged; the transaction is then of no use.
pub fn apply(txn: &mut Txn<'_>, op: &Op, context: &Context) -> Result<Outcome, ViewError> {
    // What has run out goes back first, and stays back even when the operation is refused.
    leases::sweep(txn, op_session(op), context)?;
    let point = txn.savepoint();
    let outcome = dispatch(txn, op, context)?;
    if outcome.is_refusal() {
        txn.rollback(point);
    }
    Ok(outcome)
}

fn dispatch(txn: &mut Txn<'_>, op: &Op, context: &Context) -> Result<Outcome, ViewError> {
    match op {
        Op::StartSession(start) => session::start(txn, start, context),
        Op::EndSession { name } => session::end(txn, name, context),
        Op::Claim(claim) => claim::claim(txn, claim, context),
        Op::Release { session, paths } => claim::release(txn, session, paths.as_deref(), context),
        Op::Next(next) => next::next(txn, next, context),
        Op::Finish { session, items, how } => finish::finish(txn, session, items, how, context),
        Op::Renew { session, what, ttl } => leases::renew(txn, session, what, *ttl, context),
        Op::Import { session, items, queue } => import::import(txn, session.as_ref(), items, queue, context),
        Op::Sweep => Ok(Outcome::Done),
        Op::Record { session, event, data } => {
            head::next_generation(txn)?;
            let mut entry = Event::new(context.now, session.as_ref(), event);
            entry.data = data.clone();
            txn.record(entry);
            Ok(Outcome::Done)
        }
        Op::SetQueue { name, max_attempts, rules } => settings::set(txn, name, *max_attempts, rules, context),
        Op::Verify { session, item, verified } => settings::verify(txn, session, item, verified, context),
        Op::Update(update) => update::update(txn, update, context),
    }
}

/// The session on whose behalf an operation runs: its leases are alive.
fn op_session(op: &Op) -> Option<&SessionName> {
    match op {
        Op::Claim(claim) => Some(&claim.session),
        Op::Next(next) => Some(&next.session),
        Op::Release { session, .. } | Op::Finish { session, .. } | Op::Renew { session, .. } => Some(session),
        Op::StartSession(start) => Some(&start.name),
        Op::Verify { session, .. } => Some(session),
        Op::Update(update) => update.session.as_ref(),
        Op::Import { session, .. } | Op::Record { session, .. } => session.as_ref(),
        Op::EndSession { .. } | Op::Sweep | Op::SetQueue { .. } => None,
    }
}

/// The record of a session that is at work, or the outcome that says why there is none.
fn active(txn: &Txn<'_>, name: &SessionName) -> Result<Result<sessions::Session, Outcome>, ViewError> {
    Ok(match sessions::get(txn, name)? {
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
