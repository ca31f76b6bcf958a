//! Notes on their way between clones: nothing that was noted is ever lost.

use std::path::Path;

use crate::common::clones::Hub;
use crate::common::{TestEnv, script};

/// The notes that a repository has on the first commit.
fn notes(env: &TestEnv, repo: &Path) -> String {
    env.git_in(repo, &["log", "-1", "--notes=coord/*", "--format=%N", "main"])
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert_eq!(text.matches(word).count(), 1, "{word:?} stands once in: {text}");
    }
}

#[test]
fn notes_from_before_the_remote_are_pushed() {
    let hub = Hub::unjoined(1, &[]).unwrap();
    let a = &hub.clones[0];
    a.coord(&["init"]).ok();
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["progress", "early"]).ok();
    a.coord(&["init", "--remote", "origin"]).ok();
    a.coord(&["sync"]).ok();
    has(&notes(a, &hub.bare), &["early"]);
}

#[test]
fn notes_of_a_clone_that_was_moved_are_not_overwritten() {
    let mut hub = Hub::new(1);
    let a = &mut hub.clones[0];
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["sync"]).ok();
    a.coord(&["progress", "first"]).ok();
    a.coord(&["sync"]).ok();
    has(&notes(a, &hub.bare), &["first"]);
    // Its name as a clone is drawn anew by that.
    let moved = a.root.with_file_name("moved");
    std::fs::rename(&a.root, &moved).unwrap();
    a.root = moved;
    a.coord(&["claims"]).ok();
    a.coord(&["sync"]).ok();
    a.coord_as("alice", &["progress", "second"]).ok();
    for _ in 0..2 {
        a.coord(&["sync"]).ok();
        has(&notes(a, &a.root), &["first", "second"]);
    }
    has(&notes(a, &hub.bare), &["first", "second"]);
}

#[test]
fn notes_of_a_session_that_moves_to_another_clone_come_together() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    for clone in [a, b] {
        // So that no exchange starts by itself.
        clone.coord(&["sync"]).ok();
    }
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["progress", "in-a"]).ok();
    a.coord(&["session", "end"]).ok();
    b.coord(&["session", "start", "alice"]).ok();
    b.coord(&["progress", "in-b"]).ok();
    b.coord(&["sync"]).ok();
    has(&notes(b, &hub.bare), &["in-b"]);
    a.coord(&["sync"]).ok();
    has(&notes(a, &a.root), &["in-a", "in-b"]);
    has(&notes(b, &hub.bare), &["in-b"]);
    b.coord(&["session", "end"]).ok();
    a.coord(&["sync"]).ok();
    b.coord(&["sync"]).ok();
    for repo in [&a.root, &b.root, &hub.bare] {
        has(&notes(a, repo), &["in-a", "in-b"]);
    }
    for clone in [a, b, a] {
        let call = clone.coord(&["sync"]);
        let data = call.ok();
        assert_eq!((&data["notes_pushed"], &data["notes_fetched"]), (&0.into(), &0.into()), "they agree");
    }
}

/// Settings and hooks that are meant for the user's own pushes and fetches.
#[test]
fn what_the_user_has_set_for_their_own_pushes_is_not_in_the_way() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    for clone in [a, b] {
        clone.coord(&["sync"]).ok();
        clone.git(&["config", "push.pushOption", "not-supported"]);
        clone.git(&["config", "remote.origin.mirror", "true"]);
        let hook = clone.common_dir().join("hooks/reference-transaction");
        script(&hook, "grep -q coord && exit 1\nexit 0");
    }
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["progress", "half"]).ok();
    a.coord(&["sync"]).ok();
    b.coord(&["sync"]).ok();
    for repo in [&hub.bare, &b.root] {
        has(&notes(a, repo), &["half"]);
    }
    b.coord(&["uninstall", "--yes", "--remote"]).ok();
    assert_eq!(a.git_in(&hub.bare, &["for-each-ref", "--format=%(refname)"]), "refs/heads/main\n");
}

/// `git ls-remote` finds a pattern in the middle of a name, too.
#[test]
fn branches_whose_names_end_like_ours_are_left_alone() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    let odd = ["refs/heads/refs/coord/state", "refs/heads/refs/notes/coord/x"];
    for name in odd {
        a.git(&["push", "-q", "--no-verify", "origin", &format!("HEAD:{name}")]);
    }
    a.coord(&["sync"]).ok();
    assert!(!a.git(&["for-each-ref"]).contains("refs/heads/refs/"), "nothing of them was fetched");
    a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
    a.coord(&["session", "start", "alice"]).fails(1, "remote-state");
    a.coord(&["uninstall", "--yes", "--remote"]).ok();
    let left = a.git_in(&hub.bare, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(left.lines().collect::<Vec<_>>(), [&["refs/heads/main"], &odd[..]].concat());
}

#[test]
fn an_exchange_of_notes_has_an_end() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["sync"]).ok();
    a.git(&["config", "coord.remoteTimeout", "2s"]);
    let head = a.git(&["rev-parse", "HEAD^{tree}"]);
    a.git(&["update-ref", "refs/notes/coord/alice", head.trim()]);
    a.git(&["config", "remote.origin.receivepack", "exec sleep 600; :"]);
    let error = a.coord(&["sync"]).fails(6, "remote").clone();
    assert!(error["message"].as_str().unwrap().contains("no answer in time"), "{error}");
}
