//! The cheap look: are the hooks that were installed still the ones that git runs?
//!
//! lefthook, pre-commit, prek, husky and `git lfs update` put hooks over others, and a changed
//! `core.hooksPath` leads past them; from then on nothing is checked, and nobody notices. So every command
//! of a session looks. What was fine once is noted by place, size and time of the files that bear on it
//! (`hooks-seen/<worktree>` in the store's folder); only where that has changed is anything read.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::git::HostRepo;

use super::{Hook, HookError, HookStatus, State, hooks_dir, install, status};

/// The folder of the notes, in the store's. It is there while hooks are meant to be installed.
const SEEN: &str = "hooks-seen";

/// What came of looking.
#[derive(Debug, PartialEq, Eq)]
pub enum Watched {
    /// As it was, or not installed on purpose.
    Fine,
    /// Hooks did not run and do again; which, and by whom they were replaced.
    Repaired(String),
    /// Hooks do not run, and this is why nothing could be done.
    Off(String),
}

/// Notes that the hooks of a clone are meant to be installed.
pub(super) fn expect(repo: &HostRepo) {
    let store = store_dir(repo);
    // Without a store nothing is coordinated, and nobody looks.
    if store.is_dir() {
        let _ = fs::create_dir(store.join(SEEN));
    }
}

/// Notes that they are not, any longer.
pub(super) fn forget(repo: &HostRepo) {
    let _ = fs::remove_dir_all(store_dir(repo).join(SEEN));
}

fn store_dir(repo: &HostRepo) -> PathBuf {
    repo.common_dir.join("coord")
}

/// Looks whether git still runs our hooks in this worktree, and installs them again where it does not and
/// that is allowed.
pub fn watch(repo: &HostRepo, program: &Path, globals: &[PathBuf]) -> Watched {
    let seen = store_dir(repo).join(SEEN);
    let name = if repo.git_dir == repo.common_dir {
        "main".as_ref()
    } else {
        repo.git_dir.file_name().unwrap_or_default()
    };
    let note = seen.join(name);
    let before = match fs::read_to_string(&note) {
        Ok(text) => text,
        Err(_) if !seen.is_dir() => return Watched::Fine,
        Err(_) => String::new(),
    };
    // The first line is where the hooks are; it changes only with the configuration, which is looked at too.
    let dir = before.lines().next().map(PathBuf::from);
    if dir.is_some_and(|dir| fingerprint(repo, &dir, globals) == before) {
        return Watched::Fine;
    }
    look(repo, program).unwrap_or_else(|e| Watched::Off(e.to_string())).noted(repo, &note, globals)
}

impl Watched {
    /// Notes what was found to be fine, so that it is not read again.
    fn noted(self, repo: &HostRepo, note: &Path, globals: &[PathBuf]) -> Self {
        if !matches!(self, Watched::Off(_))
            && let Ok(dir) = hooks_dir::of_worktree(repo, &repo.root)
        {
            let _ = fs::write(note, fingerprint(repo, &dir, globals));
        }
        self
    }
}

/// Place, inode, size and time of all that decides which hooks run.
fn fingerprint(repo: &HostRepo, dir: &Path, globals: &[PathBuf]) -> String {
    let mut text = format!("{}\n", dir.display());
    let hooks = Hook::ALL.iter().map(|hook| dir.join(hook.name()));
    let local = [repo.common_dir.join("config"), repo.git_dir.join("config.worktree")];
    for path in hooks.chain(local).chain(globals.iter().cloned()) {
        match fs::symlink_metadata(&path) {
            Ok(m) => {
                let _ =
                    writeln!(text, "{} {} {} {}.{}", m.ino(), m.mode(), m.size(), m.mtime(), m.mtime_nsec());
            }
            Err(_) => text.push_str("-\n"),
        }
    }
    text
}

/// Reads the hooks, and installs them again if need be.
fn look(repo: &HostRepo, program: &Path) -> Result<Watched, HookError> {
    let off = not_running(&status::unproven(repo)?);
    if off.is_empty() {
        return Ok(Watched::Fine);
    }
    if let Err(e) = install(repo, program) {
        return Ok(Watched::Off(format!("{off}: {e}")));
    }
    let left = not_running(&status::unproven(repo)?);
    Ok(if left.is_empty() { Watched::Repaired(off) } else { Watched::Off(left) })
}

/// The hooks that do not run, and what is there instead; empty when all do.
fn not_running(list: &[HookStatus]) -> String {
    // Where the user calls us from hooks that are not ours to touch, the check is what counts.
    let manual = list.iter().any(|s| s.hook == Hook::PreCommit && s.state == State::Manual);
    let off = list.iter().filter(|s| !s.is_active() && !manual);
    let words = off.map(|s| match &s.state {
        State::Foreign(tool) => format!("{} (replaced by {tool})", s.hook),
        State::NotRun { why } => format!("{} ({why})", s.hook),
        _ => format!("{} (missing)", s.hook),
    });
    words.collect::<Vec<_>>().join(", ")
}
