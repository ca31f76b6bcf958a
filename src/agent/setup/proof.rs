//! The proof that the hook works: in a repository of its own, one session holds a file, and the call as it was
//! written into the configuration is asked whether another may edit it.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::git::{Git, GitError};
use crate::process::command;

use super::Surroundings;
use super::programs::Program;

/// What went wrong; `None` when the edit was refused as it should be.
///
/// # Errors
/// When the repository of the proof cannot be made.
pub fn prove(around: &Surroundings, program: &Program) -> Result<Option<String>, GitError> {
    let dir = tempfile::tempdir().map_err(|source| GitError::Missing { source })?;
    let root = dir.path().canonicalize().map_err(|source| GitError::Missing { source })?;
    let git = |args: &[&str]| Git::new(&root).args(args).run();
    git(&["init", "-q"])?;
    for words in
        [["init", "", ""].as_slice(), &["session", "start", "proof-holder"], &["claim", "proof.txt", ""]]
    {
        let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
        let (out, ok) = run(&around.program, &root, &words, None);
        if !ok {
            return Ok(Some(format!("git coord {} failed: {out}", words.join(" "))));
        }
    }
    // The holder is another session from now on.
    let binding = crate::binding::Binding::path_in(&root.join(".git"));
    let _ = std::fs::remove_file(binding);
    let payload = sample(program.dialect, &root).to_string();
    let (out, _) = run(&around.program, &root, &["hook", "agent"], Some(&payload));
    let refused = out.contains("held by proof-holder");
    Ok((!refused).then(|| format!("a held file was not refused; the hook printed {out:?}")))
}

/// Runs git-coord; its output, and whether it succeeded.
fn run(program: &Path, dir: &Path, words: &[&str], input: Option<&str>) -> (String, bool) {
    let mut command = command(program);
    command.args(words).current_dir(dir).env_remove("GIT_COORD_SESSION").env_remove("GIT_DIR");
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().and_then(|mut child| {
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), input) {
            std::io::Write::write_all(&mut pipe, text.as_bytes())?;
        }
        child.wait_with_output()
    });
    match child {
        Ok(out) => {
            let text = [out.stdout.as_slice(), out.stderr.as_slice()].concat();
            (String::from_utf8_lossy(&text).into_owned(), out.status.success())
        }
        Err(e) => (e.to_string(), false),
    }
}

/// An edit of the held file, as the program reports it.
fn sample(dialect: &str, root: &Path) -> Value {
    let file = root.join("proof.txt");
    let claude = |tool: &str| {
        json!({
            "session_id": "proof", "cwd": root, "hook_event_name": "PreToolUse", "tool_name": tool,
            "tool_input": { "file_path": file, "content": "x" },
        })
    };
    let with = |mut event: Value, more: Value| {
        for (key, value) in more.as_object().into_iter().flatten() {
            event[key] = value.clone();
        }
        event
    };
    match dialect {
        "codex" => with(
            claude("apply_patch"),
            json!({
                "turn_id": "1",
                "tool_input": { "command": "*** Begin Patch\n*** Add File: proof.txt\n+x\n*** End Patch\n" },
            }),
        ),
        "qwen" => with(
            claude("write_file"),
            json!({ "timestamp": "2026-01-01T00:00:00Z", "permission_mode": "default" }),
        ),
        "gemini" => with(
            claude("write_file"),
            json!({ "timestamp": "2026-01-01T00:00:00Z", "hook_event_name": "BeforeTool" }),
        ),
        "cursor" => {
            with(claude("Write"), json!({ "conversation_id": "proof", "hook_event_name": "preToolUse" }))
        }
        "copilot" => json!({ "sessionId": "proof", "timestamp": 1, "cwd": root, "toolName": "create",
            "toolArgs": json!({ "path": file }).to_string() }),
        "opencode" => {
            json!({ "hook_event_name": "tool.execute.before", "tool": "write", "sessionID": "proof",
            "args": { "filePath": file }, "directory": root })
        }
        "antigravity" => json!({ "conversationId": "proof", "workspacePaths": [root],
            "toolCall": { "name": "write_to_file", "args": { "TargetFile": file } } }),
        "droid" => with(claude("Create"), json!({ "permission_mode": "off" })),
        "grok" => {
            json!({ "hook_event_name": "PreToolUse", "sessionId": "proof", "cwd": root, "workspaceRoot": root,
            "toolName": "write", "toolInput": { "file_path": file } })
        }
        "goose" => json!({ "event": "PreToolUse", "session_id": "proof", "tool_name": "developer__write",
            "tool_input": { "path": file }, "working_dir": root }),
        "crush" => json!({ "event": "PreToolUse", "session_id": "proof", "cwd": root, "tool_name": "write",
            "tool_input": { "file_path": file } }),
        "cline" => json!({ "hookName": "PreToolUse", "taskId": "proof", "workspaceRoots": [root],
            "preToolUse": { "toolName": "write_to_file", "parameters": { "path": "proof.txt" } } }),
        "windsurf" => json!({ "agent_action_name": "pre_write_code", "trajectory_id": "proof",
            "tool_info": { "file_path": file } }),
        "kiro" => json!({ "hook_event_name": "preToolUse", "cwd": root, "tool_name": "fs_write",
            "tool_input": { "command": "create", "path": file } }),
        "pi" => json!({ "hook_event_name": "tool_call", "toolName": "write", "input": { "path": file },
            "sessionId": "proof", "cwd": root }),
        _ => claude("Write"),
    }
}
