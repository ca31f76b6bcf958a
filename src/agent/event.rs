//! One event of an agent program, in the common form that all dialects are read into.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::dialect::{Dialect, Hint};

/// What has happened, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A session begins, goes on, or was cleared.
    SessionStart,
    /// A session ends.
    SessionEnd,
    /// The user has written something.
    Prompt,
    /// A tool is about to run.
    Before,
    /// A tool has run.
    After,
    /// The agent has come to the end of its turn.
    Stop,
    /// A sub-agent ends.
    SubagentStop,
    /// A worktree was made by the agent program.
    WorktreeReady,
    /// A worktree is about to be removed by the agent program.
    WorktreeRemove,
    /// Anything else.
    Other,
}

impl Kind {
    /// The event's name, as most programs write it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::SessionStart => "SessionStart",
            Kind::SessionEnd => "SessionEnd",
            Kind::Prompt => "UserPromptSubmit",
            Kind::Before => "PreToolUse",
            Kind::After => "PostToolUse",
            Kind::Stop => "Stop",
            Kind::SubagentStop => "SubagentStop",
            Kind::WorktreeReady => "WorktreeReady",
            Kind::WorktreeRemove => "WorktreeRemove",
            Kind::Other => "Other",
        }
    }

    fn of(name: &str) -> Kind {
        let plain: String =
            name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        match plain.as_str() {
            "sessionstart" | "agentspawn" | "taskstart" | "taskresume" | "agentstart" | "sessioncreated" => {
                Kind::SessionStart
            }
            "sessionend" | "taskcomplete" | "taskcancel" | "sessiondeleted" | "sessionshutdown" => {
                Kind::SessionEnd
            }
            "userpromptsubmit"
            | "userpromptsubmitted"
            | "beforesubmitprompt"
            | "beforeagent"
            | "promptsubmit"
            | "preuserprompt" => Kind::Prompt,
            "pretooluse"
            | "beforetool"
            | "beforeshellexecution"
            | "toolexecutebefore"
            | "executebefore"
            | "toolcall"
            | "pretoolcall"
            | "prewritecode"
            | "preruncommand" => Kind::Before,
            "posttooluse"
            | "aftertool"
            | "aftershellexecution"
            | "toolexecuteafter"
            | "executeafter"
            | "toolresult"
            | "posttoolcall"
            | "postwritecode"
            | "postruncommand"
            | "posttoolbatch" => Kind::After,
            "stop" | "afteragent" | "agentstop" | "agentend" | "sessionidle" | "postcascaderesponse" => {
                Kind::Stop
            }
            "subagentstop" => Kind::SubagentStop,
            "postsetupworktree" => Kind::WorktreeReady,
            "worktreeremove" => Kind::WorktreeRemove,
            _ => Kind::Other,
        }
    }
}

/// A tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The tool's name, as the program has it.
    pub name: String,
    /// Its arguments: an object, or a text where a program passes one.
    pub input: Value,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Whose.
    pub dialect: Dialect,
    /// What.
    pub kind: Kind,
    /// The event's name, as it was given: some answers repeat it.
    pub name: String,
    /// The agent program's own id of the conversation.
    pub session: Option<String>,
    /// The id of the sub-agent that makes the call.
    pub agent: Option<String>,
    /// Where the agent is at work.
    pub cwd: Option<PathBuf>,
    /// The call.
    pub tool: Option<Tool>,
    /// A worktree that the event is about.
    pub worktree: Option<PathBuf>,
    /// True when a hook keeps the agent from stopping already.
    pub stop_active: bool,
}

impl Event {
    /// Reads an event; `None` for what no program sends. `named` is the name on the command line, for
    /// programs that do not repeat it in the payload.
    pub fn parse(payload: &[u8], named: Option<&str>, hint: Hint) -> Option<Event> {
        // Some programs begin with a byte order mark.
        let payload = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload);
        let value: Value = serde_json::from_slice(payload).ok()?;
        let map = value.as_object()?;
        let dialect = Dialect::of(map, hint)?;
        let name = name_of(map, dialect, named);
        Some(Event {
            dialect,
            kind: Kind::of(&name),
            session: first(map, SESSION),
            agent: first(map, &["agent_id", "agentId"]).filter(|_| is_subagent(map, dialect)),
            cwd: cwd_of(map),
            tool: tool_of(map),
            worktree: first(map, &["worktree_path", "worktreePath"]).map(PathBuf::from),
            stop_active: map.get("stop_hook_active").and_then(Value::as_bool).unwrap_or_default(),
            name,
        })
    }

    /// What identifies the agent: conversation and sub-agent.
    pub fn key(&self) -> Option<String> {
        let session = self.session.as_deref()?;
        Some(match &self.agent {
            Some(agent) => format!("{session}/{agent}"),
            None => session.to_owned(),
        })
    }
}

/// Fields that hold the id of a conversation, by program.
const SESSION: &[&str] = &[
    "session_id",
    "sessionId",
    "sessionID",
    "conversation_id",
    "conversationId",
    "taskId",
    "trajectory_id",
    "threadId",
    "thread_id",
];

fn text<'v>(map: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn first(map: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| text(map, key)).map(str::to_owned)
}

/// Cline names its main agent too; a sub-agent has a parent.
fn is_subagent(map: &Map<String, Value>, dialect: Dialect) -> bool {
    dialect != Dialect::Cline || text(map, "parent_agent_id").is_some()
}

fn name_of(map: &Map<String, Value>, dialect: Dialect, named: Option<&str>) -> String {
    if let Some(name) =
        first(map, &["hook_event_name", "hookEventName", "agent_action_name", "event", "hookName"])
    {
        return name;
    }
    match (dialect, named) {
        (_, Some(named)) => named.to_owned(),
        (Dialect::Antigravity, None) => "PreToolUse".to_owned(),
        (Dialect::Copilot, None) => {
            let has = |key: &str| map.contains_key(key);
            let name = match () {
                () if has("toolResult") => "postToolUse",
                () if has("toolName") => "preToolUse",
                () if has("reason") => "sessionEnd",
                () if has("stopReason") => "agentStop",
                () if has("prompt") => "userPromptSubmitted",
                () if has("source") || has("initialPrompt") => "sessionStart",
                () => "",
            };
            name.to_owned()
        }
        _ => String::new(),
    }
}

/// The folder that the agent works in. Cursor may leave it empty, and names the folders of the window.
fn cwd_of(map: &Map<String, Value>) -> Option<PathBuf> {
    let listed = |key: &str| map.get(key)?.as_array()?.first()?.as_str().map(str::to_owned);
    first(map, &["cwd", "working_dir", "workingDirectory", "workspaceRoot", "directory", "worktree"])
        .or_else(|| map.get("tool_info").and_then(Value::as_object).and_then(|info| first(info, &["cwd"])))
        .or_else(|| {
            ["workspace_roots", "workspaceRoots", "workspacePaths"].iter().find_map(|key| listed(key))
        })
        .map(PathBuf::from)
}

fn tool_of(map: &Map<String, Value>) -> Option<Tool> {
    let named = |name: &str, input: &Value| Some(Tool { name: name.to_owned(), input: unwrapped(input) });
    let nested = |key: &str| map.get(key).and_then(Value::as_object);
    if let Some(call) = nested("toolCall").or_else(|| nested("tool_call")) {
        let input = call.get("args").or_else(|| call.get("input")).or_else(|| call.get("arguments"));
        return named(text(call, "name")?, input.unwrap_or(&Value::Null));
    }
    if let Some(call) = nested("preToolUse").or_else(|| nested("postToolUse")) {
        let name = text(call, "toolName").or_else(|| text(call, "tool"))?;
        return named(name, call.get("parameters").unwrap_or(&Value::Null));
    }
    if let Some(info) = map.get("tool_info") {
        return named(text(map, "agent_action_name")?, info);
    }
    if let Some(name) = first(map, &["tool_name", "toolName", "tool"]) {
        let keys = ["tool_input", "toolInput", "toolArgs", "args", "input", "parameters", "arguments"];
        let input = keys.iter().find_map(|key| map.get(*key));
        return named(&name, input.unwrap_or(&Value::Null));
    }
    // Cursor's events of one tool have its arguments at the top.
    if text(map, "command").is_some() {
        let mut input = map.clone();
        input.retain(|key, _| key == "command" || key == "cwd");
        return named("Shell", &Value::Object(input));
    }
    None
}

/// Arguments that come as JSON in a string are read; other text stays as it is, such as a patch.
fn unwrapped(input: &Value) -> Value {
    match input.as_str() {
        Some(text) if text.trim_start().starts_with('{') => {
            serde_json::from_str(text).unwrap_or_else(|_| input.clone())
        }
        _ => input.clone(),
    }
}
