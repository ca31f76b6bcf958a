//! Slots whose worktree is not as it should be: half made, gone, or beside another one that
//! has its branch.

use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::run::{import, outside, states};
use super::run_filters::{hang_over, no_hang, slow};
use super::run_stop::{pid_in, vanish};
use crate::common::{Call, TestEnv};

fn slot(env: &TestEnv, number: u32) -> PathBuf {
    env.common_dir().join(format!("coord-pool/run-{number}"))
}

fn makes_a(env: &TestEnv, id: &str) {
    import(env, &[json!({"id":id,"title":"t","files":["a"],"run":format!("echo {id} > a")})]);
}

fn run_one(env: &TestEnv, when: &str) {
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.ok()["done"], 1, "{when}: {}", call.json);
    assert_eq!(call.ok()["slots"][0]["session"], "run-1", "{when}: {}", call.json);
}

/// Kills a run while git makes the worktree of its slot.
fn die_half_way(env: &TestEnv) {
    hang_over(env, "first");
    makes_a(env, "half");
    let mut run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    let pid = pid_in(&env.temp().join("pid"));
    kill_process(Pid::from_child(&run), Signal::KILL).unwrap();
    run.wait().unwrap();
    vanish(pid, "the filter");
    no_hang(env);
    let list = env.git(&["worktree", "list", "--porcelain"]);
    assert!(list.contains("locked initializing"), "git died while it made it: {list}");
}

#[test]
fn a_worktree_that_was_not_made_to_its_end_is_made_anew() {
    let env = slow("smudge");
    die_half_way(&env);
    run_one(&env, "after the death");
    assert_eq!(env.git_in(&slot(&env, 1), &["status", "--porcelain"]), "");
    // What would not go as long as git took it for one that is being made.
    std::fs::remove_dir_all(slot(&env, 1)).unwrap();
    makes_a(&env, "again");
    run_one(&env, "after the folder was removed");
    env.git(&["merge", "-q", "coord/run-1"]);
    let pool = env.coord(&["uninstall", "--yes"]).ok()["removed"]["pool"].clone();
    assert_eq!(pool["worktrees"], json!([".git/coord-pool/run-1"]), "{pool}");
}

#[test]
fn uninstall_takes_away_what_is_left_of_worktrees() {
    for gone in [false, true] {
        let env = slow("smudge");
        die_half_way(&env);
        if gone {
            std::fs::remove_dir_all(slot(&env, 1)).unwrap();
        }
        let pool = env.coord(&["uninstall", "--yes"]).ok()["removed"]["pool"].clone();
        assert_eq!(pool["worktrees"], json!([".git/coord-pool/run-1"]), "gone {gone}: {pool}");
        assert!(!env.git(&["worktree", "list"]).contains("coord-pool"), "gone {gone}");
        assert!(!slot(&env, 1).exists());
    }
}

/// Somebody wants to keep it.
#[test]
fn uninstall_leaves_a_worktree_that_a_person_has_locked() {
    let env = TestEnv::new();
    makes_a(&env, "i");
    run_one(&env, "first");
    env.git(&["worktree", "lock", "--reason", "mine", &slot(&env, 1).display().to_string()]);
    env.git(&["merge", "-q", "coord/run-1"]);
    let pool = env.coord(&["uninstall", "--yes"]).ok()["removed"]["pool"].clone();
    assert_eq!(pool["worktrees"], json!([]), "{pool}");
    assert!(slot(&env, 1).join("a").exists());
}

/// git refuses to check a branch out twice.
#[test]
fn a_command_that_gives_the_branch_of_its_slot_to_another_worktree_stops_nobody() {
    let env = TestEnv::new();
    env.git(&["config", "coord.freshBase", "off"]);
    env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
    let other = outside(&env, "other");
    let run = format!("git checkout -q --detach && git worktree add -q {other} coord/run-1");
    import(&env, &[json!({"id":"gives","title":"t","priority":1,"run":run})]);
    makes_a(&env, "next");
    let call = env.coord(&["run", "-j", "1"]);
    let error = call.fails(5, "refused");
    assert_eq!(error["details"]["failed"][0]["reason"], "the command left branch coord/run-1", "{error}");
    assert_eq!(states(&env), [("gives".into(), "failed".into()), ("next".into(), "done".into())]);
    // Whose branch it is now is not for the next run to say.
    makes_a(&env, "last");
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.ok()["slots"][0]["session"], "run-2", "{}", call.json);
    assert!(call.stderr.contains("run-1 is left out: "), "{}", call.stderr);
    env.git(&["worktree", "remove", "--force", &env.temp().join("other").display().to_string()]);
    makes_a(&env, "back");
    run_one(&env, "when the branch is free");
}

#[test]
fn a_slot_does_not_go_on_bisecting() {
    let env = TestEnv::new();
    let run = "git bisect start -q && git bisect bad && git-coord done bisects";
    import(&env, &[json!({"id":"bisects","title":"t","run":run})]);
    run_one(&env, "bisects");
    let said = env.command("git", &slot(&env, 1)).args(["bisect", "log"]).output().unwrap();
    assert!(!said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    assert_eq!(env.git_in(&slot(&env, 1), &["for-each-ref", "refs/bisect"]), "");
}

/// git's own folder for a worktree has another name when something else has taken that one.
#[test]
fn a_worktree_that_is_made_anew_may_have_another_folder_in_git() {
    let env = TestEnv::new();
    env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
    let other = outside(&env, "elsewhere/run-1");
    let top = slot(&env, 1).display().to_string();
    let run = format!(
        "cd '{}' && git worktree remove -f '{top}' && git worktree add -q --detach {other}",
        env.root.display()
    );
    import(&env, &[json!({"id":"moves","title":"t","priority":1,"run":run})]);
    import(&env, &[json!({"id":"frees","title":"t","run":format!("git worktree remove -f {other}")})]);
    makes_a(&env, "last");
    let call = env.coord(&["run", "-j", "1"]);
    let failed = call.fails(5, "refused")["details"]["failed"].clone();
    assert_eq!(failed.as_array().unwrap().len(), 1, "{failed}");
    assert_eq!(failed[0]["reason"], "the command removed its worktree", "{failed}");
    env.check("after it was made anew");
}

/// What the run has to show does not need the worktree.
#[test]
fn a_run_that_is_stopped_at_once_after_its_worktree_was_removed_says_so() {
    let env = TestEnv::new();
    let (pid, top) = (outside(&env, "pid"), slot(&env, 1).display().to_string());
    let run = format!("trap '' TERM; rm -rf '{top}'; cd /; echo $$ > {pid}; sleep 1000");
    import(&env, &[json!({"id":"i","title":"t","run":run})]);
    let run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    pid_in(&env.temp().join("pid"));
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    std::thread::sleep(git_coord::exec::SAME * 2);
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    Call::wait(run).fails(130, "interrupted");
    assert_eq!(states(&env), [("i".into(), "pending".into())]);
}

/// Somebody only looks whether there is work.
#[test]
fn a_run_without_work_makes_no_worktrees() {
    let env = TestEnv::new();
    import(&env, &[json!({"id":"plain","title":"t"})]);
    assert_eq!(env.coord(&["run"]).ok()["commands"], 0);
    assert_eq!(env.git(&["branch", "--list", "coord/*"]), "");
    let pool = env.common_dir().join("coord-pool");
    assert_eq!(std::fs::read_dir(&pool).unwrap().count(), 0, "nothing is left");
    let doctor = format!("git-coord doctor > {}", outside(&env, "doctor"));
    import(&env, &[json!({"id":"i","title":"t","run":doctor})]);
    assert_eq!(env.coord(&["run"]).ok()["done"], 1);
    let said = std::fs::read_to_string(env.temp().join("doctor")).unwrap();
    assert!(!said.contains("which is gone"), "{said}");
    let branches = env.git(&["branch", "--list", "coord/*"]);
    assert_eq!(branches.lines().count(), 1, "{branches}");
    env.coord(&["uninstall", "--yes"]).ok();
    assert!(!pool.exists());
}

/// Who reads that an item is free looks for a reason why the run did not take it.
#[test]
fn the_end_of_a_run_says_why_what_is_left_was_not_taken() {
    let env = TestEnv::new();
    env.sessions(&["other"]);
    env.coord_as("other", &["claim", "a"]).ok();
    makes_a(&env, "held");
    import(&env, &[json!({"id":"plain","title":"t"}), json!({"id":"plain-2","title":"t"})]);
    let said = |words: &[&str]| {
        let out = env.command(crate::common::PROGRAM, &env.root).args(words).output().unwrap();
        String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap()
    };
    let text = said(&["run", "-j", "2"]);
    assert!(text.contains("left: 2 without a command, 1 on files that others hold"), "{text}");
    env.coord_as("other", &["release", "a"]).ok();
    let text = said(&["work", "-j", "2", "--max", "1", "--", "true"]);
    assert!(text.contains("left: 2 free"), "{text}");
    said(&["work", "-j", "2", "--", "true"]);
    let text = said(&["run", "-j", "2"]);
    assert!(text.contains("no command was started: nothing is left to take"), "{text}");
}
