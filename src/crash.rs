//! Crash points: places at which a test makes the process die as if by `kill -9`.
//!
//! Each step of the write path calls [`crash_point!`](crate::crash_point). With the variable
//! `GIT_COORD_CRASH_AT=N` the process aborts at the N-th point that it reaches. Tests try
//! N = 1, 2, 3 … until a run passes, or name a point instead of a number. Release builds contain no crash points, unless the feature
//! `crash-points` is on.

/// Marks a point between two steps that must both be survivable.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(any(debug_assertions, feature = "crash-points"))]
        $crate::crash::reached($name);
    };
}

/// Counts a point and aborts when it is the chosen one.
#[cfg(any(debug_assertions, feature = "crash-points"))]
#[allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "test builds only; the name goes to the test"
)]
pub fn reached(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static REACHED: AtomicU64 = AtomicU64::new(0);
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("GIT_COORD_CRASH_AT").ok());
    let count = REACHED.fetch_add(1, Ordering::SeqCst) + 1;
    if chosen.as_ref().is_some_and(|chosen| chosen == name || *chosen == count.to_string()) {
        eprintln!("crash point: {name}");
        std::process::abort();
    }
}
