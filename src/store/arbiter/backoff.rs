//! How long to wait before the next try. Pure; shared with the simulator and `examples/pushes.rs`.

use std::time::Duration;

/// Longest wait in milliseconds after so many lost races; the wait is drawn below it, so that
/// those who lost together do not meet again. `None`: try at once.
///
/// It does not grow further: a clone that has lost most would wait longest, and one that has just
/// won not at all (`examples/pushes.rs`: with 50 machines, a third of the worst wait).
pub fn after_lost_races(lost: u32) -> Option<u64> {
    (lost > 1).then(|| 10u64 << lost.min(3))
}

/// Waits that double, for a remote that does not answer.
#[derive(Debug)]
pub struct Doubling {
    next: Duration,
}

impl Doubling {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(2);
}

impl Default for Doubling {
    fn default() -> Self {
        Doubling { next: Self::FIRST }
    }
}

impl Iterator for Doubling {
    type Item = Duration;

    /// The next wait; there is always one.
    fn next(&mut self) -> Option<Duration> {
        let now = self.next;
        self.next = (now * 2).min(Self::LONGEST);
        Some(now)
    }
}

/// A number below `bound`.
pub(in crate::store) fn random_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without a random source everybody waits half of the time, which is better than nothing.
    if getrandom::fill(&mut bytes).is_err() {
        return bound / 2;
    }
    u64::from_le_bytes(bytes) % bound.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound() {
        assert_eq!(after_lost_races(1), None);
        assert_eq!([2, 3, 9].map(after_lost_races), [Some(40), Some(80), Some(80)]);
        let waits: Vec<u128> = Doubling::default().take(8).map(|d| d.as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }
}
