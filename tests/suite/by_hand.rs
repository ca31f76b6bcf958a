//! Items by hand, notes on them, and messages between sessions.

use serde_json::Value;

use crate::common::TestEnv;

#[test]
fn an_item_is_added_edited_and_taken() {
    let env = TestEnv::new();
    env.sessions(&["ada"]);
    let added =
        env.coord(&["add", "Fix the total", "src/b.rs", "./src/a.rs", "--priority", "1", "--run", "make a"]);
    let item = &added.ok()["item"];
    let id = item["id"].as_str().unwrap().to_owned();
    assert_eq!(item["files"], serde_json::json!(["src/a.rs", "src/b.rs"]));
    assert_eq!(
        (&item["queue"], &item["priority"], &item["added"]),
        (&"main".into(), &1.into(), &true.into())
    );
    assert_eq!(
        env.coord(&["add", "Fix the total", "src/a.rs", "src/b.rs", "--run", "make a"]).ok()["item"]["added"],
        false
    );
    let later = env.coord(&["add", "Then this", "--needs", &id, "--queue", "next", "--discovered-from", &id]);
    let later = later.ok()["item"]["id"].as_str().unwrap().to_owned();
    let show = |id: &str| env.coord(&["queue", "show", id]).ok()["item"].clone();
    assert_eq!(show(&later)["state"], "blocked");
    assert_eq!(show(&later)["payload"]["discovered_from"], id);

    env.coord(&[
        "edit",
        &id,
        "--title",
        "Fix the sum",
        "--file",
        "src/c.rs",
        "--queue",
        "urgent",
        "--run",
        "",
    ])
    .ok();
    let edited = show(&id);
    assert_eq!((&edited["title"], &edited["queue"]), (&"Fix the sum".into(), &"urgent".into()));
    assert_eq!((&edited["files"], &edited["run"]), (&serde_json::json!(["src/c.rs"]), &Value::Null));
    env.coord(&["edit", "none", "--title", "x"]).fails(1, "unknown-item");

    let taken = env.coord_as("ada", &["next", "--queue", "urgent"]);
    assert_eq!(taken.items(), [id.as_str()]);
    env.coord(&["edit", &id, "--priority", "3"]).fails(5, "refused");
    env.coord_as("ada", &["done", &id]).ok();
    assert_eq!(show(&later)["state"], "pending");
    env.check("after all of it");
}

#[test]
fn a_note_stays_with_its_item() {
    let env = TestEnv::new();
    env.sessions(&["ada", "bob"]);
    let id = env.coord(&["add", "One"]).ok()["item"]["id"].as_str().unwrap().to_owned();
    env.coord_as("ada", &["next"]).ok();
    env.coord_as("ada", &["note", &id, "the parser is the hard part"]).ok();
    env.coord_as("ada", &["drop", &id]).ok();
    let taken = env.coord_as("bob", &["next"]);
    let note = &taken.ok()["items"][0]["notes"][0];
    assert_eq!((&note["text"], &note["by"]), (&"the parser is the hard part".into(), &"ada".into()));
    assert_eq!(env.coord(&["queue", "show", &id]).ok()["item"]["notes"][0]["by"], "ada");
    env.coord_as("ada", &["note", "none", "x"]).fails(1, "unknown-item");
    env.check("after the note");
}

#[test]
fn a_message_is_shown_once_with_the_next_command() {
    let env = TestEnv::new();
    env.sessions(&["ada", "bob", "cap"]);
    assert_eq!(
        env.coord_as("ada", &["tell", "bob", "leave src/a to me"]).ok()["to"],
        serde_json::json!(["bob"])
    );
    let to = env.coord_as("ada", &["tell", "--all", "stand-up at ten"]).ok()["to"].clone();
    assert_eq!(to, serde_json::json!(["bob", "cap"]));
    env.coord_as("ada", &["tell", "nobody", "x"]).fails(1, "unknown-session");
    env.coord_as("ada", &["tell", "bob"]).fails(2, "usage");

    let first = env.coord_as("bob", &["claim", "b"]);
    first.ok();
    let texts: Vec<&str> =
        first.json["messages"].as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["leave src/a to me", "stand-up at ten"]);
    assert_eq!(first.json["messages"][0]["from"], "ada");
    assert_eq!(env.coord_as("bob", &["claims"]).json.get("messages"), None, "shown once");
    assert_eq!(env.coord_as("ada", &["claims"]).json.get("messages"), None, "not to the sender");
    // People see them after the answer.
    let out =
        env.command(crate::common::PROGRAM, &env.root).session("cap").args(["claims"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(stderr.contains("ada says: stand-up at ten"), "{stderr}");
    env.coord_as("ada", &["tell", "bob", "one more"]).ok();
    assert_eq!(env.coord_as("bob", &["claims"]).json["messages"][0]["text"], "one more");
    env.check("after the messages");
}
