//! The integration tests: the real binary in real repositories, all in one test binary.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

mod common;
mod sim;
mod suite {
    mod agent_hook;
    mod agent_races;
    mod backlog;
    mod by_hand;
    mod clocks;
    mod clones;
    mod conflicts;
    mod conversion;
    mod crash_write_queue;
    mod crashes;
    mod damage;
    mod demo;
    mod ended_leases;
    mod environment;
    mod faults;
    mod formats;
    mod fresh;
    mod gates;
    mod guard;
    mod hook_watch;
    mod hostile;
    mod house;
    mod identity;
    mod import_sync;
    mod imports;
    mod input;
    mod joining;
    mod joining_faults;
    mod landing;
    mod landing_crashes;
    mod landing_modes;
    mod landing_remote;
    mod layers;
    mod leases;
    mod leaving;
    mod mcp;
    mod model;
    mod model_oracle;
    mod names;
    mod needs;
    mod notes;
    mod outbox;
    mod plans;
    mod pool;
    mod pool_faults;
    mod power;
    mod push_check;
    mod races;
    mod reimport;
    mod remote;
    mod repairs;
    mod rewrites;
    mod rollbacks;
    mod rules;
    mod run;
    mod run_commits;
    mod run_faults;
    mod run_filters;
    mod run_leases;
    mod run_neighbours;
    mod run_output;
    mod run_slots;
    mod run_stop;
    mod server;
    mod sessions;
    mod setup;
    mod simulator;
    mod splits;
    mod status;
    mod storm;
    mod terminal;
    mod traps;
    mod trust;
    mod two_places;
    mod untouched;
    mod updates;
    mod upkeep;
    mod waves;
    mod workers;
    mod worktrees;
    mod write_queue;
    mod zombies;
}

use common::invariants;

/// A file that nobody names in a `mod` line would never run, and nobody would notice.
#[test]
fn no_test_file_is_forgotten() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let runner = std::fs::read_to_string(root.join("runner.rs")).unwrap();
    let common = std::fs::read_to_string(root.join("common/mod.rs")).unwrap();
    for (folder, text) in [("suite", &runner), ("common", &common)] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Some(module) = name.strip_suffix(".rs").filter(|m| *m != "mod") else { continue };
            assert!(
                text.lines().any(|l| l.trim().trim_start_matches("pub ") == format!("mod {module};")),
                "tests/{folder}/{name} is in no `mod` line: its tests would never run"
            );
        }
    }
    for entry in std::fs::read_dir(&root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".rs") || name == "runner.rs", "tests/{name} belongs into tests/suite");
    }
}
