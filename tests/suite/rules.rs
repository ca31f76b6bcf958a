//! What `next` offers to whom: filters, shares, rules of queues; and changing many items at once.

use std::collections::BTreeSet;

use git_coord::model::{ItemState, QueueName, queue};
use serde_json::json;

use crate::common::{TestEnv, claim_op};

fn with_sessions() -> TestEnv {
    let env = TestEnv::new();
    env.sessions(&["ann", "bob"]);
    env
}

/// `n` items with a file each: categories and folders take turns.
fn import(env: &TestEnv, n: usize) {
    let line = |i: usize| {
        let category = ["types", "style", "rare"][if i == n - 1 { 2 } else { i % 2 }];
        let item = json!({
            "id": format!("i{i:04}"), "title": format!("item {i}"), "category": category,
            "rule": format!("r{}", i % 3), "files": [format!("src/{}/f{i}", i % 4)],
        });
        format!("{item}\n")
    };
    env.import(&(0..n).map(line).collect::<String>()).ok();
}

fn next(env: &TestEnv, session: &str, words: &[&str]) -> Vec<String> {
    let items = env.coord_as(session, &[&["next"], words].concat()).items();
    env.check(&format!("after {session} next {words:?}"));
    items
}

#[test]
fn filters_choose_and_find_what_is_far_behind() {
    let env = with_sessions();
    import(&env, 600);
    assert_eq!(next(&env, "ann", &["--category", "style"]), ["i0001"]);
    assert_eq!(next(&env, "ann", &["--rule", "r2"]), ["i0002"]);
    assert_eq!(next(&env, "ann", &["--area", "src/3"]), ["i0003"]);
    assert_eq!(next(&env, "ann", &["--category", "rare"]), ["i0599"]);
    assert_eq!(next(&env, "ann", &["--category", "rare"]), Vec::<String>::new());
    // What was found out is used, and what comes back is found again all the same.
    env.coord_as("ann", &["drop", "i0599"]).ok();
    assert_eq!(next(&env, "ann", &["--category", "rare"]), ["i0599"]);
    env.coord_as("ann", &["drop", "i0001", "i0599"]).ok();
    assert_eq!(next(&env, "ann", &["--category", "style"]), ["i0001"]);
    assert_eq!(next(&env, "ann", &[]), ["i0000"], "without a filter, from the front again");
}

#[test]
fn a_search_that_was_cut_short_by_claims_looks_again_when_they_go() {
    let env = with_sessions();
    import(&env, 600);
    // By hand, and by an item.
    env.claim("bob", &["src/0", "src/1", "src/2"], 1000);
    env.coord_as("bob", &["next", "--item", "i0003"]).ok();
    let first = next(&env, "ann", &["--area", "src/[0-2]/**"]);
    assert_eq!(first, Vec::<String>::new(), "all of it is held");
    assert_eq!(next(&env, "ann", &["--area", "src/[0-2]/**"]), first);
    env.coord_as("bob", &["release", "src/1"]).ok();
    assert_eq!(next(&env, "ann", &["--area", "src/[0-2]/**"]), ["i0001"]);
    env.coord_as("bob", &["release", "--all"]).ok();
    assert_eq!(next(&env, "ann", &["--area", "src/[0-2]/**"]), ["i0000"]);
    // A hint of another life of the store is no hint.
    let hint = env.store_dir().join("hints/ann");
    std::fs::write(&hint, "{broken").unwrap();
    assert_eq!(next(&env, "ann", &["--area", "src/[0-2]/**"]), ["i0002"]);
}

#[test]
fn items_on_one_held_file_are_passed_over_until_its_item_is_done() {
    let env = with_sessions();
    let line = |i: usize| format!("{{\"id\":\"i{i}\",\"title\":\"t\",\"files\":[\"hot\"]}}\n");
    let text: String = (0..300).map(line).collect();
    env.import(&(text + "{\"id\":\"last\",\"title\":\"t\",\"files\":[\"cold\"]}\n")).ok();
    assert_eq!(next(&env, "bob", &[]), ["i0"]);
    assert_eq!(next(&env, "ann", &[]), ["last"]);
    env.coord_as("ann", &["drop", "last"]).ok();
    assert_eq!(next(&env, "ann", &[]), ["last"]);
    assert_eq!(next(&env, "ann", &[]), Vec::<String>::new());
    env.coord_as("bob", &["done", "i0"]).ok();
    assert_eq!(next(&env, "ann", &[]), ["i1"]);
}

#[test]
fn one_item_can_be_asked_for() {
    let env = with_sessions();
    import(&env, 5);
    assert_eq!(next(&env, "ann", &["--item", "i0003"]), ["i0003"]);
    let again = env.coord_as("ann", &["next", "--item", "i0003"]);
    assert_eq!(again.ok()["items"][0]["attempt"], 1, "asking again changes nothing");
    let call = env.coord_as("bob", &["next", "--item", "i0003"]);
    let holders = &call.fails(4, "held")["details"]["holders"];
    assert_eq!(holders[0]["session"], "ann");
    assert_eq!(holders[0]["path"], "src/3/f3");
    env.coord_as("ann", &["done", "i0003"]).ok();
    let call = env.coord_as("bob", &["next", "--item", "i0003"]);
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "not-free");
    env.coord_as("bob", &["next", "--item", "none"]).fails(1, "unknown-item");
}

#[test]
fn explanations_name_what_was_taken_and_what_was_not() {
    let env = with_sessions();
    import(&env, 4);
    env.claim("bob", &["src/0"], 1000);
    let call = env.coord_as("ann", &["next", "--explain"]);
    assert_eq!(call.ok()["items"][0]["id"], "i0001");
    assert_eq!(call.ok()["items"][0]["because"], "first");
    let passed = &call.ok()["passed"];
    assert_eq!(passed[0]["id"], "i0000", "also when there is what was asked for: {passed}");
    assert_eq!(
        (&passed[0]["reason"], &passed[0]["holders"][0]["session"]),
        (&json!("files-held"), &json!("bob"))
    );
    env.coord_as("ann", &["drop", "i0001"]).ok();
    let call = env.coord_as("ann", &["next", "--category", "types", "--count", "5", "--explain"]);
    let passed = call.ok()["passed"].as_array().unwrap();
    let reason = |id: &str| passed.iter().find(|p| p["id"] == id).map(|p| p["reason"].clone());
    assert_eq!(reason("i0000"), Some(json!("files-held")));
    assert_eq!(passed[0]["holders"][0]["session"], "bob");
    assert_eq!(reason("i0003"), Some(json!("other-kind")));
}

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

#[test]
fn who_has_no_work_of_its_own_may_help() {
    let env = with_sessions();
    import(&env, 8);
    let start = |words: &[&str]| {
        env.coord(&[&["session", "start", "cy", "--area", "src/1"], words].concat()).ok();
    };
    start(&[]);
    assert_eq!(next(&env, "cy", &["--count", "9"]), ["i0001", "i0005"]);
    assert_eq!(next(&env, "cy", &[]), Vec::<String>::new(), "outside its area");
    let call = env.coord_as("cy", &["next", "--item", "i0000"]);
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "outside-assignment");
    start(&["--help-others"]);
    let call = env.coord_as("cy", &["next", "--explain"]);
    assert_eq!(
        (&call.ok()["items"][0]["id"], &call.ok()["items"][0]["help"]),
        (&json!("i0000"), &json!(true))
    );
    let passed = &call.ok()["passed"];
    assert_eq!(passed[0]["id"], "i0002", "what was taken after all was not passed over: {passed}");
    // Its own comes first again.
    env.coord_as("cy", &["drop", "i0005"]).ok();
    let call = env.coord_as("cy", &["next"]);
    assert_eq!((&call.ok()["items"][0]["id"], call.ok()["items"][0].get("help")), (&json!("i0005"), None));
    // A command gets the same document.
    let file = env.temp().join("item");
    let script = format!("cat > '{}'", file.display());
    env.coord_as("cy", &["work", "--max", "1", "--", "sh", "-c", &script]).ok();
    let item: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!((&item["id"], &item["help"]), (&json!("i0002"), &json!(true)));
    env.check("after help");
}

#[test]
fn an_item_is_done_only_when_it_was_verified_under_this_lease() {
    let env = with_sessions();
    import(&env, 2);
    let set = env.coord(&["queue", "set", "main", "--verify", "--verify-command", "test -f ok"]);
    assert_eq!(set.ok()["verify"], true);
    next(&env, "ann", &["--item", "i0000"]);
    let refused = |when: &str| {
        let call = env.coord_as("ann", &["done", "i0000"]);
        assert_eq!(call.fails(5, "refused")["details"]["rule"], "verification-required", "{when}");
    };
    refused("without any");
    let call = env.coord_as("ann", &["verify", "i0000"]);
    assert_eq!(call.fails(5, "refused")["details"]["exit"], 1);
    refused("after one that failed");
    std::fs::write(env.root.join("ok"), "").unwrap();
    env.coord_as("ann", &["verify", "i0000"]).ok();
    env.coord_as("ann", &["drop", "i0000"]).ok();
    next(&env, "ann", &["--item", "i0000"]);
    refused("the one before belonged to another lease");
    let call =
        env.coord_as("ann", &["verify", "i0000", "--", "sh", "-c", "test \"$GIT_COORD_ITEM\" = i0000"]);
    assert_eq!(call.ok()["ok"], true);
    env.coord_as("bob", &["verify", "i0000"]).fails(3, "lost");
    env.coord_as("ann", &["done", "i0000"]).ok();
    env.check("after a verification");
}

#[test]
fn a_queue_limits_what_a_session_holds_and_how_long() {
    let env = with_sessions();
    import(&env, 5);
    env.coord(&["queue", "set", "main", "--max-held", "2", "--ttl", "100s"]).ok();
    let call = env.coord_as("ann", &["next", "--count", "5"]);
    assert_eq!(call.items().len(), 2);
    assert!(call.ok()["empty_reason"].as_str().unwrap().contains("main"), "{}", call.json);
    assert!(env.session("ann").leases.iter().all(|l| l.ttl == 100));
    assert_eq!(next(&env, "bob", &["--ttl", "5s"]).len(), 1);
    assert_eq!(env.session("bob").leases[0].ttl, 5, "a length that is named counts");
    env.coord(&["queue", "set", "main", "--max-held", "off"]).ok();
    let shown = env.coord(&["queue", "set", "main"]);
    assert_eq!((&shown.ok()["max_held"], &shown.ok()["ttl"]), (&json!(null), &json!(100)));
    assert_eq!(next(&env, "ann", &["--count", "5"]).len(), 2);
    env.coord(&["queue", "set", "nowhere"]).fails(1, "unknown-queue");
}

#[test]
fn what_failed_cools_down_and_comes_back_by_itself() {
    let env = with_sessions();
    import(&env, 1);
    env.coord(&["queue", "set", "main", "--cool-down", "1s"]).ok();
    next(&env, "ann", &[]);
    let call = env.coord_as("ann", &["fail", "i0000", "--reason", "r"]);
    assert_eq!(call.ok()["items"][0]["state"], "blocked");
    env.check("while it cools down");
    env.coord(&["doctor"]).ok();
    // Who waits gets it as soon as it may be had.
    assert_eq!(next(&env, "bob", &["--wait", "60s"]), ["i0000"]);
    env.coord(&["queue", "set", "main", "--cool-down", "1d"]).ok();
    env.coord_as("bob", &["fail", "i0000", "--reason", "r"]).ok();
    assert_eq!(next(&env, "ann", &[]), Vec::<String>::new());
    assert!(env.coord(&["queue", "why", "i0000"]).ok()["until"].is_string());
    env.coord(&["queue", "update", "--where", "id=i0000", "--requeue"]).ok();
    assert_eq!(next(&env, "ann", &[]), ["i0000"], "put back by hand");
}

fn counts(env: &TestEnv, name: &str) -> queue::Counts {
    let name = QueueName::parse(name).unwrap();
    env.store().read(|view| queue::get(view, &name)).unwrap().unwrap().counts
}

#[test]
fn many_items_change_in_one_act() {
    let env = with_sessions();
    import(&env, 300);
    env.import("{\"id\":\"w\",\"title\":\"waits\",\"needs\":[\"i0001\"],\"queue\":\"other\"}\n").ok();
    next(&env, "ann", &["--item", "i0003"]);
    let words = ["queue", "update", "--where", "category=style", "--queue", "late", "--priority", "7"];
    let dry = env.coord(&[&words[..], &["--dry-run"]].concat());
    assert_eq!(dry.ok()["changed"], 148, "150 less the rare one and the one that is held");
    assert_eq!(dry.ok()["first"].as_array().unwrap().len(), 10);
    assert_eq!(counts(&env, "main").total(), 300, "a dry run changes nothing");
    let call = env.coord(&words);
    assert_eq!((&call.ok()["changed"], &call.ok()["skipped_first"]), (&json!(148), &json!(["i0003"])));
    env.check("after moving items");
    assert_eq!((counts(&env, "main").total(), counts(&env, "late").total()), (152, 148));
    assert_eq!(env.coord(&words).ok()["changed"], 0, "once is enough");
    // Ids and needs lead to the new place.
    next(&env, "bob", &["--item", "i0001"]);
    assert_eq!(env.coord_as("bob", &["done", "i0001"]).ok()["unblocked"], json!(["w"]));
    let list = env.coord(&["queue", "list", "--queue", "late", "--limit", "1000"]).items();
    assert_eq!(list.len(), 148);
    env.coord(&["doctor"]).ok();
}

#[test]
fn a_limit_counts_what_changes_and_nothing_else() {
    let env = with_sessions();
    import(&env, 12);
    assert_eq!(next(&env, "ann", &["--count", "3"]).len(), 3);
    env.coord_as("ann", &["fail", "i0002", "--final", "--reason", "r"]).ok();
    let update = |words: &[&str]| {
        let call = env.coord(&[&["queue", "update", "--where", "queue=main"], words].concat());
        env.check(&format!("after {words:?}"));
        let number = |key: &str| call.ok()[key].as_u64().unwrap();
        (number("changed"), number("skipped"), number("matched"))
    };
    // i0000 and i0001 are held and come first; to put back is of no concern to what is free or held.
    assert_eq!(update(&["--requeue", "--limit", "1", "--dry-run"]), (1, 0, 1));
    assert_eq!(update(&["--requeue", "--limit", "1"]), (1, 0, 1), "i0002");
    assert_eq!(update(&["--requeue"]), (0, 0, 0));
    assert_eq!(update(&["--priority", "9", "--limit", "2"]), (2, 2, 4));
    assert_eq!(update(&["--priority", "9", "--limit", "2"]), (2, 2, 4), "the next ones");
    assert_eq!(update(&["--priority", "9"]), (6, 2, 8));
    assert_eq!(update(&["--cancel"]), (10, 2, 12));
}

#[test]
fn items_are_given_up_and_put_back_by_condition() {
    let env = with_sessions();
    import(&env, 10);
    let update = |words: &[&str]| {
        let call = env.coord(&[&["queue", "update"], words].concat());
        env.check(&format!("after {words:?}"));
        call.ok()["changed"].as_u64().unwrap()
    };
    assert_eq!(update(&["--where", "file=src/1/**", "--cancel"]), 3);
    let shown = env.coord(&["queue", "show", "i0001"]);
    assert_eq!(
        (&shown.ok()["item"]["state"], &shown.ok()["item"]["why"]),
        (&json!("failed"), &json!("cancelled"))
    );
    assert_eq!(update(&["--where", "state=failed", "--requeue", "--limit", "2", "--category", "again"]), 2);
    assert_eq!(counts(&env, "main").failed, 1);
    assert_eq!(next(&env, "ann", &["--category", "again", "--count", "9"]), ["i0001", "i0005"]);
    assert_eq!(update(&["--where", "title~ITEM", "--where", "category!=again", "--priority", "0"]), 8);
    env.coord(&["queue", "update", "--where", "colour=red", "--cancel"]).fails(2, "usage");
    env.coord(&["queue", "update", "--where", "id=x"]).fails(2, "usage");
    let left = env.coord(&["queue", "list", "--state", ItemState::Failed.word()]).items();
    assert_eq!(left, ["i0009"]);
    env.coord(&["doctor"]).ok();
}

#[test]
fn a_cancelled_item_that_waits_goes_on_waiting_when_it_is_put_back() {
    let env = with_sessions();
    env.import("{\"id\":\"a\",\"title\":\"a\"}\n{\"id\":\"b\",\"title\":\"b\",\"needs\":[\"a\"]}\n").ok();
    for what in ["--cancel", "--requeue"] {
        env.coord(&["queue", "update", "--where", "id=b", what]).ok();
        env.check(what);
    }
    assert_eq!(env.coord(&["queue", "list", "--state", "blocked"]).items(), ["b"]);
    env.coord(&["queue", "update", "--where", "id=b", "--cancel"]).ok();
    next(&env, "ann", &[]);
    env.coord_as("ann", &["done", "a"]).ok();
    env.coord(&["queue", "update", "--where", "id=b", "--requeue"]).ok();
    assert_eq!(next(&env, "ann", &[]), ["b"], "what it needs was done meanwhile");
    // A claim by hand is no item, and stays what it is.
    env.store().submit(&claim_op("bob", &["x"], 100), None).unwrap();
    env.check("in the end");
}

#[test]
fn what_searches_remember_is_about_one_set_of_wishes() {
    let env = with_sessions();
    import(&env, 300);
    let rare = ["--category", "rare"];
    let far = ["--area", "src/3", "--category", "types"];
    assert_eq!(next(&env, "ann", &rare), ["i0299"]);
    assert_eq!(next(&env, "ann", &far), Vec::<String>::new(), "in src/3 everything is of another category");
    env.coord_as("ann", &["drop", "i0299"]).ok();
    // Bob keeps the rare one busy; then it comes back to where a search of ann has passed.
    assert_eq!(next(&env, "bob", &rare), ["i0299"]);
    assert_eq!(next(&env, "ann", &rare), Vec::<String>::new());
    env.coord_as("bob", &["fail", "i0299", "--reason", "r"]).ok();
    assert_eq!(next(&env, "ann", &rare), ["i0299"]);
    let hints = std::fs::read_to_string(env.store_dir().join("hints/ann")).unwrap();
    let hints: serde_json::Value = serde_json::from_str(&hints).unwrap();
    assert_eq!(hints.as_array().map(Vec::len), Some(2), "one for each set of wishes: {hints}");
    // Claims of others after the search stand in the way as they should.
    env.coord_as("ann", &["drop", "i0299"]).ok();
    env.claim("bob", &["src/3"], 1000);
    assert_eq!(next(&env, "ann", &rare), Vec::<String>::new());
    env.coord_as("bob", &["release", "--all"]).ok();
    assert_eq!(next(&env, "ann", &rare), ["i0299"]);
}
