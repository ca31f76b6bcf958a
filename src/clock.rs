//! The clock: the one place where the time is read.

use jiff::Timestamp;

/// The wall clock, to the millisecond: the state need not say more.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The wall clock in the form of file times.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn system_now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
