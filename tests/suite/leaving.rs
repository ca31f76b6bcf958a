//! A clone that leaves: what `uninstall` gives back, removes and says.

use super::remote::joined;
use crate::common::clones::Hub;
use crate::common::{Call, PROGRAM, TestEnv, script};

#[test]
fn uninstalling_leaves_the_remote_to_others_unless_asked() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    b.coord(&["claim", "x"]).ok();
    let refs = || a.git_in(&hub.bare, &["for-each-ref", "--format=%(refname)"]);
    a.coord(&["uninstall", "--yes"]).ok();
    assert!(!a.store_dir().exists());
    assert!(refs().contains("refs/coord/state"));
    let would = b.coord(&["uninstall", "--remote"]).fails(5, "refused")["details"]["would_remove"].clone();
    assert_eq!(would["remote_refs"][0], "refs/coord/state");
    a.coord(&["uninstall", "--yes", "--remote"]).fails(2, "usage");
    b.coord(&["uninstall", "--yes", "--remote"]).ok();
    assert_eq!(refs(), "refs/heads/main\n");
    assert!(!b.store_dir().exists());
}

#[test]
fn what_became_of_refs_that_were_to_be_deleted_is_reported_as_it_is() {
    let hub = joined();
    let a = &hub.clones[0];
    a.git(&["config", "coord.remoteTimeout", "2s"]);
    let outcome = || {
        let error = a.coord(&["uninstall", "--yes", "--remote"]).fails(6, "remote").clone();
        assert!(a.store_dir().exists(), "it goes no further");
        error["details"]["outcome"].as_str().unwrap().to_owned()
    };
    a.git_in(&hub.bare, &["config", "receive.hideRefs", "refs/coord"]);
    a.git_in(&hub.bare, &["config", "uploadpack.hideRefs", "!refs/coord"]);
    assert_eq!(outcome(), "unchanged");
    a.git(&["config", "remote.origin.receivepack", "exec sleep 600; :"]);
    assert_eq!(outcome(), "unknown");
}

/// A session that waits in another clone need not wait for leases of a clone that is gone.
#[test]
fn uninstalling_gives_back_what_the_clone_holds_there() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let begin = || {
        a.coord(&["init", "--remote", "origin"]).ok();
        a.coord(&["session", "start", "alice"]).ok();
        a.coord(&["claim", "x"]).ok();
        b.coord(&["claim", "x"]).fails(4, "held");
    };
    a.import("{\"id\":\"T1\",\"title\":\"one\"}\n{\"id\":\"T2\",\"title\":\"two\"}\n").ok();
    b.coord(&["claim", "y"]).ok();
    begin();
    a.sessions(&["carol"]);
    a.coord_as("carol", &["next"]).ok();
    assert_eq!(a.coord_as("alice", &["next"]).items(), ["T2"]);
    a.coord(&["--offline", "done", "T2"]).ok();
    let would = a.coord(&["uninstall"]).fails(5, "refused")["details"]["at_work"].clone();
    assert_eq!(would, serde_json::json!(["alice", "carol"]), "others' sessions stay at work");
    let data = a.coord(&["uninstall", "--yes"]).ok().clone();
    let ended = serde_json::json!(["alice", "carol"]);
    assert_eq!((&data["ended"], &data["discarded_acts"]), (&ended, &0.into()));
    b.coord(&["claim", "x"]).ok();
    assert_eq!(b.coord(&["queue", "show", "T2"]).ok()["item"]["state"], "done", "what waited went out");
    assert_eq!(b.coord(&["next"]).items(), ["T1"]);
    assert_eq!(b.session("bob").leases.len(), 3, "what others hold stays theirs");
    b.coord(&["release", "x"]).ok();
    // A copy has no sessions to end, and the original goes on.
    begin();
    let copy = a.temp().join("copy");
    crate::common::copy_tree(&a.root, &copy);
    a.coord_in(&copy, &["uninstall", "--yes"]).ok();
    b.coord(&["claim", "x"]).fails(4, "held");
    // The others cannot be informed.
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    let out = a.command(PROGRAM, &a.root).args(["uninstall", "--yes"]).output().unwrap();
    let printed = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        out.status.success()
            && printed.contains("cannot be reached")
            && printed.contains("when its leases run out"),
        "{printed}"
    );
    assert!(!a.store_dir().exists());
    std::fs::rename(&away, &hub.bare).unwrap();
    b.coord(&["claim", "x"]).fails(4, "held");
    b.coord(&["session", "end", "alice"]).ok();
    b.coord(&["claim", "x"]).ok();
}

/// Sessions that were started when this clone decided by itself name no clone.
#[test]
fn uninstalling_gives_back_what_was_held_before_there_was_a_remote() {
    let hub = Hub::unjoined(2, &[]).unwrap();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["init"]).ok();
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["claim", "x", "--ttl", "8h"]).ok();
    a.coord(&["session", "start", "carol", "--worktree", "../wc"]).ok();
    a.coord_as("carol", &["claim", "y"]).ok();
    a.coord(&["init", "--remote", "origin"]).ok();
    b.coord(&["init", "--remote", "origin"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    b.coord(&["claim", "x"]).fails(4, "held");
    let at_work = |c: &TestEnv| c.coord(&["uninstall"]).fails(5, "refused")["details"]["at_work"].clone();
    assert_eq!(at_work(b), serde_json::json!([]), "they are not this clone's");
    assert_eq!(at_work(a), serde_json::json!(["alice", "carol"]));
    // Nor a copy's, whose git lists the worktrees of the original.
    let copy = a.temp().join("copy");
    crate::common::copy_tree(&a.root, &copy);
    let would = a.coord_in(&copy, &["uninstall"]).fails(5, "refused")["details"]["at_work"].clone();
    assert_eq!(would, serde_json::json!([]));
    // One whose worktree is gone goes on elsewhere, as before.
    a.git(&["worktree", "remove", "--force", "../wc"]);
    a.coord(&["session", "start", "carol", "--worktree", "../wd"]).ok();
    let ended = a.coord(&["uninstall", "--yes"]).ok()["ended"].clone();
    assert_eq!(ended, serde_json::json!(["alice", "carol"]));
    b.coord(&["claim", "x", "y"]).ok();
}

/// Ends of sessions that the server does not take are not operations of the user's.
#[test]
fn what_a_refused_uninstall_has_tried_is_not_reported_as_lost() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "x"]).ok();
    b.import("{\"id\":\"T1\",\"title\":\"one\"}\n").ok();
    assert_eq!(b.coord(&["next"]).items(), ["T1"]);
    script(&hub.bare.join("hooks/pre-receive"), "echo 'no pushes on Fridays' >&2; exit 1");
    let out = a.command(PROGRAM, &a.root).args(["--json", "uninstall", "--yes"]).output().unwrap();
    let call = Call::of(out);
    assert_eq!(call.ok()["discarded_acts"], 0, "{call:?}");
    assert!(call.json["data"]["ended"].is_null(), "{call:?}");
    // What has waited before is reported.
    b.coord(&["--offline", "done", "T1"]).ok();
    assert_eq!(b.coord(&["uninstall", "--yes"]).ok()["discarded_acts"], 1);
}

/// The user's own words come before what to type; what git says keeps its lines.
#[test]
fn uninstalling_with_a_remote_that_is_not_there_is_reported_in_lines() {
    let hub = joined();
    let a = &hub.clones[0];
    let printed = |words: &[&str]| {
        let out = a.command(PROGRAM, &a.root).args(words).output().unwrap();
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    let text = printed(&["uninstall", "--remote"]);
    assert!(text.contains("does not appear to be a git repository") && !text.contains("\\n"), "{text}");
    std::fs::rename(&away, &hub.bare).unwrap();
    script(&hub.bare.join("hooks/pre-receive"), "echo one >&2; echo two >&2; exit 1");
    let text = printed(&["uninstall", "--yes", "--remote"]);
    assert!(text.contains("were not deleted") && !text.contains("\\n") && !text.contains("\\r"), "{text}");
    a.git(&["remote", "rename", "origin", "hub"]);
    let text = printed(&["uninstall", "--remote"]);
    assert!(text.contains("no longer has a remote of that name"), "{text}");
    assert!(text.contains("git coord init --remote NAME"), "{text}");
    let text = printed(&["uninstall", "--yes"]);
    assert!(text.contains("git coord uninstall --yes --remote=NAME"), "{text}");
    assert!(!text.contains("--remote=origin"), "{text}");
}

/// An exchange of notes that was cut off leaves its refs, and git leaves the folder.
#[test]
fn uninstalling_removes_what_an_exchange_of_notes_has_left() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let incoming = a.common_dir().join("refs/coord-incoming");
    std::fs::create_dir_all(&incoming).unwrap();
    a.coord(&["uninstall", "--yes"]).ok();
    assert!(!incoming.exists(), "an empty folder");
    b.git(&["update-ref", "refs/coord-incoming/alice", "HEAD"]);
    let incoming = b.common_dir().join("refs/coord-incoming");
    let would = b.coord(&["uninstall"]).fails(5, "refused")["details"]["would_remove"]["refs"].clone();
    assert_eq!(would, serde_json::json!(["refs/coord-incoming/alice"]));
    b.coord(&["uninstall", "--yes"]).ok();
    assert!(!incoming.exists(), "a ref");
}
