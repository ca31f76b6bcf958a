//! The worktree that `session start --worktree` makes: nothing of it stays when it does not get a
//! session, and an existing one is distinguished from something else.

use super::pool::{pooled, ready};
use crate::common::clones::Hub;
use crate::common::{Call, TestEnv, script};

fn start(env: &TestEnv, name: &str, dir: &str, more: &[&str]) -> Call {
    env.coord(&[&["session", "start", name, "--worktree", dir], more].concat())
}

#[track_caller]
fn nothing_is_left(env: &TestEnv, dir: &str, branch: &str) {
    assert!(!env.temp().join(&dir[3..]).exists(), "{dir} is left behind");
    assert_eq!(env.git(&["branch", "--list", branch]), "", "a branch is left behind");
    assert!(!env.git(&["worktree", "list"]).contains(&dir[3..]), "git knows it still");
}

#[test]
fn a_worktree_whose_session_is_refused_goes_again() {
    let hub = pooled(20, "8");
    let a = &hub.clones[0];
    a.coord_as("alice", &["next"]).ok();
    assert!(!ready(a).is_empty());
    let pool = format!("prefetch-{}", a.coord(&["remote"]).ok()["clone"].as_str().unwrap());
    start(a, &pool, "../wp", &[]).fails(5, "refused");
    nothing_is_left(a, "../wp", &pool);
    // The server does not take it; neither a branch that was there nor its commits are touched.
    script(&hub.bare.join("hooks/pre-receive"), "exit 1");
    start(a, "dora", "../wb", &[]).fails(6, "remote");
    nothing_is_left(a, "../wb", "dora");
    a.git(&["branch", "there"]);
    start(a, "emil", "../wc", &["--branch", "there"]).fails(6, "remote");
    assert!(!a.temp().join("wc").exists());
    assert_ne!(a.git(&["branch", "--list", "there"]), "", "it was there before");
    std::fs::remove_file(hub.bare.join("hooks/pre-receive")).unwrap();
    start(a, "dora", "../wb", &[]).ok();
}

/// Whether it was started is not known, and repeating the call finds that out, in this worktree.
#[test]
fn a_worktree_whose_session_may_have_started_is_named() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    a.git(&["config", "coord.remoteTimeout", "3s"]);
    a.git(&["config", "remote.origin.receivepack", "exec sleep 600; :"]);
    let error = start(a, "bob", "../wb", &[]).fails(6, "remote").clone();
    assert_eq!(error["details"]["outcome"], "unknown", "{error}");
    let place = a.temp().join("wb").display().to_string();
    assert!(error["message"].as_str().unwrap().contains(&place), "{error}");
    a.git(&["config", "--unset", "remote.origin.receivepack"]);
    start(a, "bob", "../wb", &[]).ok();
}

#[test]
fn of_two_starts_of_one_name_the_loser_leaves_nothing() {
    let env = TestEnv::new();
    // Both have looked before one of them is there.
    script(&env.common_dir().join("hooks/post-checkout"), "sleep 1");
    let run = |dir: &str, branch: &str| {
        let words = ["session", "start", "alice", "--worktree", dir, "--branch", branch];
        env.run(&env.root).args(words).spawn()
    };
    let children = [run("../w1", "b1"), run("../w2", "b2")];
    let calls = children.map(Call::wait);
    let lost: Vec<usize> = (0..2).filter(|i| calls[*i].code != Some(0)).collect();
    assert_eq!(lost.len(), 1, "{calls:?}");
    calls[lost[0]].fails(4, "held");
    let (dir, branch) = [("../w1", "b1"), ("../w2", "b2")][lost[0]];
    nothing_is_left(&env, dir, branch);
}

/// The second has waited for the first, and finds what that has made.
#[test]
fn two_starts_in_one_folder_share_the_worktree() {
    let env = TestEnv::new();
    script(&env.common_dir().join("hooks/post-checkout"), "sleep 1");
    let run = || env.run(&env.root).args(["session", "start", "alice", "--worktree", "../wa"]).spawn();
    for call in [run(), run()].map(Call::wait) {
        call.ok();
    }
    env.coord_in(&env.temp().join("wa"), &["claim", "x"]).ok();
}

#[test]
fn a_hook_of_the_user_that_fails_is_named_and_nothing_stays() {
    let env = TestEnv::new();
    let path = env.common_dir().join("hooks/post-checkout");
    script(&path, "exit 3");
    let error = start(&env, "alice", "../wa", &[]).fails(1, "worktree").clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("post-checkout") && message.contains('3'), "{error}");
    nothing_is_left(&env, "../wa", "alice");
    script(&path, "echo no network >&2; exit 3");
    let error = start(&env, "alice", "../wa", &[]).fails(1, "worktree").clone();
    assert!(error["message"].as_str().unwrap().contains("no network"), "{error}");
    // It was chained meanwhile: commands install hooks again that another has replaced.
    std::fs::remove_file(path.with_extension("coord-chained")).unwrap();
    start(&env, "alice", "../wa", &[]).ok();
}

#[test]
fn a_branch_that_the_worktree_is_not_on_is_refused() {
    let env = TestEnv::new();
    start(&env, "alice", "../wa", &["--branch", "one"]).ok();
    start(&env, "alice", "../wa", &["--branch", "one"]).ok();
    start(&env, "alice", "../wa", &[]).ok();
    let error = start(&env, "alice", "../wa", &["--branch", "two"]).fails(1, "worktree").clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("branch one") && message.contains("two"), "{error}");
    assert_eq!(env.git(&["branch", "--list", "two"]), "");
}
