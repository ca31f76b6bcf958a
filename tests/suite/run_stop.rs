//! Runs that are stopped or killed: nothing stays held, nothing goes on running.

use std::path::Path;
use std::time::{Duration, Instant};

use git_coord::exec::{GRACE, SAME};
use git_coord::model::ItemId;
use git_coord::model::session::SessionState;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::run::{import, outside, states};
use crate::common::{Call, TestEnv, script};

/// Longer than anything here takes, so that a test which would hang fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// True while a process runs. One that is dead and not yet reaped does not.
fn alive(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X'])
}

/// Waits until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "this never came about: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process whose id a command has written.
pub fn pid_in(path: &Path) -> i32 {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    wait_until(&format!("{} names a process", path.display()), || read().ends_with('\n'));
    read().trim().parse().unwrap()
}

/// Waits until a process has ended; a killed one may take a moment.
pub fn vanish(pid: i32, what: &str) {
    wait_until(&format!("{what} (process {pid}) ends"), || !alive(pid));
}

fn send(child: &std::process::Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Items whose commands write their process ids and go on for ever, until there is a file `go`.
fn endless(env: &TestEnv, ids: &[&str], before: &str) {
    let items: Vec<_> = ids
        .iter()
        .map(|id| {
            let (pid, go) = (outside(env, &format!("pid-{id}")), outside(env, "go"));
            let run = format!(
                "{before} echo edited > {id}; if [ ! -e {go} ]; then sleep 1000 & echo $! > {pid}; wait; sleep 1000; fi"
            );
            json!({"id":id,"title":format!("Edit {id}"),"files":[id],"run":run})
        })
        .collect();
    import(env, &items);
}

fn pids(env: &TestEnv, ids: &[&str]) -> Vec<i32> {
    ids.iter().map(|id| pid_in(&env.temp().join(format!("pid-{id}")))).collect()
}

const ALL: &[&str] = &["a", "b", "c"];

fn all_in(env: &TestEnv, state: &str) {
    assert!(states(env).iter().all(|(_, s)| s == state), "all are {state}: {:?}", states(env));
}

#[test]
fn ctrl_c_ends_the_commands_and_gives_everything_back() {
    let env = TestEnv::new();
    endless(&env, ALL, "");
    let run = env.run(&env.root).args(["run", "-j", "3"]).spawn();
    let pids = pids(&env, ALL);
    send(&run, Signal::INT);
    let call = Call::wait(run);
    let error = call.fails(130, "interrupted");
    assert_eq!(error["details"]["dropped"], 3, "{error}");
    for pid in pids {
        vanish(pid, "a command of the stopped run");
    }
    all_in(&env, "pending");
    assert!(env.claimed().is_empty(), "nothing is held");
    for name in ["run-1", "run-2", "run-3"] {
        assert!(env.session(name).leases.is_empty(), "{name} holds nothing");
        let tree = env.common_dir().join("coord-pool").join(name);
        assert_eq!(env.git_in(&tree, &["status", "--porcelain"]), "", "{name} left nothing behind");
    }
    env.check("after Ctrl-C");
    // Given back is not tried: all attempts are left.
    std::fs::write(env.temp().join("go"), "").unwrap();
    let call = env.coord(&["run", "-j", "2"]);
    assert!(call.ok()["items"].as_array().unwrap().iter().all(|i| i["attempt"] == 1), "{}", call.json);
    all_in(&env, "done");
}

#[test]
fn a_command_that_does_not_listen_to_ctrl_c_is_killed() {
    let env = TestEnv::new();
    endless(&env, &["a"], "trap '' TERM;");
    let run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    let pids = pids(&env, &["a"]);
    let began = Instant::now();
    send(&run, Signal::INT);
    // The time counts from when the first one is heard, which a busy machine may put off.
    std::thread::sleep(SAME * 2);
    send(&run, Signal::TERM);
    Call::wait(run).fails(130, "interrupted");
    assert!(began.elapsed() < GRACE, "the second Ctrl-C does not wait");
    vanish(pids[0], "the command");
    all_in(&env, "pending");
    env.check("after the second Ctrl-C");
}

/// git hears of Ctrl-C as well as `git coord`, which it has started, and passes it on: that is not a
/// second one.
#[test]
fn one_ctrl_c_that_git_passes_on_is_one() {
    let env = TestEnv::new();
    let tidied = outside(&env, "tidied");
    endless(&env, &["a"], &format!("to={tidied}; trap 'sleep 1; echo yes > \"$to\"; exit 1' TERM;"));
    let run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    pids(&env, &["a"]);
    send(&run, Signal::INT);
    std::thread::sleep(Duration::from_millis(50));
    send(&run, Signal::INT);
    Call::wait(run).fails(130, "interrupted");
    assert_eq!(std::fs::read_to_string(env.temp().join("tidied")).unwrap_or_default(), "yes\n");
    let tree = env.common_dir().join("coord-pool/run-1");
    assert_eq!(env.git_in(&tree, &["status", "--porcelain"]), "", "the run tidied up after it");
    all_in(&env, "pending");
}

/// The lock shows the next run that the first is dead: nobody waits for the leases.
#[test]
fn after_kill_9_the_commands_die_and_the_next_run_goes_on_at_once() {
    let env = TestEnv::new();
    endless(&env, ALL, "");
    let mut run = env.run(&env.root).args(["run", "-j", "3"]).spawn();
    let pids = pids(&env, ALL);
    send(&run, Signal::KILL);
    run.wait().unwrap();
    for pid in pids {
        vanish(pid, "a command of the killed run");
    }
    all_in(&env, "claimed");
    env.check("after kill -9");
    std::fs::write(env.temp().join("go"), "").unwrap();
    assert_eq!(env.coord(&["run", "-j", "3"]).ok()["done"], 3, "the next run does everything");
    assert!(
        env.events().iter().all(|e| e.event != git_coord::model::EventKind::Expired),
        "no lease had to run out"
    );
    env.check("after the next run");
}

#[test]
fn after_kill_9_leases_run_out_and_others_finish_the_work() {
    let env = TestEnv::new();
    env.sessions(&["other"]);
    endless(&env, &["a", "b"], "");
    let mut run = env.run(&env.root).args(["run", "-j", "2", "--ttl", "2s"]).spawn();
    let pids = pids(&env, &["a", "b"]);
    send(&run, Signal::KILL);
    run.wait().unwrap();
    for pid in pids {
        vanish(pid, "a command of the killed run");
    }
    let call = env.coord_as("other", &["work", "--wait", "20s", "--max", "2", "--", "true"]);
    assert_eq!(call.ok()["done"], 2, "{}", call.json);
    assert!(env.events().iter().any(|e| e.event == git_coord::model::EventKind::Expired), "the log says why");
    env.check("after the leases ran out");
}

/// A session of the user lives on, and its commands would renew the dead one's lease for ever.
#[test]
fn a_killed_work_leaves_nothing_in_the_hands_of_its_session() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "me"]).ok();
    import(&env, &[json!({"id":"i","title":"t"}), json!({"id":"kept","title":"t","queue":"mine"})]);
    assert_eq!(env.coord(&["next", "--queue", "mine"]).items(), ["kept"]);
    let script = format!("echo $$ > {}; sleep 1000", outside(&env, "pid"));
    let mut work = env.run(&env.root).args(["work", "--queue", "main", "--", "sh", "-c", &script]).spawn();
    let pid = pid_in(&env.temp().join("pid"));
    env.coord(&["work", "--", "true"]).fails(1, "busy");
    send(&work, Signal::KILL);
    work.wait().unwrap();
    vanish(pid, "the command of the killed work");
    let call = env.coord(&["work", "--queue", "main", "--", "true"]);
    assert_eq!(call.items(), ["i"]);
    assert_eq!(env.coord(&["queue", "list", "--mine"]).items(), ["kept"], "what it took by hand stays");
    env.check("after a killed work");
}

/// Items whose commands go on until there is a file `go`, and write where they are.
fn until_go(env: &TestEnv, ids: &[&str]) {
    let go = outside(env, "go");
    let item = |id: &&str| {
        let pid = outside(env, &format!("pid-{id}"));
        let run = format!(
            "echo $GIT_COORD_SESSION > {id}; echo $$ > {pid}; while [ ! -e {go} ]; do sleep 0.1; done"
        );
        json!({"id":id,"title":format!("Edit {id}"),"files":[id],"run":run})
    };
    import(env, &ids.iter().map(item).collect::<Vec<_>>());
}

fn done_events(env: &TestEnv) -> usize {
    env.events().iter().filter(|e| e.event == git_coord::model::EventKind::Done).count()
}

/// Who ends the session of a slot wants that worker to stop, and not the others.
#[test]
fn a_slot_goes_when_its_session_is_ended_and_the_others_finish_the_work() {
    let env = TestEnv::new();
    until_go(&env, ALL);
    let run = env.run(&env.root).args(["run", "-j", "2"]).spawn();
    wait_until("two commands run", || env.claimed().len() == 2);
    let held = env.session("run-1").leases;
    let id = held.iter().find_map(|l| l.item.as_ref()).expect("run-1 has an item").id.to_string();
    let pid = pid_in(&env.temp().join(format!("pid-{id}")));
    env.coord(&["session", "end", "run-1"]).ok();
    vanish(pid, "the command of the session that was ended");
    wait_until("the item is free", || states(&env).contains(&(id.clone(), "pending".into())));
    std::fs::write(env.temp().join("go"), "").unwrap();
    let call = Call::wait(run);
    assert_eq!((&call.ok()["done"], &call.json["data"]["ended"]), (&json!(3), &json!(["run-1"])));
    assert_eq!(done_events(&env), 3, "each is done once");
    assert_eq!(env.git(&["show", &format!("coord/run-2:{id}")]), "run-2\n");
    assert_eq!(
        env.git(&["log", "--format=%s", "main..coord/run-1"]),
        "",
        "of the lost attempt nothing stays"
    );
    env.check("after the end of a slot's session");
}

/// A session of a person may have the name of a slot's that was ended: it is another one.
#[test]
fn a_run_does_not_work_as_a_session_that_somebody_else_has_begun() {
    let env = TestEnv::new();
    until_go(&env, &["a", "b"]);
    let run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    let pid = pids(&env, &["a"])[0];
    // As fast as possible, so that the run hears of both at once.
    env.coord(&["session", "end", "run-1"]).ok();
    env.coord(&["session", "start", "run-1"]).ok();
    let token = env.session("run-1").token;
    vanish(pid, "the command of the session that was ended");
    let error = Call::wait(run).fails(5, "refused").clone();
    assert_eq!(error["details"]["rule"], "session-ended", "{error}");
    assert!(error["message"].as_str().unwrap().contains("run-1"), "{error}");
    all_in(&env, "pending");
    let theirs = env.session("run-1");
    assert_eq!((theirs.state, theirs.token), (SessionState::Active, token), "theirs goes on");
    std::fs::write(env.temp().join("go"), "").unwrap();
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.ok()["slots"][0]["session"], "run-2", "{}", call.json);
    assert_eq!(done_events(&env), 2);
    env.check("after a session of the same name");
}

/// The name of the session is the same, and so is the item. Only the lease shows whose work it is.
#[test]
fn what_a_person_holds_under_the_name_of_a_slot_is_not_finished_by_the_run() {
    for (exit, hook) in [(0, false), (1, false), (0, true)] {
        let env = TestEnv::new();
        env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
        let taken = "git-coord session end run-1 && git-coord session start run-1 && \
                     git-coord --session run-1 next";
        let root = env.root.display();
        let by_hand = format!("(cd '{root}' && {taken}) >&2");
        let run = if hook {
            // While the run commits.
            let file = env.common_dir().join("hooks/post-commit");
            script(&file, &format!("unset $(git rev-parse --local-env-vars)\n{by_hand}"));
            "echo edited > a".to_owned()
        } else {
            format!("echo edited > a; {by_hand}; exit {exit}")
        };
        import(&env, &[json!({"id":"a","title":"Edit a","files":["a"],"run":run})]);
        let call = env.coord(&["run", "-j", "1"]);
        let when = format!("exit {exit}, hook {hook}: {} {}", call.json, call.stderr);
        assert_eq!(states(&env), [("a".to_owned(), "claimed".to_owned())], "{when}");
        let theirs = env.session("run-1");
        assert!(theirs.item_lease(&ItemId::parse("a").unwrap()).is_some(), "{when}");
        assert_eq!(env.git(&["log", "--format=%s", "main..coord/run-1"]), "", "{when}");
        env.check("after it was taken by hand");
    }
}

#[test]
fn the_session_of_a_killed_run_may_be_ended_by_hand() {
    let env = TestEnv::new();
    until_go(&env, &["a", "b"]);
    let mut run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    let pid = pids(&env, &["a"])[0];
    send(&run, Signal::KILL);
    run.wait().unwrap();
    vanish(pid, "the command of the killed run");
    env.coord(&["session", "end", "run-1"]).ok();
    all_in(&env, "pending");
    std::fs::write(env.temp().join("go"), "").unwrap();
    assert_eq!(env.coord(&["run", "-j", "1"]).ok()["done"], 2);
    assert_eq!(done_events(&env), 2, "each is done once");
    env.check("after a killed run");
}
