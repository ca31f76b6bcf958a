//! Even splits of the items over several sessions.

use std::collections::BTreeSet;

use git_coord::model::QueueName;

use super::rules::{import, next, with_sessions};

#[test]
fn shares_are_apart_and_cover_everything() {
    let env = with_sessions();
    import(&env, 60);
    let call = env.coord(&["queue", "split", "--sessions", "3", "--into", "s"]);
    let shares = call.ok()["shares"].as_array().unwrap();
    let sum: u64 = shares.iter().map(|s| s["items"].as_u64().unwrap()).sum();
    assert_eq!(
        (sum, shares[1]["session"].as_str(), shares[1]["share"].as_str()),
        (60, Some("s-2"), Some("2/3"))
    );
    let mut all = BTreeSet::new();
    for (n, share) in shares.iter().enumerate() {
        let name = format!("s-{}", n + 1);
        let items = next(&env, &name, &["--count", "100"]);
        assert_eq!(items.len() as u64, share["items"].as_u64().unwrap(), "{name}");
        all.extend(items);
    }
    assert_eq!(all.len(), 60, "every item belongs to one share");
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
    let acts = commits();
    split(&[]);
    assert_eq!(commits() - acts, 1, "all of it, or nothing");
    for (name, share) in [("s-1", "1/2"), ("s-2", "2/2")] {
        let session = env.session(name);
        assert_eq!((session.queues.len(), session.areas.len()), (0, 0), "{name}: of all queues and areas");
        assert_eq!(session.share, share.parse().ok());
    }
    let after = env.session("s-1");
    assert_eq!(
        (&after.leases, &after.token, &after.worktree),
        (&before.leases, &before.token, &before.worktree)
    );
    let ones = [next(&env, "s-1", &["--count", "100"]), next(&env, "s-2", &["--count", "100"])];
    assert_eq!(ones.concat().len(), 21, "all queues are covered again");
    // One that comes to be by it can be started in any worktree.
    env.coord(&["session", "start", "s-2"]).ok();
    assert_eq!(env.session("s-2").share, "2/2".parse().ok());
}
