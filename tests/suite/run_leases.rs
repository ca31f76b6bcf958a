//! Leases of items that are worked off with commands: kept as long as the work lasts.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::run::{import, outside};
use super::run_stop::{pid_in, vanish};
use crate::common::clones::Hub;
use crate::common::faults::Transport as _;
use crate::common::ssh::Ssh;
use crate::common::{Call, TestEnv, wait_until};

/// Another session's command would take back what has run out; the lease is shorter than the
/// work.
#[test]
fn a_lease_is_renewed_while_its_command_runs() {
    let env = TestEnv::new();
    env.sessions(&["other"]);
    let run = "sleep 5; git-coord --session other claim elsewhere";
    import(&env, &[json!({"id":"i","title":"t","files":["a"],"run":run})]);
    let call = env.coord(&["run", "-j", "1", "--ttl", "4s"]);
    assert_eq!(call.ok()["items"][0]["attempt"], 1);
    assert_eq!(call.ok()["done"], 1);
    let events = env.events();
    assert!(events.iter().any(|e| e.event == git_coord::model::EventKind::Renew), "it was renewed");
    assert!(events.iter().all(|e| e.event != git_coord::model::EventKind::Expired), "nothing ran out");
}

/// As with `next`: what is named goes before the queue's rule, and that before the setting.
#[test]
fn the_length_of_leases_is_as_named_or_the_queues() {
    let env = TestEnv::new();
    env.sessions(&["other"]);
    env.coord(&["queue", "set", "main", "--ttl", "4s"]).ok();
    let show = format!("git-coord --json session show run-1 > {}", outside(&env, "shown"));
    let seconds = || {
        let text = std::fs::read_to_string(env.temp().join("shown")).unwrap();
        let shown: Value = serde_json::from_str(&text).unwrap();
        let lease = &shown["data"]["session"]["leases"][0];
        let at = |key: &str| lease[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        at("expires").duration_since(at("since")).as_secs()
    };
    // It is renewed in time, whatever the setting says.
    let run = format!("{show}; sleep 5; git-coord --session other claim elsewhere");
    import(&env, &[json!({"id":"rule","title":"t","run":run})]);
    assert_eq!(env.coord(&["run", "-j", "1"]).ok()["items"][0]["attempt"], 1);
    assert_eq!(seconds(), 4);
    assert!(env.events().iter().all(|e| e.event != git_coord::model::EventKind::Expired), "nothing ran out");
    import(&env, &[json!({"id":"named","title":"t","run":show})]);
    env.coord(&["run", "-j", "1", "--ttl", "90s"]).ok();
    assert_eq!(seconds(), 90);
}

/// A check may take longer than the lease, and others would take back what has run out.
#[test]
fn verify_keeps_the_lease_while_its_command_runs() {
    let env = TestEnv::new();
    env.sessions(&["me", "other"]);
    import(&env, &[json!({"id":"i","title":"t","files":["a"]})]);
    assert_eq!(env.coord_as("me", &["next", "--ttl", "3s"]).items(), ["i"]);
    let check = "sleep 5; git-coord --session other claim elsewhere";
    env.coord_as("me", &["verify", "i", "--command", check]).ok();
    assert!(env.events().iter().all(|e| e.event != git_coord::model::EventKind::Expired), "nothing ran out");
    env.coord_as("me", &["done", "i"]).ok();
    env.check("after a long check");
}

/// While a renewal waits for an answer that does not come, a command ends in time.
#[test]
fn a_remote_that_does_not_answer_does_not_keep_a_command_alive() {
    for limit in [false, true] {
        let hub = Hub::new(1);
        let env = &hub.clones[0];
        let ssh = Ssh::connect(env, &hub.bare, 1);
        env.git(&["config", "coord.remoteTimeout", "10m"]);
        env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
        let (pid, faults) = (outside(env, "pid"), outside(env, "ssh/faults"));
        let run = format!("[ ! -e {pid} ] || exit 1; echo gate > {faults}; echo $$ > {pid}; sleep 1000");
        let timeout = limit.then_some(6);
        import(env, &[json!({"id":"i","title":"t","run":run,"timeout":timeout})]);
        let run = env.run(&env.root).args(["run", "-j", "1", "--ttl", "8s"]).spawn();
        let pid = pid_in(&env.temp().join("pid"));
        wait_until("the renewal is under way", || ssh.is_reached());
        if !limit {
            kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
        }
        vanish(pid, "the command");
        ssh.open();
        let call = Call::wait(run);
        assert_eq!(call.code, Some(if limit { 5 } else { 130 }), "{}", call.json);
        hub.check("after a remote that did not answer");
    }
}
