//! Answers in the exact form of each dialect. One field too many makes some programs run the tool.

use serde_json::{Value, json};

use super::dialect::{Context, Deny, Dialect};
use super::event::{Event, Kind};

/// What the process prints and how it exits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit status.
    pub exit: u8,
}

impl Reply {
    /// No objection, nothing to say: no output, exit status 0.
    pub fn silent() -> Self {
        Reply::default()
    }

    fn json(value: &Value) -> Self {
        Reply { stdout: format!("{value}\n"), ..Reply::default() }
    }

    /// A word for the log of the agent program, which objects to nothing.
    pub fn aside(words: &str) -> Self {
        Reply { stderr: format!("git coord: {words}\n"), ..Reply::default() }
    }
}

/// Refuses the tool call of an event.
pub fn deny(event: &Event, reason: &str) -> Reply {
    match event.dialect.traits().deny {
        Deny::Nested => Reply::json(&json!({ "hookSpecificOutput": {
            "hookEventName": event.name,
            "permissionDecision": "deny",
            "permissionDecisionReason": reason,
        }})),
        Deny::Flat => {
            Reply::json(&json!({ "permissionDecision": "deny", "permissionDecisionReason": reason }))
        }
        Deny::Decision(word) => Reply::json(&json!({ "decision": word, "reason": reason })),
        Deny::Permission => Reply::json(&json!({
            "permission": "deny", "user_message": reason, "agent_message": reason,
        })),
        Deny::Cancel => Reply::json(&json!({
            "cancel": true, "errorMessage": reason, "contextModification": "",
        })),
        Deny::Exit2 => Reply { stderr: format!("{reason}\n"), exit: 2, ..Reply::default() },
    }
}

/// Text for the model, where the dialect takes it on this event; else nothing.
pub fn context(event: &Event, text: &str) -> Reply {
    if text.is_empty() {
        return Reply::silent();
    }
    match event.dialect.traits().context {
        Context::Nested if !takes_context(event) => Reply::silent(),
        Context::Nested => Reply::json(&json!({ "hookSpecificOutput": {
            "hookEventName": event.name, "additionalContext": text,
        }})),
        Context::Flat(events) if events.contains(&event.kind.word()) => {
            Reply::json(&json!({ "additionalContext": text }))
        }
        Context::Cursor if matches!(event.kind, Kind::SessionStart | Kind::After) => {
            Reply::json(&json!({ "additional_context": text }))
        }
        Context::Cline => Reply::json(&json!({ "cancel": false, "contextModification": text })),
        Context::Plain if event.kind == Kind::SessionStart => {
            Reply { stdout: format!("{text}\n"), ..Reply::default() }
        }
        _ => Reply::silent(),
    }
}

/// Events on which `additionalContext` is part of the schema. Qwen sends a prompt event after each tool
/// call, so that text on it would come again and again.
fn takes_context(event: &Event) -> bool {
    match event.kind {
        Kind::SessionStart | Kind::After => true,
        Kind::Prompt => event.dialect != Dialect::Qwen,
        _ => false,
    }
}

/// Text for the user at the end of a turn, where the dialect shows it.
pub fn at_stop(event: &Event, text: &str) -> Reply {
    if text.is_empty() || !event.dialect.traits().message_at_stop {
        return Reply::silent();
    }
    Reply::json(&json!({ "systemMessage": text }))
}
