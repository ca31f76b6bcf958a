//! A clone and a remote that meet and part, and a remote whose state is not what it was.

use std::process::Child;
use std::time::Duration;

use super::clones::sessions;
use crate::common::clones::Hub;
use crate::common::{Call, PROGRAM, TestEnv};

#[test]
fn clones_that_join_at_once_agree_on_one_store() {
    let hub = Hub::unjoined(4, &[]).unwrap();
    let children: Vec<Child> =
        hub.clones.iter().map(|c| c.run(&c.root).args(["init", "--remote", "origin"]).spawn()).collect();
    for child in children {
        assert_eq!(Call::wait(child).ok()["remote"], "origin");
    }
    hub.check("after joining");
}

#[test]
fn a_store_moves_to_a_remote_and_back() {
    let hub = Hub::unjoined(2, &[]).unwrap();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["init"]).ok();
    a.coord(&["session", "start", "alice"]).ok();
    a.import("{\"id\":\"T1\",\"title\":\"one\"}\n").ok();
    a.coord(&["claim", "kept"]).ok();
    a.coord(&["init", "--remote", "nowhere"]).fails(1, "unknown-remote");
    a.coord(&["init", "--remote", "origin"]).ok();
    // A clone with a state of its own gives it up only when asked to.
    b.coord(&["init"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    b.coord(&["init", "--remote", "origin"]).fails(5, "refused");
    assert_eq!(b.session("bob").name.as_str(), "bob");
    b.coord(&["init", "--remote", "origin", "--discard"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    b.coord(&["claim", "kept"]).fails(4, "held");
    assert_eq!(b.coord(&["next"]).items(), ["T1"]);
    hub.check("moved");
    // Back: a store of its own, which the remote's state is never mixed up with.
    assert_eq!(b.coord(&["init", "--local"]).ok()["remote"], serde_json::Value::Null);
    b.check("after leaving");
    b.coord(&["doctor"]).ok();
    b.coord(&["done", "T1"]).ok();
    b.coord(&["init", "--remote", "origin"]).fails(5, "refused");
    a.coord(&["claims"]).ok();
    assert_eq!(a.coord(&["queue", "show", "T1"]).ok()["item"]["state"], "claimed");
}

#[test]
fn a_remote_that_has_lost_the_state_is_not_taken_for_an_empty_one() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    a.coord(&["claim", "x"]).ok();
    let old = hub.state();
    a.coord(&["claim", "y"]).ok();
    let good = hub.state();
    b.coord(&["sync"]).ok();
    let set = |id: &str| a.git_in(&hub.bare, &["update-ref", "refs/coord/state", id]);
    // Gone, as after `push --mirror` from elsewhere.
    a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
    for words in [["claim", "z"], ["claim", "x"], ["release", "y"]] {
        b.coord(&words).fails(1, "remote-state");
        a.coord(&words).fails(1, "remote-state");
    }
    b.coord(&["init", "--remote", "origin"]).fails(1, "remote-state");
    assert_eq!(hub.state(), "", "nobody has put a new state there");
    // Restored from an old backup.
    set(&old);
    b.coord(&["claim", "y"]).fails(1, "remote-state");
    // Another store.
    let other = TestEnv::new();
    other.git(&["push", "-q", hub.bare.to_str().unwrap(), "HEAD:refs/heads/x"]);
    let foreign = other.git_in(&other.store_dir(), &["--git-dir=.", "rev-parse", "refs/coord/state"]);
    other.git_in(
        &other.store_dir(),
        &["--git-dir=.", "push", "-q", "-f", hub.bare.to_str().unwrap(), "refs/coord/state"],
    );
    assert_eq!(hub.state(), foreign.trim());
    b.coord(&["claim", "z"]).fails(1, "remote-state");
    set(&good);
    b.coord(&["claim", "z"]).ok();
    hub.check("restored");
}

#[test]
fn a_copied_clone_is_a_clone_of_its_own() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    a.coord(&["session", "start", "alice"]).ok();
    let copy = a.temp().join("copy");
    crate::common::copy_tree(&a.root, &copy);
    let clone_of = |dir: &std::path::Path| -> serde_json::Value {
        let text = std::fs::read(dir.join(".git/coord/arbiter.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()["clone"].clone()
    };
    a.coord(&["claim", "x"]).ok();
    a.run(&copy).session("bob").args(["claim", "x"]).call().fails(1, "unknown-session");
    a.sessions_in(&copy, &["bob"]);
    a.run(&copy).session("bob").args(["claim", "x"]).call().fails(4, "held");
    assert_ne!(clone_of(&a.root), clone_of(&copy));
    hub.check("a copy");
}

/// The state is on the remote, and the clone died before it knew: it has gone on by itself since.
#[test]
fn a_move_to_a_remote_that_was_cut_off_can_be_repeated() {
    let hub = Hub::unjoined(2, &[]).unwrap();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["init", "--remote", "origin"]).ok();
    std::fs::remove_file(a.store_dir().join("arbiter.json")).unwrap();
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["claim", "x"]).ok();
    a.coord(&["init", "--remote", "origin"]).ok();
    b.coord(&["init", "--remote", "origin"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    b.coord(&["claim", "x"]).fails(4, "held");
    hub.check("moved at last");
    // But what others have done there since is never overwritten.
    std::fs::remove_file(a.store_dir().join("arbiter.json")).unwrap();
    a.coord(&["claim", "local"]).ok();
    b.coord(&["claim", "there"]).ok();
    let state = hub.state();
    a.coord(&["init", "--remote", "origin"]).fails(1, "remote-state");
    assert_eq!(hub.state(), state);
}

/// Numbers of leases begin anew with another state: one that was watched is not one of today.
#[test]
fn what_was_watched_in_another_store_does_not_count() {
    let hub = Hub::unjoined(3, &[]).unwrap();
    let [a, b, c] = &hub.clones[..] else { unreachable!() };
    let begin = |clone: &TestEnv, name: &str, discard: &[&str]| {
        clone.coord(&[&["init", "--remote", "origin"], discard].concat()).ok();
        clone.coord(&["session", "start", name]).ok();
    };
    begin(a, "alice", &[]);
    let first = a.coord(&["claim", "x", "--ttl", "4s"]).ok()["claims"][0]["lease"].clone();
    begin(b, "bob", &[]);
    b.coord(&["claim", "x"]).fails(4, "held");
    std::thread::sleep(Duration::from_secs(5));
    a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
    begin(c, "carol", &[]);
    assert_eq!(c.coord(&["claim", "x", "--ttl", "4s"]).ok()["claims"][0]["lease"], first, "the same number");
    begin(b, "bob", &["--discard"]);
    b.coord(&["claim", "x"]).fails(4, "held");
}

#[test]
fn leaving_a_remote_can_be_repeated_after_a_death() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    a.coord(&["session", "start", "alice"]).ok();
    for n in 1..40 {
        a.coord(&["claim", "x", "--ttl", "1s"]).ok();
        let call = a.run(&a.root).args(["init", "--local"]).crash_at(n).call();
        assert_eq!(a.coord(&["init", "--local"]).ok()["remote"], serde_json::Value::Null, "died at {n}");
        a.check(&format!("died at {n}"));
        assert!(a.session("alice").leases.iter().all(|l| l.clone.is_none()), "died at {n}: they run out");
        if !call.crashed() {
            return;
        }
        a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
        a.coord(&["init", "--remote", "origin"]).ok();
    }
    panic!("leaving takes more than 40 steps");
}

/// Somebody goes on with the old state, and cuts its history: a clone that knew more still sees it.
#[test]
fn a_remote_that_was_put_back_is_noticed_after_its_history_was_cut() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    let old = hub.state();
    b.coord(&["claim", "x"]).ok();
    b.coord(&["claim", "y"]).ok();
    let good = hub.state();
    let upkeep = |n: usize| {
        hub.many_states(n, if n == 0 { "alice" } else { "bob" });
        let clone = &hub.clones[n];
        // Or the upkeep that starts by itself: whichever comes first.
        while clone.git_in(&hub.bare, &["rev-list", "refs/coord/state"]).lines().count() > 100 {
            clone.coord(&["upkeep"]).ok();
        }
    };
    a.git_in(&hub.bare, &["update-ref", "refs/coord/state", &old]);
    upkeep(0);
    b.coord(&["claim", "z"]).fails(1, "remote-state");
    // A cut of the history that they both know is not a reason to complain.
    a.git_in(&hub.bare, &["update-ref", "refs/coord/state", &good]);
    a.coord(&["init", "--remote", "origin", "--discard"]).ok();
    upkeep(1);
    a.coord(&["claim", "z"]).ok();
    hub.check("after a cut");
}

/// The server takes the push and says nothing.
#[test]
fn a_join_whose_answer_does_not_come_is_not_reported_as_refused() {
    let hub = Hub::unjoined(1, &[]).unwrap();
    let a = &hub.clones[0];
    a.coord(&["init"]).ok();
    a.git(&["config", "coord.remoteTimeout", "2s"]);
    a.git(&["config", "remote.origin.receivepack", "f() { git-receive-pack \"$1\" </dev/null; }; f"]);
    let error = a.coord(&["init", "--remote", "origin"]).fails(6, "remote").clone();
    assert_eq!(error["details"]["outcome"], "unknown", "{error}");
    a.git(&["config", "--unset", "remote.origin.receivepack"]);
    a.coord(&["init", "--remote", "origin"]).ok();
}

/// What is noted for the sake of other clones cannot be written.
#[test]
fn an_operation_that_was_won_is_done_whatever_else_fails() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    std::fs::create_dir(a.store_dir().join("fairness.json"))
        .or_else(|_| {
            std::fs::remove_file(a.store_dir().join("fairness.json"))?;
            std::fs::create_dir(a.store_dir().join("fairness.json"))
        })
        .unwrap();
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["claim", "x"]).ok();
    hub.check("without fairness");
}

#[test]
fn a_clone_that_could_not_join_does_not_decide_by_itself() {
    let hub = Hub::unjoined(1, &[]).unwrap();
    let a = &hub.clones[0];
    a.coord(&["init", "--remote", "orign"]).fails(1, "unknown-remote");
    assert!(!a.store_dir().exists());
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    a.coord(&["init", "--remote", "origin"]).fails(6, "remote");
    assert!(!a.store_dir().exists());
    a.coord(&["session", "start", "alice"]).fails(1, "no-store");
    std::fs::rename(&away, &hub.bare).unwrap();
    assert_eq!(a.coord(&["init", "--remote", "origin"]).ok()["created"], true);
    // One that has a store keeps it.
    std::fs::rename(&hub.bare, &away).unwrap();
    a.coord(&["init", "--remote", "orign"]).fails(1, "unknown-remote");
    assert!(a.store_dir().exists());
}

/// The other clone has heard nothing of it, or heard of its end only now.
#[test]
fn no_worktree_is_made_for_a_session_at_work_in_another_clone() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["session", "start", "alice", "--worktree", "../wa"]).ok();
    let wb = b.temp().join("wb");
    let start = || b.coord(&["session", "start", "alice", "--worktree", "../wb"]);
    let nothing_made = || !wb.exists() && b.git(&["branch", "--list", "alice"]).is_empty();
    let error = start().fails(4, "held").clone();
    let message = error["message"].as_str().unwrap();
    let place = a.temp().join("wa").display().to_string();
    assert!(message.contains(&place) && message.contains("of another clone, on "), "{message}");
    assert!(error["hint"].as_str().unwrap().contains("git coord session end alice"), "{error}");
    assert!(nothing_made());
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    start().fails(6, "remote");
    assert!(nothing_made(), "a start without the remote makes nothing");
    std::fs::rename(&away, &hub.bare).unwrap();
    b.git(&["config", "coord.refresh", "1h"]);
    a.coord(&["session", "end", "alice"]).ok();
    start().ok();
}

/// After `git remote rename` and `git remote remove`.
#[test]
fn a_remote_that_was_renamed_is_named_anew_and_the_clone_stays_who_it_is() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["session", "start", "alice", "--worktree", "../wa"]).ok();
    let wa = a.temp().join("wa");
    a.coord_in(&wa, &["claim", "x"]).ok();
    a.coord_in(&wa, &["progress", "half"]).ok();
    let clone = || a.coord(&["remote"]).ok()["clone"].clone();
    let before = clone();
    a.git(&["remote", "rename", "origin", "hub"]);
    let began = std::time::Instant::now();
    for words in [&["claim", "y"][..], &["sync"], &["release", "x"]] {
        let call = a.coord_in(&wa, words);
        let error = call.fails(6, "remote");
        assert!(
            error["message"].as_str().unwrap().contains("has no remote of that name any more"),
            "{error}"
        );
        assert!(error["hint"].as_str().unwrap().contains("git coord init --remote NAME"), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for what cannot come back");
    let out = a.command(PROGRAM, &a.root).args(["status"]).output().unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("init --remote NAME"), "{out:?}");
    let error = a.coord(&["doctor"]).fails(5, "refused").clone();
    assert_eq!(error["details"]["findings"][0]["code"], "remote-unknown", "{error}");
    // Nothing is to be begun anew.
    for words in [&["doctor"][..], &["doctor", "--repair"]] {
        let error = a.coord(words).fails(5, "refused").clone();
        assert!(error["hint"].as_str().unwrap().contains("git coord init --remote NAME"), "{error}");
    }
    a.coord(&["init", "--remote", "hub"]).ok();
    assert_eq!(clone(), before);
    a.coord_in(&wa, &["claim", "y"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    b.coord(&["claim", "x"]).fails(4, "held");
    // Its sessions are its own as before: one whose worktree is gone goes on elsewhere.
    a.git(&["worktree", "remove", "--force", wa.to_str().unwrap()]);
    a.coord(&["session", "start", "alice", "--worktree", "../wa2"]).ok();
    hub.check("renamed");
    // Removed, and the clone goes on by itself.
    a.git(&["remote", "remove", "hub"]);
    a.coord(&["init", "--local"]).ok();
    a.coord_as("alice", &["claim", "z"]).ok();
}

/// Clones that have not heard of the move would go on with the one before.
#[test]
fn another_arbiter_is_taken_only_with_the_newest_state_of_the_one_before() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    let other = hub.bare.with_extension("other");
    a.git_in(a.temp(), &["init", "-q", "--bare", other.to_str().unwrap()]);
    let away = hub.bare.with_extension("away");
    for clone in &hub.clones {
        clone.git(&["remote", "add", "other", other.to_str().unwrap()]);
    }
    let refused = |words: &[&str]| {
        let error = a.coord(words).fails(6, "remote").clone();
        assert!(error["message"].as_str().unwrap().contains("remote origin"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("git remote remove origin"), "{error}");
        assert_eq!(a.git_in(&other, &["for-each-ref"]), "", "nothing is there");
    };
    std::fs::rename(&hub.bare, &away).unwrap();
    refused(&["init", "--remote", "other"]);
    refused(&["init", "--remote", "other", "--discard"]);
    // With a push whose answer is open, too.
    std::fs::rename(&away, &hub.bare).unwrap();
    assert!(a.run(&a.root).args(["claim", "open"]).crash_at(4).call().crashed());
    std::fs::rename(&hub.bare, &away).unwrap();
    refused(&["init", "--remote", "other"]);
    std::fs::rename(&away, &hub.bare).unwrap();
    a.coord(&["claim", "open"]).ok();
    // What others have done there since moves with it, and the answer says that they have to follow.
    b.coord(&["claim", "z"]).ok();
    let out = a.command(PROGRAM, &a.root).args(["init", "--remote", "other"]).output().unwrap();
    let printed = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success() && printed.contains("in every other clone: git coord init --remote other"),
        "{printed}"
    );
    a.coord(&["claim", "z"]).fails(4, "held");
    b.coord(&["init", "--remote", "other"]).ok();
    b.coord(&["claim", "open"]).fails(4, "held");
    // A server that is gone for good is removed first.
    std::fs::rename(&other, away.with_extension("gone")).unwrap();
    a.coord(&["init", "--remote", "origin"]).fails(6, "remote");
    a.git(&["remote", "remove", "other"]);
    a.coord(&["init", "--remote", "origin"]).ok();
    a.coord(&["claim", "z"]).fails(4, "held");
}
