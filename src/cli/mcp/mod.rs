//! `mcp`: a server of the Model Context Protocol on standard input and output, for agents without a shell.
//!
//! Messages are JSON-RPC 2.0, one on a line, answered one after the other. The protocol's own library would
//! bring an asynchronous runtime and more than thirty crates into a program that starts in two milliseconds;
//! what a server of a handful of tools needs of the protocol is in this file. Both ways to begin are
//! understood: `initialize` (until 2025-11-25), and requests without one (2026-07-28).

mod tools;

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::args::Global;

/// Versions of the protocol that begin with `initialize`, newest first.
const HANDSHAKE: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// The version without it.
const STATELESS: &str = "2026-07-28";

/// How long the list of tools may be kept, in milliseconds: it is part of the program.
const TTL: u64 = 3_600_000;

/// How often a client is informed that a tool still waits.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

const INSTRUCTIONS: &str = "Several sessions work on this repository, each in its own worktree. Claim a file before you \
                            edit it, or take an item with `next`, which claims its files. What another session holds \
                            is not yours to edit: take other work, or wait.";

/// Serve the Model Context Protocol on standard input and output
#[derive(Debug, Args)]
pub struct McpArgs {}

/// Runs `mcp` until standard input ends. Nothing but messages goes to standard output.
pub fn run(global: &Global) -> ExitCode {
    let out = Out(Mutex::new(std::io::stdout()));
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str::<Value>(&line) {
            Ok(message) => respond(global, &message, &out),
            Err(e) => Some(error(&Value::Null, -32700, &format!("not JSON: {e}"))),
        };
        if answer.is_some_and(|answer| !out.send(&answer)) {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Standard output, one message at a time.
struct Out(Mutex<std::io::Stdout>);

impl Out {
    /// Sends a message; false when nobody reads.
    fn send(&self, message: &Value) -> bool {
        let Ok(mut out) = self.0.lock() else { return false };
        writeln!(out, "{message}").and_then(|()| out.flush()).is_ok()
    }
}

/// The answer to a message; `None` for a notification.
fn respond(global: &Global, message: &Value, out: &Out) -> Option<Value> {
    let id = message.get("id").filter(|id| !id.is_null())?;
    let params = message.get("params").unwrap_or(&Value::Null);
    let result = match message.get("method").and_then(Value::as_str) {
        Some("initialize") => initialize(params),
        Some("server/discover") => discover(),
        Some("ping") => json!({}),
        Some("tools/list") => json!({ "tools": tools::list(), "ttlMs": TTL, "cacheScope": "public" }),
        Some("tools/call") => {
            let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
            let Some(tool) = tools::find(name) else {
                return Some(error(id, -32602, &format!("there is not a tool {name:?}; see tools/list")));
            };
            let arguments = params.get("arguments").cloned().unwrap_or_else(|| json!({}));
            let token = params.pointer("/_meta/progressToken");
            while_informed(token, out, || tools::call(global, tool, arguments))
        }
        Some(method) => return Some(error(id, -32601, &format!("there is not a method {method:?}"))),
        None => return Some(error(id, -32600, "a request names a method")),
    };
    let mut result = result;
    result["resultType"] = json!("complete");
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn error(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

fn server_info() -> Value {
    json!({ "name": "git-coord", "version": env!("CARGO_PKG_VERSION") })
}

fn initialize(params: &Value) -> Value {
    let asked = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    let version = HANDSHAKE.into_iter().find(|known| *known == asked).unwrap_or(HANDSHAKE[0]);
    json!({
        "protocolVersion": version, "capabilities": { "tools": {} }, "serverInfo": server_info(),
        "instructions": INSTRUCTIONS,
    })
}

fn discover() -> Value {
    let versions: Vec<&str> = std::iter::once(STATELESS).chain(HANDSHAKE).collect();
    json!({
        "supportedVersions": versions, "capabilities": { "tools": {} }, "instructions": INSTRUCTIONS,
        "ttlMs": TTL, "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": server_info() },
    })
}

/// Runs a tool, and says that it is still at it as long as it takes, if the client wants to hear of it.
fn while_informed(token: Option<&Value>, out: &Out, run: impl FnOnce() -> Value) -> Value {
    let Some(token) = token else { return run() };
    let (done, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut seconds = 0;
            while ended.recv_timeout(PROGRESS_EVERY) == Err(RecvTimeoutError::Timeout) {
                seconds += 1;
                let params = json!({ "progressToken": token, "progress": seconds, "message": format!("waiting, {seconds}s") });
                out.send(&json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }));
            }
        });
        let result = run();
        drop(done);
        result
    })
}
