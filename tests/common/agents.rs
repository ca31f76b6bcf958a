//! A stand-in for agent programs: it calls the hook as each of them does, takes only answers of exactly the
//! form that the program accepts, and writes to the disk what is not refused.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::TestEnv;

/// What a program makes of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The tool runs.
    Runs,
    /// The tool does not run; the model is shown this.
    Refused(String),
    /// The tool runs, and the model is shown this.
    Shown(String),
}

/// Reads an answer as the program of `dialect` does. Any field that it does not know, and any other mistake,
/// fails the test: some programs would run the tool then.
#[track_caller]
pub fn read(dialect: &str, event: &str, stdout: &str, stderr: &str, code: Option<i32>) -> Answer {
    if matches!(dialect, "windsurf" | "kiro") && code == Some(2) {
        assert!(stdout.is_empty() && !stderr.trim().is_empty(), "{dialect}: {stdout} {stderr}");
        return Answer::Refused(stderr.trim().to_owned());
    }
    assert_eq!(code, Some(0), "{dialect}: {stdout} {stderr}");
    if stdout.is_empty() {
        return Answer::Runs;
    }
    if dialect == "kiro" {
        return Answer::Shown(stdout.to_owned());
    }
    let value: Value = serde_json::from_str(stdout).expect("the answer is JSON");
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let refusals = [
        ("/hookSpecificOutput/permissionDecisionReason", "nested"),
        ("/permissionDecisionReason", "flat"),
        ("/reason", "decision"),
        ("/agent_message", "permission"),
        ("/errorMessage", "cancel"),
    ];
    let (reason, form) = refusals
        .into_iter()
        .map(|(pointer, form)| (text(pointer), form))
        .find(|(reason, _)| !reason.is_empty())
        .unwrap_or_default();
    let (expected, answer) = match form {
        "nested" => (
            json!({"hookSpecificOutput": {"hookEventName": event, "permissionDecision": "deny", "permissionDecisionReason": reason}}),
            ["claude", "codex", "qwen", "vscode", "droid"].as_slice(),
        ),
        "flat" => (
            json!({"permissionDecision": "deny", "permissionDecisionReason": reason}),
            ["copilot"].as_slice(),
        ),
        "decision" => (
            json!({"decision": if matches!(dialect, "goose" | "hermes") { "block" } else { "deny" }, "reason": reason}),
            [
                "gemini",
                "opencode",
                "opencode2",
                "antigravity",
                "grok",
                "goose",
                "crush",
                "hermes",
                "pi",
                "amp",
            ]
            .as_slice(),
        ),
        "permission" => (
            json!({"permission": "deny", "user_message": reason, "agent_message": reason}),
            ["cursor"].as_slice(),
        ),
        "cancel" => {
            (json!({"cancel": true, "errorMessage": reason, "contextModification": ""}), ["cline"].as_slice())
        }
        _ => return shown(dialect, event, &value),
    };
    assert_eq!(value, expected, "{dialect}");
    assert!(answer.contains(&dialect), "{dialect} does not understand {value}");
    Answer::Refused(reason)
}

#[track_caller]
fn shown(dialect: &str, event: &str, value: &Value) -> Answer {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (expected, words) = if let Some(words) = text("/hookSpecificOutput/additionalContext") {
        assert!(
            ["claude", "codex", "qwen", "gemini", "vscode", "droid"].contains(&dialect),
            "{dialect}: {value}"
        );
        (json!({"hookSpecificOutput": {"hookEventName": event, "additionalContext": words}}), words)
    } else if let Some(words) = text("/systemMessage") {
        assert!(["claude", "codex"].contains(&dialect), "{dialect}: {value}");
        (json!({ "systemMessage": words }), words)
    } else if let Some(words) = text("/additional_context") {
        assert_eq!(dialect, "cursor");
        (json!({ "additional_context": words }), words)
    } else if let Some(words) = text("/contextModification") {
        assert_eq!(dialect, "cline");
        (json!({"cancel": false, "contextModification": words}), words)
    } else {
        let words = text("/additionalContext").expect("a known form");
        assert_eq!(dialect, "copilot");
        (json!({ "additionalContext": words }), words)
    };
    assert_eq!(*value, expected, "{dialect}");
    Answer::Shown(words)
}

/// One conversation of an agent program.
pub struct Agent<'e> {
    /// The repository.
    pub env: &'e TestEnv,
    /// Its program.
    pub dialect: &'static str,
    /// The worktree in which it was started.
    pub dir: PathBuf,
    /// Its own id.
    pub id: String,
    /// The sub-agent that makes the calls.
    pub sub: Option<&'static str>,
}

impl<'e> Agent<'e> {
    /// A conversation of `dialect` in `dir`.
    pub fn new(env: &'e TestEnv, dialect: &'static str, dir: &Path, id: &str) -> Self {
        Agent { env, dialect, dir: dir.to_owned(), id: id.to_owned(), sub: None }
    }

    /// Sends an event; `extra` is what it has besides the common fields.
    #[track_caller]
    pub fn send(&self, event: &str, extra: Value) -> Answer {
        let mut payload = json!({"session_id": self.id, "cwd": self.dir, "hook_event_name": event});
        match self.dialect {
            "codex" => payload["turn_id"] = json!("t1"),
            "qwen" => {
                payload["timestamp"] = json!("2026-11-28T10:00:00Z");
                payload["permission_mode"] = json!("yolo");
            }
            "gemini" => payload["timestamp"] = json!("2026-11-28T10:00:00Z"),
            "cursor" => payload["conversation_id"] = json!(self.id),
            _ => {}
        }
        if let Some(sub) = self.sub {
            payload["agent_id"] = json!(sub);
        }
        for (key, value) in extra.as_object().unwrap() {
            payload[key] = value.clone();
        }
        let out = self.env.command(super::PROGRAM, &self.dir).args(["hook", "agent"]);
        let out = out.stdin(payload.to_string()).output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8(out.stdout).unwrap(), String::from_utf8_lossy(&out.stderr).into_owned());
        assert!(!stderr.contains("panicked"), "{stderr}");
        read(self.dialect, event, &stdout, &stderr, out.status.code())
    }

    fn names(&self) -> (&'static str, &'static str, &'static str) {
        match self.dialect {
            "gemini" => ("BeforeTool", "write_file", "run_shell_command"),
            "qwen" => ("PreToolUse", "write_file", "run_shell_command"),
            "cursor" => ("preToolUse", "Write", "Shell"),
            _ => ("PreToolUse", "Write", "Bash"),
        }
    }

    /// Writes a file, as a tool of the program would: not when the hook refuses.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) -> Answer {
        let file = self.dir.join(path);
        let (event, tool, _) = self.names();
        let answer = match self.dialect {
            "codex" => {
                let patch = format!("*** Begin Patch\n*** Add File: {path}\n+{text}\n*** End Patch\n");
                self.send(event, json!({"tool_name": "apply_patch", "tool_input": {"command": patch}}))
            }
            _ => self
                .send(event, json!({"tool_name": tool, "tool_input": {"file_path": file, "content": text}})),
        };
        if !matches!(answer, Answer::Refused(_)) {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        answer
    }

    /// Runs a command, as the program's shell would, and reports its end.
    #[track_caller]
    pub fn shell(&self, command: &str) -> (Answer, Answer) {
        let (event, _, tool) = self.names();
        let call = json!({"tool_name": tool, "tool_input": {"command": command}});
        let before = self.send(event, call.clone());
        if matches!(before, Answer::Refused(_)) {
            return (before, Answer::Runs);
        }
        self.env.command("sh", &self.dir).args(["-c", command]).output().unwrap();
        let after = match self.dialect {
            "gemini" => "AfterTool",
            "cursor" => "postToolUse",
            _ => "PostToolUse",
        };
        (before, self.send(after, call))
    }
}

/// The words of a refusal.
#[track_caller]
pub fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused(words) => words,
        other => panic!("it should be refused: {other:?}"),
    }
}
