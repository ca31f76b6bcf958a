//! Filters of `.gitattributes` that hang while a run has git at work in its worktrees: they are
//! programs of the user, as hooks are.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::run::{import, outside, states};
use super::run_stop::{pid_in, vanish, wait_until};
use crate::common::{Call, TestEnv};

/// A repository with a file `a.slow` under a filter: it hangs in this direction as long as there is a
/// file `hang`, whose content is the word of what it hangs over.
pub(super) fn slow(direction: &str) -> TestEnv {
    let env = TestEnv::new();
    let (pid, hang) = (outside(&env, "pid"), outside(&env, "hang"));
    let script = format!(
        "#!/bin/sh\ntext=$(cat)\nif [ -e {hang} ] && [ \"$text\" = \"$(cat {hang})\" ]; then\n\
         echo $$ > {pid}; sleep 1000; fi\nprintf '%s\\n' \"$text\"\n"
    );
    let filter = env.temp().join("filter");
    std::fs::write(&filter, script).unwrap();
    let sh = format!("sh '{}'", filter.display());
    env.git(&["config", &format!("filter.slow.{direction}"), &sh]);
    std::fs::write(env.root.join(".gitattributes"), "*.slow filter=slow\n").unwrap();
    std::fs::write(env.root.join("a.slow"), "first\n").unwrap();
    env.git(&["add", "."]);
    env.git(&["commit", "-q", "--no-verify", "-m", "filter"]);
    env
}

pub(super) fn hang_over(env: &TestEnv, word: &str) {
    std::fs::write(env.temp().join("hang"), word).unwrap();
}

pub(super) fn no_hang(env: &TestEnv) {
    std::fs::remove_file(env.temp().join("hang")).unwrap();
}

/// Stops a run once the filter hangs in it. It must not take long, nor leave the filter behind.
fn stop_in_filter(env: &TestEnv, run: Child) -> Call {
    let file = env.temp().join("pid");
    let pid = pid_in(&file);
    std::fs::remove_file(&file).unwrap();
    let began = Instant::now();
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    let call = Call::wait(run);
    assert!(began.elapsed() < Duration::from_secs(30), "stopped after {:?}", began.elapsed());
    vanish(pid, "the filter");
    call
}

#[test]
fn a_filter_that_hangs_over_what_was_changed_costs_its_item_an_attempt() {
    let env = slow("clean");
    env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
    hang_over(&env, "bad");
    let item = |id: &str| json!({"id":id,"title":"t","files":["a.slow"],"run":format!("echo {id} > a.slow"),"timeout":2});
    import(&env, &[item("bad"), item("good")]);
    let call = env.coord(&["run", "-j", "1"]);
    let failed = &call.fails(5, "refused")["details"]["failed"];
    assert_eq!(failed[0]["reason"], "its changes were not committed: time limit of 2s");
    assert_eq!(states(&env), [("bad".into(), "failed".into()), ("good".into(), "done".into())]);
    vanish(pid_in(&env.temp().join("pid")), "the filter");
    std::fs::remove_file(env.temp().join("pid")).unwrap();
    import(&env, &[json!({"id":"last","title":"t","files":["a.slow"],"run":"echo bad > a.slow"})]);
    let run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    let call = stop_in_filter(&env, run);
    assert_eq!(call.fails(130, "interrupted")["details"]["dropped"], 1, "{}", call.json);
    no_hang(&env);
    // While the worktree is looked at before a command: somebody has written into it meanwhile, as much as was there.
    let run = env.run(&env.root).args(["run", "-j", "1", "--wait", "100s"]).spawn();
    wait_until("the item is done", || states(&env).contains(&("last".into(), "done".into())));
    // And the worktree was looked at after it.
    wait_until("the slot is at rest", || !env.store_dir().join("run/run-1.inflight").exists());
    hang_over(&env, "sad");
    std::fs::write(env.common_dir().join("coord-pool/run-1/a.slow"), "sad\n").unwrap();
    import(&env, &[item("next")]);
    let call = stop_in_filter(&env, run);
    assert_eq!(call.fails(130, "interrupted")["details"]["dropped"], 1, "{}", call.json);
    assert!(states(&env).contains(&("next".into(), "pending".into())), "{:?}", states(&env));
    env.check("after a filter that hangs");
}

#[test]
fn ctrl_c_ends_a_filter_that_hangs_while_worktrees_are_brought_in_order() {
    let env = slow("smudge");
    import(
        &env,
        &[
            json!({"id":"i","title":"t","files":["a.slow"],"run":"echo x > a.slow; test $GIT_COORD_ATTEMPT -ge 2"}),
        ],
    );
    let run = || env.run(&env.root).args(["run", "-j", "1"]).spawn();
    // While the worktree is made.
    hang_over(&env, "first");
    let call = stop_in_filter(&env, run());
    assert_eq!(call.fails(130, "interrupted")["details"]["dropped"], 1, "{}", call.json);
    no_hang(&env);
    import(&env, &[json!({"id":"made","title":"t","queue":"made","run":"true"})]);
    env.coord(&["run", "-j", "1", "--queue", "made"]).ok();
    // While what a failed command did is thrown away: it is done by the next run.
    hang_over(&env, "first");
    let call = stop_in_filter(&env, run());
    assert_eq!(call.fails(130, "interrupted")["details"]["commands"], 1, "{}", call.json);
    // While the next run does so, before it has taken anything.
    let call = stop_in_filter(&env, run());
    assert_eq!(call.fails(130, "interrupted")["details"]["commands"], 0, "{}", call.json);
    env.check("after runs that were stopped");
    no_hang(&env);
    assert_eq!(env.coord(&["run", "-j", "1"]).ok()["done"], 1);
    assert_eq!(env.git(&["show", "coord/run-1:a.slow"]), "x\n");
    let tree = env.common_dir().join("coord-pool/run-1");
    assert_eq!(env.git_in(&tree, &["status", "--porcelain"]), "");
}
