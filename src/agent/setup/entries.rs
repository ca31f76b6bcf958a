//! What each program's files get: entries of its settings, or whole files.

use serde_json::{Value, json};

use super::json::Entry;

/// The events of a program that has Claude's nesting: event, matcher, time limit.
type Events = &'static [(&'static str, &'static str, u64)];

fn nested(command: &str, events: Events, outer: Option<&'static str>, name: bool) -> Vec<Entry> {
    let entry = |(event, matcher, timeout): &(&'static str, &'static str, u64)| {
        let mut hook = json!({ "type": "command", "command": command, "timeout": timeout });
        if name {
            hook["name"] = json!("git-coord");
        }
        let value = match *matcher {
            "" => json!({ "hooks": [hook] }),
            matcher => json!({ "matcher": matcher, "hooks": [hook] }),
        };
        Entry { at: outer.into_iter().chain([*event]).collect(), value }
    };
    events.iter().map(entry).collect()
}

const CLAUDE: Events = &[
    ("PreToolUse", "Edit|Write|MultiEdit|NotebookEdit|Bash|mcp__.*", 10),
    ("PostToolUse", "Bash", 10),
    ("SessionStart", "", 10),
    ("UserPromptSubmit", "", 10),
    ("Stop", "", 10),
    ("SubagentStop", "", 10),
    ("SessionEnd", "", 10),
    ("WorktreeRemove", "", 10),
];
const CODEX: Events = &[
    ("PreToolUse", "apply_patch|Edit|Write|Bash", 10),
    ("PostToolUse", "Bash", 10),
    ("SessionStart", "", 10),
    ("UserPromptSubmit", "", 10),
    ("Stop", "", 10),
    ("SubagentStop", "", 10),
    ("SessionEnd", "", 3),
];
const QWEN: Events = &[
    ("PreToolUse", "edit|write_file|notebook_edit|run_shell_command", 10),
    ("PostToolUse", "run_shell_command", 10),
    ("SessionStart", "", 10),
    ("SubagentStop", "", 10),
    ("SessionEnd", "", 10),
];
/// Milliseconds.
const GEMINI: Events = &[
    ("BeforeTool", "write_file|replace|run_shell_command", 10_000),
    ("AfterTool", "run_shell_command", 10_000),
    ("SessionStart", "", 10_000),
    ("BeforeAgent", "", 10_000),
    ("SessionEnd", "", 10_000),
];
const DROID: Events = &[
    ("PreToolUse", "Create|Edit|MultiEdit|ApplyPatch|Execute", 10),
    ("PostToolUse", "Execute", 10),
    ("SessionStart", "", 10),
    ("SessionEnd", "", 10),
];
const GROK: Events = &[("PreToolUse", "", 5), ("SessionStart", "", 5), ("SessionEnd", "", 5)];
const GOOSE: Events = &[("PreToolUse", "", 10), ("SessionStart", "", 10), ("SessionEnd", "", 10)];
const ANTIGRAVITY: Events =
    &[("PreToolUse", "run_command|write_to_file|replace_file_content|multi_replace_file_content", 10)];

pub(super) fn claude(command: &str) -> Vec<Entry> {
    nested(command, CLAUDE, Some("hooks"), false)
}

pub(super) fn codex(command: &str) -> Vec<Entry> {
    nested(command, CODEX, Some("hooks"), false)
}

pub(super) fn qwen(command: &str) -> Vec<Entry> {
    nested(command, QWEN, Some("hooks"), true)
}

pub(super) fn gemini(command: &str) -> Vec<Entry> {
    nested(command, GEMINI, Some("hooks"), true)
}

pub(super) fn droid(command: &str) -> Vec<Entry> {
    nested(command, DROID, None, false)
}

pub(super) fn antigravity(command: &str) -> Vec<Entry> {
    nested(command, ANTIGRAVITY, Some("git-coord"), false)
}

pub(super) fn cursor(command: &str) -> Vec<Entry> {
    let entry = |event, matcher: Option<&str>| {
        let mut value = json!({ "command": command, "timeout": 10 });
        if let Some(matcher) = matcher {
            value["matcher"] = json!(matcher);
        }
        Entry { at: vec!["hooks", event], value }
    };
    vec![
        entry("preToolUse", Some("Write|Edit|MultiEdit|StrReplace|ApplyPatch|Delete|EditNotebook|Shell")),
        entry("postToolUse", Some("Shell")),
        entry("sessionStart", None),
        entry("sessionEnd", None),
    ]
}

pub(super) fn crush(command: &str) -> Vec<Entry> {
    let value = json!({ "matcher": "^(edit|multiedit|write|bash)$", "command": command, "timeout": 10 });
    vec![Entry { at: vec!["hooks", "PreToolUse"], value }]
}

pub(super) fn windsurf(command: &str) -> Vec<Entry> {
    let entry = |event| Entry {
        at: vec!["hooks", event],
        value: json!({ "command": command, "show_output": false }),
    };
    vec![entry("pre_write_code"), entry("pre_run_command"), entry("post_setup_worktree")]
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Copilot takes any failure to start for a refusal: a program that is gone must not stop it.
pub(super) fn copilot(command: &str) -> String {
    let program = command.strip_suffix(" hook agent").unwrap_or(command);
    let hook = |event: &str, matcher: Option<&str>| {
        let line = format!("if [ -x {program} ]; then {command} --event {event}; fi");
        let mut value = json!({ "type": "command", "bash": line, "timeoutSec": 10 });
        if let Some(matcher) = matcher {
            value["matcher"] = json!(matcher);
        }
        json!([value])
    };
    pretty(&json!({ "version": 1, "hooks": {
        "preToolUse": hook("preToolUse", Some("edit|create|apply_patch|bash")),
        "sessionStart": hook("sessionStart", None),
        "sessionEnd": hook("sessionEnd", None),
    }}))
}

fn grouped(command: &str, events: Events) -> String {
    let mut hooks = serde_json::Map::new();
    for entry in nested(command, events, None, false) {
        hooks.insert(entry.at[0].to_owned(), json!([entry.value]));
    }
    pretty(&json!({ "hooks": hooks }))
}

pub(super) fn grok(command: &str) -> String {
    grouped(command, GROK)
}

pub(super) fn goose(command: &str) -> String {
    grouped(command, GOOSE)
}

pub(super) fn kiro(command: &str) -> String {
    let hook = |name: &str, trigger: &str, matcher: Option<&str>| {
        let mut value = json!({
            "name": name, "trigger": trigger, "action": { "type": "command", "command": command }, "timeout": 10,
        });
        if let Some(matcher) = matcher {
            value["matcher"] = json!(matcher);
        }
        value
    };
    pretty(&json!({ "version": "v1", "hooks": [
        hook("git-coord", "PreToolUse", Some("fs_write|str_replace|fs_append|delete_file|execute_bash")),
    ]}))
}

pub(super) fn cline(command: &str) -> String {
    format!("#!/bin/sh\n# Written by: git coord setup cline\nexec {command}\n")
}

/// A JavaScript file with the words of the command in it.
fn script(text: &str, command: &str) -> String {
    let words = shlex::split(command).unwrap_or_default();
    text.replace("\"@COMMAND@\"", &json!(words).to_string())
}

pub(super) fn opencode(command: &str) -> String {
    script(include_str!("opencode.js"), command)
}

pub(super) fn pi(command: &str) -> String {
    script(include_str!("pi.js"), command)
}
