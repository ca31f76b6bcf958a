//! Upkeep: the store stays small, nothing is lost, nobody notices.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use git_coord::model::op::RenewWhat;
use git_coord::model::{Op, claim};
use serde_json::{Map, Value};

use super::write_queue::StopAtEnd;
use crate::common::clones::Hub;
use crate::common::{TestEnv, claim_op, name, wait_until};

/// Files and bytes below a folder.
fn size(dir: &Path) -> (usize, u64) {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let (f, b) = match entry.metadata() {
            Ok(m) if m.is_dir() => size(&entry.path()),
            Ok(m) => (1, m.len()),
            Err(_) => (0, 0),
        };
        files += f;
        bytes += b;
    }
    (files, bytes)
}

fn record(number: u64) -> Op {
    let mut data = Map::new();
    data.insert("number".into(), Value::from(number));
    Op::Record { session: Some(name("w")), event: "mark".into(), data }
}

/// The numbers of the events `mark` in the log, oldest first.
fn marks(env: &TestEnv) -> Vec<u64> {
    env.events()
        .iter()
        .filter(|e| e.event.as_str() == "mark")
        .map(|e| e.data["number"].as_u64().unwrap())
        .collect()
}

#[test]
fn nobody_starts_upkeep_beside_another() {
    let env = TestEnv::new();
    let store = env.store();
    let crowd = env.store_dir().join("objects/17");
    std::fs::create_dir_all(&crowd).unwrap();
    (0..9).for_each(|i| std::fs::write(crowd.join(format!("tmp_obj_{i}")), "").unwrap());
    assert!(store.wants_upkeep(), "one full folder is a sample of many");
    let lock = std::fs::File::create(env.store_dir().join("upkeep.lock")).unwrap();
    lock.lock().unwrap();
    assert!(!store.wants_upkeep(), "another process is at it");
    assert!(store.upkeep().unwrap().busy);
    lock.unlock().unwrap();
    assert!(store.wants_upkeep(), "it has ended, and the store is as full as before");
    store.upkeep().unwrap();
    assert!(!store.wants_upkeep(), "it is tidy");
}

#[test]
fn the_store_stays_small_and_the_log_complete_across_many_cuts() {
    let env = TestEnv::new();
    env.sessions(&["w"]);
    let store = env.store();
    let mut sizes = Vec::new();
    let mut generation = 0;
    for round in 0..6u64 {
        for i in 0..170u64 {
            let path = format!("p{}/q{}", i % 7, i % 13);
            store.submit(&claim_op("w", &[&path], 3600), None).unwrap();
            store.submit(&record(round * 170 + i), None).unwrap();
            store.submit(&Op::Release { session: name("w"), paths: None }, None).unwrap();
        }
        let before = size(&env.store_dir());
        let done = store.upkeep().unwrap();
        assert!(done.cut >= 500, "round {round}: the history is cut: {done:?}");
        let after = size(&env.store_dir());
        assert!(after.0 < before.0 / 10, "round {round}: of {} files {} are left", before.0, after.0);
        sizes.push(after);
        assert_eq!(
            marks(&env),
            (0..(round + 1) * 170).collect::<Vec<_>>(),
            "round {round}: the log is complete"
        );
        let now = env.generation();
        assert!(now > generation, "round {round}: the generation goes on rising across the cut");
        generation = now;
        env.check(&format!("round {round}"));
    }
    env.fsck("after six cuts");
    let (files, bytes) = *sizes.last().unwrap();
    assert!(files < 60, "{files} files after 3,000 operations: {sizes:?}");
    assert!(bytes < 600_000, "{bytes} bytes after 3,000 operations: {sizes:?}");
}

/// Upkeep that is done, and not left to another. A process that another test starts has our locks
/// open until it executes its program, so that they may seem to be taken.
fn upkeep(store: &git_coord::store::Store) -> git_coord::store::Upkeep {
    loop {
        let done = store.upkeep().unwrap();
        if !done.busy {
            return done;
        }
    }
}

#[test]
fn many_packs_become_one() {
    let env = TestEnv::on_disk();
    env.sessions(&["w"]);
    let packs = || std::fs::read_dir(env.store_dir().join("objects/pack")).unwrap().count();
    for i in 0..25 {
        env.store().submit(&record(i), None).unwrap();
        upkeep(&env.store());
    }
    assert!(packs() < 25 * 2, "{} files of packs after 25 times of upkeep", packs());
    assert_eq!(marks(&env), (0..25).collect::<Vec<_>>());
    env.check("after 25 times of upkeep");
    env.fsck("after 25 times of upkeep");
}

#[test]
fn nobody_notices_upkeep() {
    let env = TestEnv::new();
    env.sessions(&["w", "v"]);
    env.claim("v", &["always/here"], 3600);
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let reader = |_| {
            scope.spawn(|| {
                let store = env.store();
                let mut reads = 0;
                while !stop.load(Relaxed) {
                    let held = store.read(|view| claim::all(view)).expect("reading during upkeep");
                    assert!(
                        held.iter().any(|c| c.path.as_str() == "always/here"),
                        "a reader saw half a state"
                    );
                    let mut newest = None;
                    let mut count = 0u64;
                    store
                        .log(|event| {
                            if event.event.as_str() == "mark" {
                                let number = event.data["number"].as_u64().unwrap();
                                assert!(newest.is_none_or(|n| number + 1 == n), "the log skips or repeats");
                                newest = Some(number);
                                count += 1;
                            }
                            true
                        })
                        .expect("reading the log during upkeep");
                    assert!(
                        newest.is_none_or(|n| n == 0),
                        "the log ends too early: {newest:?} after {count}"
                    );
                    reads += 1;
                }
                reads
            })
        };
        let readers: Vec<_> = (0..2).map(reader).collect();
        let writer = scope.spawn(|| {
            let store = env.store();
            let mut number = 0;
            while !stop.load(Relaxed) {
                store.submit(&record(number), None).expect("writing during upkeep");
                number += 1;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            number
        });
        let other = scope.spawn(|| {
            let store = env.store();
            while !stop.load(Relaxed) {
                store.submit(&claim_op("v", &["x"], 3600), None).expect("claiming during upkeep");
                let renew = Op::Renew { session: name("v"), what: RenewWhat::All, ttl: None };
                store.submit(&renew, None).expect("renewing during upkeep");
            }
        });
        {
            let _stop = StopAtEnd(&stop);
            for _ in 0..12 {
                env.coord(&["upkeep"]).ok();
            }
        }
        other.join().unwrap();
        let reads: u64 = readers.into_iter().map(|r| r.join().unwrap()).sum();
        assert!(reads > 0, "somebody has read meanwhile");
        writer.join().unwrap()
    });
    assert_eq!(
        marks(&env),
        (0..written).collect::<Vec<_>>(),
        "every acknowledged operation is in the log once"
    );
    env.check("after upkeep under load");
    env.fsck("after upkeep under load");
}

/// The commits that a reader of the log still has to come to are removed while it reads.
#[test]
fn the_log_is_whole_for_a_reader_that_upkeep_overtakes() {
    let env = TestEnv::new();
    env.sessions(&["w"]);
    let writer = env.store();
    for number in 0..30 {
        writer.submit(&record(number), None).unwrap();
        if number == 10 {
            writer.upkeep().unwrap();
        }
    }
    let mut seen = Vec::new();
    let visit = |event: git_coord::model::event::Event| {
        seen.extend(event.data.get("number").and_then(Value::as_u64));
        if seen.len() == 5 || seen.len() == 25 {
            writer.submit(&record(99), None).unwrap();
            assert!(upkeep(&writer).removed > 0, "upkeep has removed what was to be read");
        }
        true
    };
    env.store().log(visit).expect("a log that is cut while it is read");
    assert_eq!(seen, (0..30).rev().collect::<Vec<_>>(), "every event once, newest first");
}

#[test]
fn upkeep_starts_by_itself_and_two_do_not_meet() {
    let env = TestEnv::new();
    env.sessions(&["w"]);
    assert!(!env.store().wants_upkeep(), "a new store needs none");
    let children: Vec<_> = (0..6).map(|_| env.run(&env.root).args(["upkeep"]).spawn()).collect();
    for child in children {
        crate::common::Call::wait(child).ok();
    }
    env.check("after six at once");
    env.fsck("after six at once");
}

#[test]
fn a_clone_that_only_reads_tidies_what_it_fetches() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["session", "start", "alice"]).ok();
    let packs = || {
        let files = std::fs::read_dir(b.store_dir().join("objects/pack")).unwrap().flatten();
        files.filter(|f| f.path().extension().is_some_and(|e| e == "pack")).count()
    };
    for n in 0..20 {
        let git = |words: &[&str], stdin: String| {
            let run = b.command("git", &b.store_dir()).args(["--git-dir=."]).args(words);
            String::from_utf8(run.stdin(stdin).output().unwrap().stdout).unwrap()
        };
        let id = git(&["hash-object", "-w", "--stdin"], format!("{n}"));
        git(&["pack-objects", "-q", "objects/pack/pack"], id);
    }
    assert!(packs() >= 20);
    a.coord(&["claim", "x"]).ok();
    b.coord(&["claims"]).ok();
    wait_until("the packs are one", || packs() == 1);
    hub.check("tidied");
}

#[test]
fn what_dead_processes_leave_goes_with_upkeep_or_a_repair() {
    let env = TestEnv::new();
    let store = env.store_dir();
    let names = ["refs/coord/state.stale-0a1b2c3d", "leases.json.0a1b2c3d", "arbiter.json.0a1b2c3d"];
    let make = |age: u64| {
        for name in names {
            std::fs::write(store.join(name), "").unwrap();
            let file = std::fs::File::options().write(true).open(store.join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
        }
    };
    let left = || names.iter().filter(|name| store.join(name).exists()).count();
    make(7200);
    upkeep(&env.store());
    assert_eq!(left(), 0);
    make(60);
    upkeep(&env.store());
    assert_eq!(left(), 3, "upkeep gives them time");
    let findings = env.coord(&["doctor", "--repair"]).ok()["findings"].clone();
    assert_eq!(findings.as_array().unwrap().iter().filter(|f| f["code"] == "leftover").count(), 3);
    assert_eq!(left(), 0);
    make(0);
    assert_eq!(env.coord(&["doctor"]).ok()["findings"], serde_json::json!([]), "it may be in use");
}
