//! A session that was ended and started anew elsewhere is not the one that an old worktree or clone knew.

use std::path::PathBuf;

use crate::common::TestEnv;
use crate::common::clones::Hub;

/// alice's old worktree, and the new one in which she was started anew and holds `b`.
fn started_anew() -> (TestEnv, PathBuf, PathBuf) {
    let env = TestEnv::new();
    for file in ["a", "b"] {
        std::fs::write(env.root.join(file), "1\n").unwrap();
    }
    env.git(&["add", "."]);
    env.git(&["commit", "-q", "-m", "base"]);
    env.import("{\"id\":\"T1\",\"title\":\"t\",\"files\":[\"c\"]}\n").ok();
    env.coord(&["session", "start", "alice", "--worktree", "../old"]).ok();
    env.coord(&["session", "end", "alice"]).ok();
    env.coord(&["session", "start", "alice", "--worktree", "../new", "--branch", "anew"]).ok();
    let (old, new) = (env.temp().join("old"), env.temp().join("new"));
    env.coord_in(&new, &["claim", "b"]).ok();
    (env, old, new)
}

#[test]
fn an_old_worktree_does_nothing_as_the_new_session() {
    let (env, old, new) = started_anew();
    env.coord_in(&new, &["next"]).ok();
    let verbs: [&[&str]; 10] = [
        &["claim", "b"],
        &["claim", "a"],
        &["release", "b"],
        &["release", "--all"],
        &["renew"],
        &["next"],
        &["done", "T1"],
        &["drop", "T1"],
        &["fail", "T1", "--reason", "x"],
        &["session", "end"],
    ];
    for verb in verbs {
        let error = env.coord_in(&old, verb).fails(3, "lost").clone();
        assert!(error["message"].as_str().unwrap().contains("started anew"), "{verb:?}: {error}");
    }
    env.coord_in(&old, &["check", "b"]).fails(3, "lost");
    std::fs::write(old.join("b"), "old\n").unwrap();
    for words in [&["commit", "-qam", "x"][..], &["commit", "--no-verify", "-qam", "x"]] {
        let out = env.command("git", &old).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.contains("started anew"), "{words:?}: {said}");
    }
    // The new one goes on.
    std::fs::write(new.join("b"), "new\n").unwrap();
    env.git_in(&new, &["commit", "-qam", "y"]);
    env.coord_in(&new, &["done", "T1"]).ok();
    assert_eq!(env.session("alice").leases.len(), 1, "nothing was taken from it");
    // A session of its own makes the old worktree usable again.
    env.coord_in(&old, &["session", "start", "carol"]).ok();
    env.coord_in(&old, &["claim", "a"]).ok();
}

#[test]
fn an_old_clone_does_nothing_as_the_new_session() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["claim", "x"]).ok();
    b.coord(&["session", "end", "alice"]).ok();
    b.coord(&["session", "start", "alice"]).ok();
    b.coord(&["claim", "x"]).ok();
    a.coord(&["sync"]).ok();
    for verb in [&["claim", "y"][..], &["release", "x"], &["renew", "--all"], &["next"]] {
        a.coord(verb).fails(3, "lost");
    }
    // Who names the session says who they are.
    a.coord(&["--session", "alice", "release", "x"]).ok();
}

/// A copy of a worktree's folder, or of the whole clone, is not its session either.
#[test]
fn copies_are_not_the_session() {
    let (env, old, new) = started_anew();
    drop(old);
    let copy = env.temp().join("copy");
    crate::common::copy_tree(&new, &copy);
    env.coord_in(&copy, &["claim", "a"]).fails(1, "no-session");
    crate::common::copy_tree(&env.root, &env.temp().join("clone"));
    let main = env.temp().join("clone");
    env.coord(&["session", "start", "main"]).ok();
    crate::common::copy_tree(&env.root, &env.temp().join("clone2"));
    env.coord_in(&env.temp().join("clone2"), &["claim", "a"]).fails(1, "no-session");
    drop(main);
}
