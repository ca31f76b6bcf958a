//! Remotes that misbehave: what was acknowledged happened once, what was refused did not.

use crate::common::clones::Hub;
use crate::common::faults::{self, Fault, Transport};
use crate::common::http::Http;
use crate::common::script;
use crate::common::ssh::Ssh;

/// Two clones; the first reaches the server by a way that misbehaves.
fn two(connect: impl Fn(&Hub) -> Box<dyn Transport>) -> (Hub, Box<dyn Transport>) {
    let hub = Hub::new(2);
    let way = connect(&hub);
    hub.clones[0].coord(&["session", "start", "alice"]).ok();
    hub.clones[1].coord(&["session", "start", "bob"]).ok();
    (hub, way)
}

fn over_ssh(hub: &Hub) -> Box<dyn Transport> {
    Box::new(Ssh::connect(&hub.clones[0], &hub.bare, 1))
}

fn over_http(hub: &Hub) -> Box<dyn Transport> {
    let http = Http::serve(&hub.bare, false, 1);
    http.connect(&hub.clones[0]);
    Box::new(http)
}

fn over_kept_http(hub: &Hub) -> Box<dyn Transport> {
    let http = Http::serve(&hub.bare, true, 1);
    http.connect(&hub.clones[0]);
    Box::new(http)
}

/// `next` is the operation that must not be done twice: each time it gives something else.
fn each_fault_leaves_an_operation_done_once(connect: impl Fn(&Hub) -> Box<dyn Transport>) {
    let (hub, way) = two(connect);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let lines: String = (0..40).map(|i| format!("{{\"id\":\"T{i}\",\"title\":\"t\"}}\n")).collect();
    a.import(&lines).ok();
    let mut got = Vec::new();
    for fault in faults::ALL {
        let late = way.late();
        way.once(fault);
        let call = a.coord(&["next"]);
        if fault == Fault::Refuse {
            assert_eq!(call.fails(6, "remote")["details"]["outcome"], "unchanged");
        } else {
            assert_eq!(call.items().len(), 1, "{fault:?}");
            got.extend(call.items());
        }
        if fault == Fault::Late {
            crate::common::wait_until("the late request arrives", || way.late() > late);
        }
        let mine = a.coord(&["queue", "list", "--mine"]).items();
        assert_eq!(mine, got, "{fault:?}: alice has what her answers say, no more and no less");
        b.coord(&["claim", &format!("{fault:?}")]).ok();
        let status = b.coord(&["status"]);
        assert_eq!(status.ok()["queues"][0]["claimed"], got.len(), "{fault:?}: so says the remote");
        hub.check(&format!("{fault:?}"));
    }
    hub.replay(1, "each state of the remote");
}

#[test]
fn over_ssh_each_fault_leaves_an_operation_done_once() {
    each_fault_leaves_an_operation_done_once(over_ssh);
}

#[test]
fn over_http_each_fault_leaves_an_operation_done_once() {
    each_fault_leaves_an_operation_done_once(over_http);
}

/// Here curl itself repeats the push whose answer got lost.
#[test]
fn over_kept_connections_each_fault_leaves_an_operation_done_once() {
    each_fault_leaves_an_operation_done_once(over_kept_http);
}

/// The writer dies after the server has got its push; when somebody looks, others have gone on
/// for longer than anyone looks back.
#[test]
fn what_waited_in_a_push_that_died_is_not_done_again_after_many_others() {
    let (hub, _) = two(over_ssh);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let died = (1..60).find(|n| {
        // What the step before has left is settled first.
        a.coord(&["sync"]).ok();
        a.coord(&["--offline", "progress", "half"]).ok();
        let call = a.run(&a.root).args(["claim", &format!("f{n}")]).crash_at(*n).call();
        assert!(call.crashed(), "the push is reached within 60 steps");
        call.stderr.contains("crash point: pushed")
    });
    let died = died.expect("the push is one of the steps") as usize;
    for n in 0..101 {
        assert!(!b.claim("bob", &[&format!("g{n}")], 600).is_refusal());
    }
    a.coord(&["claim", "last"]).ok();
    hub.check("after many others");
    assert_eq!(b.events().iter().filter(|e| e.event == git_coord::model::EventKind::Progress).count(), died);
}

/// The clock of the clone whose push died is two months slow; when it looks again, the history in
/// which its operation was recorded was cut.
#[test]
fn a_slow_clock_does_not_make_a_push_be_done_twice() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["session", "start", "alice"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    a.import("{\"id\":\"T1\",\"title\":\"one\"}\n{\"id\":\"T2\",\"title\":\"two\"}\n").ok();
    let slow =
        |words: &[&str]| b.run(&b.root).args(words).env("GIT_COORD_CLOCK_OFFSET", "-5000000").session("bob");
    slow(&["sync"]).call().ok();
    slow(&["--offline", "progress", "half"]).call().ok();
    let died = (1..60).any(|n| slow(&["sync"]).crash_at(n).call().stderr.contains("crash point: pushed"));
    assert!(died, "a push is one of the steps");
    hub.many_states(0, "alice");
    a.coord(&["upkeep"]).ok();
    assert!(a.git_in(&hub.bare, &["rev-list", "refs/coord/state"]).lines().count() < 1000, "it was cut");
    slow(&["sync"]).call().ok();
    hub.check("settled");
    assert_eq!(b.events().iter().filter(|e| e.event == git_coord::model::EventKind::Progress).count(), 1);
}

/// A server that dies while it moves the ref leaves its lock file behind.
#[test]
fn a_lock_that_the_server_has_left_is_named_and_work_goes_on_when_it_is_gone() {
    let (hub, _) = two(over_ssh);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let hook = hub.bare.join("hooks/reference-transaction");
    let dies = "[ \"$1\" = prepared ] && [ -e \"$GIT_DIR/dies\" ] || exit 0\n\
                rm \"$GIT_DIR/dies\"\nkill -9 $PPID";
    script(&hook, dies);
    a.git_in(&hub.bare, &["config", "core.hooksPath", hub.bare.join("hooks").to_str().unwrap()]);
    // The settling of the push would wait for the lock to vanish; a short time makes it say so.
    for clone in &hub.clones {
        clone.git(&["config", "coord.remoteTimeout", "4s"]);
    }
    std::fs::write(hub.bare.join("dies"), "").unwrap();
    let first = a.coord(&["claim", "x"]);
    let lock = hub.bare.join("refs/coord/state.lock");
    assert!(lock.exists(), "the server died with its lock: {first:?}");
    first.fails(6, "remote");
    let error = b.coord(&["claim", "y"]).fails(6, "remote").clone();
    assert_eq!(error["details"]["outcome"], "unchanged");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("refs/coord/state.lock"), "it says what is in the way: {message}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("delete it there"), "it says what to do: {hint}");
    std::fs::remove_file(&lock).unwrap();
    b.coord(&["claim", "y"]).ok();
    a.coord(&["claim", "x"]).ok();
    hub.check("the lock is gone");
}
