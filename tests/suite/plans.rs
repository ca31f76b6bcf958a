//! Plans through the real binary: checked, applied, launched, submitted, torn down.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::clones::Hub;
use crate::common::{Call, TestEnv, script};

const PLAN: &str = r#"
[plan]
name = "p"
days = 7
base = "main"
[workstream.A]
name = "config"
title = "Configuration"
estimate = "1d-2d"
priority = "critical"
owns = ["src/config.py"]
success = ["one Config class"]
prompt = "Write the Config class."
milestones = [{ id = "half", text = "half of it" }]
[workstream.B]
name = "errors"
needs = ["A"]
estimate = "2d"
owns = ["src/errors/**"]
[workstream.C]
name = "tests"
owns = ["tests/**"]
[[wave]]
day = 2
merge = ["A"]
[[wave]]
day = 5
merge = ["B", "C"]
"#;

/// A repository with the plan's files, and the plan in force.
fn planned(text: &str) -> TestEnv {
    let env = TestEnv::new();
    for file in ["src/config.py", "src/errors/retry.py", "tests/a.py"] {
        let path = env.root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "old\n").unwrap();
    }
    env.git(&["add", "."]);
    env.git(&["commit", "-q", "--no-verify", "-m", "files"]);
    std::fs::write(env.root.join("coord.toml"), text).unwrap();
    env.coord(&["plan", "apply"]).ok();
    env
}

fn worktree(env: &TestEnv, name: &str) -> PathBuf {
    let repo = env.root.file_name().unwrap().to_str().unwrap();
    env.root.parent().unwrap().join(format!("{repo}-{name}"))
}

fn launched(call: &Call) -> Vec<(String, String)> {
    let list = call.ok()["launched"].as_array().unwrap().clone();
    list.iter().map(|l| (l["id"].as_str().unwrap().into(), l["change"].as_str().unwrap().into())).collect()
}

fn commit(env: &TestEnv, dir: &Path, file: &str) {
    let path = dir.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "new\n").unwrap();
    env.git_in(dir, &["add", "."]);
    env.git_in(dir, &["commit", "-q", "-m", file]);
}

#[test]
fn every_mistake_is_shown_with_its_place_and_nothing_is_applied() {
    let env = planned(PLAN);
    let broken =
        PLAN.replace("needs = [\"A\"]", "neds = [\"A\"]").replace("merge = [\"A\"]", "merge = [\"X\"]");
    std::fs::write(env.root.join("broken.toml"), &broken).unwrap();
    for words in [["plan", "check", "broken.toml"], ["plan", "apply", "broken.toml"]] {
        let error = env.coord(&words).fails(1, "bad-input").clone();
        let bad = error["details"]["bad"].as_array().unwrap();
        let codes: Vec<&str> = bad.iter().map(|b| b["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["never-merged", "unknown-field", "unknown-workstream"], "{error}");
        assert!(bad.iter().all(|b| b["line"].as_u64().unwrap() > 1 && b["column"].as_u64().unwrap() > 0));
    }
    assert_eq!(env.coord(&["plan", "show"]).ok()["version"], 1);
    let checked = env.coord(&["plan", "check", "coord.toml"]).ok().clone();
    assert_eq!(
        (&checked["workstreams"], &checked["waves"], &checked["gates"]),
        (&json!(3), &json!(2), &json!(0))
    );
}

#[test]
fn a_plan_can_be_checked_before_anything_is_set_up() {
    let env = TestEnv::plain(&[]).unwrap();
    std::fs::write(env.root.join("coord.toml"), PLAN).unwrap();
    env.coord(&["plan", "check"]).ok();
    assert!(!env.store_dir().exists());
}

#[test]
fn launching_makes_what_is_missing_and_again_changes_nothing() {
    let env = planned(PLAN);
    let dry = env.coord(&["launch", "--ready", "--dry-run"]);
    assert_eq!(launched(&dry).len(), 2);
    assert!(!worktree(&env, "config").exists());
    let first = env.coord(&["launch", "--ready"]);
    assert_eq!(launched(&first), [("A".into(), "created".into()), ("C".into(), "created".into())]);
    assert_eq!(first.ok()["waiting"], json!([{ "id": "B", "for": ["A"] }]));
    let dir = worktree(&env, "config");
    let start = std::fs::read_to_string(dir.join("STARTUP.md")).unwrap();
    for word in ["Write the Config class.", "one Config class", "`src/errors/**` (B)", "workstream/config"] {
        assert!(start.contains(word), "{word} is missing in {start}");
    }
    assert_eq!(env.git_in(&dir, &["status", "--porcelain"]), "", "the start file does not show");
    assert_eq!(env.git_in(&dir, &["branch", "--show-current"]).trim(), "workstream/config");
    let list = env.git(&["worktree", "list", "--porcelain"]);
    let edited = format!("mine\n{start}");
    std::fs::write(dir.join("STARTUP.md"), &edited).unwrap();
    let again = env.coord(&["launch", "A", "C"]);
    assert_eq!(launched(&again), [("A".into(), "resumed".into()), ("C".into(), "resumed".into())]);
    assert_eq!(env.git(&["worktree", "list", "--porcelain"]), list);
    assert_eq!(std::fs::read_to_string(dir.join("STARTUP.md")).unwrap(), edited, "edited files stay");
    let refused = env.coord(&["launch", "B"]).fails(5, "refused").clone();
    assert_eq!(refused["details"]["rule"], "needs-open");
    assert_eq!(launched(&env.coord(&["launch", "B", "--despite", "A"])), [("B".into(), "created".into())]);
}

#[test]
fn what_a_workstream_owns_is_held_from_its_launch_on() {
    let env = planned(PLAN);
    env.coord(&["session", "start", "lead"]).ok();
    env.coord(&["launch", "A"]).ok();
    let held = env.coord(&["claim", "src/config.py"]).fails(4, "held").clone();
    let holder = &held["details"]["holders"][0];
    assert_eq!((&holder["session"], &holder["reason"]), (&json!("a"), &json!("owned by workstream A")));
    env.coord(&["claim", "tests/a.py"]).ok();
    let dir = worktree(&env, "config");
    commit(&env, &dir, "src/config.py");
    // The owner needs no claim, and the plan lets another in.
    env.coord(&["launch", "C"]).ok();
    env.coord(&["plan", "grant", "C", "src/config.py"]).ok();
    env.coord_in(&worktree(&env, "tests"), &["claim", "src/config.py"]).ok();
}

#[test]
fn only_the_clean_tip_of_the_workstreams_branch_is_submitted() {
    let env = planned(PLAN);
    env.coord(&["launch", "A"]).ok();
    let dir = worktree(&env, "config");
    let rule = |call: Call| call.fails(5, "refused")["details"]["rule"].clone();
    std::fs::write(dir.join("src/config.py"), "half\n").unwrap();
    assert_eq!(rule(env.coord_in(&dir, &["submit"])), "uncommitted");
    commit(&env, &dir, "src/config.py");
    env.git_in(&dir, &["checkout", "-q", "--detach"]);
    assert_eq!(rule(env.coord_in(&dir, &["submit"])), "moved");
    env.git_in(&dir, &["checkout", "-q", "workstream/config"]);
    let submitted = env.coord_in(&dir, &["submit"]).ok().clone();
    assert_eq!(submitted["commit"], env.git_in(&dir, &["rev-parse", "HEAD"]).trim());
    let row = |env: &TestEnv| env.coord(&["plan", "status"]).ok()["workstreams"][0].clone();
    assert_eq!((&row(&env)["state"], &row(&env)["ahead"]), (&json!("submitted"), &json!(1)));
    env.coord_in(&dir, &["submit", "--withdraw"]).ok();
    assert_eq!(row(&env)["state"], "active");
    // What belongs to another workstream is not part of it.
    env.coord(&["launch", "C"]).ok();
    std::fs::write(dir.join("tests/a.py"), "not mine\n").unwrap();
    env.git_in(&dir, &["commit", "-q", "--no-verify", "-am", "theirs"]);
    assert_eq!(rule(env.coord_in(&dir, &["submit"])), "owned");
}

#[test]
fn progress_and_blocks_are_seen_on_one_screen() {
    let env = planned(PLAN);
    env.coord(&["launch", "--ready"]).ok();
    let dir = worktree(&env, "config");
    env.coord_in(&dir, &["progress", "--percent", "40", "types are there"]).ok();
    env.coord_in(&dir, &["progress", "--milestone", "half"]).ok();
    env.coord_in(&dir, &["progress", "--milestone", "none"]).fails(5, "refused");
    let blocked = env.coord_in(&dir, &["block", "waits for a key", "--by", "C"]).ok().clone();
    assert_eq!(blocked["affected"], json!([{ "id": "B" }, { "id": "wave:1" }, { "id": "wave:2" }]));
    let row = env.coord(&["plan", "status"]).ok()["workstreams"][0].clone();
    assert_eq!(
        (&row["state"], &row["percent"], &row["note"]),
        (&json!("blocked"), &json!(40), &json!("types are there"))
    );
    env.coord_in(&dir, &["unblock"]).ok();
    assert_eq!(env.coord(&["plan", "status"]).ok()["workstreams"][0]["state"], "active");
    env.coord(&["block", "x"]).fails(1, "no-session");
}

#[test]
fn a_setup_command_prepares_a_new_worktree_and_its_failure_leaves_it_there() {
    let text = PLAN.replace(
        "base = \"main\"",
        "base = \"main\"\nsetup = \"echo ready > .prepared; test -e ../allowed\"",
    );
    let env = planned(&text);
    let first = env.coord(&["launch", "A"]).ok()["launched"][0]["setup"].clone();
    assert_eq!((&first["ok"], &first["end"]), (&json!(false), &json!("exit status 1")));
    assert!(worktree(&env, "config").join(".prepared").exists());
    assert!(Path::new(first["log"].as_str().unwrap()).exists());
    assert_eq!(
        env.coord(&["launch", "A"]).ok()["launched"][0]["setup"],
        Value::Null,
        "it is not new any longer"
    );
}

#[test]
fn windows_are_opened_by_the_program_that_was_named() {
    let env = planned(PLAN);
    let bin = env.temp().join("tools");
    let said = env.temp().join("said");
    script(&bin.join("zellij"), &format!("printf '%s\\n' \"$@\" > '{}'", said.display()));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let call = env
        .run(&env.root)
        .env("PATH", &path)
        .args(["launch", "A", "--open", "zellij", "--exec", "claude"])
        .call();
    assert_eq!(call.ok()["launched"][0]["opened"]["kind"], "zellij");
    let words = std::fs::read_to_string(&said).unwrap();
    assert!(words.contains("claude 'Read STARTUP.md and begin the workstream'"), "{words}");
    let failed = env.run(&env.root).env("PATH", &path).args(["launch", "C", "--open", "exit 3"]).call();
    failed.fails(1, "window");
    assert!(worktree(&env, "tests").join("STARTUP.md").exists(), "it is launched all the same");
}

#[test]
fn only_what_has_landed_and_is_clean_is_torn_down() {
    let env = planned(PLAN);
    env.coord(&["launch", "--ready"]).ok();
    let kept = env.coord(&["teardown", "A"]).ok()["kept"][0].clone();
    assert_eq!(kept["why"], "it has not landed");
    env.coord(&["plan", "drop", "C"]).ok();
    let dir = worktree(&env, "tests");
    std::fs::write(dir.join("new"), "work\n").unwrap();
    assert_eq!(env.coord(&["teardown", "C"]).ok()["kept"][0]["why"], "1 uncommitted changes");
    std::fs::remove_file(dir.join("new")).unwrap();
    assert_eq!(env.coord(&["teardown", "C"]).ok()["removed"], json!(["C"]));
    assert!(!dir.exists() && worktree(&env, "config").exists());
    assert_eq!(env.git(&["branch", "--list", "workstream/tests"]).trim(), "workstream/tests");
}

#[test]
fn two_clones_have_one_plan_and_the_later_apply_sees_the_earlier() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    for clone in [a, b] {
        clone.coord(&["init", "--remote", "origin"]).ok();
        std::fs::write(clone.root.join("coord.toml"), PLAN).unwrap();
    }
    assert_eq!(a.coord(&["plan", "apply"]).ok()["version"], 1);
    assert_eq!(b.coord(&["plan", "apply"]).ok()["version"], 1, "the same plan is in force there");
    std::fs::write(b.root.join("other.toml"), PLAN).unwrap();
    let second = b.coord(&["plan", "apply", "other.toml"]).fails(5, "refused").clone();
    assert_eq!(second["details"]["rule"], "plan-exists");
    a.coord(&["launch", "A"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    b.coord(&["claim", "src/config.py"]).fails(4, "held");
}
