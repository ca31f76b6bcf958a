//! Taking everything out of a repository again.
//!
//! Order, and what a death after each step leaves:
//! 0. Worktrees and branches of the pool, where nobody loses anything by it.
//! 1. Hooks: nothing is checked from now on; all else still works.
//! 2. The store is renamed, in one step: every command from now on says that git-coord is not set
//!    up here. A command that is running fails when it next opens a file; the lock is held, so
//!    none is in the middle of a change.
//! 3. Bindings of worktrees, notes, settings, and at last the renamed folder.
//!
//! Other clones may go on with what a remote has: that is removed only when asked for
//! ([`remove_refs_on`]). What this clone holds there is given back ([`give_back`]). Both come before
//! the hooks, while this clone still knows which remote it is.
//!
//! Repeating continues where it ended. What stays: objects of notes in the user's repository,
//! which nothing refers to; git's own `gc` removes them when they are old enough.

mod remote;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use crate::binding::{Binding, BindingError};
use crate::git::{Git, GitError, HostRepo};
use crate::hook::{self, HookError, State};
use crate::land::workshop::WORKSHOP_DIR;
use crate::notes::sync::INCOMING;
use crate::runner::cleanup::{self, Remains};
use crate::store::raw::{file_name, files_in, lock_folder};
use crate::store::{STORE_DIR, Store, StoreError, StoreOptions, random_hex};

pub use remote::{GivenBack, give_back, refs_on, remove_refs_on};

/// Where notes are stored in the user's repository, and for a moment those that are fetched.
const NOTES: [&str; 2] = ["refs/notes/coord", INCOMING];

/// What git-coord has in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Hooks of ours.
    pub hooks: Vec<PathBuf>,
    /// The store.
    pub store: Option<PathBuf>,
    /// What dead processes have left of stores.
    pub leftovers: Vec<PathBuf>,
    /// Files that bind worktrees to sessions.
    pub bindings: Vec<PathBuf>,
    /// Refs of notes, with their values.
    pub notes: Vec<(String, String)>,
    /// The worktrees and branches of `git coord run`.
    pub pool: Remains,
    /// True when the repository's configuration has a section of ours.
    pub settings: bool,
    /// Sessions of this clone and the number of leases that each holds, as far as they can be read.
    pub at_work: Vec<(String, usize)>,
    /// Acts that were accepted without the remote and wait for it.
    pub waiting: usize,
}

impl Footprint {
    /// True when there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        let Footprint { hooks, store, leftovers, bindings, notes, pool, settings, .. } = self;
        hooks.is_empty()
            && store.is_none()
            && leftovers.is_empty()
            && bindings.is_empty()
            && notes.is_empty()
            && pool.is_empty()
            && !settings
    }
}

/// Why something could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum UninstallError {
    /// A hook.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A binding.
    #[error(transparent)]
    Binding(#[from] BindingError),
}

/// Looks for everything that [`remove`] would remove.
///
/// # Errors
/// When git does not answer.
pub fn footprint(repo: &HostRepo) -> Result<Footprint, UninstallError> {
    let store = repo.common_dir.join(STORE_DIR);
    let mut found = Footprint {
        hooks: hooks(repo)?,
        leftovers: leftovers(&repo.common_dir),
        bindings: crate::doctor::git_dirs(&repo.common_dir)
            .iter()
            .map(|dir| Binding::path_in(dir))
            .filter(|path| path.exists())
            .collect(),
        notes: notes(repo)?,
        pool: cleanup::remains(repo)?,
        settings: has_settings(repo)?,
        ..Footprint::default()
    };
    if store.exists() {
        // A store that cannot be read can be removed all the same.
        if let Ok(open) = Store::open(&repo.common_dir, StoreOptions::default()) {
            found.waiting = open.deferred().unwrap_or_default();
            if let Ok(list) = remote::of_this_clone(repo, &open) {
                // What the clone keeps ready is nobody's work.
                let busy = list.into_iter().filter(|s| !s.prefetch && !s.leases.is_empty());
                found.at_work = busy.map(|s| (s.name.to_string(), s.leases.len())).collect();
            }
        }
        found.store = Some(store);
    }
    Ok(found)
}

/// Removes everything; repeating it does no harm.
///
/// # Errors
/// When something could not be removed; what was removed before stays so.
pub fn remove(repo: &HostRepo) -> Result<Footprint, UninstallError> {
    let before = footprint(repo)?;
    cleanup::remove(repo, &before.pool)?;
    hook::uninstall(repo)?;
    take_store_away(&repo.common_dir)?;
    for dir in crate::doctor::git_dirs(&repo.common_dir) {
        Binding::remove(&dir)?;
    }
    remove_notes(repo)?;
    if has_settings(repo)? {
        repo.git().args(["config", "--local", "--remove-section", "coord"]).run()?;
    }
    for path in leftovers(&repo.common_dir) {
        fs::remove_dir_all(&path).map_err(StoreError::io("remove", &path))?;
    }
    Ok(before)
}

fn take_store_away(common_dir: &Path) -> Result<(), UninstallError> {
    let store = common_dir.join(STORE_DIR);
    if !store.exists() {
        return Ok(());
    }
    // A process in the middle of a change finishes it first.
    let _guard = lock_folder(&store)?;
    let aside = common_dir.join(format!("{STORE_DIR}.removed-{}", random_hex(4)));
    match fs::rename(&store, &aside) {
        // Removed by another process at the same time.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => Ok(other.map_err(StoreError::io("take the store away", &store))?),
    }
}

/// Stores that were being made or removed by processes that died, and where branches are merged.
fn leftovers(common_dir: &Path) -> Vec<PathBuf> {
    let ours = |path: &PathBuf| {
        let name = file_name(path);
        let rest = name.strip_prefix(STORE_DIR).unwrap_or_default();
        let of_merges = name.strip_prefix(WORKSHOP_DIR);
        rest.starts_with(".new-")
            || rest.starts_with(".removed-")
            || of_merges.is_some_and(|rest| rest.is_empty() || rest.starts_with(".new-"))
    };
    files_in(common_dir).into_iter().filter(ours).collect()
}

/// Hooks of ours in any worktree.
fn hooks(repo: &HostRepo) -> Result<Vec<PathBuf>, UninstallError> {
    let mut list = Vec::new();
    for tree in repo.worktrees()?.iter().filter(|w| !w.bare && !w.prunable) {
        let Ok(here) = HostRepo::discover(&tree.path, &Default::default()) else { continue };
        let ours = |s: &hook::HookStatus| s.version.is_some() && s.state != State::Missing;
        list.extend(hook::status(&here)?.into_iter().filter(ours).map(|s| s.path));
    }
    list.sort();
    list.dedup();
    Ok(list)
}

fn notes(repo: &HostRepo) -> Result<Vec<(String, String)>, UninstallError> {
    let out = repo
        .git()
        .args(["for-each-ref", "--format=%(objectname) %(refname)"])
        .args(NOTES.map(|below| format!("{below}/")))
        .text()?;
    let pairs = out.lines().filter_map(|l| l.split_once(' '));
    Ok(pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect())
}

/// Removes the refs of notes in one transaction. Each must still have the value that was seen:
/// what somebody writes at the same time is not deleted unseen.
fn remove_notes(repo: &HostRepo) -> Result<(), UninstallError> {
    let mut text = String::new();
    for (name, id) in notes(repo)? {
        text.push_str(&format!("delete {name}\0{id}\0"));
    }
    if !text.is_empty() {
        // Our refs: the user's hooks for refs have no say in them.
        let git = repo.git().args(["-c", "core.hooksPath=/dev/null", "update-ref", "-z", "--stdin"]);
        git.stdin(text).run()?;
    }
    // git leaves the empty folders of refs and of their logs behind.
    for top in ["", "logs"] {
        for folder in [NOTES[0], "refs/notes", INCOMING] {
            let _ = fs::remove_dir(repo.common_dir.join(top).join(folder));
        }
    }
    let _ = fs::remove_dir(repo.common_dir.join("logs/refs"));
    Ok(())
}

/// True when the repository's own configuration file has a section `coord`.
fn has_settings(repo: &HostRepo) -> Result<bool, GitError> {
    let any = Git::new(&repo.root).args(["config", "--local", "--get-regexp", r"^coord\."]).optional()?;
    if any.is_some() {
        return Ok(true);
    }
    // A section that has lost its last setting shows in no list.
    let text = fs::read(repo.common_dir.join("config")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
    Ok(text.lines().any(|line| line.trim() == "[coord]"))
}
