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

mod assignment;
mod candidate;
mod claim;
mod cycle;
mod finish;
mod follow;
mod grant;
mod hints;
mod import;
mod landing;
mod lease_ops;
mod leases;
mod message;
mod named;
mod next;
mod plan;
mod prefetch;
mod refusal;
mod search;
mod session;
mod settings;
mod unlanded;
mod update;
mod verdict;

use jiff::Timestamp;

use self::refusal::{Ruling, outcome_of};
use crate::model::base::{Context, Event, SessionName, Txn, ViewError};
use crate::model::ops::unlanded::UnlandedOp;
use crate::model::ops::{Op, Outcome};
use crate::model::records::{NewItem, header, session as sessions};
pub use follow::{Scope, follow_report};
pub use import::Intake;
pub use plan::changes as plan_changes;
pub use prefetch::grant_prefetched;
pub use update::preview_update;

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
        Op::Record { .. } | Op::Unlanded(UnlandedOp::Committed(_)) => happened(context),
        _ => context.now,
    };
    guarded(txn, &alive, seen, context, |txn| match displaced {
        Some(outcome) => Ok(outcome),
        None => outcome_of(dispatch(txn, op, context)),
    })
}

/// The refusal of an operation from a worktree whose session was started again elsewhere: it is not that
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
    guarded(txn, &alive, context.now, context, |txn| outcome_of(import::import(txn, items, intake, context)))
}

/// Shows a state as it will be when something that was accepted without the remote has gone out.
/// What cannot be done any more changes nothing.
///
/// # Errors
/// When the state cannot be read.
pub fn project(txn: &mut Txn<'_>, op: &Op, context: &Context) -> Result<(), ViewError> {
    let point = txn.savepoint();
    let outcome = outcome_of(match op {
        Op::PrefetchGrant(out) => prefetch::grant_all(txn, out, None),
        other => dispatch(txn, other, context),
    })?;
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

fn dispatch(txn: &mut Txn<'_>, op: &Op, context: &Context) -> Ruling {
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
            let mut entry = Event::new(happened(context), session.as_ref(), event.clone());
            entry.data = data.clone();
            txn.record(entry);
            Ok(Outcome::Done)
        }
        Op::SetQueue { name, max_attempts, rules } => settings::set(txn, name, *max_attempts, rules, context),
        Op::Verify { session, item, verified, lease } => {
            settings::verify(txn, session, (item, *lease), verified, context)
        }
        Op::Note { session, item, text } => message::note(txn, session.as_ref(), item, text, context),
        Op::Tell { from, to, text } => message::tell(txn, from.as_ref(), to, text, context),
        Op::Update(update) => update::update(txn, update, context),
        Op::Landing(step) => landing::landing(txn, step, context),
        Op::Unlanded(op) => unlanded::unlanded(txn, op, happened(context), context),
        Op::Plan(op) => Ok(plan::plan(txn, op, context)?),
        Op::Gate(op) => verdict::gate(txn, op, context),
    }
}
