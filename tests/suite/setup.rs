//! `setup`: entries in the configuration of agent programs go in and out, and everything else stays as it is.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{Call, TestEnv};

const ALL: [&str; 17] = [
    "antigravity",
    "claude",
    "cline",
    "codex",
    "copilot",
    "crush",
    "cursor",
    "droid",
    "gemini",
    "goose",
    "grok",
    "kilo",
    "kiro",
    "opencode",
    "pi",
    "qwen",
    "windsurf",
];

/// A home folder of its own, beside the repository.
struct Home {
    env: TestEnv,
    dir: PathBuf,
}

/// All files below a folder: content, mode, and where links lead.
type Tree = BTreeMap<PathBuf, (Vec<u8>, u32, Option<PathBuf>)>;

fn tree(dir: &Path, found: &mut Tree) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        let content = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        if meta.is_dir() {
            tree(&path, found);
        }
        found.insert(path.clone(), (content, meta.permissions().mode(), std::fs::read_link(&path).ok()));
    }
}

impl Home {
    fn new() -> Self {
        let env = TestEnv::new();
        let dir = env.temp().join("home of user");
        std::fs::create_dir(&dir).unwrap();
        Home { env, dir }
    }

    fn file(&self, path: &str, content: &str) -> PathBuf {
        let file = self.dir.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        file
    }

    fn setup(&self, words: &[&str]) -> Call {
        let mut run = self.env.run(&self.env.root).env("HOME", &self.dir);
        for name in ["XDG_STATE_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"] {
            run = run.env(name, "");
        }
        run.args(["setup"]).args(words).call()
    }

    fn tree(&self) -> Tree {
        let mut found = Tree::new();
        tree(&self.dir, &mut found);
        found
    }
}

fn states(call: &Call) -> BTreeMap<String, String> {
    let list = call.json.pointer("/data/agents").or(call.json.pointer("/error/details/agents")).unwrap();
    let one =
        |agent: &Value| (agent["name"].as_str().unwrap().into(), agent["state"].as_str().unwrap().into());
    list.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn what_is_written_is_removed_byte_for_byte() {
    let home = Home::new();
    let mode =
        |file: &Path, mode| std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    let other = r#"{"type": "command", "command": "lint"}"#;
    home.file(
        ".claude/settings.json",
        &format!("{{\r\n  // my hooks\r\n  \"hooks\": {{\r\n    \"PreToolUse\": [ {{\"hooks\": [{other}]}}, ],\r\n    \"Stop\": []\r\n  }}\r\n}}\r\n"),
    );
    home.file(
        ".codex/config.toml",
        "# mine\nmodel = \"m\"\n\n[sandbox_workspace_write]\nnetwork_access = false # no\n",
    );
    mode(&home.file(".gemini/settings.json", "{}"), 0o444);
    mode(&home.file(".cursor/hooks.json", "{\"version\":1,\"hooks\":{}}"), 0o600);
    let real = home.file("dotfiles/qwen.json", "{\"a\":1}\n");
    std::fs::create_dir(home.dir.join(".qwen")).unwrap();
    std::os::unix::fs::symlink(real, home.dir.join(".qwen/settings.json")).unwrap();
    home.file(".codeium/windsurf/hooks.json", "\u{feff}{\n\t\"hooks\": {\n\t}\n}");
    home.file(".factory/hooks.json", "");
    let before = home.tree();

    let missing = home.setup(&[&["--check"], ALL.as_slice()].concat());
    missing.fails(5, "refused");
    assert!(states(&missing).values().all(|state| state == "missing"), "{:?}", states(&missing));
    assert_eq!(home.tree(), before, "a look changes nothing");

    let written = home.setup(&ALL);
    written.ok();
    assert_eq!(states(&written).len(), ALL.len());
    let first = home.tree();
    let again = home.setup(&ALL);
    assert!(
        again.ok()["agents"].as_array().unwrap().iter().all(|a| a["changed"].as_array().unwrap().is_empty())
    );
    assert_eq!(home.tree(), first, "twice is once");
    home.setup(&[&["--check"], ALL.as_slice()].concat()).ok();
    for path in [".claude/settings.json", ".codex/config.toml"] {
        let text = std::fs::read_to_string(home.dir.join(path)).unwrap();
        assert!(text.contains("mine") || text.contains("// my hooks") && text.contains("lint"), "{text}");
    }
    assert!(home.dir.join(".qwen/settings.json").is_symlink());
    let config = std::fs::read_to_string(home.dir.join(".codex/config.toml")).unwrap();
    assert!(config.contains(&format!("{}", home.env.store_dir().display())), "{config}");

    home.setup(&[&["--remove"], ALL.as_slice()].concat()).ok();
    assert_eq!(home.tree(), before);
    home.setup(&[&["--remove"], ALL.as_slice()].concat()).ok();
    assert_eq!(home.tree(), before);
}

#[test]
fn changes_made_meanwhile_are_kept() {
    let home = Home::new();
    let file = home.file(".claude/settings.json", "{\n  \"model\": \"a\" // mine\n}\n");
    home.setup(&["claude"]).ok();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"model\": \"a\"", "\"model\": \"b\"")).unwrap();
    home.setup(&["--check", "claude"]).ok();
    // An entry that another version wrote is replaced.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("hook agent", "hook agent --old", 1)).unwrap();
    let stale = home.setup(&["--check", "claude"]);
    stale.fails(5, "refused");
    assert_eq!(states(&stale)["claude"], "stale");
    home.setup(&["claude"]).ok();
    assert!(!std::fs::read_to_string(&file).unwrap().contains("--old"));
    home.setup(&["--remove", "claude"]).ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\n  \"model\": \"b\" // mine\n}\n");
}

#[test]
fn what_is_not_understood_is_left_alone() {
    let home = Home::new();
    let broken = home.file(".claude/settings.json", "{ \"hooks\": ");
    let error = home.setup(&["claude"]);
    let message = error.fails(1, "bad-input")["message"].as_str().unwrap();
    assert!(
        message.contains("settings.json") && message.contains("hook agent"),
        "it names file and entry: {message}"
    );
    assert_eq!(std::fs::read_to_string(broken).unwrap(), "{ \"hooks\": ");
    let other = home.file(".gemini/settings.json", "{\"hooks\": {\"BeforeTool\": 3}}");
    home.setup(&["gemini"]).fails(1, "bad-input");
    assert_eq!(std::fs::read_to_string(other).unwrap(), "{\"hooks\": {\"BeforeTool\": 3}}");
    let script = home.file("Documents/Cline/Hooks/PreToolUse", "#!/bin/sh\nexit 0\n");
    home.setup(&["cline"]).fails(1, "bad-input");
    assert_eq!(std::fs::read_to_string(script).unwrap(), "#!/bin/sh\nexit 0\n");
    home.setup(&["emacs"]).fails(2, "usage");
}

#[test]
fn a_project_has_entries_and_instructions_of_its_own() {
    let home = Home::new();
    let agents = home.env.root.join("AGENTS.md");
    std::fs::write(&agents, "# Rules\r\n\r\nBe kind.\r\n").unwrap();
    home.setup(&["--project", "claude", "codex"]).ok();
    let text = std::fs::read_to_string(&agents).unwrap();
    assert!(text.starts_with("# Rules\r\n") && text.contains("git-coord:begin sha256="), "{text}");
    assert!(!text.contains("git commit") && !text.contains("git push"));
    assert!(home.env.root.join(".codex/hooks.json").exists() && !home.dir.join(".codex").exists());
    home.setup(&["--project", "--check", "claude", "codex"]).ok();
    home.setup(&["--project", "--remove", "claude", "codex"]).ok();
    assert_eq!(std::fs::read_to_string(&agents).unwrap(), "# Rules\r\n\r\nBe kind.\r\n");
    assert_eq!(home.env.git(&["status", "--porcelain"]), "?? AGENTS.md\n");
    let text = home.env.coord(&["help", "agents"]);
    assert!(text.ok()["text"].as_str().unwrap().contains("git coord claim"));
}
