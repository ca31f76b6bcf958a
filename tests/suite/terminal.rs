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
    // Programs are told what it is.
    assert_eq!(env.coord(&["queue", "show", "T1"]).ok()["item"]["why"], NASTY);
    assert_eq!(env.coord_as("bob", &["claims", "--mine"]).ok()["claims"][0]["path"], NASTY);
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
