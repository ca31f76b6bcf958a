//! Processes that are stopped and go on when others have taken over, and clocks that disagree.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::common::clones::Hub;
use crate::common::faults::{Fault, Transport};
use crate::common::http::Http;
use crate::common::ssh::Ssh;
use crate::common::{Call, TestEnv, wait_until};

fn signal(child: &Child, signal: Signal) {
    kill_process_group(Pid::from_child(child), signal).unwrap();
}

/// Alice's process is stopped in the middle of `done`: at the gate, or when the server is about
/// to get the request. Bob takes her item over. She goes on as if nothing had happened.
fn a_stopped_holder_comes_too_late(at: Fault, connect: impl Fn(&TestEnv, &Hub) -> Box<dyn Transport>) {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let way = connect(a, &hub);
    a.git(&["config", "coord.remoteTimeout", "3m"]);
    a.coord(&["session", "start", "alice"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    a.import("{\"id\":\"T1\",\"title\":\"one\",\"files\":[\"x\"]}\n").ok();
    assert_eq!(a.coord(&["next", "--ttl", "3s"]).items(), ["T1"]);
    std::fs::write(a.root.join("x"), "by alice\n").unwrap();
    a.git(&["add", "x"]);
    a.git(&["commit", "-q", "-m", "x, while it is hers"]);
    way.once(at);
    let done = a.run(&a.root).args(["done", "T1"]).in_own_group().spawn();
    wait_until("the request is held at the gate", || way.is_reached());
    signal(&done, Signal::STOP);
    assert_eq!(b.coord(&["next", "--wait", "2m"]).items(), ["T1"], "bob takes over");
    way.open();
    signal(&done, Signal::CONT);
    let call = Call::wait(done);
    let lost = &call.fails(3, "lost")["details"]["lost"][0];
    assert_eq!(lost["by"], "bob");
    let refused = |words: &[&str]| {
        let out = a.command("git", &a.root).args(words).output().unwrap();
        assert!(!out.status.success(), "git {words:?} goes through: {out:?}");
        assert!(String::from_utf8_lossy(&out.stderr).contains("bob"), "it names who has it: {out:?}");
    };
    refused(&["push", "origin", "HEAD:refs/heads/alice"]);
    std::fs::write(a.root.join("x"), "by a zombie\n").unwrap();
    a.git(&["add", "x"]);
    refused(&["commit", "-q", "-m", "x"]);
    b.coord(&["done", "T1"]).ok();
    hub.check("the zombie is gone");
    assert_eq!((a.session("alice").done, a.session("bob").done), (0, 1));
    assert!(!a.git_in(&hub.bare, &["for-each-ref"]).contains("refs/heads/alice"));
    hub.replay(1, "never two holders");
}

fn over_ssh(clone: &TestEnv, hub: &Hub) -> Box<dyn Transport> {
    Box::new(Ssh::connect(clone, &hub.bare, 3))
}

fn over_http(clone: &TestEnv, hub: &Hub) -> Box<dyn Transport> {
    let http = Http::serve(&hub.bare, false, 3);
    http.connect(clone);
    Box::new(http)
}

#[test]
fn a_holder_stopped_before_its_push_comes_too_late() {
    a_stopped_holder_comes_too_late(Fault::Gate, over_ssh);
    a_stopped_holder_comes_too_late(Fault::Gate, over_http);
}

#[test]
fn a_holder_stopped_within_its_push_comes_too_late() {
    a_stopped_holder_comes_too_late(Fault::Held, over_ssh);
    a_stopped_holder_comes_too_late(Fault::Held, over_http);
}

/// The clocks of three clones: a day ahead, a day behind, right.
const NAMES: [&str; 3] = ["ahead", "behind", "right"];
const OFF: [&str; 3] = ["86400", "-86400", "0"];

fn at(hub: &Hub, clone: usize, session: &str, words: &[&str]) -> Call {
    let env = &hub.clones[clone];
    env.run(&env.root).session(session).env("GIT_COORD_CLOCK_OFFSET", OFF[clone]).args(words).call()
}

fn three_clocks() -> Hub {
    let hub = Hub::new(3);
    for (i, name) in NAMES.iter().enumerate() {
        at(&hub, i, name, &["session", "start", name]).ok();
    }
    let claimed = at(&hub, 0, "ahead", &["claim", "where"]).ok()["claims"][0]["since"].clone();
    let shown: jiff::Timestamp = claimed.as_str().unwrap().parse().unwrap();
    let real = hub.clones[0].events()[0].time;
    assert!(shown > real, "the clock of the first clone is really ahead: {shown}, {real}");
    hub
}

/// No lease is lost early, whichever clock its time was written by.
#[test]
fn clocks_a_day_apart_take_no_lease_that_is_renewed() {
    let hub = three_clocks();
    for (i, name) in NAMES.iter().enumerate() {
        at(&hub, i, name, &["claim", &format!("p{i}"), "--ttl", "1m"]).ok();
    }
    for _ in 0..3 {
        for (i, name) in NAMES.iter().enumerate() {
            for other in (0..3).filter(|other| *other != i) {
                let held = at(&hub, i, name, &["claim", &format!("p{other}")]);
                assert_eq!(held.fails(4, "held")["details"]["holders"][0]["session"], NAMES[other]);
            }
            at(&hub, i, name, &["renew", "--all"]).ok();
        }
    }
    at(&hub, 2, "right", &["sync"]).ok();
    assert_eq!(hub.clones[2].claimed().len(), 4);
    assert!(
        hub.clones[2].events().iter().all(|e| e.event != git_coord::model::EventKind::Expired),
        "nothing ran out"
    );
    hub.clones[2].check("clocks apart");
}

/// And one whose holder is gone is taken, whichever clocks the two have.
#[test]
fn clocks_a_day_apart_take_a_lease_that_is_not_renewed() {
    let hub = three_clocks();
    for (holder, taker) in [(0, 1), (1, 0), (0, 2), (2, 1)] {
        let path = format!("from-{holder}-to-{taker}");
        at(&hub, holder, NAMES[holder], &["claim", &path, "--ttl", "2s"]).ok();
        at(&hub, taker, NAMES[taker], &["claim", &path, "--wait", "2m"]).ok();
        at(&hub, holder, NAMES[holder], &["release", &path]).fails(3, "lost");
    }
    hub.check("taken over");
    hub.replay(1, "never two holders");
}
