//! The one place that starts the `git` program.
//!
//! git is asked for what gix cannot do or cannot do safely: refs of the user's repository
//! (packed-refs races, reftable), the network, worktree administration. Answers are asked for in
//! machine form (`--porcelain`, `-z`) and never parsed from messages; the locale is fixed all the
//! same so that what reaches the user in an error is what their search engine knows.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Variables that git exports to hooks and that would redirect a git started from a hook to the
/// repository, index or author of the commit in progress (`git rev-parse --local-env-vars`, and
/// the author and committer variables of `git commit`).
const LEAKING: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_AUTHOR_DATE",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_NAME",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REFLOG_ACTION",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Those of [`LEAKING`] that say who the user is and what they want, and not where git works.
const OF_THE_USER: &[&str] =
    &["GIT_AUTHOR_EMAIL", "GIT_AUTHOR_NAME", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"];

/// Variables that would lead a command of the user to another repository, index or date.
pub fn redirecting() -> impl Iterator<Item = &'static str> {
    LEAKING.iter().copied().filter(|name| !OF_THE_USER.contains(name))
}

/// Why a git command gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program could not be started.
    #[error("cannot run git: {source}")]
    Missing {
        /// What the system said.
        source: std::io::Error,
    },
    /// It ran and failed.
    #[error("`git {command}` failed in {dir}{}: {stderr}", status.map(|s| format!(" (exit {s})")).unwrap_or_default())]
    Failed {
        /// The words of the command.
        command: String,
        /// Where it ran.
        dir: PathBuf,
        /// Its exit status, if it ended by itself.
        status: Option<i32>,
        /// What it said.
        stderr: String,
    },
    /// It printed something that is not what the command prints.
    #[error("`git {command}` answered {answer:?}")]
    Answer {
        /// The words of the command.
        command: String,
        /// What it printed.
        answer: String,
    },
}

/// What a git command printed.
#[derive(Debug)]
pub struct GitOutput {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl GitOutput {
    fn or_failed(self, command: String, dir: PathBuf) -> Result<Vec<u8>, GitError> {
        if self.status == Some(0) {
            return Ok(self.stdout);
        }
        let stderr = String::from_utf8_lossy(&self.stderr).trim().to_owned();
        Err(GitError::Failed { command, dir, status: self.status, stderr })
    }
}

/// A git command being put together.
#[derive(Debug)]
pub struct Git {
    dir: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    for_user: bool,
}

impl Git {
    /// A command that runs in `dir`, free of what a calling git exported.
    pub fn new(dir: &Path) -> Self {
        Git { dir: dir.to_owned(), args: Vec::new(), env: Vec::new(), stdin: None, for_user: false }
    }

    /// Adds one word.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds several words.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Acts for the user: with the author and the settings that the environment names. For
    /// commits that git-coord makes of its own accord, not from a hook of somebody's commit.
    pub fn for_user(mut self) -> Self {
        self.for_user = true;
        self
    }

    /// Reads history as it is, whatever `refs/replace` and grafts pretend: for what is decided by it.
    pub fn as_judge(self) -> Self {
        self.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_GRAFT_FILE", "/dev/null")
    }

    /// What the command reads from standard input; nothing without this call.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The process, ready to start, for callers that manage it themselves.
    pub fn command(&self) -> Command {
        #[allow(clippy::disallowed_methods, reason = "this is the one runner")]
        let mut command = Command::new("git");
        command.args(&self.args).current_dir(&self.dir);
        for name in LEAKING.iter().filter(|n| !self.for_user || !OF_THE_USER.contains(n)) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Where it runs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The words, for messages.
    pub fn words(&self) -> String {
        let words: Vec<_> = self.args.iter().map(|a| a.to_string_lossy()).collect();
        words.join(" ")
    }

    /// Runs it and returns whatever came of it.
    ///
    /// # Errors
    /// Only when git could not be started.
    pub fn output(self) -> Result<GitOutput, GitError> {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().map_err(|source| GitError::Missing { source })?;
        let feeder = self.stdin.map(|bytes| {
            let mut pipe = child.stdin.take();
            // A thread, because git may fill its output pipe before it has read its input.
            std::thread::spawn(move || pipe.as_mut().map(|p| p.write_all(&bytes)))
        });
        let output = child.wait_with_output().map_err(|source| GitError::Missing { source })?;
        if let Some(feeder) = feeder {
            // A git that ends without reading everything breaks the pipe; its status shows it.
            let _ = feeder.join();
        }
        Ok(GitOutput { status: output.status.code(), stdout: output.stdout, stderr: output.stderr })
    }

    /// Runs it and returns its standard output.
    ///
    /// # Errors
    /// When git cannot be started or does not exit with 0.
    pub fn run(self) -> Result<Vec<u8>, GitError> {
        let (command, dir) = (self.words(), self.dir.clone());
        let output = self.output()?;
        output.or_failed(command, dir)
    }

    /// As [`Git::run`], for at most `limit`: for what goes over a network.
    ///
    /// # Errors
    /// As [`Git::run`], and when it takes longer.
    pub fn run_within(self, limit: Duration) -> Result<Vec<u8>, GitError> {
        let (command, dir) = (self.words(), self.dir.clone());
        let mut output = self.output_within(limit)?;
        if output.status.is_none() {
            output.stderr.splice(0..0, *b"no answer in time: ");
        }
        output.or_failed(command, dir)
    }

    /// Runs it and returns its standard output as text, without the final newline.
    ///
    /// # Errors
    /// As [`Git::run`], and when the output is not UTF-8.
    pub fn text(self) -> Result<String, GitError> {
        let command = self.words();
        let mut text = String::from_utf8(self.run()?).map_err(|e| GitError::Answer {
            command,
            answer: String::from_utf8_lossy(e.as_bytes()).into_owned(),
        })?;
        if text.ends_with('\n') {
            text.pop();
        }
        Ok(text)
    }

    /// Runs it and returns its first line, or `None` when it exits with 1 and prints nothing, as
    /// `git config --get`, `git rev-parse --verify -q` and others say "there is none".
    ///
    /// # Errors
    /// When git cannot be started or fails in another way.
    pub fn optional(self) -> Result<Option<String>, GitError> {
        let (command, dir) = (self.words(), self.dir.clone());
        let output = self.output()?;
        match output.status {
            Some(0) => {
                let text = String::from_utf8_lossy(&output.stdout);
                Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
            }
            Some(1) if output.stdout.is_empty() => Ok(None),
            status => {
                let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(GitError::Failed { command, dir, status, stderr })
            }
        }
    }
}

/// The oldest git that is supported.
pub const OLDEST_GIT: (u32, u32) = (2, 39);

/// Asks git for its version.
///
/// # Errors
/// When git cannot be started or prints something else.
pub fn version() -> Result<(u32, u32), GitError> {
    let text = Git::new(Path::new(".")).arg("--version").text()?;
    let parsed = text.strip_prefix("git version ").and_then(|rest| {
        let mut parts = rest.split(|c: char| !c.is_ascii_digit());
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    });
    parsed.ok_or(GitError::Answer { command: "--version".into(), answer: text })
}
