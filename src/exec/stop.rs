//! Whether a run is to stop, and how urgently.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is heard so soon after a signal that counted is the same signal, which came by another way
/// as well: Ctrl-C reaches all processes of the terminal, and `git coord` has git pass on what it
/// hears itself.
pub const SAME: Duration = Duration::from_secs(1);

/// Whether a run is to stop. Shared with what handles signals.
#[derive(Debug, Default)]
pub struct Stop(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    times: u8,
    last: Option<Instant>,
}

impl Stop {
    /// Hears a signal that asks to stop: first politely, then at once. Returns how often it was
    /// asked.
    pub fn ask(&self) -> u8 {
        self.ask_at(Instant::now())
    }

    fn ask_at(&self, now: Instant) -> u8 {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.last.is_none_or(|last| now.saturating_duration_since(last) >= SAME) {
            heard.times = heard.times.saturating_add(1);
            heard.last = Some(now);
        }
        heard.times
    }

    /// How often it was asked.
    pub fn level(&self) -> u8 {
        // A thread that panicked while it held the lock has left plain numbers.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).times
    }

    /// True when it was asked.
    pub fn is_set(&self) -> bool {
        self.level() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_by_two_ways_counts_once() {
        let (stop, start) = (Stop::default(), Instant::now());
        let at = |millis| stop.ask_at(start + Duration::from_millis(millis));
        assert_eq!([at(0), at(0), at(999)], [1, 1, 1]);
        // From the one that counted: a user who presses again and again is heard.
        assert_eq!([at(1000), at(1002), at(2000)], [2, 2, 3]);
        assert_eq!(stop.level(), 3);
    }
}
