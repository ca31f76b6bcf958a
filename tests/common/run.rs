//! Starting programs in the fixed environment, and reading what they say.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A program being put together.
pub struct Run {
    command: Command,
    stdin: Option<Vec<u8>>,
}

impl Run {
    /// `command` in `dir`, with `home` as home folder and no other configuration.
    pub fn new(mut command: Command, home: &Path, dir: &Path) -> Self {
        let own = Path::new(super::PROGRAM).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Hooks must find the program under test, not one that is installed.
        let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).unwrap();
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("GIT_") {
                command.env_remove(key);
            }
        }
        command
            .current_dir(dir)
            .env("PATH", path)
            .env("HOME", home)
            .env_remove("XDG_CONFIG_HOME")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "Ada")
                .env(format!("GIT_{who}_EMAIL"), "ada@example.org")
                .env(format!("GIT_{who}_DATE"), "2026-01-02T03:04:05Z");
        }
        Run { command, stdin: None }
    }

    /// Adds words.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Names the session.
    pub fn session(self, session: &str) -> Self {
        self.env("GIT_COORD_SESSION", session)
    }

    /// Sets a variable.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// What the program reads.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Lets the program die at its `n`-th crash point.
    pub fn crash_at(self, n: u32) -> Self {
        self.env("GIT_COORD_CRASH_AT", n.to_string())
    }

    /// Puts it and all that it starts into a process group of its own.
    pub fn in_own_group(mut self) -> Self {
        use std::os::unix::process::CommandExt;
        self.command.process_group(0);
        self
    }

    /// Starts it; its output is kept.
    pub fn spawn(mut self) -> Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = self.command.spawn().unwrap();
        if let Some(text) = self.stdin {
            // A program that does not read everything breaks the pipe; its answer says why.
            let _ = child.stdin.take().unwrap().write_all(&text);
        }
        child
    }

    /// Starts it with all three streams as pipes, for a conversation.
    pub fn spawn_with_pipe(mut self) -> Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        self.command.spawn().unwrap()
    }

    /// Runs it to its end.
    pub fn output(self) -> std::io::Result<Output> {
        self.spawn().wait_with_output()
    }

    /// Runs `git coord --json …` to its end.
    pub fn call(self) -> Call {
        Call::of(self.output().unwrap())
    }
}

/// What came of a `git coord --json` command.
#[derive(Debug)]
pub struct Call {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The JSON document; null when there was none.
    pub json: Value,
    /// Standard error.
    pub stderr: String,
}

impl Call {
    /// Reads the output of a finished command.
    pub fn of(output: Output) -> Self {
        let stdout = String::from_utf8(output.stdout).expect("stdout is UTF-8");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains("panicked"), "git-coord panicked: {stderr}");
        let json = match stdout.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text)
                .unwrap_or_else(|e| panic!("stdout is not one JSON document ({e}): {text}\n{stderr}")),
        };
        let code = output.status.code();
        if let Some(code) = code {
            // The contract: one document, and `ok` agrees with the exit status.
            assert_eq!(json["schema"], 1, "the answer names its schema: {json} {stderr}");
            assert_eq!(json["ok"], code == 0, "`ok` and exit status {code} disagree: {json} {stderr}");
        }
        Call { code, json, stderr }
    }

    /// Waits for a command that was started.
    pub fn wait(child: Child) -> Self {
        Self::of(child.wait_with_output().unwrap())
    }

    /// The `data` of a command that must have succeeded.
    #[track_caller]
    pub fn ok(&self) -> &Value {
        assert_eq!(self.code, Some(0), "the command should succeed: {} {}", self.json, self.stderr);
        &self.json["data"]
    }

    /// The `error` of a command that must have ended with this exit status and code.
    #[track_caller]
    pub fn fails(&self, exit: i32, code: &str) -> &Value {
        assert_eq!(self.code, Some(exit), "wrong exit status: {} {}", self.json, self.stderr);
        assert_eq!(self.json["error"]["code"], code, "wrong error code: {}", self.json);
        &self.json["error"]
    }

    /// True when a crash point ended it.
    pub fn crashed(&self) -> bool {
        self.code.is_none()
    }

    /// The ids of `data.items`.
    #[track_caller]
    pub fn items(&self) -> Vec<String> {
        let list = self.ok()["items"].as_array().expect("data.items is a list");
        list.iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
    }
}
