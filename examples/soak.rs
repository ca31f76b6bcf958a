//! Many operations in a row: does the store stay small, and an operation as fast as at the beginning?
//!
//! ```sh
//! cargo run --profile dist --example soak -- 100000
//! ```
//!
//! Claims and releases through the library, with upkeep whenever the program would start it, in a
//! temporary store. Prints, for each tenth: operations, median of an operation, time spent in upkeep, size.

#![allow(clippy::print_stdout, reason = "an example speaks to its user")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use git_coord::model::claim::Mode;
use git_coord::model::op::{ClaimPaths, StartSession};
use git_coord::model::{Op, RepoPath, SessionName};
use git_coord::store::{StoreOptions, create};

fn main() -> Result<(), Box<dyn Error>> {
    let acts: usize = std::env::args().nth(1).map_or(Ok(100_000), |n| n.parse())?;
    let dir = tempfile::tempdir()?;
    let store = create(dir.path(), false, StoreOptions::default())?;
    let session = SessionName::parse("soak")?;
    store.submit(&Op::StartSession(StartSession::new(session.clone())), None)?;
    println!("{:>8} {:>12} {:>12} {:>10} {:>8}", "ops", "median us", "worst ms", "upkeep s", "MB");
    let tenth = (acts / 10).max(2);
    for part in 0..10 {
        let mut times = Vec::with_capacity(tenth);
        let mut upkeep = Duration::ZERO;
        for n in 0..tenth / 2 {
            let path = RepoPath::parse(&format!("src/part{}/file{n}.rs", n % 40))?;
            for op in [claim(&session, &path), release(&session, &path)] {
                let began = Instant::now();
                store.submit(&op, None)?;
                times.push(began.elapsed());
            }
            if store.wants_upkeep() {
                let began = Instant::now();
                store.upkeep()?;
                upkeep += began.elapsed();
            }
        }
        times.sort();
        println!(
            "{:>8} {:>12} {:>12.1} {:>10.2} {:>8.1}",
            (part + 1) * tenth,
            times[times.len() / 2].as_micros(),
            times[times.len() - 1].as_secs_f64() * 1e3,
            upkeep.as_secs_f64(),
            size(store.path())? as f64 / 1e6
        );
    }
    store.upkeep()?;
    println!("after a last upkeep: {:.1} MB", size(store.path())? as f64 / 1e6);
    Ok(())
}

fn claim(session: &SessionName, path: &RepoPath) -> Op {
    Op::Claim(ClaimPaths {
        session: session.clone(),
        paths: vec![path.clone()],
        mode: Mode::Exclusive,
        ttl: 1800,
        reason: None,
        fresh: None,
    })
}

fn release(session: &SessionName, path: &RepoPath) -> Op {
    Op::Release { session: session.clone(), paths: Some(vec![path.clone()]) }
}

/// Bytes that the files below a folder take on the disk, in blocks of 512.
fn size(dir: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += meta.blocks() * 512 + if meta.is_dir() { size(&entry.path())? } else { 0 };
    }
    Ok(sum)
}
