//! The agent programs, each with its files and the form of its entries. Sources and dates are in
//! `docs/agents.md`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Surroundings;
use super::json::Entry;

/// A program.
#[derive(Debug)]
pub struct Program {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// The folder below the user's home that shows that it is there.
    pub trace: &'static str,
    /// Files of the user.
    pub user: &'static [File],
    /// Files of a repository.
    pub project: &'static [File],
    /// What the user has to do besides.
    pub needs: &'static [&'static str],
    /// The dialect that it speaks, for the proof.
    pub dialect: &'static str,
}

/// A file of configuration.
#[derive(Debug)]
pub struct File {
    /// Where.
    pub place: Place,
    /// What.
    pub form: Form,
}

/// Where a file is.
#[derive(Debug)]
pub enum Place {
    /// Below the user's home.
    Home(&'static str),
    /// Below the user's folder of configuration.
    Config(&'static str),
    /// In Claude Code's own folder.
    Claude(&'static str),
    /// In Codex's own folder.
    Codex(&'static str),
    /// Below the top of the repository.
    Project(&'static str),
}

/// What is written.
#[derive(Debug)]
pub enum Form {
    /// Entries in a file of JSON; with `version: 1` at its top, where the program wants that.
    Entries(fn(&str) -> Vec<Entry>, bool),
    /// A file of our own, and its mode.
    Whole(fn(&str) -> String, u32),
    /// The folder of the store, in Codex's sandbox.
    SandboxRoot,
    /// The text for a file of instructions.
    Block,
}

impl Place {
    /// The path; `None` where there is no repository.
    pub fn path(&self, around: &Surroundings) -> Option<PathBuf> {
        Some(match self {
            Place::Home(below) => around.home.join(below),
            Place::Config(below) => around.config_home.join(below),
            Place::Claude(below) => {
                around.claude_home.clone().unwrap_or(around.home.join(".claude")).join(below)
            }
            Place::Codex(below) => {
                around.codex_home.clone().unwrap_or(around.home.join(".codex")).join(below)
            }
            Place::Project(below) => around.project.as_ref()?.join(below),
        })
    }
}

/// Finds a program by its name.
pub fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name)
}

/// All programs, by name.
pub fn all() -> &'static [Program] {
    PROGRAMS
}

const AGENTS_MD: File = File { place: Place::Project("AGENTS.md"), form: Form::Block };

const fn file(place: Place, form: Form) -> File {
    File { place, form }
}

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

fn claude(command: &str) -> Vec<Entry> {
    nested(command, CLAUDE, Some("hooks"), false)
}

fn codex(command: &str) -> Vec<Entry> {
    nested(command, CODEX, Some("hooks"), false)
}

fn qwen(command: &str) -> Vec<Entry> {
    nested(command, QWEN, Some("hooks"), true)
}

fn gemini(command: &str) -> Vec<Entry> {
    nested(command, GEMINI, Some("hooks"), true)
}

fn droid(command: &str) -> Vec<Entry> {
    nested(command, DROID, None, false)
}

fn antigravity(command: &str) -> Vec<Entry> {
    nested(command, ANTIGRAVITY, Some("git-coord"), false)
}

fn cursor(command: &str) -> Vec<Entry> {
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

fn crush(command: &str) -> Vec<Entry> {
    let value = json!({ "matcher": "^(edit|multiedit|write|bash)$", "command": command, "timeout": 10 });
    vec![Entry { at: vec!["hooks", "PreToolUse"], value }]
}

fn windsurf(command: &str) -> Vec<Entry> {
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
fn copilot(command: &str) -> String {
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

fn grok(command: &str) -> String {
    grouped(command, GROK)
}

fn goose(command: &str) -> String {
    grouped(command, GOOSE)
}

fn kiro(command: &str) -> String {
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

fn cline(command: &str) -> String {
    format!("#!/bin/sh\n# Written by: git coord setup cline\nexec {command}\n")
}

/// A JavaScript file with the words of the command in it.
fn script(text: &str, command: &str) -> String {
    let words = shlex::split(command).unwrap_or_default();
    text.replace("\"@COMMAND@\"", &json!(words).to_string())
}

fn opencode(command: &str) -> String {
    script(include_str!("opencode.js"), command)
}

fn pi(command: &str) -> String {
    script(include_str!("pi.js"), command)
}

const TRUST_CODEX: &str =
    "start codex once and approve the hooks with /hooks: until then it skips them silently";

const PROGRAMS: &[Program] = &[
    Program {
        name: "antigravity",
        title: "Antigravity",
        trace: ".gemini/config",
        user: &[file(Place::Home(".gemini/config/hooks.json"), Form::Entries(antigravity, false))],
        project: &[file(Place::Project(".agents/hooks.json"), Form::Entries(antigravity, false)), AGENTS_MD],
        needs: &[],
        dialect: "antigravity",
    },
    Program {
        name: "claude",
        title: "Claude Code",
        trace: ".claude",
        user: &[file(Place::Claude("settings.json"), Form::Entries(claude, false))],
        project: &[file(Place::Project(".claude/settings.json"), Form::Entries(claude, false)), AGENTS_MD],
        needs: &[],
        dialect: "claude",
    },
    Program {
        name: "cline",
        title: "Cline",
        trace: "Documents/Cline",
        user: &[file(Place::Home("Documents/Cline/Hooks/PreToolUse"), Form::Whole(cline, 0o755))],
        project: &[
            file(Place::Project(".clinerules/hooks/PreToolUse"), Form::Whole(cline, 0o755)),
            AGENTS_MD,
        ],
        needs: &["switch hooks on in the settings of Cline; its CLI runs none with --yolo"],
        dialect: "cline",
    },
    Program {
        name: "codex",
        title: "Codex",
        trace: ".codex",
        user: &[
            file(Place::Codex("hooks.json"), Form::Entries(codex, false)),
            file(Place::Codex("config.toml"), Form::SandboxRoot),
        ],
        project: &[file(Place::Project(".codex/hooks.json"), Form::Entries(codex, false)), AGENTS_MD],
        needs: &[TRUST_CODEX],
        dialect: "codex",
    },
    Program {
        name: "copilot",
        title: "Copilot",
        trace: ".copilot",
        user: &[file(Place::Home(".copilot/hooks/git-coord.json"), Form::Whole(copilot, 0o644))],
        project: &[
            file(Place::Project(".github/hooks/git-coord.json"), Form::Whole(copilot, 0o644)),
            AGENTS_MD,
        ],
        needs: &["trust the folder when copilot asks: hooks of a repository run only then"],
        dialect: "copilot",
    },
    Program {
        name: "crush",
        title: "Crush",
        trace: ".config/crush",
        user: &[file(Place::Config("crush/crush.json"), Form::Entries(crush, false))],
        project: &[file(Place::Project("crush.json"), Form::Entries(crush, false)), AGENTS_MD],
        needs: &[],
        dialect: "crush",
    },
    Program {
        name: "cursor",
        title: "Cursor",
        trace: ".cursor",
        user: &[file(Place::Home(".cursor/hooks.json"), Form::Entries(cursor, true))],
        project: &[file(Place::Project(".cursor/hooks.json"), Form::Entries(cursor, true)), AGENTS_MD],
        needs: &[],
        dialect: "cursor",
    },
    Program {
        name: "droid",
        title: "Droid",
        trace: ".factory",
        user: &[file(Place::Home(".factory/hooks.json"), Form::Entries(droid, false))],
        project: &[file(Place::Project(".factory/hooks.json"), Form::Entries(droid, false)), AGENTS_MD],
        needs: &["review the hooks with /hooks once: droid takes changes of them over only then"],
        dialect: "droid",
    },
    Program {
        name: "gemini",
        title: "Gemini CLI",
        trace: ".gemini",
        user: &[file(Place::Home(".gemini/settings.json"), Form::Entries(gemini, false))],
        project: &[file(Place::Project(".gemini/settings.json"), Form::Entries(gemini, false)), AGENTS_MD],
        needs: &[],
        dialect: "gemini",
    },
    Program {
        name: "goose",
        title: "Goose",
        trace: ".config/goose",
        user: &[file(Place::Home(".agents/plugins/git-coord/hooks/hooks.json"), Form::Whole(goose, 0o644))],
        project: &[
            file(Place::Project(".agents/plugins/git-coord/hooks/hooks.json"), Form::Whole(goose, 0o644)),
            AGENTS_MD,
        ],
        needs: &[],
        dialect: "goose",
    },
    Program {
        name: "grok",
        title: "Grok CLI",
        trace: ".grok",
        user: &[file(Place::Home(".grok/hooks/git-coord.json"), Form::Whole(grok, 0o644))],
        project: &[file(Place::Project(".grok/hooks/git-coord.json"), Form::Whole(grok, 0o644)), AGENTS_MD],
        needs: &["hooks of a repository run only once they are trusted: /hooks-trust"],
        dialect: "grok",
    },
    Program {
        name: "kilo",
        title: "Kilo",
        trace: ".config/kilo",
        user: &[file(Place::Config("kilo/plugin/git-coord.js"), Form::Whole(opencode, 0o644))],
        project: &[
            file(Place::Project(".kilo/plugin/git-coord.js"), Form::Whole(opencode, 0o644)),
            AGENTS_MD,
        ],
        needs: &[],
        dialect: "opencode",
    },
    Program {
        name: "kiro",
        title: "Kiro",
        trace: ".kiro",
        user: &[file(Place::Home(".kiro/hooks/git-coord.json"), Form::Whole(kiro, 0o644))],
        project: &[file(Place::Project(".kiro/hooks/git-coord.json"), Form::Whole(kiro, 0o644)), AGENTS_MD],
        needs: &[],
        dialect: "kiro",
    },
    Program {
        name: "opencode",
        title: "OpenCode",
        trace: ".config/opencode",
        user: &[file(Place::Config("opencode/plugins/git-coord.js"), Form::Whole(opencode, 0o644))],
        project: &[
            file(Place::Project(".opencode/plugins/git-coord.js"), Form::Whole(opencode, 0o644)),
            AGENTS_MD,
        ],
        needs: &["do not start it with --pure, which skips plugins"],
        dialect: "opencode",
    },
    Program {
        name: "pi",
        title: "Pi",
        trace: ".pi",
        user: &[file(Place::Home(".pi/agent/extensions/git-coord.js"), Form::Whole(pi, 0o644))],
        project: &[file(Place::Project(".pi/extensions/git-coord.js"), Form::Whole(pi, 0o644)), AGENTS_MD],
        needs: &[],
        dialect: "pi",
    },
    Program {
        name: "qwen",
        title: "Qwen Code",
        trace: ".qwen",
        user: &[file(Place::Home(".qwen/settings.json"), Form::Entries(qwen, false))],
        project: &[file(Place::Project(".qwen/settings.json"), Form::Entries(qwen, false)), AGENTS_MD],
        needs: &[],
        dialect: "qwen",
    },
    Program {
        name: "windsurf",
        title: "Windsurf",
        trace: ".codeium/windsurf",
        user: &[file(Place::Home(".codeium/windsurf/hooks.json"), Form::Entries(windsurf, false))],
        project: &[file(Place::Project(".windsurf/hooks.json"), Form::Entries(windsurf, false)), AGENTS_MD],
        needs: &[],
        dialect: "windsurf",
    },
];
