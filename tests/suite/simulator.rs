//! The simulator: the protocol holds whatever happens, and mistakes in it are found.

use crate::sim::{self, Config, Invariant, Mistake};

#[test]
fn everything_that_must_hold_does_in_simulated_worlds() {
    let mut all = sim::Stats::default();
    for seed in 1..=4 {
        match sim::run(Config::new(seed), 5000) {
            Ok(stats) => all += stats,
            Err(failure) => panic!("{failure}"),
        }
    }
    // A world in which nothing goes wrong would prove nothing.
    assert!(all.steps >= 20_000 && all.states > 500, "{all}");
    for happened in [
        all.refused,
        all.unchanged,
        all.unknown,
        all.ready,
        all.lost_races,
        all.fences,
        all.deaths,
        all.expired,
        all.cuts,
        all.joined,
    ] {
        assert!(happened > 0, "{all}");
    }
}

#[test]
fn a_seed_tells_everything() {
    let told =
        |seed| sim::run(Config::new(seed), 500).map(|stats| stats.to_string()).map_err(|f| f.to_string());
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}

/// Each mistake breaks something within a few worlds. Which of several things it is, depends on what
/// happens first.
#[test]
fn mistakes_are_found() {
    use Invariant::{Acknowledged, Exclusive, Forward, LiveHolder, NoTrace, Once, Records};
    // The seeds are those of worlds that find it, as long as the simulator stays as it is.
    let expected: [(Mistake, u64, &[Invariant]); 13] = [
        (Mistake::NoNonce, 9, &[Once, NoTrace, Acknowledged]),
        (Mistake::BlindRetry, 9, &[Acknowledged, Forward]),
        (Mistake::RenewWithoutCompare, 9, &[Acknowledged, Forward]),
        (Mistake::NoFence, 17, &[Once, NoTrace]),
        (Mistake::NoReadBack, 9, &[Once, NoTrace]),
        (Mistake::RejectedIsLost, 9, &[Once, NoTrace]),
        (Mistake::ForeignWallClock, 9, &[LiveHolder]),
        (Mistake::NoSweepTime, 9, &[Records]),
        (Mistake::ShortMemory, 9, &[Once, NoTrace]),
        (Mistake::PoolTwice, 10, &[Exclusive]),
        (Mistake::CutUnsettled, 24, &[Once, NoTrace, Acknowledged]),
        (Mistake::ForgetsClones, 24, &[Once, NoTrace]),
        (Mistake::AnonymousCut, 9, &[Forward]),
    ];
    assert_eq!(expected.map(|(mistake, ..)| mistake), Mistake::ALL);
    for (mistake, first, invariants) in expected {
        let world = |seed| Config { mistake: Some(mistake), ..Config::new(seed) };
        let found = (first..first + 20).find_map(|seed| sim::run(world(seed), 6000).err());
        let Some(failure) = found else { panic!("{mistake:?} is not found") };
        assert!(invariants.contains(&failure.invariant), "{mistake:?}: {failure}");
    }
}
