//! What kind of operation one is. Every match names all operations, so that a new one does not fall
//! through without a decision.

use super::{Op, PrefetchGrant};
use crate::model::base::SessionName;

impl Op {
    /// The session on whose behalf it runs: its leases are alive.
    pub fn session(&self) -> Option<&SessionName> {
        match self {
            Op::Claim(claim) => Some(&claim.session),
            Op::Next(next) | Op::PrefetchGrant(PrefetchGrant { next, .. }) => Some(&next.session),
            Op::Release { session, .. } | Op::Finish { session, .. } | Op::Renew { session, .. } => {
                Some(session)
            }
            Op::StartSession(start) => Some(&start.name),
            Op::Verify { session, .. } => Some(session),
            Op::Update(update) => update.session.as_ref(),
            Op::Import { session, .. } | Op::Record { session, .. } => session.as_ref(),
            Op::Assign(_) | Op::Split { .. } => None,
            Op::Plan(op) => op.session(),
            Op::Unlanded(op) => op.session(),
            Op::Note { session, .. } | Op::Tell { from: session, .. } => session.as_ref(),
            Op::Gate(op) => op.session(),
            Op::EndSession { .. } | Op::Sweep | Op::SetQueue { .. } | Op::Landing(_) => None,
        }
    }

    /// True when it may be carried out without the arbiter and reach it later: a session can go on with what
    /// it holds, give it back, and record what has happened.
    pub fn is_deferrable(&self) -> bool {
        match self {
            Op::Finish { .. } | Op::Release { .. } | Op::Record { .. } | Op::Unlanded(_) | Op::Gate(_) => {
                true
            }
            Op::StartSession(_)
            | Op::Assign(_)
            | Op::Split { .. }
            | Op::EndSession { .. }
            | Op::Claim(_)
            | Op::Next(_)
            | Op::PrefetchGrant(_)
            | Op::Renew { .. }
            | Op::Import { .. }
            | Op::Sweep
            | Op::SetQueue { .. }
            | Op::Verify { .. }
            | Op::Note { .. }
            | Op::Tell { .. }
            | Op::Update(_)
            | Op::Landing(_)
            | Op::Plan(_) => false,
        }
    }

    /// True when it only adds to the log: nothing that is decided later depends on it.
    pub fn only_records(&self) -> bool {
        match self {
            Op::Record { .. } => true,
            Op::StartSession(_)
            | Op::Assign(_)
            | Op::Split { .. }
            | Op::EndSession { .. }
            | Op::Claim(_)
            | Op::Release { .. }
            | Op::Next(_)
            | Op::PrefetchGrant(_)
            | Op::Finish { .. }
            | Op::Renew { .. }
            | Op::Import { .. }
            | Op::Sweep
            | Op::SetQueue { .. }
            | Op::Verify { .. }
            | Op::Note { .. }
            | Op::Tell { .. }
            | Op::Update(_)
            | Op::Landing(_)
            | Op::Plan(_)
            | Op::Unlanded(_)
            | Op::Gate(_) => false,
        }
    }

    /// The session that asks for paths or items; `None` for what asks for neither. A refusal of it counts as a
    /// conflict of that session.
    pub fn asks_for(&self) -> Option<&SessionName> {
        match self {
            Op::Claim(claim) => Some(&claim.session),
            Op::Next(next) => Some(&next.session),
            Op::StartSession(_)
            | Op::Assign(_)
            | Op::Split { .. }
            | Op::EndSession { .. }
            | Op::Release { .. }
            | Op::PrefetchGrant(_)
            | Op::Finish { .. }
            | Op::Renew { .. }
            | Op::Import { .. }
            | Op::Sweep
            | Op::Record { .. }
            | Op::SetQueue { .. }
            | Op::Verify { .. }
            | Op::Note { .. }
            | Op::Tell { .. }
            | Op::Update(_)
            | Op::Landing(_)
            | Op::Plan(_)
            | Op::Unlanded(_)
            | Op::Gate(_) => None,
        }
    }
}
