//! Leases of items that are worked off with commands: kept as long as the work lasts.

use serde_json::{Value, json};

use super::run::{import, outside};
use crate::common::TestEnv;

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
    assert!(events.iter().any(|e| e.event == "renew"), "it was renewed");
    assert!(events.iter().all(|e| e.event != "expired"), "nothing ran out");
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
    assert!(env.events().iter().all(|e| e.event != "expired"), "nothing ran out");
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
    assert!(env.events().iter().all(|e| e.event != "expired"), "nothing ran out");
    env.coord_as("me", &["done", "i"]).ok();
    env.check("after a long check");
}
