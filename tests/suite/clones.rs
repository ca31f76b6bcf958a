//! Several clones with one remote as the arbiter.

use std::io::Write as _;
use std::process::Child;
use std::time::Duration;

use crate::common::clones::Hub;
use crate::common::{Call, Dice, TestEnv, path};

/// Starts a session of this name in each clone.
pub fn sessions(hub: &Hub, names: &[&str]) {
    for (clone, name) in hub.clones.iter().zip(names) {
        clone.coord(&["session", "start", name]).ok();
    }
}

#[test]
fn what_one_clone_claims_no_other_gets() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    let odd = ["src/a.rs", ".gitmodules", "sub/.gitattributes", "x.lock/y", "ü \"q\"", "a.."];
    a.coord(&[&["claim"], &odd[..]].concat()).ok();
    let refused = b.coord(&["claim", "src"]);
    assert_eq!(refused.fails(4, "held")["details"]["holders"][0]["session"], "alice");
    a.coord(&["release", "--all"]).ok();
    // bob's clone does not know yet: being refused is worth a look at the remote.
    b.coord(&["claim", "src"]).ok();
    a.coord(&["claim", "src/a.rs"]).fails(4, "held");
    a.coord(&["session", "start", "bob"]).fails(4, "held");
    hub.check("after claims");
    assert_eq!(a.claimed(), [("src".to_owned(), "bob".to_owned())]);
    assert_eq!(b.claimed(), a.claimed());
}

#[test]
fn without_the_remote_nothing_is_claimed_and_work_goes_on() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    a.import("{\"id\":\"T1\",\"title\":\"one\",\"files\":[\"f\"]}\n{\"id\":\"T2\",\"title\":\"two\"}\n").ok();
    assert_eq!(a.coord(&["next"]).items(), ["T1"]);
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    let before = a.generation();
    for words in [&["claim", "x"][..], &["next"], &["done", "T1"], &["release", "--all"]] {
        let details = a.coord(words).fails(6, "remote")["details"].clone();
        assert_eq!(details["outcome"], "unchanged", "{words:?}");
    }
    assert_eq!(a.generation(), before, "a refused operation leaves nothing behind");
    // What is held is enough for a commit, and what has happened waits for the remote.
    std::fs::write(a.root.join("f"), "done\n").unwrap();
    a.git(&["add", "f"]);
    a.git(&["commit", "-q", "-m", "work on f"]);
    std::fs::write(a.root.join("g"), "not mine\n").unwrap();
    a.git(&["add", "g"]);
    assert!(!a.command("git", &a.root).args(["commit", "-q", "-m", "g"]).output().unwrap().status.success());
    a.coord(&["progress", "half", "--percent", "50"]).ok();
    assert_eq!(a.coord(&["--offline", "done", "T1"]).ok()["items"][0]["state"], "done");
    a.coord(&["--offline", "done", "T2"]).fails(3, "lost");
    a.coord(&["--offline", "claim", "x"]).fails(6, "remote");
    let status = a.coord(&["status"]).ok().clone();
    let queue = &status["queues"][0];
    assert_eq!((&queue["claimed"], &queue["done"]), (&0.into(), &1.into()), "what was accepted is shown");
    assert_eq!(status["stale"], true, "with what is known last");
    std::fs::rename(&away, &hub.bare).unwrap();
    assert!(a.coord(&["sync"]).ok()["acts"].as_u64().unwrap() >= 3);
    hub.check("back");
    assert_eq!(b.coord(&["queue", "show", "T1"]).ok()["item"]["state"], "done");
    let events: Vec<String> = b.events().iter().map(|e| e.event.as_str().to_owned()).collect();
    for event in ["commit", "progress", "done"] {
        assert_eq!(events.iter().filter(|e| *e == event).count(), 1, "{event} in {events:?}");
    }
    // The notes have come along.
    let log = b.git(&["log", "--all", "--notes=coord/*", "--format=%N"]);
    assert!(!log.contains("progress"), "the commit itself is not here yet: {log}");
    assert!(b.git(&["for-each-ref"]).contains("refs/notes/coord/alice"));
}

/// The path races of one repository, between clones.
#[test]
fn of_claims_in_different_clones_exactly_one_wins() {
    const PATHS: [&str; 6] = ["src", "src/a", "src/a/x", "src/b", "docs", "docs/one"];
    let hub = Hub::new(4);
    let mut names = Vec::new();
    for (i, clone) in hub.clones.iter().enumerate() {
        let of_clone: Vec<String> = (0..3).map(|s| format!("s{i}{s}")).collect();
        clone.sessions(&of_clone);
        names.extend(of_clone.into_iter().map(|name| (clone, name)));
    }
    let mut dice = Dice(0x0c1a_55e5);
    for round in 0..4 {
        let wanted: Vec<[&str; 2]> =
            names.iter().map(|_| [PATHS[dice.below(6) as usize], PATHS[dice.below(6) as usize]]).collect();
        let children: Vec<Child> = names
            .iter()
            .zip(&wanted)
            .map(|((clone, name), paths)| {
                clone.run(&clone.root).session(name).args(["claim"]).args(paths).spawn()
            })
            .collect();
        let mut won: Vec<(String, String)> = Vec::new();
        for ((child, paths), (_, name)) in children.into_iter().zip(&wanted).zip(&names) {
            let call = Call::wait(child);
            match call.code {
                Some(0) => won.extend(paths.iter().map(|p| ((*p).to_owned(), name.clone()))),
                _ => drop(call.fails(4, "held")),
            }
        }
        won.sort();
        won.dedup();
        assert!(!won.is_empty());
        for (i, (a, one)) in won.iter().enumerate() {
            for (b, other) in won[i..].iter().filter(|(_, other)| other != one) {
                assert!(!path(a).overlaps(&path(b)), "round {round}: {one} won {a} and {other} won {b}");
            }
        }
        hub.check(&format!("round {round}"));
        for clone in &hub.clones {
            assert_eq!(clone.claimed(), won, "round {round}");
        }
        for (clone, name) in &names {
            clone.coord_as(name, &["release", "--all"]).ok();
        }
    }
}

#[test]
fn a_queue_is_drained_from_all_clones_without_loss_or_doubles() {
    let hub = Hub::new(4);
    let lines: String = (0..60)
        .map(|i| format!("{{\"id\":\"T{i}\",\"title\":\"t\",\"files\":[\"f{}\"]}}\n", i % 20))
        .collect();
    hub.clones[0].import(&lines).ok();
    let mut done: Vec<String> = std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for (i, clone) in hub.clones.iter().enumerate() {
            clone.sessions(&(0..3).map(|s| format!("s{i}{s}")).collect::<Vec<_>>());
            for s in 0..3 {
                workers.push(scope.spawn(move || drain(clone, &format!("s{i}{s}"), "2")));
            }
        }
        workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    done.sort();
    let mut all: Vec<String> = (0..60).map(|i| format!("T{i}")).collect();
    all.sort();
    assert_eq!(done, all, "each item exactly once");
    hub.check("drained");
    let refs = hub.clones[0].git_in(&hub.bare, &["for-each-ref", "--format=%(refname)"]);
    let ours = refs.lines().filter(|l| !["refs/coord/state", "refs/coord/yield"].contains(l));
    assert_eq!(ours.collect::<Vec<_>>(), ["refs/heads/main"], "no refs for items, claims or sessions");
}

pub fn drain(clone: &TestEnv, session: &str, count: &str) -> Vec<String> {
    let mut done = Vec::new();
    loop {
        let call = clone.coord_as(session, &["next", "--count", count]);
        call.ok();
        let items = call.items();
        if items.is_empty() && call.json["data"]["empty_reason"] == "everything is finished" {
            return done;
        }
        for item in &items {
            clone.coord_as(session, &["done", item]).ok();
        }
        done.extend(items);
    }
}

/// The process dies at its first, second, third … step; the next command settles what it left.
#[test]
fn a_push_that_died_at_any_step_is_settled_by_the_next_command() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    let mut survived = false;
    for n in 1..60 {
        let file = format!("f{n}");
        let call = a.run(&a.root).session("alice").args(["claim", &file]).crash_at(n).call();
        if !call.crashed() {
            call.ok();
            survived = true;
            break;
        }
        // Whether it happened is for the remote to say; both clones say the same afterwards.
        b.coord(&["claim", &format!("other{n}")]).ok();
        let happened = b.claimed().iter().any(|(path, _)| *path == file);
        a.coord(&["claim", &format!("next{n}")]).ok();
        assert_eq!(a.claimed().iter().any(|(path, _)| *path == file), happened, "crash point {n}");
        a.coord(&["claim", &file]).ok();
        hub.check(&format!("crash point {n}"));
    }
    assert!(survived, "the command reaches its end after fewer than 60 steps");
}

/// The holder's clone sleeps; another clone takes over after it has watched the lease long enough.
#[test]
fn a_lease_of_another_clone_is_judged_by_ones_own_clock() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    a.coord(&["claim", "x", "--ttl", "2s"]).ok();
    // Whatever the times in the record say, the first look only starts the watch.
    std::thread::sleep(Duration::from_secs(3));
    b.coord(&["claim", "x"]).fails(4, "held");
    b.coord(&["claim", "x", "--wait", "30s"]).ok();
    a.coord(&["release", "x"]).fails(3, "lost");
    a.coord(&["claim", "x"]).fails(4, "held");
    std::fs::write(a.root.join("x"), "zombie\n").unwrap();
    a.git(&["add", "x"]);
    assert!(!a.command("git", &a.root).args(["commit", "-q", "-m", "x"]).output().unwrap().status.success());
    hub.check("taken over");
}

#[test]
fn a_renewed_lease_is_not_taken_however_long_it_was_watched() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    a.coord(&["claim", "x", "--ttl", "3s"]).ok();
    b.coord(&["claim", "x"]).fails(4, "held");
    for _ in 0..5 {
        std::thread::sleep(Duration::from_secs(1));
        a.coord(&["renew", "--all"]).ok();
        b.coord(&["claim", "x"]).fails(4, "held");
    }
    hub.check("renewed");
}

#[test]
fn clones_of_sha256_repositories_work_the_same() {
    let Some(hub) = Hub::unjoined(2, &["--object-format=sha256"]) else { return };
    for clone in &hub.clones {
        clone.coord(&["init", "--remote", "origin"]).ok();
    }
    sessions(&hub, &["alice", "bob"]);
    hub.clones[0].coord(&["claim", "x"]).ok();
    hub.clones[1].coord(&["claim", "x"]).fails(4, "held");
    hub.check("sha256");
}

#[test]
fn a_server_that_keeps_history_does_not_stop_upkeep() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    a.git_in(&hub.bare, &["config", "receive.denyNonFastForwards", "true"]);
    a.coord(&["claim", "x"]).ok();
    a.coord(&["upkeep"]).ok();
    a.coord(&["claim", "y"]).ok();
    b.coord(&["claim", "y"]).fails(4, "held");
    hub.check("upkeep");
}

/// A clone whose every round trip takes longer than a whole operation of the others.
#[test]
fn a_slow_clone_is_not_starved_by_a_fast_one() {
    let hub = Hub::new(2);
    let [fast, slow] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["fast", "slow"]);
    slow.git(&["config", "remote.origin.receivepack", "sleep 0.5; git-receive-pack"]);
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                fast.coord(&["claim", &format!("f{n}")]).ok();
                n += 1;
            }
        });
        let calls: Vec<Call> = (0..3).map(|n| slow.coord(&["claim", &format!("s{n}")])).collect();
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        for call in calls {
            call.ok();
        }
    });
    let refs = fast.git_in(&hub.bare, &["for-each-ref", "--format=%(refname)", "refs/coord/"]);
    assert_eq!(refs, "refs/coord/state\nrefs/coord/yield\n");
}

#[test]
fn acts_of_one_clone_share_a_push() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    let names: Vec<String> = (0..12).map(|i| format!("s{i}")).collect();
    a.sessions(&names);
    a.git(&["config", "coord.pushEvery", "4s"]);
    let count = || -> usize {
        a.git_in(&hub.bare, &["rev-list", "--count", "refs/coord/state"]).trim().parse().unwrap()
    };
    let before = count();
    let children: Vec<Child> = names
        .iter()
        .map(|name| a.run(&a.root).session(name).args(["claim", &format!("of-{name}")]).spawn())
        .collect();
    for child in children {
        Call::wait(child).ok();
    }
    let pushes = count() - before;
    assert!(pushes <= 6, "12 claims took {pushes} pushes");
    hub.check("shared pushes");
}

/// Of many operations that wait for a remote that does not answer, only the first waits long.
#[test]
fn acts_in_line_behind_one_that_met_no_remote_fail_with_it() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    let names: Vec<String> = (0..6).map(|i| format!("s{i}")).collect();
    a.sessions(&names);
    let tries = a.temp().join("tries");
    let server = format!("echo x >> '{}'; sleep 5; exit 1; :", tries.display());
    a.git(&["config", "remote.origin.receivepack", &server]);
    let children: Vec<Child> = names
        .iter()
        .map(|name| a.run(&a.root).session(name).args(["claim", &format!("of-{name}")]).spawn())
        .collect();
    for child in children {
        Call::wait(child).fails(6, "remote");
    }
    let tries = std::fs::read_to_string(tries).unwrap().lines().count();
    assert!(tries <= 4, "6 claims met the remote {tries} times");
    a.git(&["config", "--unset", "remote.origin.receivepack"]);
    hub.check("reached again");
    assert!(a.claimed().is_empty());
}

/// That the remote was away for a moment is not an answer to operations that come after it was reached again,
/// nor to those that have time.
#[test]
fn a_hiccup_that_is_over_is_forgotten() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    let store = a.store_dir();
    let in_line = |what: &str| {
        crate::common::wait_until(what, || {
            let room = std::fs::read_dir(store.join("write-queue"));
            room.is_ok_and(|files| files.flatten().any(|f| f.path().extension().is_some_and(|e| e == "op")))
        });
    };
    // Written as by an operation before the one in line, and then another has got through.
    let lock = std::fs::File::options().write(true).open(store.join("coord.lock")).unwrap();
    lock.lock().unwrap();
    let child = a.run(&a.root).args(["claim", "x"]).spawn();
    in_line("alice is in line");
    std::fs::write(store.join("remote.down"), "origin\nno route to host").unwrap();
    let fetched = std::fs::File::options().append(true).create(true).open(store.join("FETCH_HEAD")).unwrap();
    (&fetched).write_all(b"-").unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(1);
    fetched.set_modified(later).unwrap();
    drop(lock);
    Call::wait(child).ok();
    // Nobody has got through since, but there is time.
    b.coord(&["claim", "y"]).ok();
    let child = a.run(&a.root).args(["claim", "y", "--wait", "60s"]).spawn();
    in_line("alice waits for y");
    std::fs::remove_file(store.join("FETCH_HEAD")).unwrap();
    let note = store.join("remote.down");
    std::fs::write(&note, "origin\nno route to host").unwrap();
    std::fs::File::options().append(true).open(&note).unwrap().set_modified(later).unwrap();
    b.coord(&["release", "y"]).ok();
    Call::wait(child).ok();
    hub.check("after hiccups");
}

/// A commit that was fine when it was made, by a clone that has not looked since.
#[test]
fn what_was_committed_before_a_takeover_is_not_pushed_after_it() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    a.coord(&["claim", "x", "--ttl", "4s"]).ok();
    std::fs::write(a.root.join("x"), "mine\n").unwrap();
    a.git(&["add", "x"]);
    a.git(&["commit", "-q", "-m", "x"]);
    a.coord(&["check", "--range", "origin/main..HEAD"]).ok();
    b.coord(&["claim", "x"]).fails(4, "held");
    b.coord(&["claim", "x", "--wait", "60s"]).ok();
    let late = a.command("git", &a.root).args(["push", "-q", "origin", "HEAD:late"]).output().unwrap();
    let text = String::from_utf8_lossy(&late.stderr);
    assert!(!late.status.success(), "{text}");
    assert!(text.contains("bob"), "{text}");
    assert_eq!(a.coord(&["check", "--range", "origin/main..HEAD"]).code, Some(5));
}
