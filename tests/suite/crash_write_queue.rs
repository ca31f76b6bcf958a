//! A writer dies while others wait: what they asked for is done exactly once, and they get its answer.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use super::write_queue::{hold, left_in_queue, until_waiting};
use crate::common::{Call, Snapshot, TestEnv};

/// Frozen processes, which must not outlive a test that fails.
struct Frozen(Vec<Child>);

impl Drop for Frozen {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Five sessions, two items held by `g3`, eight free.
fn world() -> (TestEnv, Snapshot) {
    let env = TestEnv::new();
    env.sessions(&["writer", "g0", "g1", "g2", "g3", "other"]);
    let lines: String =
        (0..10).map(|i| format!("{{\"id\":\"t{i}\",\"title\":\"t\",\"files\":[\"f/{i}\"]}}\n")).collect();
    env.import(&lines).ok();
    env.coord_as("g3", &["next", "--count", "2"]).ok();
    let snapshot = Snapshot::take(&env);
    (env, snapshot)
}

/// What the guests want: one item, another, a path that only one can have, and to finish.
const GUESTS: [(&str, &[&str]); 4] =
    [("g0", &["next"]), ("g1", &["next"]), ("g2", &["claim", "writers"]), ("g3", &["done", "t0"])];

/// Lets a writer die at crash point `n` with the guests waiting, frozen so that none of them can
/// come before it. Then `meanwhile` happens, then the guests go on. False: the writer survived.
fn dies_with_guests(env: &TestEnv, n: u32, meanwhile: fn(&TestEnv)) -> bool {
    let lock = hold(env);
    let mut guests = Frozen(Vec::new());
    for (session, words) in GUESTS {
        guests.0.push(env.run(&env.root).session(session).args(words).spawn());
        until_waiting(env, guests.0.len());
        signal(guests.0.last().unwrap(), Signal::STOP);
    }
    drop(lock);
    let writer = env.run(&env.root).session("writer").args(["claim", "writers"]).crash_at(n).call();
    let when = format!("the writer died at {n}, {}", writer.stderr.trim());
    env.check(&when);
    meanwhile(env);
    env.check(&format!("{when}, and something happened"));
    guests.0.iter().for_each(|g| signal(g, Signal::CONT));
    let calls: Vec<Call> = guests.0.drain(..).map(Call::wait).collect();
    env.check(&format!("{when}, and the guests went on"));
    for (i, guest) in ["g0", "g1"].iter().enumerate() {
        let answered = calls[i].items();
        let holds = env.coord_as(guest, &["queue", "list", "--mine"]).items();
        assert_eq!(answered, holds, "{when}: {guest} holds exactly what its answer says, it was served once");
        assert_eq!(answered.len(), 1, "{when}: {guest} got one item");
    }
    calls[3].ok();
    let count = |event: &str, session: &str| {
        let of = |e: &&git_coord::model::event::Event| {
            e.event.as_str() == event && e.session.as_ref().is_some_and(|s| s.as_str() == session)
        };
        env.events().iter().filter(of).count()
    };
    assert_eq!((count("done", "g3"), env.session("g3").done), (1, 1), "{when}: t0 was finished once");
    let claimed = env.claimed();
    let holder = claimed.iter().find(|(p, _)| p == "writers").map(|(_, s)| s.as_str());
    match calls[2].code {
        Some(0) => assert_eq!(holder, Some("g2"), "{when}: the session whose answer grants the path has it"),
        _ => {
            let error = calls[2].fails(4, "held");
            assert_eq!(
                error["details"]["holders"][0]["session"].as_str(),
                holder,
                "{when}: the holder is named"
            );
        }
    }
    assert_eq!(count("claim", "g2") + count("claim", "writer"), 1, "{when}: the path was claimed once");
    // The dead writer may have had to queue; the process that writes next clears its place.
    env.coord_as("other", &["claim", "tidy"]).ok();
    let left = left_in_queue(env);
    assert!(left.is_empty(), "{when}: left in the write queue: {left:?}");
    writer.crashed()
}

fn at_every_point(meanwhile: fn(&TestEnv)) {
    let (env, snapshot) = world();
    let mut n = 1;
    while dies_with_guests(&env, n, meanwhile) {
        snapshot.restore(&env);
        n += 1;
    }
    assert!(n > 15, "a writer with four guests has only {} crash points", n - 1);
}

#[test]
fn guests_of_a_writer_that_dies_are_served_once() {
    at_every_point(|_| {});
}

#[test]
fn guests_are_served_once_when_another_writer_comes_before_they_look() {
    at_every_point(|env| {
        env.coord_as("other", &["claim", "elsewhere"]).ok();
    });
}

#[test]
fn guests_are_served_once_when_upkeep_cuts_the_history_before_they_look() {
    at_every_point(|env| {
        env.coord(&["upkeep"]).ok();
    });
}

#[test]
fn a_process_that_dies_in_the_write_queue_has_asked_for_nothing() {
    let (env, _) = world();
    let before = env.generation();
    let lock = hold(&env);
    let dead = env.run(&env.root).session("g0").args(["next"]).crash_at(1).call();
    assert!(dead.crashed() && dead.stderr.contains("in the write queue"), "it died there: {}", dead.stderr);
    assert_eq!(left_in_queue(&env).len(), 1, "its operation is still there");
    drop(lock);
    env.coord_as("g1", &["claim", "x"]).ok();
    assert!(env.session("g0").leases.is_empty(), "the dead process was given nothing");
    assert_eq!(env.generation(), before + 1, "one operation was done");
    assert_eq!(left_in_queue(&env), Vec::<String>::new(), "the next writer has tidied up");
}
