//! Tools that need a hook of their own and give up, or say so once and are not heard again, when they find
//! the place taken by ours.
//!
//! Git LFS uploads the contents of large files in `pre-push`: without it pushes succeed, and the contents are
//! nowhere but here. Where a repository uses such a tool and the hook from before does not run it, ours does.

use std::io::Write as _;
use std::process::Stdio;

use crate::git::HostRepo;

use super::hook_file::{self, Found, HookFile};
use super::{Hook, HookError, hooks_dir};

/// A tool, and what it has run in hooks.
#[derive(Debug, PartialEq, Eq)]
pub struct OtherTool {
    /// Its name.
    pub name: &'static str,
    /// What is in the git folder where it is in use.
    trace: &'static str,
    /// The word by which git starts it; what runs it has this word in its text.
    command: &'static str,
    /// Hooks and the words for each; what git gives to the hook is added where `true`.
    hooks: &'static [(Hook, &'static [&'static str], bool)],
}

const TOOLS: [OtherTool; 2] = [
    OtherTool {
        name: "Git LFS",
        trace: "lfs/objects",
        command: "lfs",
        hooks: &[
            (Hook::PrePush, &["pre-push"], true),
            (Hook::PostCommit, &["post-commit"], true),
            (Hook::PostCheckout, &["post-checkout"], true),
        ],
    },
    OtherTool {
        name: "git-annex",
        trace: "annex/objects",
        command: "annex",
        hooks: &[(Hook::PreCommit, &["pre-commit", "."], false)],
    },
];

/// A tool's part of a hook failed.
#[derive(Debug, thiserror::Error)]
pub enum OtherError {
    /// It ran and said no.
    #[error("{tool}: `git {command}` failed (exit {status})")]
    Failed {
        /// The tool.
        tool: &'static str,
        /// What ran.
        command: String,
        /// Its exit status.
        status: i32,
    },
    /// It could not be run.
    #[error("{tool}: {source}")]
    NotRun {
        /// The tool.
        tool: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The hook from before cannot be read.
    #[error(transparent)]
    Hook(#[from] HookError),
}

/// The tools in use here that depend on our hooks, with the hooks in which ours run them.
///
/// # Errors
/// When a hook cannot be read.
pub fn others(repo: &HostRepo) -> Result<Vec<(&'static str, Vec<Hook>)>, HookError> {
    let mut found = Vec::new();
    for tool in TOOLS.iter().filter(|tool| tool.is_used(repo)) {
        let mut hooks = Vec::new();
        for (hook, ..) in tool.hooks {
            if !tool.is_chained(repo, *hook)? {
                hooks.push(*hook);
            }
        }
        if !hooks.is_empty() {
            found.push((tool.name, hooks));
        }
    }
    Ok(found)
}

/// Runs what other tools have in this hook, with what git gives to it.
///
/// # Errors
/// When one of them fails.
pub fn run_others(
    repo: &HostRepo,
    hook: Hook,
    args: &[std::ffi::OsString],
    stdin: &[u8],
) -> Result<(), OtherError> {
    for tool in &TOOLS {
        for (_, words, pass) in tool.hooks.iter().filter(|(of, ..)| *of == hook) {
            if tool.is_used(repo) && !tool.is_chained(repo, hook)? {
                tool.run(repo, words, if *pass { args } else { &[] }, stdin)?;
            }
        }
    }
    Ok(())
}

impl OtherTool {
    fn is_used(&self, repo: &HostRepo) -> bool {
        repo.common_dir.join(self.trace).is_dir()
    }

    /// True when the hook from before, or one of the user's that calls us, runs it.
    fn is_chained(&self, repo: &HostRepo, hook: Hook) -> Result<bool, HookError> {
        let dir = hooks_dir::of_worktree(repo, &repo.root)?;
        let file = HookFile { hook, dir };
        for path in [file.path(), file.earlier(), file.legacy()] {
            if let Found::Foreign(found) = hook_file::inspect(&path)?
                && found.runs
                && self.is_named_in(&found.text)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_named_in(&self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text);
        [format!("git {} ", self.command), format!("git-{} ", self.command)]
            .iter()
            .any(|call| text.contains(call))
    }

    fn run(
        &self,
        repo: &HostRepo,
        words: &[&str],
        args: &[std::ffi::OsString],
        stdin: &[u8],
    ) -> Result<(), OtherError> {
        let not_run = |source| OtherError::NotRun { tool: self.name, source };
        // With all that git has exported: it is a hook of this git as much as ours is.
        let mut command = crate::process::command("git");
        command.arg(self.command).args(words).args(args).current_dir(&repo.root).stdin(Stdio::piped());
        let mut child = command.spawn().map_err(not_run)?;
        if let Some(mut pipe) = child.stdin.take() {
            // One that needs none of it may end before it has read it.
            let _ = pipe.write_all(stdin);
        }
        let status = child.wait().map_err(not_run)?;
        if status.success() {
            return Ok(());
        }
        let command =
            std::iter::once(self.command).chain(words.iter().copied()).collect::<Vec<_>>().join(" ");
        Err(OtherError::Failed { tool: self.name, command, status: status.code().unwrap_or(-1) })
    }
}
