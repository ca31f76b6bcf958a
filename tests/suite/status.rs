//! `status`: its numbers are those of what was done, and it can be watched.

use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};

use crate::common::TestEnv;

/// Two queues, three phases, items with and without a category, six of them.
fn world() -> TestEnv {
    let env = TestEnv::new();
    env.sessions(&["ada", "bob"]);
    let lines: String = [
        ("a0", "q1", Some("types"), "Setup"),
        ("a1", "q1", Some("types"), "Setup"),
        ("a2", "q1", None, "Core"),
        ("b0", "q2", Some("security"), "Core"),
        ("b1", "q2", Some("types"), "Core"),
        ("b2", "q2", Some("security"), "Last"),
    ]
    .iter()
    .map(|(id, queue, category, phase)| {
        let item = json!({
            "id": id, "title": format!("do {id}"), "queue": queue, "category": category,
            "phase": phase, "files": [format!("src/{id}")],
        });
        format!("{item}\n")
    })
    .collect();
    env.import(&lines.replace("\"category\":null,", "")).ok();
    env
}

fn row<'a>(status: &'a Value, list: &str, name: impl Into<Value>) -> &'a Value {
    let name = name.into();
    let rows = status[list].as_array().unwrap();
    rows.iter().find(|r| r["name"] == name).unwrap_or_else(|| panic!("{list} has no {name}: {status}"))
}

fn counts(row: &Value) -> [u64; 6] {
    ["total", "pending", "blocked", "claimed", "done", "failed"].map(|key| row[key].as_u64().unwrap())
}

#[test]
fn numbers_follow_what_sessions_do() {
    let env = world();
    let before = env.coord(&["status"]);
    assert_eq!(before.ok()["success_rate"], Value::Null, "nothing was tried yet");
    assert_eq!(before.ok()["conflict_rate"], Value::Null);
    env.coord_as("ada", &["next", "--count", "3", "--queue", "q1"]).ok();
    env.coord_as("ada", &["done", "a0", "a2"]).ok();
    env.coord_as("ada", &["fail", "a1", "--reason", "no", "--final"]).ok();
    env.coord_as("bob", &["next", "--queue", "q2"]).ok();
    env.coord_as("bob", &["claim", "docs"]).ok();
    // Refused because of bob: one claim, and one item that was asked for by its id.
    env.coord_as("ada", &["claim", "docs/x"]).fails(4, "held");
    env.coord_as("ada", &["next", "--item", "b0"]).fails(4, "held");
    // No conflict: no particular item was asked for, so nobody is in the way of anything.
    env.coord_as("bob", &["claim", "src/b1", "src/b2"]).ok();
    for _ in 0..2 {
        assert!(env.coord_as("ada", &["next"]).items().is_empty());
    }
    // Nor is this: what is asked for does not exist, or is finished.
    env.coord_as("ada", &["release", "never"]).fails(3, "lost");
    assert!(env.coord_as("ada", &["next", "--queue", "q1"]).items().is_empty());

    let call = env.coord(&["status"]);
    let status = call.ok();
    assert_eq!(counts(row(status, "queues", "q1")), [3, 0, 0, 0, 2, 1]);
    assert_eq!(counts(row(status, "queues", "q2")), [3, 2, 0, 1, 0, 0]);
    assert_eq!(counts(row(status, "categories", "types")), [3, 1, 0, 0, 1, 1]);
    assert_eq!(counts(row(status, "categories", "security")), [2, 1, 0, 1, 0, 0]);
    assert_eq!(counts(row(status, "categories", Value::Null)), [1, 0, 0, 0, 1, 0]);
    assert_eq!(counts(row(status, "phases", "Core")), [3, 1, 0, 1, 1, 0]);
    assert_eq!(row(status, "phases", "Setup")["success_rate"], json!(0.5));
    assert_eq!(row(status, "queues", "q1")["success_rate"], json!(2.0 / 3.0));
    assert_eq!(row(status, "queues", "q1")["eta"], Value::Null, "nothing is left of it");
    let ada = row(status, "sessions", "ada");
    assert_eq!([&ada["attempts"], &ada["done"], &ada["failed"]], [3, 2, 1]);
    assert_eq!([&ada["tries"], &ada["refused"]], [3, 2]);
    assert_eq!(ada["conflict_rate"], json!(2.0 / 3.0));
    let bob = row(status, "sessions", "bob");
    assert_eq!((&bob["tries"], &bob["refused"]), (&json!(3), &json!(0)));
    assert_eq!((&bob["current"], &bob["titles"]), (&json!(["b0"]), &json!(["do b0"])));
    assert_eq!(status["conflict_rate"], json!(2.0 / 6.0));
    assert_eq!(status["success_rate"], json!(2.0 / 3.0));
    for rate in [&status["rate_per_hour"], &status["rate_since_start"], &ada["rate_per_hour"]] {
        assert_eq!(*rate, json!(120.0), "two items, in what counts as a minute");
    }
    // What is given back untouched was not an attempt.
    env.coord_as("bob", &["drop", "b0"]).ok();
    assert_eq!(row(env.coord(&["status"]).ok(), "sessions", "bob")["attempts"], 0);
    env.check("at the end");
}

/// Slots that wait for each other look for items again and again.
#[test]
fn a_run_is_in_nobodys_way() {
    let env = TestEnv::new();
    env.git(&["config", "coord.freshBase", "off"]);
    let item = |n: usize| {
        let run = "sleep 0.4; echo $GIT_COORD_ITEM > a";
        json!({"id": format!("i{n}"), "title": "t", "files": ["a"], "run": run})
    };
    let lines: String = (0..4).map(|n| format!("{}\n", item(n))).collect();
    env.import(&lines).ok();
    assert_eq!(env.coord(&["run", "-j", "4"]).ok()["done"], 4);
    let call = env.coord(&["status"]);
    assert_eq!((&call.ok()["tries"], &call.ok()["conflict_rate"]), (&json!(4), &json!(0.0)));
}

#[test]
fn every_table_fits_into_the_columns_of_a_small_terminal() {
    let env = world();
    env.coord_as("ada", &["next", "--count", "2"]).ok();
    env.coord_as("ada", &["done", "a0"]).ok();
    for by in ["", "session", "queue", "category", "phase"] {
        let args: &[&str] = if by.is_empty() { &["status"] } else { &["status", "--by", by] };
        let out = env.command(crate::common::PROGRAM, &env.root).args(args).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success() && text.contains("1 of 6 done (16.6%)"), "{by}: {text}");
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{by}: {text}");
        assert!(!text.contains('\x1b'), "no colours for a pipe: {text:?}");
        let shown = match by {
            "phase" => "Setup",
            "category" => "(no category)",
            "session" => "SUCCESS",
            _ => "q2",
        };
        assert!(text.contains(shown), "{by} names {shown}: {text}");
    }
}

#[test]
fn of_many_claimed_paths_one_is_named_and_the_others_are_counted() {
    let env = world();
    let text = || {
        let out = env.command(crate::common::PROGRAM, &env.root).args(["status"]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    env.coord_as("ada", &["claim", "src/zeta.rs"]).ok();
    assert!(text().lines().any(|l| l.starts_with("ada ") && l.ends_with(" src/zeta.rs")), "{}", text());
    env.coord_as("ada", &["claim", "lib", "docs/a b.md"]).ok();
    assert!(text().lines().any(|l| l.starts_with("ada ") && l.ends_with(" docs/a b.md (+2)")), "{}", text());
    let status = env.coord(&["status"]);
    assert_eq!(row(status.ok(), "sessions", "ada")["paths"], json!(["docs/a b.md", "lib", "src/zeta.rs"]));
    assert_eq!(status.ok()["claims"], 3);
}

#[test]
fn a_watch_gives_one_document_a_line_until_nobody_reads() {
    let env = world();
    let mut child = env.run(&env.root).args(["status", "--watch", "1s"]).spawn();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut document = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(counts(row(&document()["data"], "queues", "q1"))[3], 0);
    env.coord_as("ada", &["next"]).ok();
    // One may have been on its way.
    let seen = (0..3).any(|_| counts(row(&document()["data"], "queues", "q1"))[3] == 1);
    assert!(seen, "the next looks show what was taken");
    drop(lines);
    assert!(child.wait().unwrap().success(), "it ends when its reader has gone");
}
