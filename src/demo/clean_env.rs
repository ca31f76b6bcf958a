//! Running git the way that a user's shell or script does.
//!
//! The demonstration uses git-coord from outside, through its command line, in an environment
//! that contains nothing of the user's: no configuration, no identity, no variables of git.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::DemoError;

/// What the demonstration needs to know of the environment that it is started in.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `PATH`.
    pub path: OsString,
    /// The names of all variables that concern git or git-coord.
    pub git_variables: Vec<OsString>,
}

/// An environment to run commands in.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    set: Vec<(OsString, OsString)>,
    unset: Vec<OsString>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Said {
    words: String,
    /// Its exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Shell {
    /// The environment of this process, as it is: for workers, who were started in a clean one.
    pub fn inherited() -> Self {
        Shell::default()
    }

    /// A clean environment, in which `git coord` is the program in `bin`.
    ///
    /// # Errors
    /// When `PATH` cannot hold `bin`.
    pub fn clean(around: &Surroundings, bin: &Path, home: &Path) -> Result<Self, DemoError> {
        let folders = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&around.path));
        let path =
            std::env::join_paths(folders).map_err(|e| DemoError::Setup(format!("{}: {e}", bin.display())))?;
        let mut set: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), path),
            ("HOME".into(), home.into()),
            ("XDG_CONFIG_HOME".into(), home.into()),
            ("LC_ALL".into(), "C".into()),
            ("NO_COLOR".into(), "1".into()),
        ];
        for (key, value) in
            [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0")]
        {
            set.push((key.into(), value.into()));
        }
        Ok(Shell { set, unset: around.git_variables.clone() }.acting_as("demo"))
    }

    /// The same environment for commits of somebody.
    pub fn acting_as(&self, who: &str) -> Self {
        let mut shell = self.clone();
        for role in ["AUTHOR", "COMMITTER"] {
            shell.set.push((format!("GIT_{role}_NAME").into(), who.into()));
            shell.set.push((format!("GIT_{role}_EMAIL").into(), format!("{who}@demo.invalid").into()));
        }
        shell
    }

    /// Puts a command into this environment.
    pub fn apply_to(&self, command: &mut Command) {
        for name in &self.unset {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(k, v)| (k, v)));
    }

    /// Runs git with these words in `dir`.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn git(&self, dir: &Path, words: &[&str]) -> Result<Said, DemoError> {
        let mut command = crate::process::command("git");
        command.args(words).current_dir(dir).stdin(Stdio::null());
        self.apply_to(&mut command);
        let words = format!("git {}", words.join(" "));
        let output = command.output().map_err(|source| DemoError::Io {
            what: format!("run {words} in"),
            path: dir.to_owned(),
            source,
        })?;
        Ok(Said {
            words,
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs `git coord … --json`.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn coord(&self, dir: &Path, words: &[&str]) -> Result<Said, DemoError> {
        let mut all = vec!["coord", "--json"];
        all.extend(words);
        self.git(dir, &all)
    }
}

impl Said {
    /// The output of a command that must succeed.
    ///
    /// # Errors
    /// When it did not.
    pub fn ok(self) -> Result<String, DemoError> {
        if self.status == Some(0) { Ok(self.stdout) } else { Err(self.failure()) }
    }

    /// The `data` of a `git coord` command that must succeed.
    ///
    /// # Errors
    /// When it did not, or printed something else.
    pub fn data(self) -> Result<Value, DemoError> {
        match self.json() {
            Some(mut document) if self.status == Some(0) => Ok(document["data"].take()),
            _ => Err(self.failure()),
        }
    }

    /// The JSON document that it printed, if it is one.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.stdout).ok()
    }

    /// This command as an error, with all that it said.
    pub fn failure(self) -> DemoError {
        let said = match self.json().and_then(|d| d.pointer("/error/message")?.as_str().map(str::to_owned)) {
            Some(message) => message,
            None => self.stderr,
        };
        DemoError::Command { words: self.words, status: self.status, said: said.trim().to_owned() }
    }
}

/// Makes a folder and all above it.
///
/// # Errors
/// When it cannot be made.
pub fn make_dir(path: &Path) -> Result<PathBuf, DemoError> {
    std::fs::create_dir_all(path).map_err(DemoError::io("make", path))?;
    Ok(path.to_owned())
}

/// Writes a file, and makes the folders above it.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), DemoError> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    std::fs::write(path, content).map_err(DemoError::io("write", path))
}
