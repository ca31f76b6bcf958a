//! `conflicts`: every pair of live branches, merged in memory, with git's own answer.

use serde_json::Value;

use crate::common::{Dice, team::Team};

fn state<'c>(data: &'c Value, a: &str, b: &str) -> &'c Value {
    let pairs = data["pairs"].as_array().unwrap();
    let found = pairs.iter().find(|p| (p["a"] == a && p["b"] == b) || (p["a"] == b && p["b"] == a));
    found.unwrap_or_else(|| panic!("no pair {a} {b} in {pairs:?}"))
}

#[test]
fn each_pair_and_each_with_the_target() {
    let team = Team::new(&["ada", "bob", "cyd"]);
    team.work("ada", "T1", "a", 1);
    team.work("bob", "T2", "a", 1);
    team.work("cyd", "T3", "b", 1);
    let before = team.fingerprint();
    let call = team.env.coord(&["conflicts"]);
    let data = call.ok();
    assert_eq!(data["branches"].as_array().unwrap().len(), 3);
    assert_eq!(data["pairs"].as_array().unwrap().len(), 6);
    let pair = state(data, "ada", "bob");
    assert_eq!(pair["state"], "conflict");
    assert_eq!(pair["files"], serde_json::json!([{"path": "a", "kind": "contents"}]));
    for (a, b) in [("ada", "cyd"), ("bob", "cyd"), ("ada", "main"), ("cyd", "main")] {
        assert_eq!(state(data, a, b)["state"], "clean", "{a} {b}");
    }
    assert_eq!(team.fingerprint(), before, "the radar has left something");
    assert_eq!(
        team.env.coord(&["conflicts", "--exit-code"]).fails(5, "refused")["details"]["rule"],
        "conflict"
    );
    // What has landed is not live; the others meet it in the target.
    team.land(&["ada"]).ok();
    let call = team.env.coord(&["conflicts"]);
    assert_eq!(call.ok()["branches"].as_array().unwrap().len(), 2);
    assert_eq!(state(call.ok(), "bob", "main")["state"], "conflict");
    assert_eq!(
        team.env.coord(&["conflicts", "cyd", "--exit-code"]).ok()["pairs"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn what_is_not_committed_counts_when_asked_for() {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    team.work("bob", "T2", "b", 1);
    team.edit("bob", "a", 1, "not committed");
    std::fs::write(team.dir("bob").join("new"), "new\n").unwrap();
    let before = (team.fingerprint(), team.git("bob", &["status", "--porcelain"]));
    assert_eq!(state(team.env.coord(&["conflicts"]).ok(), "ada", "bob")["state"], "clean");
    let call = team.env.coord(&["conflicts", "--worktrees"]);
    assert_eq!(state(call.ok(), "ada", "bob")["files"][0]["path"], "a");
    assert_eq!((team.fingerprint(), team.git("bob", &["status", "--porcelain"])), before);
}

/// Random branches with edits, renames of files and folders, removals, files against folders: every
/// answer is git's, cold, from the cache, and after one branch has moved.
#[test]
fn the_answers_are_those_of_git() {
    for seed in 1..=4 {
        let team = Team::new(&["s0", "s1", "s2", "s3", "s4"]);
        let mut dice = Dice(seed * 77_777);
        std::fs::create_dir_all(team.env.root.join("k/e")).unwrap();
        for file in ["k/1", "k/2", "k/e/3", "x"] {
            std::fs::write(team.env.root.join(file), format!("{file}\nsome\nlines\nof text\n")).unwrap();
        }
        team.env.git(&["add", "."]);
        team.env.git(&["commit", "-q", "--no-verify", "-m", "more"]);
        for n in 0..5 {
            let session = format!("s{n}");
            team.git(&session, &["merge", "-q", "--ff-only", "main"]);
            (0..3).for_each(|_| change(&team, &session, &mut dice));
        }
        if seed % 2 == 0 {
            team.git("s1", &["merge", "-q", "--no-edit", "-s", "ours", "--no-verify", "s0"]);
        }
        compare(&team, seed, "cold");
        compare(&team, seed, "warm");
        change(&team, "s3", &mut dice);
        compare(&team, seed, "one moved");
    }
}

fn change(team: &Team, session: &str, dice: &mut Dice) {
    let dir = team.dir(session);
    let pick = dice.below(8);
    let text = format!("{session} {}\n", dice.below(1000));
    let _ = match pick {
        0 => std::fs::rename(dir.join("k"), dir.join(format!("moved{}", dice.below(2)))),
        1 => std::fs::create_dir_all(dir.join("k")).and_then(|()| std::fs::write(dir.join("k/new"), text)),
        2 => std::fs::remove_file(dir.join("k/1")),
        3 => std::fs::remove_file(dir.join("x"))
            .and_then(|()| std::fs::create_dir(dir.join("x")))
            .and_then(|()| std::fs::write(dir.join("x/y"), text)),
        4 => std::fs::rename(dir.join("k/2"), dir.join("k/two")),
        n => std::fs::write(dir.join(["a", "b", "k/e/3"][n as usize - 5]), text),
    };
    team.git(session, &["add", "-A"]);
    let words = ["commit", "-q", "--allow-empty", "--no-verify", "-m", "change"];
    team.git(session, &words);
}

fn compare(team: &Team, seed: u64, when: &str) {
    let call = team.env.coord(&["conflicts"]);
    let data = call.ok();
    let pairs = data["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 15, "seed {seed}, {when}");
    for pair in pairs {
        let (a, b) = (pair["a"].as_str().unwrap(), pair["b"].as_str().unwrap());
        let git = team.env.command("git", &team.env.root).args(["merge-tree", "--write-tree", a, b]);
        let expected = if git.output().unwrap().status.code() == Some(0) { "clean" } else { "conflict" };
        assert_eq!(pair["state"], expected, "seed {seed}, {when}: {a} and {b}");
    }
}
