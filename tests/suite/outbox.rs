//! Operations that were accepted without the remote and wait for the next push.

use std::path::PathBuf;

use crate::common::TestEnv;
use crate::common::clones::Hub;

/// A clone whose remote is away and that has an operation waiting; and where the remote is now.
fn with_one_waiting() -> (Hub, PathBuf) {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    a.coord(&["session", "start", "alice"]).ok();
    a.import("{\"id\":\"T1\",\"title\":\"one\"}\n").ok();
    assert_eq!(a.coord(&["next"]).items(), ["T1"]);
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    a.coord(&["--offline", "done", "T1"]).ok();
    assert_eq!(waiting(a).len(), 1);
    (hub, away)
}

fn waiting(env: &TestEnv) -> Vec<PathBuf> {
    let files = std::fs::read_dir(env.store_dir().join("write-queue")).unwrap().flatten().map(|e| e.path());
    files.filter(|p| p.extension().is_some_and(|e| e == "op")).collect()
}

#[test]
fn a_repair_does_not_take_a_waiting_operation_for_a_dead_process() {
    let (hub, away) = with_one_waiting();
    let a = &hub.clones[0];
    assert_eq!(a.coord(&["doctor"]).ok()["findings"], serde_json::json!([]));
    a.coord(&["doctor", "--repair"]).ok();
    assert_eq!(waiting(a).len(), 1, "what was accepted stays");
    std::fs::rename(&away, &hub.bare).unwrap();
    assert_eq!(a.coord(&["sync"]).ok()["acts"], 1);
    assert_eq!(a.coord(&["queue", "show", "T1"]).ok()["item"]["state"], "done");
    hub.check("after a repair");
}

#[test]
fn a_waiting_operation_that_cannot_be_read_is_reported_and_kept() {
    let (hub, _away) = with_one_waiting();
    let a = &hub.clones[0];
    let file = waiting(a).remove(0);
    std::fs::write(&file, "{\"op\":").unwrap();
    for words in [&["doctor"][..], &["doctor", "--repair"]] {
        let findings = a.coord(words).fails(5, "refused")["details"]["findings"].clone();
        assert_eq!(findings[0]["code"], "deferred-unreadable", "{findings}");
        assert!(file.exists());
    }
}

#[test]
fn taking_everything_out_reports_what_waits() {
    let (hub, _away) = with_one_waiting();
    let a = &hub.clones[0];
    let error = a.coord(&["uninstall"]).fails(5, "refused").clone();
    assert_eq!(error["details"]["waiting"], 1);
    assert!(error["message"].as_str().unwrap().contains("1 act for the remote"), "{error}");
    assert_eq!(waiting(a).len(), 1);
    let out = a.command(crate::common::PROGRAM, &a.root).args(["uninstall", "--yes"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.contains("1 act that waited for origin"), "{said}");
}

#[test]
fn what_waits_is_seen_by_the_clone_that_accepted_it() {
    let (hub, away) = with_one_waiting();
    let a = &hub.clones[0];
    let offline = |words: &[&str]| a.coord(&[&["--offline"], words].concat());
    assert_eq!(offline(&["queue", "show", "T1"]).ok()["item"]["state"], "done");
    let status = offline(&["status"]).ok().clone();
    assert_eq!((&status["sessions"][0]["done"], &status["stale"]), (&1.into(), &true.into()));
    // Again is once, and what is done cannot be given back.
    offline(&["done", "T1"]).ok();
    offline(&["drop", "T1"]).fails(3, "lost");
    std::fs::rename(&away, &hub.bare).unwrap();
    let sent = a.coord(&["sync"]).ok().clone();
    assert_eq!((&sent["acts"], &sent["refused"]), (&2.into(), &0.into()));
    assert_eq!(a.coord(&["status"]).ok()["stale"], false);
    assert_eq!(a.events().iter().filter(|e| e.event == git_coord::model::EventKind::Done).count(), 1);
    hub.check("after a repeated operation");
}

#[test]
fn what_was_accepted_and_is_refused_is_reported() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["session", "start", "alice"]).ok();
    a.import("{\"id\":\"T1\",\"title\":\"one\"}\n").ok();
    assert_eq!(a.coord(&["next"]).items(), ["T1"]);
    a.coord(&["--offline", "done", "T1"]).ok();
    b.coord(&["session", "end", "alice"]).ok();
    assert_eq!(a.coord(&["sync"]).ok()["refused"], 1);
    let log = a.command(crate::common::PROGRAM, &a.root).args(["log"]).output().unwrap();
    let text = String::from_utf8_lossy(&log.stdout).into_owned();
    assert!(text.contains("alice refused done T1: session alice has ended"), "{text}");
    assert_eq!(a.coord(&["queue", "show", "T1"]).ok()["item"]["state"], "pending");
}
