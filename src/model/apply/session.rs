//! Starting and ending sessions.

use super::super::event::Event;
use super::super::op::{Blocker, Outcome, StartSession};
use super::super::session::{Session, SessionState};
use super::super::view::ViewError;
use super::super::{ItemState, RepoPath, SessionName, Txn, head, queue, session as sessions};
use super::leases::{free, put, renew_due};
use super::{Context, granted};

/// Starts a session, or resumes it.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn start(txn: &mut Txn<'_>, op: &StartSession, context: &Context) -> Result<Outcome, ViewError> {
    let known = sessions::get(txn, &op.name)?;
    let resumed = known.is_some();
    if let Some(known) = &known {
        let elsewhere = known.state == SessionState::Active && known.token != op.token && !op.abandoned;
        if elsewhere {
            return Ok(Outcome::Held {
                blockers: vec![Blocker {
                    path: RepoPath::root(),
                    held: RepoPath::root(),
                    session: op.name.clone(),
                    expires: known.leases.iter().map(|l| l.expires()).max(),
                    reason: known.worktree.as_ref().map(|w| format!("it is at work in {w}")),
                }],
            });
        }
    }
    let mut session = known.unwrap_or_else(|| Session {
        name: op.name.clone(),
        token: op.token.clone(),
        state: SessionState::Active,
        started: context.now,
        ended: None,
        worktree: None,
        branch: None,
        clone: None,
        host: None,
        queues: Vec::new(),
        areas: Vec::new(),
        share: None,
        help_others: false,
        done: 0,
        failed: 0,
        stats: Default::default(),
        leases: Vec::new(),
        lost: Vec::new(),
    });
    let before = session.clone();
    session.state = SessionState::Active;
    session.ended = None;
    session.token = op.token.clone();
    session.worktree = op.worktree.clone().or(session.worktree);
    session.branch = op.branch.clone().or(session.branch);
    session.host = op.host.clone().or(session.host);
    session.clone = context.clone.clone();
    if let Some(queues) = &op.queues {
        session.queues = queues.clone();
    }
    if let Some(areas) = &op.areas {
        session.areas = areas.clone();
    }
    session.share = op.share.or(session.share);
    session.help_others = op.help_others.unwrap_or(session.help_others);
    renew_due(&mut session, context);
    if !resumed || session != before {
        put(txn, &session)?;
        head::next_generation(txn)?;
        let word = if resumed { "session resume" } else { "session start" };
        txn.record(Event::new(context.now, Some(&op.name), word));
    }
    Ok(Outcome::Session { session: Box::new(session), released: Vec::new(), dropped: Vec::new() })
}

/// Ends a session; everything it holds goes back. Ending it again changes nothing.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn end(txn: &mut Txn<'_>, name: &SessionName, context: &Context) -> Result<Outcome, ViewError> {
    let found = sessions::get(txn, name)?
        .ok_or_else(|| Outcome::Unknown { what: "session".into(), name: name.to_string() });
    let mut session = granted!(found);
    if session.state == SessionState::Ended {
        return Ok(Outcome::Session {
            session: Box::new(session),
            released: Vec::new(),
            dropped: Vec::new(),
        });
    }
    let mut released = Vec::new();
    let mut dropped = Vec::new();
    for lease in std::mem::take(&mut session.leases) {
        free(txn, name, &lease)?;
        released.extend(lease.paths);
        if let Some(item) = lease.item {
            session.stats.untouched();
            queue::transition_of(txn, &item.slot, item.kind.as_ref(), ItemState::Pending, |note| {
                note.at = Some(context.now);
                // Given back, not tried: as with `drop`.
                note.attempt = note.attempt.saturating_sub(1);
            })?;
            dropped.push(item.id);
        }
    }
    session.state = SessionState::Ended;
    session.ended = Some(context.now);
    sessions::put(txn, &session);
    head::next_generation(txn)?;
    txn.record(
        Event::new(context.now, Some(name), "session end").with("paths", &released).with("items", &dropped),
    );
    Ok(Outcome::Session { session: Box::new(session), released, dropped })
}
