//! Does a commit that an amend or rebase made carry on what was there, or is there anything new in it?
//!
//! It keeps the leases of the commits that it replaces, which may have ended in good order since. So each
//! path has to be held now, or the same change of it has to be in one of those commits, made under a lease
//! that covered it. What was compared once is recorded: elsewhere the old commits may not be known.

use crate::git::changes::{CommitChanges, Edits};
use crate::model::RepoPath;
use crate::model::session::Session;
use crate::store::{Store, StoreError};

use super::range::{History, Judge};

/// A commit and those that it replaces.
#[derive(Debug)]
pub struct Rewritten<'a> {
    /// The new one.
    pub new: &'a CommitChanges,
    /// The old ones; several when it joins them.
    pub old: Vec<&'a CommitChanges>,
}

/// Who holds what is of no account here.
struct Nothing;

impl History for Nothing {
    fn branch_has(&self, _: &Session, _: &str) -> bool {
        false
    }

    fn brought_by(&self, _: &str, _: &str) -> Option<Vec<RepoPath>> {
        None
    }

    fn is_between(&self, _: &str, _: &str, _: &str) -> bool {
        false
    }
}

/// Those of the new commits that have nothing in them but what is held by `session`, or was made under the
/// leases that they name; with these leases.
///
/// # Errors
/// When the store cannot be read.
pub fn carried_on<'a>(
    store: &Store,
    session: &Session,
    rewritten: &[Rewritten<'a>],
    edits: &Edits,
) -> Result<Vec<(&'a str, Vec<u64>)>, StoreError> {
    let commits: Vec<CommitChanges> =
        rewritten.iter().flat_map(|r| r.old.iter().copied().chain([r.new])).cloned().collect();
    let judge = Judge::of(store, &commits, None, &Nothing)?;
    let carries = |one: &Rewritten<'_>, path: &RepoPath| {
        session.may_edit(path)
            || one
                .old
                .iter()
                .any(|old| edits.are_same(&old.id, &one.new.id, path) && judge.is_fine(old, path))
    };
    let fine = rewritten.iter().filter(|one| one.new.paths.iter().all(|path| carries(one, path)));
    let with_leases = fine.map(|one| (one.new.id.as_str(), one.new.lease_ids().collect::<Vec<u64>>()));
    Ok(with_leases.filter(|(_, leases)| !leases.is_empty()).collect())
}
