//! The agent programs, each with its files and the form of its entries. Sources and dates are in
//! `docs/agents.md`.

use std::path::PathBuf;

use super::Surroundings;
use super::entries::{
    antigravity, claude, cline, codex, copilot, crush, cursor, droid, gemini, goose, grok, kiro, opencode,
    pi, qwen, windsurf,
};
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
