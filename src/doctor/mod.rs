//! Examining a store and mending it: `git coord doctor`.
//!
//! It works on stores that nothing else can open: what is looked at first needs only files, and
//! each later step copes with what the earlier ones found.
//!
//! 1. `files`: the store's own files, lock files and leftovers of killed processes;
//! 2. `remote`: the state on the remote that decides, if asked for;
//! 3. `look`: the ref, every object, the history; `recovery` and `state` mend them;
//! 4. `records`: whether the records agree;
//! 5. `outside`: hooks, and which worktree belongs to which session.
//!
//! Guarantees of a repair:
//! - It holds the store's lock throughout, so no git-coord writes meanwhile. What others write
//!   without the lock is noticed by the compare-and-swap; the repair then begins anew.
//! - All records are mended in one commit, with an event `repair` that says what was done. A
//!   death before the ref is moved leaves the state as it was found.
//! - Nothing that might still be of use is deleted: damaged objects, packs and refs are moved to
//!   the folder `damaged` of the store. Removed are lock files and temporary files whose owner is
//!   dead.
//! - Lease numbers are not given again, not even those of states that are lost: when nobody can
//!   tell how many there were, numbering goes on far beyond.

mod files;
mod finding;
mod history;
mod host_repo;
mod inspect;
mod rebuild;
pub mod records;
mod recovery;
mod remote;
mod stale_files;
mod state;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::git::{GitError, HostRepo};
use crate::hook::HookError;
use crate::store::{STORE_DIR, Store, StoreError, StoreOptions, raw};

pub use finding::{Finding, Place};
pub(crate) use host_repo::git_dirs;

/// How to examine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Mend what can be mended.
    pub repair: bool,
    /// Examine the remote that decides, too.
    pub remote: bool,
    /// Settings of this clone.
    pub store: StoreOptions,
    /// The program that hooks are to call.
    pub program: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was found, in the order of the examination.
    pub findings: Vec<Finding>,
    /// Things worth knowing that are no fault.
    pub notes: Vec<String>,
    /// What was looked at, for people.
    pub looked_at: LookedAt,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LookedAt {
    /// Objects of the store.
    pub objects: usize,
    /// States in its history.
    pub states: usize,
    /// Items of work.
    pub items: usize,
    /// Sessions.
    pub sessions: usize,
    /// Worktrees.
    pub worktrees: usize,
}

impl Report {
    /// True when nothing is wrong, or not any more.
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|f| f.repaired)
    }
}

/// Why an examination could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The store failed in a way that is no finding.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// git did not answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Hooks could not be looked at.
    #[error(transparent)]
    Hook(#[from] HookError),
}

/// Examines the store, hooks and worktrees of a repository, and mends them if asked to.
///
/// # Errors
/// When there is no store at all, another process keeps the lock, or a repair cannot write.
pub fn examine(repo: &HostRepo, options: &Options) -> Result<Report, DoctorError> {
    let place = repo.common_dir.join(STORE_DIR);
    if !place.is_dir() {
        return Err(StoreError::Absent { path: place }.into());
    }
    let locked = if options.repair || options.remote { Some(raw::lock_folder(&place)?) } else { None };
    let guard = if options.repair { locked.as_ref() } else { None };
    let mut report = Report::default();
    files::examine(repo, &place, guard, &mut report)?;
    match Store::open(&repo.common_dir, options.store) {
        Ok(store) => {
            if let Some(locked) = locked.as_ref().filter(|_| options.remote) {
                remote::examine(&store, locked, options.repair, &mut report)?;
            }
            host_repo::arbiter(repo, &store, &mut report)?;
            let sessions = state::examine(&store, guard, &mut report)?;
            host_repo::bindings(repo, sessions.as_ref(), options.repair, &mut report);
        }
        Err(e) => {
            let message = format!("the store cannot be opened: {e}");
            report.findings.push(Finding::at_path("store-open", &place, message).beyond_repair());
        }
    }
    host_repo::hooks(repo, options, &mut report)?;
    Ok(report)
}
