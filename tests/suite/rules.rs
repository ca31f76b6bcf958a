//! What `next` offers to whom: filters, rules of queues.

use serde_json::json;

use crate::common::TestEnv;

pub fn with_sessions() -> TestEnv {
    let env = TestEnv::new();
    env.sessions(&["ann", "bob"]);
    env
}

/// `n` items with a file each: categories and folders take turns.
pub fn import(env: &TestEnv, n: usize) {
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

pub fn next(env: &TestEnv, session: &str, words: &[&str]) -> Vec<String> {
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
    // A hint of another life of the store is ignored.
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
    // A session that waits gets it as soon as it may be had.
    assert_eq!(next(&env, "bob", &["--wait", "60s"]), ["i0000"]);
    env.coord(&["queue", "set", "main", "--cool-down", "1d"]).ok();
    env.coord_as("bob", &["fail", "i0000", "--reason", "r"]).ok();
    assert_eq!(next(&env, "ann", &[]), Vec::<String>::new());
    assert!(env.coord(&["queue", "why", "i0000"]).ok()["until"].is_string());
    env.coord(&["queue", "update", "--where", "id=i0000", "--requeue"]).ok();
    assert_eq!(next(&env, "ann", &[]), ["i0000"], "put back by hand");
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
    // Claims of others after the search are in the way as they should.
    env.coord_as("ann", &["drop", "i0299"]).ok();
    env.claim("bob", &["src/3"], 1000);
    assert_eq!(next(&env, "ann", &rare), Vec::<String>::new());
    env.coord_as("bob", &["release", "--all"]).ok();
    assert_eq!(next(&env, "ann", &rare), ["i0299"]);
}
