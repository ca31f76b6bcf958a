//! What people see: nothing that somebody else wrote does anything to their terminal.

use serde_json::json;

use crate::common::{PROGRAM, TestEnv};

/// Colours, the title of the window, a bell, and a line that looks like one of the log.
const NASTY: &str = "a\u{1b}[31mRED\u{1b}]0;t\u{7}\u{9b}1m\r0s ago  bob done T9\nFAKE";

/// What people are shown by a command that may have failed, with colours as on a terminal.
fn shown(env: &TestEnv, words: &[&str]) -> String {
    let output = env
        .command(PROGRAM, &env.root)
        .session("ada")
        .env("CLICOLOR_FORCE", "1")
        .args(words)
        .output()
        .unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[track_caller]
fn is_harmless(env: &TestEnv, words: &[&str], holds: &str) {
    let text = shown(env, words);
    assert!(text.contains(holds), "{words:?} shows it as signs: {text:?}");
    assert!(!text.lines().any(|l| l.starts_with("FAKE") || l.starts_with("0s ago  bob")), "{text}");
    // Of our own there are styles only, and none with just a colour number for red.
    let ours = |part: &str| part.starts_with('[') && !part.starts_with("[31mRED");
    assert!(text.split('\u{1b}').skip(1).all(ours), "{words:?}: {text:?}");
    assert!(!text.contains(|c: char| c.is_control() && !"\u{1b}\n".contains(c)), "{words:?}: {text:?}");
}

#[test]
fn nothing_that_somebody_wrote_is_obeyed_by_the_terminal() {
    let env = TestEnv::new();
    env.sessions(&["ada", "bob"]);
    let item = json!({
        "id": "T1", "title": "one", "files": [format!("src/{NASTY}")], "category": NASTY, "phase": NASTY,
        "group": NASTY, "rule": NASTY, "severity": NASTY, "payload": { "x": NASTY },
    });
    env.import(&format!("{item}\n{{\"id\":\"T2\",\"title\":\"two\",\"needs\":[\"T1\"]}}\n")).ok();
    let sign = "\\x1b[31mRED\\x1b]0;t\\x07\\u{9b}1m\\r0s ago  bob done T9\\nFAKE";
    is_harmless(&env, &["next"], sign);
    is_harmless(&env, &["status"], "T1 one");
    is_harmless(&env, &["fail", "T1", "--reason", NASTY], "T1");
    std::fs::write(env.root.join(NASTY), "x").unwrap();
    env.coord_as("bob", &["claim", NASTY, "--reason", NASTY]).ok();
    is_harmless(&env, &["claim", NASTY], &format!("30m left: a{sign}"));
    is_harmless(&env, &["claims"], &format!("a{sign}"));
    is_harmless(&env, &["claims"], &format!(": a{sign}"));
    is_harmless(&env, &["queue", "show", "T1"], &format!("src/a{sign}"));
    is_harmless(&env, &["queue", "why", "T2"], "T1");
    is_harmless(&env, &["next", "--explain", "--ttl", "1h"], sign);
    is_harmless(&env, &["session", "show"], "holds");
    is_harmless(&env, &["status", "--by", "category"], "\\x1b[31mRED");
    is_harmless(&env, &["status", "--by", "phase"], "\\x1b[31mRED");
    is_harmless(&env, &["progress", NASTY], "\\x1b[31mRED");
    is_harmless(&env, &["log"], &format!("fail T1: a{sign}"));
    is_harmless(&env, &["check", NASTY], sign);
    is_harmless(&env, &["queue", "import", NASTY], sign);
    // Programs get it as it is.
    assert_eq!(env.coord(&["queue", "show", "T1"]).ok()["item"]["why"], NASTY);
    assert_eq!(env.coord_as("bob", &["claims", "--mine"]).ok()["claims"][0]["path"], NASTY);
}

#[test]
fn a_list_says_how_much_it_leaves_out() {
    let env = TestEnv::new();
    env.sessions(&["ada"]);
    let items: String = (0..60).map(|n| format!("{{\"id\":\"a{n}\",\"title\":\"t\"}}\n")).collect();
    env.import(&items).ok();
    env.import(&items.replace("\"a", "\"b").replace('}', ",\"queue\":\"other\"}")).ok();
    let more =
        |words: &[&str]| env.coord_as("ada", &[&["queue", "list"], words].concat()).ok()["more"].clone();
    assert_eq!(more(&[]), 70);
    assert_eq!(more(&["--queue", "other"]), 10);
    assert_eq!(more(&["--state", "done"]), 0);
    assert_eq!(more(&["--limit", "120"]), 0);
    assert!(shown(&env, &["queue", "list"]).ends_with("and 70 more; to see all: --limit 120\n"));
    env.coord_as("ada", &["next", "--count", "3"]).ok();
    assert_eq!(more(&["--mine", "--limit", "2"]), 1);
    assert_eq!(more(&["--state", "claimed", "--limit", "2"]), 1);
    let mine = shown(&env, &["queue", "list", "--mine", "--limit", "2"]);
    assert!(mine.ends_with("and 1 more; to see all: --limit 3\n"), "{mine}");
    assert!(mine.contains("(main, priority 2, ada)"), "{mine}");
}

#[test]
fn an_item_is_shown_in_words() {
    let env = TestEnv::new();
    let item = json!({
        "id": "T1", "title": "one", "files": ["src/a.rs", "b"], "line": 7, "category": "types",
        "severity": "high", "phase": "Core", "group": "B", "rule": "R1", "run": "make", "timeout": "5m",
        "payload": { "column": 3, "note": "two words", "list": [1] },
    });
    env.import(&format!("{item}\n")).ok();
    let text = shown(&env, &["queue", "show", "T1"]);
    let lines: Vec<String> =
        text.lines().skip(1).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "src/a.rs:7",
            "b",
            "severity high",
            "category types",
            "rule R1",
            "phase Core",
            "group B",
            "command make",
            "time limit 5m",
            "column 3",
            "note two words",
            "list [1]"
        ]
    );
}

#[test]
fn a_queue_that_does_not_exist_is_named() {
    let env = TestEnv::new();
    env.sessions(&["ada"]);
    env.import("{\"id\":\"a\",\"title\":\"t\"}\n").ok();
    let start = shown(&env, &["session", "start", "ada", "--queue", "typo"]);
    assert!(start.contains("no queue is called typo; there are: main"), "{start}");
    let reason = env.coord_as("ada", &["next"]).ok()["empty_reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("no queue is called typo; there are: main"), "{reason}");
    env.coord_as("ada", &["session", "start", "ada", "--queue", "typo", "--queue", "main"]).ok();
    assert_eq!(env.coord_as("ada", &["next"]).items(), ["a"]);
    let reason = env.coord_as("ada", &["next"]).ok()["empty_reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("nothing is free") && reason.contains("called typo"), "{reason}");
}

#[test]
fn an_item_knows_when_it_comes_next() {
    let env = TestEnv::new();
    env.sessions(&["ada"]);
    env.import("{\"id\":\"a\",\"title\":\"t\"}\n{\"id\":\"b\",\"title\":\"t\"}\n").ok();
    let is_next = |id: &str| env.coord_as("ada", &["queue", "why", id]).ok()["next"] == true;
    assert!(is_next("a") && !is_next("b"));
    assert!(shown(&env, &["queue", "why", "a"]).contains("what ada gets next: git coord next"));
    assert!(shown(&env, &["queue", "why", "b"]).contains("when what is more urgent has been taken"));
    let generation = env.generation();
    env.coord_as("ada", &["queue", "why", "a"]).ok();
    assert_eq!(env.generation(), generation, "looking takes nothing");
    assert_eq!(env.coord_as("ada", &["next"]).items(), ["a"]);
    assert!(is_next("b"));
}
