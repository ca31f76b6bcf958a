//! A remote that has lost or changed the state, and what a clone can tell of a remote.

use crate::common::clones::Hub;
use crate::common::{TestEnv, script};

pub fn joined() -> Hub {
    let hub = Hub::new(2);
    for (clone, name) in hub.clones.iter().zip(["alice", "bob"]) {
        clone.coord(&["session", "start", name]).ok();
    }
    hub
}

pub fn set(hub: &Hub, id: &str) {
    hub.clones[0].git_in(&hub.bare, &["update-ref", "refs/coord/state", id]);
}

#[track_caller]
pub fn finds(clone: &TestEnv, code: &str) {
    let call = clone.coord(&["doctor", "--remote"]);
    let findings = call.fails(5, "refused")["details"]["findings"].clone();
    assert_eq!(findings[0]["code"], code, "{findings}");
}

#[track_caller]
pub fn repairs(clone: &TestEnv, code: &str) {
    let call = clone.coord(&["doctor", "--remote", "--repair"]);
    let finding = call.ok()["findings"][0].clone();
    assert_eq!(
        (finding["code"].as_str(), finding["repaired"].as_bool()),
        (Some(code), Some(true)),
        "{finding}"
    );
    assert_eq!(clone.coord(&["doctor", "--remote"]).ok()["findings"], serde_json::json!([]));
}

#[test]
fn a_state_that_is_gone_is_put_back() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "x"]).ok();
    b.coord(&["sync"]).ok();
    b.coord(&["doctor", "--remote"]).ok();
    a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
    b.coord(&["claim", "x"]).fails(1, "remote-state");
    finds(b, "remote-missing");
    assert_eq!(hub.state(), "", "looking changes nothing");
    let before = b.generation();
    repairs(b, "remote-missing");
    assert!(b.generation() > before + 1000, "numbers that others may have seen are not given again");
    b.coord(&["claim", "x"]).fails(4, "held");
    a.coord(&["claim", "y"]).ok();
    hub.check("put back");
    assert_eq!(b.events().iter().filter(|e| e.event == git_coord::model::EventKind::Restored).count(), 1);
}

#[test]
fn a_state_from_a_backup_is_replaced() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "x"]).ok();
    let old = hub.state();
    b.coord(&["claim", "y"]).ok();
    a.coord(&["sync"]).ok();
    set(&hub, &old);
    finds(a, "remote-backwards");
    repairs(a, "remote-backwards");
    b.coord(&["claim", "z"]).ok();
    hub.check("replaced");
    assert_eq!(a.claimed().len(), 3);
}

#[test]
fn the_server_hook_lets_a_repair_pass() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["server", "install", hub.bare.to_str().unwrap()]).ok();
    a.coord(&["claim", "x"]).ok();
    let old = hub.state();
    b.coord(&["claim", "y"]).ok();
    set(&hub, &old);
    repairs(b, "remote-backwards");
    a.coord(&["claim", "z"]).ok();
    hub.check("replaced past the hook");
}

/// The one that puts the state back knew less than another clone.
#[test]
fn a_clone_that_knew_more_learns_so_and_may_put_its_own_back() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["sync"]).ok();
    b.coord(&["claim", "only-b-knows"]).ok();
    a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
    repairs(a, "remote-missing");
    a.coord(&["claim", "since"]).ok();
    let error = b.coord(&["claim", "more"]).fails(1, "remote-state")["message"].to_string();
    assert!(error.contains("put back from generation"), "{error}");
    finds(b, "remote-left-out");
    // However long ago it was, and although the history that records it is cut.
    hub.many_states(0, "alice");
    a.coord(&["upkeep"]).ok();
    finds(b, "remote-left-out");
    repairs(b, "remote-left-out");
    assert!(b.claimed().iter().any(|(path, _)| path == "only-b-knows"));
    // Now it is the other one that has more, and it gives that up.
    a.coord(&["claim", "more"]).fails(1, "remote-state");
    a.coord(&["init", "--remote", "origin"]).fails(1, "remote-state");
    a.coord(&["init", "--remote", "origin", "--discard"]).ok();
    a.coord(&["claim", "only-b-knows"]).fails(4, "held");
    hub.check("both agree");
}

#[test]
fn another_stores_state_is_replaced_only_by_a_repair() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "x"]).ok();
    let other = TestEnv::new();
    let bare = hub.bare.to_str().unwrap();
    other.git_in(&other.store_dir(), &["--git-dir=.", "push", "-q", "-f", bare, "refs/coord/state"]);
    b.coord(&["claim", "y"]).fails(1, "remote-state");
    finds(a, "remote-foreign");
    repairs(a, "remote-foreign");
    b.coord(&["claim", "y"]).ok();
    hub.check("ours again");
}

/// Another clone is faster each time: whenever a push arrives, it does something first.
#[test]
fn an_import_on_a_busy_remote_comes_to_an_end() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.git(&["config", "coord.remoteTimeout", "1s"]);
    let hook = hub.bare.join("hooks/pre-receive");
    let text = format!(
        "[ \"$FASTER\" ] && exit\nexec env -i FASTER=1 HOME=\"$HOME\" PATH=\"$PATH\" \
         '{}' -C '{}' claim \"f$$\" >/dev/null",
        crate::common::PROGRAM,
        b.root.display()
    );
    script(&hook, &text);
    let before = b.claimed().len();
    let error = a.import("{\"id\":\"T1\",\"title\":\"one\"}\n").fails(6, "remote").clone();
    assert!(error["message"].as_str().unwrap().contains("other clones were faster"), "{error}");
    assert_eq!(error["details"]["outcome"], "unchanged");
    assert!(b.claimed().len() >= before + 5, "it was tried some times");
    std::fs::remove_file(&hook).unwrap();
    a.import("{\"id\":\"T1\",\"title\":\"one\"}\n").ok();
    hub.check("quiet again");
}

/// The first of two push URLs takes the state, and the one that decides is away.
#[test]
fn what_a_mirror_has_taken_is_not_won() {
    let hub = joined();
    let a = &hub.clones[0];
    a.coord(&["sync"]).ok();
    let mirror = hub.bare.with_extension("mirror");
    crate::common::copy_tree(&hub.bare, &mirror);
    for url in [&mirror, &hub.bare] {
        a.git(&["remote", "set-url", "--add", "--push", "origin", url.to_str().unwrap()]);
    }
    a.git(&["config", "coord.remoteTimeout", "3s"]);
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    let error = a.coord(&["claim", "x"]).fails(6, "remote").clone();
    assert_eq!(error["details"]["outcome"], "unknown", "{error}");
    assert_eq!(a.claimed(), []);
    std::fs::rename(&away, &hub.bare).unwrap();
    a.git(&["config", "--unset-all", "remote.origin.pushurl"]);
    a.coord(&["claim", "x"]).ok();
    hub.check("without the mirror");
}

#[test]
fn the_remote_is_shown() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "x"]).ok();
    let call = a.coord(&["remote"]);
    let data = call.ok();
    assert_eq!((data["remote"].as_str(), data["state"].as_str()), (Some("origin"), Some("in-step")));
    assert_eq!(data["generation"]["there"], a.generation());
    assert_eq!(data["url"], hub.bare.to_str().unwrap());
    assert!(data["exchanged"].is_string());
    assert_eq!(b.coord(&["remote"]).ok()["state"], "behind");
    assert!(b.generation() < a.generation(), "showing takes nothing over");
    b.coord(&["--offline", "progress", "half"]).ok();
    let call = b.coord(&["--offline", "remote"]);
    assert_eq!(call.ok()["state"], "unreachable");
    assert_eq!(call.ok()["waiting"], 1);
    TestEnv::new().coord(&["remote"]).fails(1, "no-remote");
}

#[test]
fn a_probe_shows_what_a_server_can_do_and_leaves_nothing() {
    let hub = Hub::unjoined(1, &[]).unwrap();
    let a = &hub.clones[0];
    let call = a.coord(&["remote", "probe"]);
    let data = call.ok();
    for key in ["fit", "custom_refs", "compare_and_swap", "replace", "atomic", "delete"] {
        assert_eq!(data[key], true, "{key}: {data}");
    }
    assert!(data["look_ms"].is_u64() && data["push_ms"].is_u64());
    assert_eq!(a.git_in(&hub.bare, &["for-each-ref", "refs/coord"]), "");
    assert!(!a.store_dir().exists(), "it needs no store and makes none");
    // A server with limits.
    a.git_in(&hub.bare, &["config", "receive.denyNonFastForwards", "true"]);
    a.git_in(&hub.bare, &["config", "receive.denyDeletes", "true"]);
    a.git_in(&hub.bare, &["config", "receive.advertiseAtomic", "false"]);
    let call = a.coord(&["remote", "probe", "origin"]);
    let data = call.ok();
    assert_eq!((data["fit"].as_bool(), data["atomic"].as_bool()), (Some(true), Some(false)), "{data}");
    let left = data["left"][0].as_str();
    if data["delete"] == false {
        let refs = a.git_in(&hub.bare, &["for-each-ref"]);
        assert!(refs.contains(left.unwrap()), "{left:?} is not in {refs}: {data}");
    }
    // And one that takes no refs but branches.
    a.git_in(&hub.bare, &["config", "receive.hideRefs", "refs/coord"]);
    let details = a.coord(&["remote", "probe", "origin"]).fails(5, "refused")["details"].clone();
    assert_eq!((details["rule"].as_str(), details["probe"]["fit"].as_bool()), (Some("unfit"), Some(false)));
    a.coord(&["remote", "probe", "nowhere"]).fails(6, "remote");
}

#[test]
fn a_probe_without_an_answer_says_nothing_about_the_server() {
    let hub = Hub::unjoined(1, &[]).unwrap();
    let a = &hub.clones[0];
    // It answers the clones that look three times, and then no more.
    let script = a.temp().join("looks");
    let text = "#!/bin/sh\necho x >> \"$0.count\"\n[ $(wc -l < \"$0.count\") -le 3 ] || exit 1\n\
                exec git-upload-pack \"$@\"\n";
    std::fs::write(&script, text).unwrap();
    a.git(&["config", "remote.origin.uploadpack", &format!("sh '{}'", script.display())]);
    let error = a.coord(&["remote", "probe"]).fails(6, "remote").clone();
    let left = a.git_in(&hub.bare, &["for-each-ref", "--format=%(refname)", "refs/coord"]);
    assert!(error["message"].as_str().unwrap().contains(left.trim()), "it names {left}: {error}");
}

#[test]
fn commits_are_judged_in_ci_without_joining() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "mine"]).ok();
    for (clone, file, flags) in [(a, "mine", &[][..]), (b, "other", &["--no-verify"])] {
        std::fs::write(clone.root.join(file), "x\n").unwrap();
        clone.git(&["add", file]);
        clone.git(&[&["commit", "-q", "-m", file], flags].concat());
        clone.git(&["push", "-q", "--no-verify", "origin", &format!("HEAD:{file}")]);
    }
    let ci = a.temp().join("ci");
    a.git_in(a.temp(), &["clone", "-q", hub.bare.to_str().unwrap(), ci.to_str().unwrap()]);
    // The commits' events go out in the background; after this there is nothing left of them.
    for clone in &hub.clones {
        clone.coord(&["sync"]).ok();
    }
    let before = hub.state();
    let check = |range: &str, from: &str| a.coord_in(&ci, &["check", "--range", range, "--from", from]);
    assert_eq!(check("origin/main..origin/mine", "origin").ok()["commits"], 1);
    assert_eq!(check("origin/main..origin/mine", hub.bare.to_str().unwrap()).ok()["commits"], 1);
    let error = check("origin/main..origin/other", "origin").fails(5, "refused")["details"].clone();
    assert_eq!(error["commits"][0]["session"], "bob", "{error}");
    assert!(!ci.join(".git/coord").exists() && hub.state() == before, "nothing is written anywhere");
    check("origin/main..origin/mine", "nowhere").fails(6, "remote");
    a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
    check("origin/main..origin/mine", "origin").fails(1, "no-state");
}
