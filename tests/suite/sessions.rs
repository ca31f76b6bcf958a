//! Who is who: sessions and the worktrees that they are bound to.

use std::path::{Path, PathBuf};
use std::process::Child;

use crate::common::{Call, PROGRAM, TestEnv, copy_tree};

fn worktree(env: &TestEnv, name: &str) -> PathBuf {
    env.git(&["worktree", "add", "-q", &format!("../{name}"), "-b", name]);
    env.temp().join(name)
}

/// The session that a claim in `dir` is made by.
fn acting(env: &TestEnv, dir: &Path, path: &str) -> String {
    env.coord_in(dir, &["claim", path]).ok()["claims"][0]["session"].as_str().unwrap().to_owned()
}

#[test]
fn the_session_is_named_by_flag_then_variable_then_worktree() {
    let env = TestEnv::new();
    env.sessions(&["flag", "variable"]);
    env.coord(&["session", "start", "bound"]).ok();
    assert_eq!(acting(&env, &env.root, "a"), "bound");
    let call = env.run(&env.root).session("variable").args(["claim", "b"]).call();
    assert_eq!(call.ok()["claims"][0]["session"], "variable");
    let call = env.run(&env.root).session("variable").args(["claim", "c", "--session", "flag"]).call();
    assert_eq!(call.ok()["claims"][0]["session"], "flag");
}

#[test]
fn every_process_in_a_worktree_is_the_same_session() {
    let env = TestEnv::new();
    let tree = worktree(&env, "w");
    env.coord_in(&tree, &["session", "start", "s"]).ok();
    let sub = tree.join("sub");
    std::fs::create_dir(&sub).unwrap();
    let children: Vec<Child> = (0..6)
        .map(|i| env.run(if i % 2 == 0 { &tree } else { &sub }).args(["claim", &format!("f{i}")]).spawn())
        .collect();
    for child in children {
        assert_eq!(Call::wait(child).ok()["claims"][0]["session"], "s");
    }
    env.coord_in(&sub, &["release", "--all"]).ok();
    assert!(env.claimed().is_empty(), "one process gives back what the others took");
    env.coord(&["claim", "x"]).fails(1, "no-session");
}

#[test]
fn a_copy_of_a_worktree_is_not_the_same_session() {
    let env = TestEnv::new();
    let tree = worktree(&env, "w");
    env.coord_in(&tree, &["session", "start", "s"]).ok();
    let copy = env.temp().join("copy");
    copy_tree(&tree, &copy);
    let call = env.coord_in(&copy, &["claim", "x"]);
    let error = call.fails(1, "no-session");
    assert!(error["message"].as_str().unwrap().contains("copy"), "it says why: {error}");
    env.coord_in(&copy, &["session", "start", "s"]).fails(4, "held");
    assert_eq!(acting(&env, &tree, "x"), "s", "the original is not disturbed");
}

#[test]
fn a_copy_of_a_whole_clone_is_a_world_of_its_own() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "s"]).ok();
    let copy = env.temp().join("copy");
    copy_tree(&env.root, &copy);
    env.coord_in(&copy, &["claim", "x"]).fails(1, "no-session");
    assert_eq!(acting(&env, &env.root, "x"), "s");
}

#[test]
fn a_moved_worktree_keeps_its_session() {
    let env = TestEnv::new();
    let tree = worktree(&env, "w");
    env.coord_in(&tree, &["session", "start", "s"]).ok();
    env.coord_in(&tree, &["claim", "x"]).ok();
    env.git(&["worktree", "move", "../w", "../moved"]);
    let moved = env.temp().join("moved");
    assert_eq!(acting(&env, &moved, "y"), "s");
    env.coord_in(&moved, &["session", "start", "s"]).ok();
    assert_eq!(env.session("s").worktree.as_deref(), moved.to_str(), "starting again notes the new place");
    env.coord_in(&moved, &["release", "--all"]).ok();
}

#[test]
fn a_session_at_work_cannot_be_started_elsewhere() {
    let env = TestEnv::new();
    let (one, two) = (worktree(&env, "one"), worktree(&env, "two"));
    env.coord_in(&one, &["session", "start", "s"]).ok();
    env.coord_in(&two, &["session", "start", "s"]).fails(4, "held");
    env.coord_in(&two, &["claim", "x"]).fails(1, "no-session");
    env.coord_in(&one, &["claim", "x"]).ok();
    env.coord_in(&one, &["session", "end"]).ok();
    env.coord_in(&one, &["claim", "x"]).fails(1, "no-session");
    env.coord_in(&two, &["session", "start", "s"]).ok();
    assert_eq!(acting(&env, &two, "x"), "s", "after its end it may begin elsewhere");
}

#[test]
fn the_session_of_a_removed_worktree_can_go_on_elsewhere() {
    let env = TestEnv::new();
    let (one, two) = (worktree(&env, "one"), worktree(&env, "two"));
    env.coord_in(&one, &["session", "start", "s"]).ok();
    env.coord_in(&one, &["claim", "x"]).ok();
    env.git(&["worktree", "remove", "--force", one.to_str().unwrap()]);
    env.coord_in(&two, &["session", "start", "s"]).ok();
    env.coord_in(&two, &["release", "x"]).ok();
    // A new worktree in the old place is a stranger.
    env.git(&["worktree", "add", "-q", "--force", "../one", "one"]);
    env.coord_in(&one, &["claim", "y"]).fails(1, "no-session");
    assert_eq!(acting(&env, &two, "y"), "s");
}

#[test]
fn one_worktree_changes_hands() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "first"]).ok();
    env.coord(&["claim", "x"]).ok();
    // Two sessions in one worktree would commit each other's edits.
    let refused = env.coord(&["session", "start", "second"]);
    let error = refused.fails(5, "refused");
    assert_eq!(error["details"]["rule"], "bound", "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--rebind"), "{error}");
    assert_eq!(acting(&env, &env.root, "z"), "first");
    let taken = env.coord(&["session", "start", "second", "--rebind"]);
    assert_eq!(taken.ok()["was_bound_to"], "first");
    assert_eq!(acting(&env, &env.root, "y"), "second");
    env.coord(&["claim", "x"]).fails(4, "held");
    env.coord_as("first", &["release", "x"]).ok();
    env.coord_as("first", &["session", "end"]).ok();
    assert_eq!(acting(&env, &env.root, "x"), "second", "the end of the first leaves the binding alone");
}

#[test]
fn eight_worktrees_are_made_at_once() {
    let env = TestEnv::new();
    let children: Vec<Child> = (0..8)
        .map(|i| {
            let words =
                ["session", "start", &format!("s{i}"), "--worktree", &format!("../w{i}")].map(str::to_owned);
            env.run(&env.root).args(words).spawn()
        })
        .collect();
    for (i, child) in children.into_iter().enumerate() {
        let call = Call::wait(child);
        assert_eq!(call.ok()["session"]["branch"], format!("s{i}"), "each on a branch of its own");
    }
    for i in 0..8 {
        assert_eq!(acting(&env, &env.temp().join(format!("w{i}")), &format!("f{i}")), format!("s{i}"));
    }
    assert_eq!(env.git(&["worktree", "list"]).lines().count(), 9);
    assert_eq!(env.coord(&["session", "list"]).ok()["sessions"].as_array().unwrap().len(), 8);
    env.check("with eight worktrees");
    // Once more is harmless: the worktree is there.
    env.coord(&["session", "start", "s0", "--worktree", "../w0"]).ok();
}

#[test]
fn areas_and_queues_decide_what_a_session_is_offered() {
    let env = TestEnv::new();
    let lines = "{\"id\":\"a\",\"title\":\"t\",\"queue\":\"q1\",\"files\":[\"src/pay/x\"]}\n\
                 {\"id\":\"b\",\"title\":\"t\",\"queue\":\"q2\",\"files\":[\"src/pay/y\"]}\n\
                 {\"id\":\"c\",\"title\":\"t\",\"queue\":\"q1\",\"files\":[\"docs/x\"]}\n";
    env.import(lines).ok();
    env.coord(&["session", "start", "s", "--queue", "q1", "--area", "src/**"]).ok();
    let call = env.coord(&["next", "--count", "5"]);
    assert_eq!(call.items(), ["a"], "only from its queue, only in its area");
    assert!(call.ok()["empty_reason"].as_str().unwrap().contains("area"), "and why not more: {}", call.json);
    env.coord(&["drop", "a"]).ok();
    assert_eq!(env.coord(&["next", "--queue", "q2"]).items(), ["b"], "another queue on demand");
}

/// What keeps a worktree from being made is reported before git is asked, with what helps.
#[test]
fn a_worktree_that_cannot_be_made_is_reported_in_our_words() {
    let env = TestEnv::new();
    let start = |words: &[&str]| env.coord(&[&["session", "start"], words].concat());
    let refused = |call: Call, exit: i32, code: &str, parts: &[&str]| {
        let error = call.fails(exit, code);
        let text =
            format!("{} | {}", error["message"].as_str().unwrap(), error["hint"].as_str().unwrap_or("-"));
        assert!(!text.contains("fatal:"), "git's own words: {text}");
        for part in parts {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    };
    start(&["alice", "--worktree", "../wa"]).ok();
    let wa = env.temp().join("wa");
    let (at_wa, end) = (format!("is at work in {}", wa.display()), "git coord session end alice");
    refused(start(&["alice", "--worktree", "../wb"]), 4, "held", &[&at_wa, end]);
    refused(start(&["alice", "--worktree", "../wb", "--branch", "new"]), 4, "held", &[&at_wa, end]);
    assert_eq!(env.git(&["branch", "--list", "new"]), "", "nothing was made");
    let taken = format!("branch alice is checked out in {}, where session alice is at work", wa.display());
    refused(
        start(&["bob", "--worktree", "../wb", "--branch", "alice"]),
        1,
        "worktree",
        &[&taken, "--branch"],
    );
    refused(
        start(&["main", "--worktree", "../wb"]),
        1,
        "worktree",
        &["branch main is checked out in", "--branch"],
    );
    for name in ["a b", "HEAD", "", "@{-1}", "x..y"] {
        let call = start(&["bob", "--worktree", "../wb", "--branch", name]);
        refused(call, 2, "usage", &[&format!("{name:?}"), "--branch"]);
    }
    env.git(&["branch", "a/b/c"]);
    for name in ["main/x", "a/b", "a/b/c/d"] {
        let call = start(&["bob", "--worktree", "../wb", "--branch", name]);
        refused(
            call,
            1,
            "worktree",
            &[&format!("branch {name} cannot be made beside the branch "), "--branch"],
        );
    }
    std::fs::create_dir(env.temp().join("full")).unwrap();
    std::fs::write(env.temp().join("full/file"), "x").unwrap();
    for dir in ["../full", "../full/file", "../full/file/below"] {
        let place = env.temp().join(&dir[3..]).display().to_string();
        let call = start(&["bob", "--worktree", dir]);
        refused(
            call,
            1,
            "worktree",
            &[&format!("a worktree cannot be made at {place}: "), "does not exist yet"],
        );
    }
    assert_eq!(env.git(&["branch", "--list", "bob"]), "", "no branch is left behind");
    // An empty folder is as good as none.
    std::fs::create_dir(env.temp().join("empty")).unwrap();
    start(&["bob", "--worktree", "../empty"]).ok();
    // A worktree that was deleted by hand: its session is free, and git must forget it first.
    std::fs::remove_dir_all(&wa).unwrap();
    refused(
        start(&["alice", "--worktree", "../wa"]),
        1,
        "worktree",
        &["its folder is gone", "git worktree prune"],
    );
    refused(
        start(&["alice", "--worktree", "../wb"]),
        1,
        "worktree",
        &["that folder is gone", "git worktree prune"],
    );
    env.git(&["worktree", "prune"]);
    start(&["alice", "--worktree", "../wa"]).ok();
}

#[test]
fn a_worktree_inside_another_one_is_reported_unless_it_is_ignored() {
    let env = TestEnv::new();
    let inside = |name: &str| {
        let words = ["session", "start", name, "--worktree", &format!("trees/{name}")];
        let out = env.command(PROGRAM, &env.root).args(words).output().unwrap();
        let printed = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{printed}");
        printed.contains("shows it as untracked")
    };
    assert!(inside("one"));
    std::fs::write(env.root.join(".gitignore"), "trees/\n").unwrap();
    assert!(!inside("two"));
}

#[test]
fn a_worktree_wants_a_first_commit() {
    let env = TestEnv::empty();
    env.git(&["init", "-q"]);
    env.coord(&["init"]).ok();
    let call = env.coord(&["session", "start", "alice", "--worktree", "../wa"]);
    let error = call.fails(1, "worktree");
    assert!(error["hint"].as_str().unwrap().contains("git commit"), "{error}");
}
