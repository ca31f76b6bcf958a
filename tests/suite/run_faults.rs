//! Runs among other clones, and runs to which something happens that is not their commands' fault.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::run::{import, outside, states};
use super::run_stop::{pid_in, vanish};
use crate::common::clones::Hub;
use crate::common::{Call, TestEnv, wait_until};

/// A command that shows that it runs, and goes on until there is the file `go`.
fn until_go(env: &TestEnv) -> String {
    format!("touch {}; until [ -e {} ]; do sleep 0.05; done", outside(env, "at"), outside(env, "go"))
}

fn wait_for_command(env: &TestEnv) {
    wait_until("the command runs", || env.temp().join("at").exists());
}

fn go(env: &TestEnv) {
    std::fs::write(env.temp().join("go"), "").unwrap();
}

fn kill(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
}

#[test]
fn runs_of_two_clones_take_different_sessions() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    b.git(&["config", "coord.trust", "all"]);
    import(
        a,
        &[
            json!({"id":"slow","title":"t","queue":"one","run":until_go(a),"timeout":120}),
            json!({"id":"quick","title":"t","queue":"two","run":"true"}),
        ],
    );
    b.coord(&["sync"]).ok();
    let first = a.run(&a.root).args(["run", "-j", "1", "--queue", "one"]).spawn();
    wait_for_command(a);
    // This clone has not heard of the other's session yet.
    let second = b.coord(&["run", "-j", "1", "--queue", "two"]);
    assert_eq!(second.ok()["items"][0]["session"], "run-2");
    go(a);
    let first = Call::wait(first);
    assert_eq!(first.ok()["items"][0]["session"], "run-1");
    assert_eq!(first.ok()["items"][0]["attempt"], 1);
    hub.check("after two runs");
}

/// The next run of the clone takes the session of a killed one again, unless another clone has a
/// session of that name by now.
#[test]
fn a_killed_run_leaves_its_session_to_its_own_clone_alone() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    b.git(&["config", "coord.trust", "all"]);
    import(a, &[json!({"id":"i","title":"t","run":until_go(a),"timeout":120})]);
    let run = || a.run(&a.root).args(["run", "-j", "1"]).spawn();
    let first = run();
    wait_for_command(a);
    kill(first);
    std::fs::remove_file(a.temp().join("at")).unwrap();
    let second = run();
    wait_for_command(a);
    assert_eq!(a.session("run-1").leases.len(), 1, "the same session has the item again");
    kill(second);
    // Ended from elsewhere, and taken there, while this clone does not look.
    b.coord(&["sync"]).ok();
    b.coord(&["session", "end", "run-1"]).ok();
    b.coord(&["session", "start", "run-1"]).ok();
    b.coord_as("run-1", &["claim", "a"]).ok();
    go(a);
    let third = a.coord(&["run", "-j", "1"]);
    assert_eq!(third.ok()["items"][0]["session"], "run-2");
    hub.check("after a killed run");
    assert_eq!(b.claimed(), [("a".to_owned(), "run-1".to_owned())], "the other clone's session goes on");
}

#[test]
fn one_slot_that_cannot_be_closed_leaves_no_other_open() {
    let env = TestEnv::new();
    let item = |id: &str, other: &str| {
        let place = env.temp().display();
        // The binding of the first slot cannot be removed: a folder is in its place.
        let run = format!(
            "touch '{place}/at-{id}'; until [ -e '{place}/at-{other}' ]; do sleep 0.05; done; \
             if [ $GIT_COORD_SESSION = run-1 ]; then f=$(git rev-parse --git-dir)/coord-session; \
             rm \"$f\"; mkdir -p \"$f/x\"; fi"
        );
        json!({"id":id,"title":"t","run":run,"timeout":120})
    };
    import(&env, &[item("a", "b"), item("b", "a")]);
    assert_eq!(env.coord(&["run", "-j", "2"]).code, Some(1), "the first slot's failure is reported");
    assert!(states(&env).iter().all(|(_, state)| state == "done"));
    for name in ["run-1", "run-2"] {
        assert_eq!(env.session(name).state, git_coord::model::session::SessionState::Ended, "{name}");
    }
    env.check("after a failed end");
}

/// The attempts of a run that failed: (item, reason).
fn reasons(call: &Call) -> Vec<(&str, &str)> {
    let list = call.fails(5, "refused")["details"]["failed"].as_array().unwrap();
    list.iter().map(|i| (i["id"].as_str().unwrap(), i["reason"].as_str().unwrap())).collect()
}

#[test]
fn a_queue_that_asks_for_a_verification_gets_one() {
    let env = TestEnv::new();
    let set = ["queue", "set", "q", "--max-attempts", "1", "--verify"];
    env.coord(&set).ok();
    let command = "echo checked; test \"$(cat a)\" != bad || { echo 'a is bad' >&2; exit 3; }; \
                   test \"$(cat a)\" != slow || sleep 1000";
    env.coord(&["queue", "set", "q", "--verify-command", command]).ok();
    let item = |id: &str, timeout: u64| {
        let run = format!("echo {id} > a; echo made");
        json!({"id":id,"title":format!("Make {id}"),"queue":"q","files":["a"],"run":run,"timeout":timeout})
    };
    import(&env, &[item("good", 120), item("bad", 120), item("slow", 4)]);
    let call = env.coord(&["run", "-j", "1"]);
    let mut failed = reasons(&call);
    failed.sort_unstable();
    assert_eq!(
        failed,
        [
            ("bad", "the verification failed: exit status 3: a is bad"),
            ("slow", "the verification failed: time limit of 4s")
        ]
    );
    let state = |id: &str| states(&env).into_iter().find(|(i, _)| i == id).unwrap().1;
    assert_eq!([state("good"), state("bad"), state("slow")], ["done", "failed", "failed"]);
    let subjects = env.git(&["log", "--format=%s", "main..coord/run-1"]);
    assert_eq!(subjects, "Make good\n", "only what was verified is on the branch");
    let verified: Vec<_> =
        env.events().into_iter().filter(|e| e.event == git_coord::model::EventKind::Verify).collect();
    assert_eq!(verified.len(), 3);
    assert_eq!(verified.iter().filter(|e| e.data["ok"] == true).count(), 1);
    let log = std::fs::read_to_string(env.store_dir().join("run-logs/good.1.log")).unwrap();
    assert_eq!(log, "made\nchecked\n", "what the verification prints is in the log");
    env.check("after verifications");
}

#[test]
fn without_a_command_that_verifies_the_item_fails_unless_its_own_command_does_it() {
    let env = TestEnv::new();
    env.coord(&["queue", "set", "q", "--max-attempts", "1", "--verify"]).ok();
    import(
        &env,
        &[
            json!({"id":"none","title":"t","queue":"q","run":"true"}),
            json!({"id":"own","title":"t","queue":"q","run":"git-coord verify own -- true"}),
        ],
    );
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(reasons(&call), [("none", "queue q asks for a verification, and there was none")]);
    let left = [("none".to_owned(), "failed".to_owned()), ("own".to_owned(), "done".to_owned())];
    assert_eq!(states(&env), left);
    env.check("after a queue without a command");
}

/// What a command committed before it finished its item counts, however it ends after that.
#[test]
fn what_a_command_committed_stays_once_it_has_finished_its_item() {
    let ends = [("stray", "echo x > stray"), ("exit", "exit 1"), ("time", "sleep 1000")];
    for (id, end) in ends {
        let env = TestEnv::new();
        let run = format!(
            "echo {id} > a; git add a; git commit -qm 'Make {id}'; git-coord done {id}; echo left > README; {end}"
        );
        import(&env, &[json!({"id":id,"title":"t","files":["a"],"run":run,"timeout":6})]);
        let call = env.coord(&["run", "-j", "1"]);
        assert_eq!((&call.ok()["done"], &call.ok()["lost"]), (&json!(1), &json!(0)), "{id}");
        assert_eq!(states(&env), [(id.to_owned(), "done".to_owned())]);
        let subjects = env.git(&["log", "--format=%s", "main..coord/run-1"]);
        assert_eq!(subjects, format!("Make {id}\n"), "{id}: its commit stays");
        let tree = env.common_dir().join("coord-pool/run-1");
        assert_eq!(env.git_in(&tree, &["status", "--porcelain"]), "", "{id}: the rest is thrown away");
        env.check(id);
    }
}

/// Words for the shell that take the remote away, and that bring it back.
pub fn away_and_back(hub: &Hub) -> (String, String) {
    let (here, away) = (hub.bare.display(), hub.bare.with_extension("away").display().to_string());
    (format!("mv '{here}' '{away}'"), format!("mv '{away}' '{here}'"))
}

#[test]
fn a_remote_that_is_away_for_a_while_stops_no_command() {
    let hub = Hub::new(1);
    let env = &hub.clones[0];
    let (away, back) = away_and_back(&hub);
    // The lease is due for renewal while the remote is away.
    let run = format!("{away}; sleep 9; {back}; echo x > a");
    import(env, &[json!({"id":"i","title":"Make a","files":["a"],"run":run})]);
    // The second slot looks for work all the time.
    let call = env.coord(&["run", "-j", "2", "--ttl", "16s"]);
    assert_eq!((&call.ok()["done"], &call.ok()["items"][0]["attempt"]), (&json!(1), &json!(1)));
    hub.check("after a pause of the remote");
}

#[test]
fn the_end_of_an_attempt_waits_for_a_remote_that_is_away() {
    let hub = Hub::new(1);
    let env = &hub.clones[0];
    let (away, _) = away_and_back(&hub);
    import(
        env,
        &[
            json!({"id":"i","title":"Make a","files":["a"],"run":format!("{away}; echo x > a")}),
            json!({"id":"j","title":"t","run":"true","needs":["i"]}),
        ],
    );
    let run = env.run(&env.root).args(["run", "-j", "2", "--ttl", "40s"]).spawn();
    // Its changes are committed; to be done is what comes next.
    wait_until("the commit", || env.git(&["log", "--branches=coord/*", "--format=%s"]).contains("Make a"));
    std::thread::sleep(std::time::Duration::from_secs(1));
    std::fs::rename(hub.bare.with_extension("away"), &hub.bare).unwrap();
    let call = Call::wait(run);
    assert_eq!((&call.ok()["done"], &call.ok()["items"][0]["attempt"]), (&json!(2), &json!(1)));
    hub.check("after a pause of the remote");
}

#[test]
fn a_command_ends_when_its_lease_runs_out_without_a_remote() {
    let hub = Hub::new(1);
    let env = &hub.clones[0];
    let (away, _) = away_and_back(&hub);
    let run = format!("echo $$ > {}; {away}; sleep 1000", outside(env, "pid"));
    import(env, &[json!({"id":"i","title":"t","run":run})]);
    let call = env.coord(&["run", "-j", "1", "--ttl", "4s"]);
    assert_eq!(call.code, Some(6), "{}", call.json);
    vanish(pid_in(&env.temp().join("pid")), "the command");
    std::fs::rename(hub.bare.with_extension("away"), &hub.bare).unwrap();
    hub.check("after the remote was away");
}

#[test]
fn a_run_waits_for_its_own_items_that_cool_down_and_for_no_others() {
    let env = TestEnv::new();
    env.coord(&["queue", "set", "q", "--cool-down", "3s"]).ok();
    env.coord(&["queue", "set", "long", "--cool-down", "1h"]).ok();
    env.sessions(&["me"]);
    import(
        &env,
        &[
            json!({"id":"again","title":"t","queue":"q","run":"test $GIT_COORD_ATTEMPT -ge 2"}),
            json!({"id":"then","title":"t","queue":"q","run":"true","needs":["again"]}),
            json!({"id":"without","title":"no command","queue":"long"}),
            json!({"id":"other","title":"t","queue":"long-too","run":"true"}),
        ],
    );
    env.coord(&["queue", "set", "long-too", "--cool-down", "1h"]).ok();
    for queue in ["long", "long-too"] {
        let id = env.coord_as("me", &["next", "--queue", queue]).items().remove(0);
        env.coord_as("me", &["fail", &id, "--reason", "not yet"]).ok();
    }
    // The item without a command is nothing to wait for.
    let call = env.coord(&["run", "-j", "2", "--queue", "q", "--queue", "long"]);
    assert_eq!((&call.ok()["done"], &call.ok()["commands"]), (&json!(2), &json!(3)), "{}", call.json);
    let left: Vec<String> = states(&env).into_iter().map(|(_, state)| state).collect();
    assert_eq!(left, ["done", "blocked", "done", "blocked"], "the long ones cool down still");
    env.check("after a cool-down");
}

/// In a worktree of its own session, `work` takes what is assigned to that, and waits for nothing else.
#[test]
fn work_waits_for_what_cools_down_in_its_sessions_area_only() {
    let env = TestEnv::new();
    env.sessions(&["other"]);
    import(&env, &[json!({"id":"i","title":"t","files":["theirs/a"]})]);
    let cool = |time: &str| {
        env.coord(&["queue", "set", "main", "--cool-down", time]).ok();
        assert_eq!(env.coord_as("other", &["next"]).items(), ["i"]);
        env.coord_as("other", &["fail", "i", "--reason", "not yet"]).ok();
    };
    cool("1h");
    env.coord(&["session", "start", "me", "--area", "mine/**"]).ok();
    assert_eq!(env.coord(&["work", "--", "true"]).ok()["commands"], 0, "it does not wait for an hour");
    env.coord(&["queue", "update", "--where", "id=i", "--requeue"]).ok();
    cool("2s");
    env.coord(&["session", "start", "me", "--area", "mine/**", "--help-others"]).ok();
    assert_eq!(env.coord(&["work", "--", "true"]).items(), ["i"], "who helps others waits for theirs");
}

#[test]
fn a_run_that_waits_for_a_cool_down_can_be_stopped() {
    let env = TestEnv::new();
    env.coord(&["queue", "set", "main", "--cool-down", "1h"]).ok();
    import(&env, &[json!({"id":"i","title":"t","run":"exit 1"})]);
    let run = env.run(&env.root).args(["run", "-j", "2"]).spawn();
    wait_until("the failure", || states(&env) == [("i".to_owned(), "blocked".to_owned())]);
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    Call::wait(run).fails(130, "interrupted");
    env.check("after Ctrl-C");
}

/// An item that no process can be given must not end every run at the same place.
#[test]
fn an_item_that_cannot_be_started_fails_like_any_other() {
    let env = TestEnv::new();
    let call = env.import("{\"id\":\"nul\",\"title\":\"t\",\"run\":\"echo \\u0000\"}\n");
    assert_eq!(call.code, Some(1), "{}", call.json);
    assert!(call.json.to_string().contains("a command cannot contain a NUL character"), "{}", call.json);
    // What no process can be given is refused where it comes in.
    let long = json!({"id":"long","title":"t","run":format!("true {}", "x".repeat(140_000))});
    let call = env.import(&format!("{long}\n"));
    assert_eq!(call.code, Some(1), "{}", call.json);
    let files: Vec<String> = (0..900).map(|n| format!("{}{n:04}", "folder/".repeat(28))).collect();
    let left_out = "test -z \"${GIT_COORD_FILES+x}\" && grep -q /0899 \"$GIT_COORD_ITEM_JSON\"";
    import(
        &env,
        &[
            json!({"id":"many","title":"t","files":files,"run":left_out}),
            json!({"id":"after","title":"t","needs":["many"],"run":"test $GIT_COORD_TITLE = t"}),
        ],
    );
    assert_eq!(env.coord(&["run", "-j", "1"]).ok()["done"], 2);
    env.check("after long items");
}
