//! The clock: the one place where the time is read.
//!
//! With `GIT_COORD_CLOCK_OFFSET=SECONDS` the wall clock is off by so much: tests let machines
//! disagree about the time. Release builds do not know the variable, unless the feature
//! `crash-points` is on.

use jiff::Timestamp;

/// The wall clock, to the millisecond: the state need not say more.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    let now = Timestamp::now().as_millisecond();
    #[cfg(any(debug_assertions, feature = "crash-points"))]
    let now = now + offset();
    Timestamp::from_millisecond(now).unwrap_or_default()
}

/// Milliseconds by which a test sets the wall clock off.
#[cfg(any(debug_assertions, feature = "crash-points"))]
#[allow(clippy::disallowed_methods, reason = "test builds only")]
fn offset() -> i64 {
    use std::sync::OnceLock;
    static OFFSET: OnceLock<i64> = OnceLock::new();
    let read = || std::env::var("GIT_COORD_CLOCK_OFFSET").ok()?.parse::<i64>().ok();
    *OFFSET.get_or_init(|| read().unwrap_or_default().saturating_mul(1000))
}

/// The wall clock in the form of file times.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn system_now() -> std::time::SystemTime {
    let now = std::time::SystemTime::now();
    #[cfg(any(debug_assertions, feature = "crash-points"))]
    let now = {
        let by = std::time::Duration::from_millis(offset().unsigned_abs());
        if offset() < 0 { now - by } else { now + by }
    };
    now
}

/// Time since some moment in the past: never set, never going backwards, and counting while the
/// machine sleeps. Only comparable under one [`boot`].
pub fn steady() -> std::time::Duration {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    std::time::Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Names this run of the machine; empty when the system does not tell.
pub fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
