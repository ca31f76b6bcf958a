//! Prefetched items under processes that die, pushes that hang, clones that fall silent, clocks that are set and
//! folders that are copied: what was handed out is never somebody else's.

use std::collections::BTreeSet;

use super::pool::{mine, pooled, quiet, ready, take_away, waiting};
use crate::common::clones::Hub;
use crate::common::faults::{Fault, Transport};
use crate::common::ssh::Ssh;
use crate::common::{Call, TestEnv, copy_tree, wait_until};

/// Nobody hears of the first clone again.
#[test]
fn what_a_silent_clone_has_handed_out_goes_to_others() {
    let hub = pooled(12, "2");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.git(&["config", "coord.ttl", "8s"]);
    assert_eq!(a.coord(&["next"]).items(), ["T000"]);
    assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
    assert_eq!(b.coord(&["next", "--item", "T001", "--wait", "2m"]).items(), ["T001"]);
    assert_eq!(b.coord(&["next", "--item", "T002", "--wait", "2m"]).items(), ["T002"]);
    a.coord_as("carol", &["done", "T001"]).fails(3, "lost");
    b.coord(&["done", "T001", "T002"]).ok();
    hub.check("taken over");
    assert_eq!((b.session("bob").done, b.session("carol").done), (2, 0));
    hub.replay(1, "never two holders");
}

/// Its wall clock says that what it keeps is fresh. Another clone has it by now.
#[test]
fn a_clock_that_is_set_back_hands_out_nothing_that_others_have_taken() {
    let hub = pooled(12, "2");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.git(&["config", "coord.ttl", "4s"]);
    a.coord(&["next"]).ok();
    let kept = ready(a);
    assert_eq!(kept, ["T001", "T002"]);
    for item in &kept {
        b.coord(&["next", "--item", item, "--wait", "2m"]).ok();
    }
    let pools = a.store().read(|view| git_coord::model::session::all(view)).unwrap();
    let lease = pools.into_iter().find(|s| s.prefetch).unwrap().leases[0].clone();
    let real = b.session("bob").leases.iter().map(|l| l.since).max().unwrap();
    let back = lease.renewed.as_second() - real.as_second();
    assert!(back < -3, "{back}");
    // So that it is between the renewal and half of the time.
    let call = a.run(&a.root).env("GIT_COORD_CLOCK_OFFSET", back.to_string()).args(["next"]).call();
    assert!(call.items().iter().all(|id| !kept.contains(id)), "{:?}", call.items());
    assert_eq!(mine(b, "bob"), kept);
    hub.check("set back");
}

/// What was handed out is reported before anything else takes back what has run out.
#[test]
fn a_session_that_was_handed_something_keeps_it_while_nobody_else_has_taken_it() {
    for import in [false, true] {
        let hub = pooled(40, "4");
        let [a, b] = &hub.clones[..] else { unreachable!() };
        a.coord(&["next"]).ok();
        // Waits already when the item is handed out.
        a.coord_as("alice", &["--offline", "progress", "half"]).ok();
        assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
        assert_eq!(waiting(a), 2);
        let later = |words: &[&str], stdin: &str| {
            let run = a.run(&a.root).env("GIT_COORD_CLOCK_OFFSET", "86400").args(words);
            run.stdin(stdin).call().ok();
        };
        if import {
            later(&["queue", "import", "-"], "{\"id\":\"new\",\"title\":\"t\"}\n");
        } else {
            later(&["sync"], "");
        }
        assert_eq!(b.coord(&["queue", "show", "T001"]).ok()["item"]["session"], "carol", "import {import}");
        let run = a.run(&a.root).session("carol").env("GIT_COORD_CLOCK_OFFSET", "86400");
        run.args(["done", "T001"]).call().ok();
        hub.check("reported late");
    }
}

/// A process that was handed something dies before it can say so.
#[test]
fn a_process_that_dies_with_what_it_was_handed_has_it() {
    let hub = pooled(40, "4");
    let a = &hub.clones[0];
    a.coord(&["next"]).ok();
    quiet(&hub);
    let dead = a.run(&a.root).args(["next"]).crash_at(1).call();
    assert!(dead.crashed() && dead.stderr.contains("handed out"), "it died there: {}", dead.stderr);
    assert_eq!(mine(a, "alice"), ["T000", "T001"]);
    assert_eq!(a.coord_as("carol", &["next"]).items(), ["T002"]);
    a.coord(&["done", "T001"]).ok();
    hub.check("after a death");
}

/// A push that takes away prefetched items dies at its first, second, third … step.
fn dies_while_it_takes_prefetched_items(words: impl Fn(&TestEnv) -> Vec<String>) {
    let hub = pooled(400, "4");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["next"]).ok();
    let (mut seen, mut survived) = (BTreeSet::from(["T000".to_owned()]), false);
    for n in 1..60 {
        assert_eq!(ready(a).len(), 4, "before {n}");
        let call = a.run(&a.root).session("alice").args(words(a)).crash_at(n).call();
        let when = format!("died at {n}, {}", call.stderr.trim());
        // A prefetched one, if nobody knows better; by way of the remote, if they are being taken away.
        let given = a.coord_as("carol", &["next"]).items();
        assert!(given.iter().all(|id| seen.insert(id.clone())), "{when}: {given:?} was given before");
        a.coord(&["sync"]).ok();
        let (hers, theirs) = (mine(a, "alice"), mine(a, "carol"));
        assert!(
            given.iter().all(|id| theirs.contains(id)),
            "{when}: {given:?} is carol's, who has {theirs:?}"
        );
        assert!(hers.iter().all(|id| !theirs.contains(id)), "{when}: {hers:?} and {theirs:?}");
        seen.extend(hers);
        a.check(&when);
        if !call.crashed() {
            call.ok();
            survived = true;
            break;
        }
        // And all prefetched items for the next round.
        let refill = a.coord_as("carol", &["next", "--count", "5"]).items();
        assert!(refill.iter().all(|id| seen.insert(id.clone())), "{when}: {refill:?} was given before");
        b.coord(&["sync"]).ok();
    }
    assert!(survived, "the command reaches its end after fewer than 60 steps");
    hub.check("after all");
    hub.replay(1, "never two holders");
}

#[test]
fn a_call_for_more_than_is_ready_that_dies_is_settled() {
    dies_while_it_takes_prefetched_items(|_| ["next", "--count", "6"].map(str::to_owned).to_vec());
}

#[test]
fn a_claim_that_makes_prefetched_items_give_way_and_dies_is_settled() {
    dies_while_it_takes_prefetched_items(|a| {
        let first: usize = ready(a)[0][1..].parse().unwrap();
        vec!["claim".to_owned(), format!("f/{first}")]
    });
}

/// The answer to a push that takes away prefetched items is lost; until it is known, none is handed out.
#[test]
fn while_a_push_that_takes_prefetched_items_is_not_settled_nothing_is_handed_out() {
    let hub = pooled(40, "4");
    let a = &hub.clones[0];
    a.coord(&["next"]).ok();
    let died = (1..60).find(|n| {
        // What the step before has left is settled first.
        a.coord(&["sync"]).ok();
        let call = a.run(&a.root).args(["next", "--item", &ready(a)[0]]).crash_at(*n).call();
        assert!(call.crashed(), "the push is reached within 60 steps");
        call.stderr.contains("crash point: pushed")
    });
    assert!(died.is_some());
    let away = take_away(&hub);
    a.git(&["config", "coord.remoteTimeout", "1s"]);
    a.coord_as("carol", &["next"]).fails(6, "remote");
    a.git(&["config", "--unset", "coord.remoteTimeout"]);
    std::fs::rename(&away, &hub.bare).unwrap();
    let given = a.coord_as("carol", &["next"]).items();
    assert!(mine(a, "alice").iter().all(|id| !given.contains(id)), "{given:?}");
    hub.check("settled");
}

/// A copy of the folder has a copy of the note of what was handed out, and no right to hand out more.
#[test]
fn a_copy_of_the_folder_hands_out_nothing_of_the_pool() {
    let hub = pooled(40, "4");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["next"]).ok();
    assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
    let copy = b.temp().join("copy");
    copy_tree(&a.root, &copy);
    let there = |session: &str, words: &[&str]| b.run(&copy).session(session).args(words).call();
    b.sessions(&["erin"]);
    let given = there("erin", &["next"]).items();
    assert!(given.iter().all(|id| id.as_str() > "T004"), "{given:?}");
    // Carol goes on in the original: what she has finished, the copy's note does not bring back.
    a.coord_as("carol", &["drop", "T001"]).ok();
    there("erin", &["claim", "elsewhere"]).ok();
    assert_eq!(mine(a, "carol"), Vec::<String>::new());
    a.coord_as("carol", &["next"]).ok();
    a.coord(&["sync"]).ok();
    assert!(there("erin", &["sync"]).code.is_some());
    a.check("a copy");
    hub.check("a copy");
    hub.replay(1, "never two holders");
}

/// Carol was handed an item, and another clone has ended her before the remote could learn of it. Alice takes
/// the item; whether she has it is not known yet when the next one asks.
#[test]
fn what_was_handed_out_in_vain_is_not_handed_out_while_somebody_takes_it() {
    for n in 1..40 {
        let hub = pooled(40, "4");
        let [a, b] = &hub.clones[..] else { unreachable!() };
        a.sessions(&["dave"]);
        a.coord(&["next"]).ok();
        quiet(&hub);
        assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
        b.coord(&["session", "end", "carol"]).ok();
        a.coord(&["status"]).ok();
        assert_eq!(waiting(a), 1, "a look does not report it");
        let call = a.run(&a.root).args(["next", "--explain"]).crash_at(n).call();
        assert!(call.crashed(), "the push is reached within 40 steps");
        if !call.stderr.contains("crash point: pushed") {
            continue;
        }
        let away = take_away(&hub);
        a.git(&["config", "coord.remoteTimeout", "1s"]);
        a.coord_as("dave", &["next"]).fails(6, "remote");
        a.git(&["config", "--unset", "coord.remoteTimeout"]);
        std::fs::rename(&away, &hub.bare).unwrap();
        let given = a.coord_as("dave", &["next"]).items();
        let hers = mine(a, "alice");
        assert!(hers.contains(&"T001".to_owned()) && !hers.contains(&given[0]), "{hers:?}, {given:?}");
        return hub.check("settled");
    }
    panic!("the push is one of the steps");
}

/// A clone whose next push is held at a gate, with four items ready.
fn gated() -> (Hub, Ssh) {
    let hub = pooled(40, "4");
    let a = &hub.clones[0];
    let way = Ssh::connect(a, &hub.bare, 5);
    a.git(&["config", "coord.remoteTimeout", "3m"]);
    a.coord(&["next"]).ok();
    quiet(&hub);
    way.once(Fault::Gate);
    (hub, way)
}

#[test]
fn a_push_that_hangs_holds_up_nobody_for_whom_something_is_ready() {
    let (hub, way) = gated();
    let a = &hub.clones[0];
    let hangs = a.run(&a.root).args(["claim", "elsewhere"]).spawn();
    wait_until("the push is held at the gate", || way.is_reached());
    assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
    assert_eq!(mine(a, "carol"), ["T001"]);
    way.open();
    Call::wait(hangs).ok();
    assert_eq!(mine(a, "carol"), ["T001"], "that push knew nothing of it");
    hub.check("the gate is open");
    hub.replay(1, "never two holders");
}

#[test]
fn prefetched_items_that_a_hanging_push_takes_go_to_nobody_else() {
    let (hub, way) = gated();
    let a = &hub.clones[0];
    let hangs = a.run(&a.root).args(["next", "--count", "6"]).spawn();
    wait_until("the push is held at the gate", || way.is_reached());
    let waits = a.run(&a.root).session("carol").args(["next"]).spawn();
    let room = a.store_dir().join("write-queue");
    let is_op = |name: std::ffi::OsString| name.to_string_lossy().ends_with(".op");
    let in_line =
        || room.exists() && std::fs::read_dir(&room).unwrap().any(|e| is_op(e.unwrap().file_name()));
    wait_until("carol waits in line", in_line);
    way.open();
    let (hers, theirs) = (Call::wait(hangs).items(), Call::wait(waits).items());
    assert!(hers.len() == 6 && theirs.len() == 1 && !hers.contains(&theirs[0]), "{hers:?}, {theirs:?}");
    hub.check("the gate is open");
    hub.replay(1, "never two holders");
}
