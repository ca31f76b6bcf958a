//! Dependencies by range, group and phase, and the explanations that go with them.

use serde_json::{Value, json};

use crate::common::TestEnv;

/// Lines of JSON, one for each (id, group, phase, needs).
fn lines(tasks: &[(&str, &str, &str, &[&str])]) -> String {
    let line = |(id, group, phase, needs): &(&str, &str, &str, &[&str])| {
        let mut item = json!({ "id": id, "title": id, "needs": needs });
        for (key, value) in [("group", group), ("phase", phase)] {
            if !value.is_empty() {
                item[key] = json!(value);
            }
        }
        format!("{item}\n")
    };
    tasks.iter().map(line).collect()
}

fn state(env: &TestEnv, id: &str) -> String {
    env.coord(&["queue", "show", id]).ok()["item"]["state"].as_str().unwrap().to_owned()
}

/// Takes and finishes exactly this item.
fn finish(env: &TestEnv, id: &str) -> Vec<String> {
    env.coord_as("ann", &["next", "--item", id]).ok();
    let done = env.coord_as("ann", &["done", id]);
    let freed = done.ok()["unblocked"].as_array().unwrap().clone();
    env.check(&format!("after {id}"));
    freed.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn with_sessions() -> TestEnv {
    let env = TestEnv::new();
    env.sessions(&["ann", "bob"]);
    env
}

#[test]
fn a_range_means_every_id_in_it() {
    let env = with_sessions();
    let tasks = [("T001", "", "", &[][..]), ("T002", "", "", &[]), ("T009", "", "", &["T001-T003"])];
    env.import(&lines(&tasks)).ok();
    assert_eq!(finish(&env, "T001"), Vec::<String>::new());
    assert_eq!(finish(&env, "T002"), Vec::<String>::new(), "T003 has not even been imported");
    env.import(&lines(&[("T003", "", "", &[])])).ok();
    assert_eq!(finish(&env, "T003"), ["T009"]);
}

#[test]
fn an_item_with_the_literal_name_of_a_range_wins() {
    let env = with_sessions();
    let tasks = [("T1-T3", "", "", &[][..]), ("T1", "", "", &[]), ("after", "", "", &["T1-T3"])];
    env.import(&lines(&tasks)).ok();
    assert_eq!(finish(&env, "T1-T3"), ["after"]);
}

#[test]
fn a_range_that_nobody_can_mean_is_refused() {
    let env = with_sessions();
    let call = env.import(&lines(&[("a", "", "", &["T00001-T99999"])]));
    let bad = call.fails(1, "bad-input")["details"]["bad"][0]["reason"].clone();
    assert!(bad.as_str().unwrap().contains("99999 items"), "{bad}");
    assert_eq!(env.coord(&["queue", "list"]).items(), Vec::<String>::new());
}

#[test]
fn a_phase_is_awaited_as_a_whole_also_what_is_imported_later() {
    let env = with_sessions();
    let tasks = [("a", "", "Set up", &[][..]), ("b", "", "Set up", &[]), ("w", "", "", &["phase:Set up"])];
    env.import(&lines(&tasks)).ok();
    assert_eq!(finish(&env, "a"), Vec::<String>::new());
    assert_eq!(finish(&env, "b"), ["w"]);
    // A late member makes what has not begun wait again.
    env.import(&lines(&[("c", "", "Set up", &[])])).ok();
    env.check("after the late member");
    assert_eq!(state(&env, "w"), "blocked");
    assert_eq!(finish(&env, "c"), ["w"]);
    // What is in somebody's hands goes on, and waits when it is given back.
    env.coord_as("ann", &["next", "--item", "w"]).ok();
    env.import(&lines(&[("d", "", "Set up", &[])])).ok();
    assert_eq!(state(&env, "w"), "claimed");
    env.coord_as("ann", &["drop", "w"]).ok();
    assert_eq!(state(&env, "w"), "blocked");
    assert_eq!(finish(&env, "d"), ["w"]);
    env.coord(&["doctor"]).ok();
}

#[test]
fn a_group_that_has_no_members_yet_is_awaited() {
    let env = with_sessions();
    env.import(&lines(&[("w", "", "", &["group:B"])])).ok();
    assert_eq!(state(&env, "w"), "blocked");
    let why = env.coord(&["queue", "why", "w"]);
    assert_eq!(why.ok()["waits_for"][0]["state"], Value::Null, "nobody has imported it");
    env.import(&lines(&[("b", "B", "", &[])])).ok();
    assert_eq!(finish(&env, "b"), ["w"]);
}

#[test]
fn an_import_reports_needs_that_nobody_has_imported() {
    let env = with_sessions();
    let unknown = |call: &crate::common::Call| {
        let needs = &call.ok()["unknown_needs"];
        let first = needs["first"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned());
        (needs["count"].as_u64().unwrap(), first.collect::<Vec<_>>())
    };
    let tasks = [
        ("a", "", "", &["b", "typo", "T1-T3", "group:G", "group:H"][..]),
        ("b", "G", "", &["typo", "previous"]),
        ("T2", "", "", &[]),
    ];
    let call = env.import(&lines(&tasks));
    let expected = ["T1", "T3", "group:H", "typo"].map(str::to_owned);
    assert_eq!(unknown(&call), (4, expected.to_vec()));
    // Known items are not imported, and those of the store are known.
    assert_eq!(unknown(&env.import(&lines(&tasks))), (0, Vec::new()));
    assert_eq!(unknown(&env.import(&lines(&[("c", "", "", &["a", "group:G"])]))), (0, Vec::new()));
    let call = env.import(&lines(&[("d", "", "", &["x01-x30"])]));
    let (count, first) = unknown(&call);
    assert_eq!((count, first.len(), first[9].as_str()), (30, 10, "x10"));

    let file = env.temp().join("more.jsonl");
    std::fs::write(&file, lines(&[("e", "", "", &["y1-y8", "z"]), ("f", "", "", &["z"])])).unwrap();
    let import =
        env.command(crate::common::PROGRAM, &env.root).args(["queue", "import"]).args([&file]).output();
    let said = String::from_utf8(import.unwrap().stderr).unwrap();
    assert!(said.contains("9 needs are unknown (y1-y8, z): what needs them waits until"), "{said}");
}

#[test]
fn what_comes_in_another_part_of_a_large_import_is_no_unknown_need() {
    let env = with_sessions();
    // Debug builds store 512 items at once.
    let item = |id: String, needs: Value| format!("{}\n", json!({ "id": id, "title": "t", "needs": needs }));
    let mut text = item("first".into(), json!(["i600", "i1100", "group:late", "gone", "group:gone"]));
    (0..1200).for_each(|n| text.push_str(&item(format!("i{n}"), json!([]))));
    text.push_str(&item("last".into(), json!(["i3", "nowhere"])));
    text.push_str("{\"id\":\"late\",\"title\":\"t\",\"group\":\"late\"}\n");
    let unknown = env.import(&text).ok()["unknown_needs"].clone();
    assert_eq!(unknown, json!({ "count": 3, "first": ["gone", "group:gone", "nowhere"] }));
    env.check("after the import");
}

#[test]
fn sequential_groups_go_one_by_one_and_beside_each_other() {
    let env = with_sessions();
    let file = env.temp().join("plan.jsonl");
    let tasks = [("A1", "A", "", &[][..]), ("B1", "B", "", &[]), ("A2", "A", "", &[]), ("B2", "B", "", &[])];
    let import = |tasks: &[_]| {
        std::fs::write(&file, lines(tasks)).unwrap();
        env.coord(&["queue", "import", file.to_str().unwrap(), "--sequential", "B"]).ok();
    };
    import(&tasks);
    let free = env.coord(&["queue", "list", "--state", "pending"]).items();
    assert_eq!(free, ["A1", "B1", "A2"], "only B is sequential");
    // A later import goes on where the group ended.
    import(&[("B3", "B", "", &[])]);
    assert_eq!(finish(&env, "B1"), ["B2"]);
    assert_eq!(finish(&env, "B2"), ["B3"]);
}

#[test]
fn a_circle_through_a_group_is_refused_and_shown() {
    let env = with_sessions();
    let call = env.import(&lines(&[("a", "G", "", &["b"]), ("b", "", "", &["group:G"])]));
    let error = call.fails(5, "refused");
    assert_eq!(error["details"]["rule"], "cycle");
    assert!(error["message"].as_str().unwrap().contains("a → b → group:G → a"), "{error}");
    // In two imports: a known item waits for a group that the new one joins.
    env.import(&lines(&[("b", "", "", &["group:G"]), ("c", "", "", &["b"])])).ok();
    let call = env.import(&lines(&[("a", "G", "", &["c"])]));
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "cycle");
    // Across a range as well.
    let call = env.import(&lines(&[("T1", "", "", &["T2-T3"]), ("T3", "", "", &["T1"])]));
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "cycle");
    assert_eq!(env.coord(&["queue", "list"]).items(), ["b", "c"]);
}

#[test]
fn what_is_done_closes_no_circle() {
    let env = with_sessions();
    // d joins the group that b has waited for, and needs c, which needs b.
    env.import(&lines(&[("a", "G", "", &[]), ("b", "", "", &["group:G"]), ("c", "", "", &["b"])])).ok();
    assert_eq!(finish(&env, "a"), ["b"]);
    // While b is open it would be a circle.
    let late = lines(&[("d", "G", "", &["c"])]);
    assert_eq!(env.import(&late).fails(5, "refused")["details"]["rule"], "cycle");
    assert_eq!(finish(&env, "b"), ["c"]);
    env.import(&late).ok();
    env.check("after the late member");
    assert_eq!((state(&env, "c"), state(&env, "d")), ("pending".into(), "blocked".into()));
    assert_eq!(finish(&env, "c"), ["d"]);
    assert_eq!(finish(&env, "d"), Vec::<String>::new());
    env.coord(&["doctor"]).ok();
}

#[test]
fn why_leads_to_the_roots_and_failures_tell_what_they_hold_up() {
    let env = with_sessions();
    let tasks = [
        ("a", "", "", &[][..]),
        ("b", "", "", &["a"]),
        ("c", "", "Build", &["b"]),
        ("d", "", "", &["phase:Build", "gone"]),
    ];
    env.import(&lines(&tasks)).ok();
    env.coord_as("bob", &["next", "--item", "a"]).ok();
    let call = env.coord_as("ann", &["queue", "why", "d"]);
    let why = call.ok();
    assert_eq!(why["free"], false);
    let ids = |key: &str| -> Vec<&str> {
        why[key].as_array().unwrap().iter().map(|w| w["id"].as_str().unwrap()).collect()
    };
    assert_eq!(ids("waits_for"), ["phase:Build", "gone"]);
    assert_eq!(ids("roots"), ["gone", "a"]);
    assert_eq!(why["roots"][1]["session"], "bob", "who has the root");
    let call = env.coord_as("bob", &["fail", "a", "--reason", "broken", "--final"]);
    assert_eq!(call.ok()["held_up"]["a"], json!({ "direct": ["b"], "total": 3 }));
    let shown = env.coord(&["queue", "show", "a"]);
    assert_eq!(shown.ok()["item"]["held_up"]["total"], 3);
    env.coord(&["queue", "why", "nobody"]).fails(1, "unknown-item");
}
