//! Several clones, one remote, and everything that can go wrong between them, simulated.
//!
//! ```sh
//! cargo run --profile dist --example simulate -- --seed 1 --steps 20000 --seeds 100
//! ```
//!
//! Prints what happened and how fast. When something that must hold does not, it prints what led
//! to it and stops; the same seed shows the same again. `--mistake NAME` builds one in.

#![allow(clippy::print_stdout, reason = "an example speaks to its user")]
#![allow(clippy::expect_used, missing_docs, reason = "the rest is shared with the tests")]

#[path = "../tests/common/counters.rs"]
mod counters;
#[path = "../tests/common/invariants.rs"]
mod invariants;
#[path = "../tests/sim/mod.rs"]
mod sim;

use std::error::Error;
use std::time::Instant;

use sim::{Config, Mistake, Stats};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut seed, mut steps, mut seeds, mut mistake) = (1u64, 20_000u64, 20u64, None);
    let mut args = std::env::args().skip(1);
    while let Some(option) = args.next() {
        let value = args.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--seed" => seed = value.parse()?,
            "--steps" => steps = value.parse()?,
            "--seeds" => seeds = value.parse()?,
            "--mistake" => {
                let found = Mistake::ALL.into_iter().find(|m| format!("{m:?}") == value);
                mistake =
                    Some(found.ok_or_else(|| format!("no such mistake; there are {:?}", Mistake::ALL))?);
            }
            _ => return Err(format!("{option}? There are --seed, --steps, --seeds and --mistake").into()),
        }
    }
    let (mut all, started) = (Stats::default(), Instant::now());
    for seed in seed..seed + seeds {
        match sim::run(Config { mistake, ..Config::new(seed) }, steps) {
            Ok(stats) => all += stats,
            Err(failure) => {
                println!("{failure}");
                return Err(format!("{:?} does not hold", failure.invariant).into());
            }
        }
    }
    let time = started.elapsed().as_secs_f64();
    println!("{} steps in {time:.1} s, {:.0} a second", all.steps, all.steps as f64 / time);
    println!("{all}");
    Ok(())
}
