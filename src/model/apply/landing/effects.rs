//! What a landing means for the items and paths that it brings.

use jiff::Timestamp;

use crate::model::base::{ItemId, RepoPath, Txn, ViewError};
use crate::model::records::landing::Member;

/// These items have landed with this commit of the target.
pub(super) fn landed(
    _txn: &mut Txn<'_>,
    _items: &[ItemId],
    _commit: &str,
    _at: Timestamp,
) -> Result<(), ViewError> {
    Ok(())
}

/// The items of this member, and the paths of its branch, are unlanded again.
pub(super) fn unlanded(_txn: &mut Txn<'_>, _member: &Member, _at: Timestamp) -> Result<(), ViewError> {
    Ok(())
}

/// The target contains these commits, which were the newest of these paths outside it.
pub(super) fn contained(_txn: &mut Txn<'_>, _paths: &[(RepoPath, String)]) -> Result<(), ViewError> {
    Ok(())
}
