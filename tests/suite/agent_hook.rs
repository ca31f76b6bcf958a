//! `hook agent`: every event is read in its program's dialect, free files are claimed, and what another session
//! holds is refused in exactly the form that the program understands.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::agents::{self, Agent, Answer, refused};
use crate::common::{PROGRAM, TestEnv};

/// Two sessions, each in a worktree of its own, with files to edit.
pub(super) struct Office {
    pub(super) env: TestEnv,
}

impl Office {
    pub(super) fn new() -> Self {
        let env = TestEnv::new();
        for name in ["src/basket.rs", "src/letter.rs", "docs/stale.md", "a"] {
            let file = env.root.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "text\n").unwrap();
        }
        std::fs::write(env.root.join(".gitignore"), "target/\n").unwrap();
        env.git(&["add", "."]);
        env.git(&["commit", "-q", "-m", "files"]);
        for name in ["ada", "bob"] {
            env.coord(&["session", "start", name, "--worktree", &format!("../{name}")]).ok();
        }
        Office { env }
    }

    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.env.temp().join(name)
    }

    pub(super) fn agent(&self, dialect: &'static str, name: &str) -> Agent<'_> {
        Agent::new(&self.env, dialect, &self.dir(name), &format!("conversation-{name}"))
    }

    fn claim(&self, session: &str, path: &str) {
        self.env.coord_as(session, &["claim", "--", path]).ok();
    }

    fn held_by(&self, session: &str) -> Vec<String> {
        let pairs = self.env.claimed().into_iter().filter(|(_, holder)| holder == session);
        pairs.map(|(path, _)| path).collect()
    }

    fn release(&self, session: &str) {
        self.env.coord_as(session, &["release", "--all"]).ok();
    }
}

/// Runs the hook with a payload; what it prints, and its exit status.
fn hook(env: &TestEnv, dir: &Path, payload: &str) -> (String, String, Option<i32>) {
    let out = env.command(PROGRAM, dir).args(["hook", "agent"]).stdin(payload).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(out.stdout), text(out.stderr), out.status.code())
}

#[test]
fn every_dialect_is_read_and_answered_in_its_own_form() {
    let office = Office::new();
    let table = include_str!("../data/agent-events.jsonl");
    let root = office.dir("ada");
    let mut dialects = std::collections::BTreeSet::new();
    for line in table.lines() {
        let row: Value = serde_json::from_str(&line.replace("@ROOT@", root.to_str().unwrap())).unwrap();
        let (id, dialect) = (row["id"].as_str().unwrap(), row["dialect"].as_str().unwrap());
        let payload = row["in"].to_string();
        let mut writes: Vec<String> = serde_json::from_value(row["writes"].clone()).unwrap();
        let kind = row["kind"].as_str().unwrap();
        dialects.insert(dialect.to_owned());
        let (stdout, stderr, code) = hook(&office.env, office.env.temp(), &payload);
        if kind == "start" && !stdout.is_empty() {
            let event = row["in"]["hook_event_name"].as_str().unwrap();
            let Answer::Shown(words) = agents::read(dialect, event, &stdout, &stderr, code) else {
                panic!("{id}: {stdout}");
            };
            assert!(words.contains("session ada"), "{id}: {words}");
            continue;
        }
        assert_eq!(
            (stdout.as_str(), stderr.as_str(), code),
            ("", "", Some(0)),
            "{id}: there is nothing to object to"
        );
        let mut claimed = office.held_by("ada");
        claimed.sort();
        writes.sort();
        assert_eq!(claimed, writes, "{id}: what is written is claimed");
        office.release("ada");
        let Some(last) = writes.last().filter(|_| kind == "before") else { continue };
        office.claim("bob", last);
        let (stdout, stderr, code) = hook(&office.env, office.env.temp(), &payload);
        let event = event_of(&row["in"]);
        let words = refused(agents::read(dialect, &event, &stdout, &stderr, code));
        assert!(words.contains("held by bob") && words.contains("git coord next"), "{id}: {words}");
        assert!(!words.contains("no-verify"), "{id}: a refusal never names the way around it");
        assert_eq!(office.held_by("ada"), [""; 0], "{id}: refused as a whole");
        office.release("bob");
    }
    assert!(dialects.len() >= 19, "{dialects:?}");
    office.env.check("after all events");
}

fn event_of(payload: &Value) -> String {
    let names = ["hook_event_name", "event", "hookName"];
    names.iter().find_map(|key| payload[key].as_str()).unwrap_or("PreToolUse").to_owned()
}

#[test]
fn the_path_decides_and_not_the_folder_of_the_agent() {
    let office = Office::new();
    office.claim("bob", "src/basket.rs");
    // The commonest accident: an agent in its own worktree writes to the one that it was copied from.
    let ada = office.agent("claude", "ada");
    let edit = |dir: &Path, path: &str| {
        ada.send("PreToolUse", json!({"cwd": dir, "tool_name": "Edit", "tool_input": {"file_path": path}}))
    };
    let main = office.env.root.join("src/basket.rs");
    assert!(refused(edit(&office.dir("ada"), main.to_str().unwrap())).contains("bob"));
    // Started elsewhere, it is judged by the worktree that it writes to.
    let own = office.dir("ada").join("src/basket.rs");
    assert!(refused(edit(office.env.temp(), own.to_str().unwrap())).contains("bob"));
    assert!(refused(edit(&office.dir("ada").join("docs"), "../src/basket.rs")).contains("bob"));
    // Through links, to a file and to a folder.
    std::os::unix::fs::symlink(office.dir("ada").join("src"), office.env.temp().join("way")).unwrap();
    std::os::unix::fs::symlink("src/basket.rs", office.dir("ada").join("short")).unwrap();
    assert!(refused(edit(office.env.temp(), "way/basket.rs")).contains("bob"));
    assert!(refused(edit(&office.dir("ada"), "short")).contains("bob"));
    // The link itself is another matter.
    let (before, _) = ada.shell("rm short");
    assert_eq!(before, Answer::Runs);
    // Its own worktree, whatever the folder.
    assert_eq!(edit(Path::new("/"), office.dir("ada").join("a").to_str().unwrap()), Answer::Runs);
    assert!(office.held_by("ada").contains(&"a".to_owned()));
}

#[test]
fn it_is_silent_where_there_is_nothing_to_coordinate() {
    let office = Office::new();
    let other = TestEnv::plain(&[]).unwrap();
    let bare = TestEnv::empty();
    other.git(&["clone", "-q", "--bare", ".", bare.root.join("b.git").to_str().unwrap()]);
    let gone = office.env.temp().join("gone/deep");
    office.env.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        other.root.to_str().unwrap(),
        "sub",
    ]);
    for dir in
        [other.root.clone(), bare.root.join("b.git"), gone, office.env.root.join("sub"), PathBuf::from("/")]
    {
        for (event, tool) in
            [("PreToolUse", "Write"), ("SessionStart", ""), ("PostToolUse", "Bash"), ("Stop", "")]
        {
            let payload = json!({
                "session_id": "s", "cwd": dir, "hook_event_name": event, "tool_name": tool,
                "tool_input": {"file_path": dir.join("x"), "command": "make"},
            });
            let answer = hook(&office.env, office.env.temp(), &payload.to_string());
            assert_eq!(answer, (String::new(), String::new(), Some(0)), "{event} in {}", dir.display());
        }
    }
    for garbage in ["", "{", "[]", "null", "{\"x\":1}", "\u{0}"] {
        let answer = hook(&office.env, &office.dir("ada"), garbage);
        assert_eq!(answer, (String::new(), String::new(), Some(0)), "{garbage:?}");
    }
    assert!(!other.root.join(".git/coord").exists());
}

#[test]
fn the_setting_decides_what_happens() {
    let office = Office::new();
    let ada = office.agent("codex", "ada");
    office.claim("bob", "src/basket.rs");
    office.env.git(&["config", "coord.onEdit", "check"]);
    assert_eq!(ada.write("a", "new"), Answer::Runs);
    assert_eq!(office.held_by("ada"), [""; 0], "only looked at");
    refused(ada.write("src/basket.rs", "x"));
    office.env.git(&["config", "coord.onEdit", "off"]);
    assert_eq!(ada.write("src/basket.rs", "x"), Answer::Runs);
    assert_eq!(ada.send("SessionStart", json!({"source": "startup"})), Answer::Runs);
    office.env.git(&["config", "coord.onEdit", "claim"]);
    assert_eq!(ada.write("a", "new"), Answer::Runs);
    assert_eq!(office.held_by("ada"), ["a"]);
}

#[test]
fn a_failure_of_ours_stops_nobody_unless_asked_to() {
    let office = Office::new();
    let ada = office.agent("claude", "ada");
    let state = office.env.store_dir().join("refs/coord/state");
    std::fs::write(&state, "nonsense\n").unwrap();
    let payload = json!({
        "session_id": "s", "cwd": ada.dir, "hook_event_name": "PreToolUse", "tool_name": "Write",
        "tool_input": {"file_path": "a"},
    });
    let (stdout, stderr, code) = hook(&office.env, &ada.dir, &payload.to_string());
    assert_eq!((stdout.as_str(), code), ("", Some(0)));
    assert!(stderr.starts_with("git coord: "), "it says so: {stderr}");
    office.env.git(&["config", "coord.onEdit", "claim, strict"]);
    assert!(refused(ada.write("a", "x")).contains("could not check"));
}

#[test]
fn sub_agents_side_by_side_do_not_edit_the_same_file() {
    let office = Office::new();
    let sub = |name| Agent { sub: Some(name), ..office.agent("claude", "ada") };
    assert_eq!(sub("one").write("a", "1"), Answer::Runs);
    assert!(refused(sub("two").write("a", "2")).contains("sub-agent one"));
    assert_eq!(sub("one").write("a", "3"), Answer::Runs);
    assert_eq!(
        office.agent("claude", "ada").write("a", "4"),
        Answer::Runs,
        "the one that started them decides"
    );
    assert_eq!(sub("one").send("SubagentStop", json!({})), Answer::Runs);
    assert_eq!(sub("two").write("a", "5"), Answer::Runs, "the other one has ended");
    // What the session has given back is free for both.
    office.release("ada");
    assert_eq!(sub("three").write("a", "6"), Answer::Runs);
}

#[test]
fn what_a_command_writes_unseen_is_found_afterwards() {
    let office = Office::new();
    office.claim("bob", "src/basket.rs");
    let ada = office.agent("claude", "ada");
    std::fs::write(ada.dir.join("old"), "from before").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(60));
    let (before, after) =
        ada.shell("for f in docs/new.md src/basket.rs; do echo x >> $f; done; rm -f $NONE src/letter.rs");
    assert_eq!(before, Answer::Runs, "what is uncertain is not refused");
    let Answer::Shown(words) = after else { panic!("{after:?}") };
    assert!(words.contains("src/basket.rs is held by bob") && words.contains("git restore"), "{words}");
    let mut held = office.held_by("ada");
    held.sort();
    assert_eq!(held, ["docs/new.md", "src/letter.rs"], "and nothing from before the command");
    let (_, after) = ada.shell("cat docs/new.md");
    assert_eq!(after, Answer::Runs, "a command that only reads costs no look at all files");
}

#[test]
fn work_that_a_dead_session_left_is_not_given_away() {
    let office = Office::new();
    std::fs::write(office.dir("bob").join("a"), "half done").unwrap();
    office.env.claim("bob", &["a", "docs"], 1);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let ada = office.agent("claude", "ada");
    assert_eq!(ada.write("docs/new.md", "x"), Answer::Runs, "nothing was changed there");
    let words = refused(ada.write("a", "x"));
    assert!(words.contains("uncommitted changes of bob") && words.contains("bob"), "{words}");
    office.claim("ada", "a");
    assert_eq!(ada.write("a", "x"), Answer::Runs, "taken on purpose");
}

#[test]
fn a_session_begins_with_what_it_needs_to_know_and_ends_with_what_is_left() {
    let office = Office::new();
    office.claim("bob", "src/basket.rs");
    let ada = office.agent("codex", "ada");
    refused(ada.write("src/basket.rs", "x"));
    ada.write("a", "new text");
    let Answer::Shown(words) = ada.send("SessionStart", json!({"source": "startup"})) else { panic!() };
    for part in ["session ada", "You hold a.", "bob src/basket.rs", "git coord next"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(words.lines().count() <= 12, "{words}");
    let Answer::Shown(words) = ada.send("Stop", json!({"stop_hook_active": false})) else { panic!() };
    assert!(words.contains("uncommitted changes in a"), "{words}");
    office.release("bob");
    let Answer::Shown(words) = ada.send("UserPromptSubmit", json!({"prompt": "go on"})) else { panic!() };
    assert!(words.contains("src/basket.rs is free now"), "{words}");
    assert_eq!(ada.send("UserPromptSubmit", json!({"prompt": "go on"})), Answer::Runs, "said once");
    // At the end, what has no changes is free for others at once.
    ada.send("PreToolUse", json!({"tool_name": "apply_patch", "tool_input": {"command": "*** Begin Patch\n*** Update File: docs/stale.md\n*** End Patch"}}));
    assert_eq!(office.held_by("ada"), ["a", "docs/stale.md"]);
    ada.send("SessionEnd", json!({"reason": "other"}));
    assert_eq!(office.held_by("ada"), ["a"]);
}

#[test]
fn a_worktree_that_an_agent_program_makes_gets_a_session() {
    let office = Office::new();
    let dir = office.dir("fix login!");
    office.env.git(&["worktree", "add", "-q", "-b", "fix", dir.to_str().unwrap()]);
    let agent = Agent::new(&office.env, "claude", &dir, "c1");
    assert_eq!(agent.write("a", "x"), Answer::Runs);
    assert_eq!(office.held_by("fix-login"), ["a"]);
    // Its commits are checked like those of any other session.
    std::fs::write(dir.join("docs/stale.md"), "unclaimed").unwrap();
    let commit = || office.env.command("git", &dir).args(["commit", "-qam", "work"]).output().unwrap();
    assert!(!commit().status.success());
    assert_eq!(agent.shell("echo \"$X\" > docs/stale.md; make").1, Answer::Runs);
    assert!(commit().status.success(), "{}", String::from_utf8_lossy(&commit().stderr));
    agent.send("WorktreeRemove", json!({"worktree_path": dir}));
    assert_eq!(office.held_by("fix-login"), [""; 0]);
}

#[test]
fn the_main_worktree_stays_the_users() {
    let office = Office::new();
    office.claim("bob", "src/basket.rs");
    let agent = Agent::new(&office.env, "gemini", &office.env.root, "g1");
    assert_eq!(agent.write("a", "by the agent"), Answer::Runs);
    assert_eq!(office.held_by("main"), ["a"]);
    refused(agent.write("src/basket.rs", "x"));
    // The user commits it, and what else there is; what a session elsewhere holds is refused as before.
    std::fs::write(office.env.root.join("src/letter.rs"), "by the user").unwrap();
    office.env.git(&["commit", "-qam", "mine"]);
    let message = office.env.git(&["log", "-1", "--format=%B"]);
    assert!(!message.contains("Coord-"), "{message}");
    std::fs::write(office.env.root.join("src/basket.rs"), "by the user").unwrap();
    let out = office.env.command("git", &office.env.root).args(["commit", "-qam", "no"]).output().unwrap();
    assert!(!out.status.success());
    // Commands there act as the agent's session, and starting one by hand is as ever.
    assert_eq!(office.env.coord(&["claims", "--mine"]).ok()["claims"][0]["path"], "a");
    office.env.coord(&["session", "start", "lead"]).ok();
}
