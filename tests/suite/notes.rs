//! Notes on their way between clones: nothing that was noted is ever lost.

use std::path::Path;

use crate::common::TestEnv;
use crate::common::clones::Hub;

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
