//! Whether git runs our hooks in a worktree.
//!
//! Proven, not concluded: `git hook run <name>` (since git 2.36) runs what git would run, with a
//! variable set that makes the shim say its name and stop. That is done only where the file
//! itself is our shim, so that no hook of the user's is ever run by looking. Where another tool
//! is in front of ours, or git starts hooks from its configuration (`hook.<name>.command`)
//! besides, the answer is read off the files and marked as not proven.

use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::git::HostRepo;

use super::hook_file::{self, Found, HookFile};
use super::shim::{self, Tool};
use super::{Hook, HookError, hooks_dir};

/// Whether a hook runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Our shim stands where git looks.
    Active,
    /// This tool is there and runs our shim.
    BehindTool(Tool),
    /// A hook of the user is there and calls us.
    Manual,
    /// No hook is there.
    Missing,
    /// Another hook is there and does not run ours: it was never installed, or the
    /// tool has put its own over ours. Installing again chains it.
    Foreign(Tool),
    /// Our shim is there, and still git does not run it.
    NotRun {
        /// What git or the system said.
        why: String,
    },
}

/// One hook in one worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookStatus {
    /// Which.
    pub hook: Hook,
    /// Where git looks for it in this worktree.
    pub path: PathBuf,
    /// Whether it runs.
    pub state: State,
    /// True when git was seen to run it.
    pub proven: bool,
    /// Version of the shim, where there is one.
    pub version: Option<u32>,
    /// The hook that the shim runs first; `None` when there is none or git would ignore it as
    /// not executable.
    pub chained: Option<Tool>,
}

impl HookStatus {
    /// True when a commit, push or checkout in this worktree reaches us.
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Active | State::BehindTool(_) | State::Manual)
    }
}

/// The state of every hook in the worktree of `repo`.
///
/// # Errors
/// When git does not answer or a hook cannot be read.
pub fn status(repo: &HostRepo) -> Result<Vec<HookStatus>, HookError> {
    // What git of version 2.54 and later starts besides the file.
    let configured =
        repo.git().args(["config", "--get-regexp", r"^hook\..*\.(command|event)$"]).optional()?;
    all(repo, configured.is_none())
}

/// The same as far as it can be read off the files.
pub(super) fn unproven(repo: &HostRepo) -> Result<Vec<HookStatus>, HookError> {
    all(repo, false)
}

fn all(repo: &HostRepo, may_probe: bool) -> Result<Vec<HookStatus>, HookError> {
    let dir = hooks_dir::of_worktree(repo, &repo.root)?;
    Hook::ALL.into_iter().map(|hook| one(repo, &HookFile { hook, dir: dir.clone() }, may_probe)).collect()
}

fn one(repo: &HostRepo, file: &HookFile, may_probe: bool) -> Result<HookStatus, HookError> {
    let mut status = HookStatus {
        hook: file.hook,
        path: file.path(),
        state: State::Missing,
        proven: false,
        version: None,
        chained: None,
    };
    match hook_file::inspect(&status.path)? {
        Found::Nothing => return Ok(status),
        Found::Ours { version, .. } => {
            status.version = Some(version);
            status.state = State::Active;
            if !executable(&status.path) {
                status.state = State::NotRun { why: "it is not executable".to_owned() };
            } else if may_probe {
                status.proven = true;
                if let Err(why) = probe(repo, file.hook)? {
                    status.state = State::NotRun { why };
                }
            }
        }
        Found::Foreign(found) => {
            if !found.runs {
                status.state = State::Foreign(found.tool);
                return Ok(status);
            }
            let legacy = hook_file::inspect(&file.legacy())?;
            status.state = match legacy {
                Found::Ours { version, .. } if found.tool.runs_legacy() && executable(&file.legacy()) => {
                    status.version = Some(version);
                    State::BehindTool(found.tool)
                }
                _ if shim::calls_us(&found.text, file.hook) => State::Manual,
                _ => State::Foreign(found.tool),
            };
        }
    }
    if status.version.is_some()
        && let Found::Foreign(earlier) = hook_file::inspect(&file.earlier())?
        && earlier.runs
    {
        status.chained = Some(earlier.tool);
    }
    Ok(status)
}

fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o111 != 0)
}

/// Lets git run the hook; what it said instead when the shim did not report.
fn probe(repo: &HostRepo, hook: Hook) -> Result<Result<(), String>, HookError> {
    // A word that nothing else prints by chance.
    let token = format!("{:016x}", std::collections::hash_map::RandomState::new().build_hasher().finish());
    let out = repo
        .git()
        .env("GIT_COORD_HOOK_PROBE", &token)
        .args(["hook", "run", "--ignore-missing", hook.name()])
        .output()?;
    // git sends a hook's output to its own standard error; which one it is does not matter.
    let said = [out.stdout, out.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let end = format!(" {hook} {token}");
    if said.lines().any(|l| l.starts_with("git-coord-hook v") && l.ends_with(&end)) {
        return Ok(Ok(()));
    }
    let said = said.trim();
    Ok(Err(if said.is_empty() { "git runs no such hook here".to_owned() } else { said.to_owned() }))
}
