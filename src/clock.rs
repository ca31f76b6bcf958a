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
