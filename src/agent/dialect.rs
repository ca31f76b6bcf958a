//! Which agent program an event comes from, as far as the form of its events and answers goes.
//!
//! The payload decides, not the command line: several programs run the hooks that were written into the
//! configuration of another one.

use serde_json::{Map, Value};

/// Programs that share one form of events and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Claude Code, and what takes over its form: Devin, Kimi, OpenHands, DSH, Continue.
    Claude,
    /// Codex CLI.
    Codex,
    /// Gemini CLI and Tabnine.
    Gemini,
    /// Qwen Code.
    Qwen,
    /// Copilot CLI and cloud agent, with the event names of its own configuration.
    Copilot,
    /// Copilot in VS Code, and Copilot CLI with event names as Claude has them.
    VsCode,
    /// Cursor.
    Cursor,
    /// OpenCode 1 and Kilo, through the plugin that `setup` writes.
    OpenCode,
    /// OpenCode 2, through the same plugin.
    OpenCode2,
    /// Antigravity.
    Antigravity,
    /// Droid.
    Droid,
    /// Grok CLI.
    Grok,
    /// Goose.
    Goose,
    /// Crush.
    Crush,
    /// Cline.
    Cline,
    /// Windsurf, now Devin's desktop.
    Windsurf,
    /// Kiro.
    Kiro,
    /// Hermes.
    Hermes,
    /// Pi, through the extension that `setup` writes.
    Pi,
    /// Amp, through a plugin.
    Amp,
}

/// How a refusal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deny {
    /// `{"hookSpecificOutput":{"hookEventName":…,"permissionDecision":"deny","permissionDecisionReason":…}}`
    Nested,
    /// `{"permissionDecision":"deny","permissionDecisionReason":…}`
    Flat,
    /// `{"decision":WORD,"reason":…}`
    Decision(&'static str),
    /// `{"permission":"deny","user_message":…,"agent_message":…}`
    Permission,
    /// `{"cancel":true,"errorMessage":…,"contextModification":""}`
    Cancel,
    /// Exit status 2, the reason on standard error.
    Exit2,
}

/// How a dialect takes text for the model that objects to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// `{"hookSpecificOutput":{"hookEventName":…,"additionalContext":…}}`
    Nested,
    /// `{"additionalContext":…}`, on these events only.
    Flat(&'static [&'static str]),
    /// `{"additional_context":…}`
    Cursor,
    /// `{"cancel":false,"contextModification":…}`
    Cline,
    /// Standard output as it is, when the agent starts.
    Plain,
    /// It takes none.
    None,
}

/// One row of the table: see [`Dialect::traits`].
#[derive(Debug, Clone, Copy)]
pub struct Traits {
    /// The dialect's word, as in the names of [`super::setup`].
    pub name: &'static str,
    /// See [`Deny`].
    pub deny: Deny,
    /// See [`Context`].
    pub context: Context,
    /// True when text for the user can be shown at the end of a turn: `{"systemMessage":…}`.
    pub message_at_stop: bool,
}

const fn row(name: &'static str, deny: Deny, context: Context, message_at_stop: bool) -> Traits {
    Traits { name, deny, context, message_at_stop }
}

impl Dialect {
    /// What answers of this dialect look like. Sources: the programs' schemas and documentation, see
    /// `docs/agents.md`.
    pub fn traits(self) -> Traits {
        match self {
            Dialect::Claude => row("claude", Deny::Nested, Context::Nested, true),
            Dialect::Codex => row("codex", Deny::Nested, Context::Nested, true),
            Dialect::Gemini => row("gemini", Deny::Decision("deny"), Context::Nested, false),
            Dialect::Qwen => row("qwen", Deny::Nested, Context::Nested, false),
            Dialect::Copilot => row("copilot", Deny::Flat, Context::Flat(&["SessionStart"]), false),
            Dialect::VsCode => row("vscode", Deny::Nested, Context::Nested, false),
            Dialect::Cursor => row("cursor", Deny::Permission, Context::Cursor, false),
            Dialect::OpenCode => row("opencode", Deny::Decision("deny"), Context::None, false),
            Dialect::OpenCode2 => row("opencode2", Deny::Decision("deny"), Context::None, false),
            Dialect::Antigravity => row("antigravity", Deny::Decision("deny"), Context::None, false),
            Dialect::Droid => row("droid", Deny::Nested, Context::Nested, false),
            Dialect::Grok => row("grok", Deny::Decision("deny"), Context::None, false),
            Dialect::Goose => row("goose", Deny::Decision("block"), Context::None, false),
            Dialect::Crush => row("crush", Deny::Decision("deny"), Context::None, false),
            Dialect::Cline => row("cline", Deny::Cancel, Context::Cline, false),
            Dialect::Windsurf => row("windsurf", Deny::Exit2, Context::None, false),
            Dialect::Kiro => row("kiro", Deny::Exit2, Context::Plain, false),
            Dialect::Hermes => row("hermes", Deny::Decision("block"), Context::None, false),
            Dialect::Pi => row("pi", Deny::Decision("deny"), Context::None, false),
            Dialect::Amp => row("amp", Deny::Decision("deny"), Context::None, false),
        }
    }

    /// Recognises the dialect of an event by the fields that only its program writes; the first rule that
    /// fits decides. `hint` is what the environment says where the payload alone would fit two programs.
    pub fn of(event: &Map<String, Value>, hint: Hint) -> Option<Dialect> {
        let has = |key: &str| event.contains_key(key);
        let by_field = [
            ("toolCall", Dialect::Antigravity),
            ("agent_action_name", Dialect::Windsurf),
            ("toolArgs", Dialect::Copilot),
            ("cursor_version", Dialect::Cursor),
            ("conversation_id", Dialect::Cursor),
            ("toolInput", Dialect::Grok),
            ("hookName", Dialect::Cline),
            ("clineVersion", Dialect::Cline),
            ("matcher_context", Dialect::Goose),
        ];
        if let Some((_, dialect)) = by_field.into_iter().find(|(key, _)| has(key)) {
            return Some(dialect);
        }
        if has("event") && (has("session_id") || has("tool_name")) {
            return Some(if has("working_dir") { Dialect::Goose } else { Dialect::Crush });
        }
        match event.get("hook_event_name").and_then(Value::as_str) {
            Some(name) => Self::of_named(event, name, hint),
            None => Self::of_nameless(event),
        }
    }

    fn of_named(event: &Map<String, Value>, name: &str, hint: Hint) -> Option<Dialect> {
        let has = |key: &str| event.contains_key(key);
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        let by_name = match name {
            "tool.execute.before" | "tool.execute.after" => Some(Dialect::OpenCode),
            "execute.before" | "execute.after" => Some(Dialect::OpenCode2),
            "tool_call" | "tool_result" => Some(Dialect::Pi),
            "tool.call" => Some(Dialect::Amp),
            "pre_tool_call" | "post_tool_call" => Some(Dialect::Hermes),
            "BeforeTool" | "AfterTool" | "BeforeAgent" | "AfterAgent" => Some(Dialect::Gemini),
            "agentSpawn" => Some(Dialect::Kiro),
            _ => None,
        };
        if by_name.is_some() {
            return by_name;
        }
        if name.starts_with("session.") {
            return Some(if has("worktree") && has("agent") {
                Dialect::OpenCode2
            } else {
                Dialect::OpenCode
            });
        }
        if has("workspaceRoot") || (has("sessionId") && !has("timestamp")) {
            return Some(Dialect::Grok);
        }
        let tool = text("tool_name");
        if matches!(tool, "fs_write" | "execute_bash" | "fs_read" | "use_aws") || name.starts_with("preTool")
        {
            return Some(Dialect::Kiro);
        }
        if has("timestamp") {
            return Some(match (has("permission_mode"), name) {
                (true, _) => Dialect::Qwen,
                (false, "SessionStart" | "SessionEnd") if !hint.copilot => Dialect::Gemini,
                (false, _) => Dialect::VsCode,
            });
        }
        let transcript = text("transcript_path");
        let file = transcript.rsplit(['/', '\\']).next().unwrap_or_default();
        if has("turn_id") || file.starts_with("rollout-") {
            return Some(Dialect::Codex);
        }
        let mode = text("permission_mode");
        let droid = matches!(tool, "Create" | "Execute" | "ApplyPatch")
            || mode.starts_with("auto-")
            || matches!(mode, "off" | "spec");
        Some(if droid { Dialect::Droid } else { Dialect::Claude })
    }

    /// Events that name none: those of Copilot's own form, which have the time as a number.
    fn of_nameless(event: &Map<String, Value>) -> Option<Dialect> {
        let of_copilot =
            event.contains_key("sessionId") && event.get("timestamp").is_some_and(Value::is_number);
        of_copilot.then_some(Dialect::Copilot)
    }
}

/// What the environment says about the calling program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hint {
    /// A variable of Copilot is set, and none of Gemini.
    pub copilot: bool,
}
