//! A queue that follows the reports of a tool.

use crate::common::{Call, TestEnv};

fn sync(env: &TestEnv, args: &[&str], text: &str) -> Call {
    env.run(&env.root).args(["queue", "import", "-", "--sync"]).args(args).stdin(text).call()
}

fn report(names: &[&str]) -> String {
    let one = |name: &&str| {
        format!(
            r#"{{"filePath":"src/{name}.js","messages":[{{"ruleId":"r","severity":2,"message":"m","line":3,"column":1}}]}}"#
        )
    };
    format!("[{}]", names.iter().map(one).collect::<Vec<_>>().join(","))
}

fn counts(call: &Call) -> [u64; 4] {
    let data = call.ok();
    ["added", "known", "cancelled", "reopened"].map(|field| data[field].as_u64().unwrap())
}

fn free(env: &TestEnv) -> Vec<String> {
    let call = env.coord(&["queue", "list", "--state", "pending"]);
    let items = call.ok()["items"].as_array().unwrap().clone();
    let mut files: Vec<String> =
        items.iter().map(|i| i["files"][0].as_str().unwrap_or("-").to_owned()).collect();
    files.sort();
    files
}

#[test]
fn what_a_report_no_longer_has_is_cancelled_and_what_comes_back_is_offered() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    assert_eq!(counts(&sync(&env, &[], &report(&["a", "b", "c"]))), [3, 0, 0, 0]);
    env.import("{\"id\":\"own\",\"title\":\"no tool\",\"files\":[\"own\"]}\n").ok();
    assert_eq!(counts(&sync(&env, &[], &report(&["b"]))), [0, 1, 2, 0]);
    assert_eq!(free(&env), ["own", "src/b.js"], "another list is not touched");
    assert_eq!(counts(&sync(&env, &[], &report(&["a", "b"]))), [0, 2, 0, 1]);
    assert_eq!(free(&env), ["own", "src/a.js", "src/b.js"]);
    // What is held stays; what is done and comes back is new work.
    let held = env.coord_as("me", &["next", "--count", "9"]).items();
    assert_eq!(held.len(), 3);
    assert_eq!(counts(&sync(&env, &["--format", "eslint"], "[]")), [0, 0, 0, 0]);
    let done: Vec<&str> = held.iter().map(String::as_str).collect();
    env.coord_as("me", &[&["done"], done.as_slice()].concat()).ok();
    assert_eq!(counts(&sync(&env, &[], &report(&["a"]))), [1, 0, 0, 0]);
    env.check("after reports");
}

#[test]
fn only_the_queue_that_is_named_follows_and_bad_or_empty_reports_cancel_nothing() {
    let env = TestEnv::new();
    sync(&env, &["--queue", "x"], &report(&["a"])).ok();
    sync(&env, &["--queue", "y"], &report(&["b"])).ok();
    assert_eq!(free(&env), ["src/a.js", "src/b.js"]);
    sync(
        &env,
        &["--skip-bad"],
        "[{\"filePath\":\"/elsewhere/a.js\",\"messages\":[{\"ruleId\":\"r\",\"message\":\"m\"}]}]",
    )
    .fails(1, "bad-input");
    sync(&env, &[], "").fails(1, "bad-input");
    assert_eq!(free(&env), ["src/a.js", "src/b.js"]);
    assert_eq!(counts(&sync(&env, &["--queue", "x"], &report(&["c"]))), [1, 0, 1, 0]);
    assert_eq!(free(&env), ["src/b.js", "src/c.js"]);
}
