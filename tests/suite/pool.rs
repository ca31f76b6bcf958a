//! `coord.prefetch`: what a clone keeps ready is handed out without the remote, and never twice.

use std::path::PathBuf;

use serde_json::json;

use super::clones::{drain, sessions};
use crate::common::clones::Hub;
use crate::common::{Call, TestEnv, wait_until};

/// Two clones, with sessions `alice` and `carol` in the first and `bob` in the second; only the first
/// keeps items ready. `n` items, each on a file of its own.
pub fn pooled(n: usize, pool: &str) -> Hub {
    let hub = Hub::new(2);
    sessions(&hub, &["alice", "bob"]);
    let a = &hub.clones[0];
    a.sessions(&["carol"]);
    a.git(&["config", "coord.prefetch", pool]);
    a.import(&lines(0..n)).ok();
    quiet(&hub);
    hub
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|i| format!("{{\"id\":\"T{i:03}\",\"title\":\"t\",\"files\":[\"f/{i}\"]}}\n")).collect()
}

/// No exchange starts by itself within a minute of another.
pub fn quiet(hub: &Hub) {
    for clone in &hub.clones {
        clone.coord(&["sync"]).ok();
    }
}

/// What the clone keeps ready.
pub fn ready(clone: &TestEnv) -> Vec<String> {
    let status = clone.coord(&["--offline", "status"]);
    let pools = status.ok()["pools"].as_array().unwrap().clone();
    let own = pools.iter().filter(|p| p["own"] == true).flat_map(|p| p["items"].as_array().unwrap());
    own.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Operations that the remote does not know of yet.
pub fn waiting(clone: &TestEnv) -> u64 {
    clone.coord(&["--offline", "remote"]).ok()["waiting"].as_u64().unwrap()
}

pub fn mine(clone: &TestEnv, session: &str) -> Vec<String> {
    clone.coord_as(session, &["--offline", "queue", "list", "--mine", "--limit", "1000"]).items()
}

pub fn take_away(hub: &Hub) -> PathBuf {
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    away
}

fn states(hub: &Hub) -> usize {
    let count = hub.clones[0].git_in(&hub.bare, &["rev-list", "--count", "refs/coord/state"]);
    count.trim().parse().unwrap()
}

#[test]
fn items_are_handed_out_while_the_remote_is_away() {
    let hub = pooled(40, "4");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    assert_eq!(a.coord(&["next"]).items(), ["T000"]);
    assert_eq!(ready(a), ["T001", "T002", "T003", "T004"]);
    let away = take_away(&hub);
    assert_eq!(a.coord(&["next", "--explain"]).fails(6, "remote")["details"]["outcome"], "unchanged");
    assert_eq!(a.coord(&["next"]).items(), ["T001"]);
    assert_eq!(a.coord_as("carol", &["next", "--count", "2"]).items(), ["T002", "T003"]);
    assert_eq!(a.coord(&["next"]).items(), ["T004"]);
    assert_eq!(a.coord(&["next"]).fails(6, "remote")["details"]["outcome"], "unchanged");
    assert_eq!(mine(a, "alice"), ["T000", "T001", "T004"]);
    assert_eq!(waiting(a), 3);
    // Every command that reads here sees it: what is held, why, and that it is not another's.
    let shown = a.coord(&["--offline", "queue", "show", "T002"]);
    assert_eq!(
        (&shown.ok()["item"]["session"], &shown.ok()["item"]["attempt"]),
        (&json!("carol"), &json!(1))
    );
    a.coord(&["--offline", "queue", "why", "T002"]).ok();
    a.coord(&["--offline", "doctor", "--repair"]).ok();
    let claims = a.coord(&["--offline", "claims", "f/2"]);
    assert_eq!(claims.ok()["claims"][0]["session"], "carol");
    assert_eq!(a.coord(&["--offline", "done", "T001"]).ok()["items"][0]["state"], "done");
    std::fs::rename(&away, &hub.bare).unwrap();
    a.coord(&["sync"]).ok();
    assert_eq!(waiting(a), 0);
    hub.check("back");
    assert_eq!(mine(b, "carol"), ["T002", "T003"]);
    assert_eq!(b.coord(&["queue", "show", "T001"]).ok()["item"]["state"], "done");
    assert_eq!(ready(a).len(), 4, "what the remote has learned of is filled up");
    hub.replay(1, "each state of the remote");
}

/// Takes and finishes `n` items; how many states that made.
fn worked(pool: &str, n: usize) -> usize {
    let hub = pooled(200, pool);
    let a = &hub.clones[0];
    let before = states(&hub);
    for i in 0..n {
        let item = format!("T{i:03}");
        assert_eq!(a.coord(&["next"]).items(), [item.as_str()]);
        a.coord(&["done", &item]).ok();
    }
    let made = states(&hub) - before;
    hub.check(&format!("worked with prefetch {pool}"));
    made
}

#[test]
fn half_of_the_pushes_are_saved() {
    let (without, with) = (worked("0", 20), worked("8", 20));
    assert_eq!(without, 40, "one for each operation");
    assert!((20..24).contains(&with), "{with} states instead of {without}");
}

fn write(dir: &std::path::Path, file: &str) {
    std::fs::create_dir_all(dir.join("f")).unwrap();
    std::fs::write(dir.join(file), "changed\n").unwrap();
}

#[test]
fn what_was_handed_out_is_committed_and_pushed_at_once() {
    let hub = pooled(40, "4");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["server", "install", hub.bare.to_str().unwrap()]).ok();
    a.coord(&["next"]).ok();
    a.coord(&["session", "start", "dave", "--worktree", "../dave"]).ok();
    quiet(&hub);
    let before = hub.state();
    let call = a.coord(&["next"]);
    assert_eq!(call.items(), ["T001"]);
    let lease = call.ok()["items"][0]["lease"].as_u64().unwrap();
    let dave = a.temp().join("dave");
    for (clone, dir) in [(a, &dave), (b, &b.root)] {
        write(dir, "f/1");
        clone.git_in(dir, &["add", "f/1"]);
        let out = clone.command("git", dir).args(["commit", "-q", "-m", "not theirs"]).output().unwrap();
        assert!(!out.status.success(), "{} commits what alice was handed", dir.display());
    }
    write(&a.root, "f/1");
    a.git(&["add", "f/1"]);
    a.git(&["commit", "-q", "-m", "handed out"]);
    let trailers = a.git(&["log", "-1", "--format=%(trailers:only,unfold)"]);
    assert!(trailers.contains("Coord-Session: alice"), "{trailers}");
    assert!(trailers.lines().any(|l| l.starts_with("Coord-Lease: ") && l.contains(&lease.to_string())));
    assert!(trailers.contains("T001"), "{trailers}");
    assert_eq!(hub.state(), before, "the remote knows nothing of it yet");
    a.git(&["push", "-q", "origin", "HEAD:refs/heads/alice"]);
    assert_ne!(hub.state(), before, "the remote learns of it before the branch comes");
    assert_eq!(b.coord(&["queue", "show", "T001"]).ok()["item"]["session"], "alice");
    a.coord(&["done", "T001"]).ok();
    hub.check("pushed");
}

#[test]
fn two_clones_that_prefetch_drain_a_queue_without_loss_or_doubles() {
    let hub = Hub::new(2);
    let text: String = (0..60)
        .map(|i| format!("{{\"id\":\"T{i:03}\",\"title\":\"t\",\"files\":[\"f/{}\"]}}\n", i % 40))
        .collect();
    hub.clones[0].import(&text).ok();
    let mut done: Vec<String> = std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for (i, clone) in hub.clones.iter().enumerate() {
            clone.git(&["config", "coord.prefetch", "6"]);
            for s in 0..3 {
                let name = format!("s{i}{s}");
                clone.sessions(&[&name]);
                workers.push(scope.spawn(move || drain(clone, &name, if s == 0 { "2" } else { "1" })));
            }
        }
        workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    done.sort();
    assert_eq!(done, (0..60).map(|i| format!("T{i:03}")).collect::<Vec<_>>(), "each item exactly once");
    hub.check("drained");
    for clone in &hub.clones {
        clone.coord(&["doctor"]).ok();
        assert_eq!(clone.coord(&["status"]).ok()["queues"][0]["done"], 60);
        assert_eq!(ready(clone), Vec::<String>::new());
    }
    hub.replay(1, "each state of the remote");
}

#[test]
fn a_clone_that_leaves_gives_back_what_it_keeps_ready() {
    let hub = pooled(12, "3");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["next"]).ok();
    assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
    assert_eq!(ready(a).len(), 1);
    a.coord(&["init", "--local"]).ok();
    a.check("left");
    assert_eq!(b.coord(&["next", "--count", "20"]).items().len(), 10);
    assert_eq!(a.coord(&["next", "--count", "20"]).items().len(), 10, "here, too, nobody waits for it");
    a.coord_as("carol", &["done", "T001"]).ok();
    a.coord(&["doctor"]).ok();
    // The same without the remote: what was handed out stays, what was not comes back.
    let hub = pooled(12, "3");
    let a = &hub.clones[0];
    a.coord(&["next"]).ok();
    let away = take_away(&hub);
    assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
    a.coord(&["init", "--local"]).ok();
    std::fs::rename(&away, &hub.bare).unwrap();
    a.check("left without a word");
    assert_eq!(a.coord(&["next", "--count", "20"]).items().len(), 10);
    a.coord_as("carol", &["done", "T001"]).ok();
    hub.clones[1].coord(&["doctor"]).ok();
}

#[test]
fn prefetched_items_are_shown_as_such_and_nobody_works_as_their_session() {
    let hub = pooled(40, "4");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["next"]).ok();
    let names = |call: &Call| -> Vec<String> {
        let list = call.ok()["sessions"].as_array().unwrap();
        list.iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect()
    };
    for clone in &hub.clones {
        let status = clone.coord(&["status"]);
        let pool = &status.ok()["pools"][0];
        assert_eq!(pool["items"], json!(["T001", "T002", "T003", "T004"]));
        assert_eq!(pool["own"], clone.root == a.root);
        assert_eq!(status.ok()["claims"], 5);
        assert_eq!(status.ok()["queues"][0]["claimed"], 5);
        assert!(names(&status).iter().all(|n| !n.starts_with("prefetch-")), "{status:?}");
        assert!(names(&clone.coord(&["session", "list"])).iter().all(|n| !n.starts_with("prefetch-")));
    }
    let pool = a.coord(&["status"]).ok()["pools"][0]["name"].as_str().unwrap().to_owned();
    for words in [&["claim", "x"][..], &["next"], &["done", "T001"], &["drop", "T001"]] {
        a.coord_as(&pool, words).fails(5, "refused");
    }
    a.coord(&["session", "start", &pool]).fails(5, "refused");
    assert_eq!(ready(a).len(), 4);
    // A session that gives back what another clone keeps takes it from sessions that were handed it, too.
    assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
    b.coord(&["session", "end", &pool]).ok();
    assert_eq!(b.coord(&["next"]).items(), ["T001"]);
    a.coord_as("carol", &["done", "T001"]).fails(3, "lost");
    assert_eq!(ready(a), ["T002", "T003", "T004", "T005"], "it is filled anew");
    hub.check("shown");
}

#[test]
fn prefetched_items_go_back_with_the_next_call_after_it_is_switched_off() {
    let hub = pooled(40, "4");
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["next"]).ok();
    a.git(&["config", "--unset", "coord.prefetch"]);
    assert_eq!(a.coord(&["next"]).items(), ["T001"], "what is there is given first");
    assert_eq!(ready(a), Vec::<String>::new());
    assert_eq!(b.coord(&["next"]).items(), ["T002"]);
    hub.check("switched off");
}

#[test]
fn runs_work_off_a_pool() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.git(&["config", "coord.prefetch", "4"]);
    let text: String =
        (0..16).map(|i| format!("{{\"id\":\"R{i:02}\",\"title\":\"t\",\"run\":\"true\"}}\n")).collect();
    a.import(&text).ok();
    a.coord(&["run", "-j", "2"]).ok();
    assert_eq!(b.coord(&["status"]).ok()["queues"][0]["done"], 16);
    hub.check("run");
    wait_until("upkeep and exchanges are over", || a.coord(&["doctor"]).code == Some(0));
}

/// Upkeep cuts the history while a session holds what the remote does not know of.
#[test]
fn upkeep_loses_nothing_that_was_handed_out() {
    let hub = pooled(40, "4");
    let a = &hub.clones[0];
    a.coord(&["next"]).ok();
    hub.many_states(0, "alice");
    assert_eq!(a.coord_as("carol", &["next"]).items(), ["T001"]);
    a.coord(&["upkeep"]).ok();
    assert_eq!(mine(a, "carol"), ["T001"]);
    a.coord_as("carol", &["done", "T001"]).ok();
    hub.check("upkeep");
}

/// Handing out a prefetched item renews nothing by itself; the exchange that reports it does.
#[test]
fn what_a_session_holds_is_renewed_in_the_background() {
    let hub = pooled(40, "4");
    let a = &hub.clones[0];
    assert_eq!(a.coord(&["next", "--ttl", "60s"]).items(), ["T000"]);
    a.coord_as("carol", &["next", "--count", "5"]).ok();
    quiet(&hub);
    let synced = std::fs::File::options().write(true).open(a.store_dir().join("synced")).unwrap();
    let before = std::time::SystemTime::now() - std::time::Duration::from_secs(10);
    synced.set_modified(before).unwrap();
    let later = |words: &[&str]| a.run(&a.root).env("GIT_COORD_CLOCK_OFFSET", "40").args(words).call();
    assert_eq!(later(&["next"]).items().len(), 1);
    let renewals = || a.session("alice").leases.iter().find(|l| l.ttl == 60).unwrap().renewals;
    wait_until("the lease is renewed", || renewals() == 1);
    wait_until("the remote knows", || waiting(a) == 0);
    hub.check("renewed");
}
