//! Even splits of the items over several sessions.

use std::collections::BTreeSet;

use git_coord::model::{ItemId, QueueName};

use super::rules::{import, next, with_sessions};
use crate::common::TestEnv;

#[test]
fn shares_are_apart_and_cover_everything() {
    let env = with_sessions();
    import(&env, 60);
    let call = env.coord(&["queue", "split", "--sessions", "3", "--into", "s"]);
    let shards = call.ok()["shards"].as_array().unwrap();
    let sum: u64 = shards.iter().map(|s| s["items"].as_u64().unwrap()).sum();
    assert_eq!(
        (sum, shards[1]["session"].as_str(), shards[1]["shard"].as_str()),
        (60, Some("s-2"), Some("2/3"))
    );
    let mut all = BTreeSet::new();
    for (n, shard) in shards.iter().enumerate() {
        let name = format!("s-{}", n + 1);
        let items = next(&env, &name, &["--count", "100"]);
        assert_eq!(items.len() as u64, shard["items"].as_u64().unwrap(), "{name}");
        all.extend(items);
    }
    assert_eq!(all.len(), 60, "every item belongs to one shard");
}

#[test]
fn a_split_replaces_the_one_before_and_leaves_the_sessions_alone() {
    let env = with_sessions();
    import(&env, 20);
    env.import("{\"id\":\"o\",\"title\":\"o\",\"queue\":\"other\"}\n").ok();
    env.coord(&["session", "start", "s-1", "--area", "src/1"]).ok();
    env.claim("s-1", &["doc"], 1000);
    let before = env.session("s-1");
    let split = |words: &[&str]| {
        env.coord(&[&["queue", "split", "--sessions", "2", "--into", "s"], words].concat()).ok();
        env.check(&format!("after a split {words:?}"));
    };
    split(&["--queue", "other"]);
    let queue = QueueName::parse("other").unwrap();
    assert_eq!(env.session("s-1").queues, [queue]);
    assert_eq!(env.events().last().unwrap().headline(), "s-2: assign 2/2 other");
    let commits = || {
        let log = env.git_in(&env.store_dir(), &["--git-dir=.", "rev-list", "--count", "refs/coord/state"]);
        log.trim().parse::<u32>().unwrap()
    };
    let made = commits();
    split(&[]);
    assert_eq!(commits() - made, 1, "all of it, or nothing");
    for (name, shard) in [("s-1", "1/2"), ("s-2", "2/2")] {
        let session = env.session(name);
        assert_eq!((session.queues.len(), session.areas.len()), (0, 0), "{name}: of all queues and areas");
        assert_eq!(session.shard, shard.parse().ok());
    }
    let after = env.session("s-1");
    assert_eq!(
        (&after.leases, &after.token, &after.worktree),
        (&before.leases, &before.token, &before.worktree)
    );
    let ones = [next(&env, "s-1", &["--count", "100"]), next(&env, "s-2", &["--count", "100"])];
    assert_eq!(ones.concat().len(), 21, "all queues are covered again");
    // A session that a split makes can be started in any worktree.
    env.coord(&["session", "start", "s-2", "--rebind"]).ok();
    assert_eq!(env.session("s-2").shard, "2/2".parse().ok());
}

fn split(env: &TestEnv, n: &str, words: &[&str]) -> Vec<String> {
    let call = env.coord(&[&["queue", "split", "--sessions", n, "--into", "w"], words].concat());
    env.check(&format!("after a split over {n}"));
    let name = |r: &serde_json::Value| r["session"].as_str().unwrap().to_owned();
    call.ok()["retired"].as_array().unwrap().iter().map(name).collect()
}

fn ids(items: &[String]) -> BTreeSet<ItemId> {
    items.iter().map(|i| ItemId::parse(i).unwrap()).collect()
}

/// A session that is left over has no shard: it keeps what it holds, and takes nothing of the others'.
#[test]
fn a_split_over_fewer_sessions_retires_the_shares_that_are_left_over() {
    let env = with_sessions();
    import(&env, 30);
    assert!(split(&env, "4", &[]).is_empty());
    let held = next(&env, "w-3", &["--count", "2"]);
    env.coord(&["session", "end", "w-4"]).ok();
    // Not of this split, whatever they are called.
    for (name, shard) in [("w-03", "3/3"), ("w-9", "1/2"), ("w-x", "1/2")] {
        env.coord(&["--session", name, "session", "start", name, "--shard", shard, "--rebind"]).ok();
    }
    let others = ["w-03", "w-9", "w-x"].map(|n| env.session(n).shard);
    assert_eq!(split(&env, "2", &[]), ["w-3", "w-4"]);
    assert_eq!(["w-03", "w-9", "w-x"].map(|n| env.session(n).shard), others);
    let three = env.session("w-3");
    assert_eq!(ids(&held), three.leases.iter().filter_map(|l| Some(l.item.as_ref()?.id.clone())).collect());
    let call = env.coord_as("w-3", &["next"]);
    assert!(call.items().is_empty());
    let why = call.ok()["empty_reason"].as_str().unwrap();
    assert!(why.contains("w-3 has no shard any more: the split is over 2 sessions now"), "{why}");
    let done: Vec<&str> = std::iter::once("done").chain(held.iter().map(String::as_str)).collect();
    env.coord_as("w-3", &done).ok();
    assert!(split(&env, "2", &[]).is_empty(), "they have no shard to lose");
    let item = next(&env, "w-1", &[]).remove(0);
    env.coord_as("w-1", &["drop", &item]).ok();
    let refused = env.coord_as("w-3", &["next", "--item", &item]);
    assert_eq!(refused.fails(5, "refused")["details"]["rule"], "outside-assignment");
    // One that ended does not come back with the shard that it had.
    env.coord(&["session", "start", "w-4", "--rebind"]).ok();
    assert!(next(&env, "w-4", &["--count", "9"]).is_empty());
    // It may help, and gets a shard again when the split grows.
    env.coord(&["session", "start", "w-4", "--help-others"]).ok();
    assert_eq!(next(&env, "w-4", &[]).len(), 1);
    assert!(split(&env, "3", &[]).is_empty());
    let shards = ["w-3", "w-4"].map(|n| env.session(n).shard.unwrap().to_string());
    assert_eq!(shards, ["3/3", "4/3"]);
    let taken: Vec<usize> = ["w-1", "w-2", "w-3"].map(|n| next(&env, n, &["--count", "99"]).len()).into();
    assert_eq!(taken.iter().sum::<usize>(), 27, "what is left is in the three shards: {taken:?}");
    assert!(taken[2] > 0);
    assert_eq!(split(&env, "1", &[]), ["w-2", "w-3"]);
    let call = env.coord_as("w-4", &["next"]);
    let why = call.ok()["empty_reason"].as_str().unwrap();
    assert!(why.contains("the split is over 1 session now") && !why.contains("--help-others"), "{why}");
}

#[test]
fn odd_splits_are_reported_plainly() {
    let env = with_sessions();
    import(&env, 4);
    for n in ["0", "10000", "x"] {
        env.coord(&["queue", "split", "--sessions", n]).fails(2, "usage");
    }
    for prefix in ["a b", "", "-x"] {
        let into = format!("--into={prefix}");
        let error = env.coord(&["queue", "split", "--sessions", "2", &into]);
        let message = error.fails(2, "usage")["message"].as_str().unwrap().to_owned();
        assert!(message.contains("--into"), "{message}");
    }
    split(&env, "1", &["--queue", "main", "--queue", "main"]);
    assert_eq!(env.session("w-1").queues, [QueueName::parse("main").unwrap()], "once is enough");
    assert_eq!(next(&env, "w-1", &["--count", "9"]).len(), 4);
}
