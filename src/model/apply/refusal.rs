//! Why an operation ends early: refused by a rule, or the state cannot be read.

use crate::model::base::{RuleId, SessionName, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::records::session::{self as sessions, Session, SessionState};

/// The end of an operation before its time.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is refused: a value for the caller, and nothing is changed.
    Refused(Box<Outcome>),
    /// The state cannot be read.
    Unreadable(ViewError),
}

impl From<ViewError> for Stop {
    fn from(error: ViewError) -> Self {
        Stop::Unreadable(error)
    }
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Self {
        Stop::Refused(Box::new(outcome))
    }
}

/// What a rule returns.
pub(super) type Ruling<T = Outcome> = Result<T, Stop>;

/// A ruling as an outcome: being refused is one.
pub(super) fn outcome_of(ruling: Ruling) -> Result<Outcome, ViewError> {
    match ruling {
        Ok(outcome) => Ok(outcome),
        Err(Stop::Refused(outcome)) => Ok(*outcome),
        Err(Stop::Unreadable(error)) => Err(error),
    }
}

/// The refusal by a rule.
pub(super) fn refused(rule: RuleId, message: impl Into<String>, hint: impl Into<String>) -> Stop {
    Outcome::Refused { rule, message: message.into(), hint: hint.into() }.into()
}

/// The refusal because something that was named does not exist.
pub(super) fn unknown(what: &str, name: impl ToString) -> Stop {
    Outcome::Unknown { what: what.into(), name: name.to_string() }.into()
}

/// The record of a session that is at work.
///
/// # Errors
/// When it is not at work, or is a prefetch session: nobody works as one, its record would be changed in
/// two ways at once.
pub(super) fn active(txn: &Txn<'_>, name: &SessionName) -> Ruling<Session> {
    match sessions::get(txn, name)? {
        Some(session) if session.prefetch => Err(reserved_for_prefetch(name)),
        Some(session) if session.state == SessionState::Active => Ok(session),
        Some(_) => Err(refused(
            RuleId::SessionEnded,
            format!("session {name} has ended"),
            format!("git coord session start {name}"),
        )),
        None => Err(unknown("session", name)),
    }
}

/// The refusal to work as a prefetch session.
pub(super) fn reserved_for_prefetch(name: &SessionName) -> Stop {
    refused(
        RuleId::ReservedName,
        format!("{name} is the name under which a clone prefetches items for its sessions"),
        "choose another name for the session",
    )
}
