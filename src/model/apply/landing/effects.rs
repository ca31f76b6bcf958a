//! What a landing means for the items and paths that it brings.

use jiff::Timestamp;

use crate::model::apply::unlanded::edit_meta;
use crate::model::base::{ItemId, RepoPath, Txn, ViewError};
use crate::model::records::landing::Member;
use crate::model::records::unlanded::{self, Unlanded};
use crate::model::records::{item_index, queue};

/// These items have landed with this commit of the target.
pub(super) fn landed(
    txn: &mut Txn<'_>,
    items: &[ItemId],
    commit: &str,
    at: Timestamp,
) -> Result<(), ViewError> {
    for item in items {
        if set_landed(txn, item, Some(at))? {
            edit_meta(txn, item, |meta| {
                if meta.commits.is_empty() {
                    meta.commits.push(commit.to_owned());
                }
            })?;
        }
    }
    Ok(())
}

/// Sets whether an item has landed, and counts it; false when it is so already, or not known.
fn set_landed(txn: &mut Txn<'_>, item: &ItemId, at: Option<Timestamp>) -> Result<bool, ViewError> {
    let Some(slot) = item_index::find(txn, item)? else { return Ok(false) };
    let (_, meta, _) = queue::placement(txn, &slot)?;
    if meta.landed.is_some() == at.is_some() {
        return Ok(false);
    }
    edit_meta(txn, item, |meta| meta.landed = at)?;
    let mut queue = queue::must_get(txn, &slot.queue)?;
    queue.landed = if at.is_some() { queue.landed + 1 } else { queue.landed.saturating_sub(1) };
    queue::put(txn, &queue);
    Ok(true)
}

/// The items of this member, and the paths of its branch, are unlanded again.
pub(super) fn unlanded(txn: &mut Txn<'_>, member: &Member, at: Timestamp) -> Result<(), ViewError> {
    for item in &member.items {
        set_landed(txn, item, None)?;
        let Some(slot) = item_index::find(txn, item)? else { continue };
        let Some(session) = &member.session else { continue };
        for file in queue::item(txn, &slot)?.files {
            let again = Unlanded {
                session: session.clone(),
                branch: Some(member.branch.clone()),
                commit: member.tip.clone(),
                since: at,
                item: Some(item.clone()),
            };
            unlanded::edit(txn, &file, |list| {
                if !list.iter().any(|u| u.session == again.session) {
                    list.push(again);
                }
            })?;
        }
    }
    Ok(())
}

/// The target contains these commits, which were the newest of these paths outside it.
pub(super) fn contained(txn: &mut Txn<'_>, paths: &[(RepoPath, String)]) -> Result<(), ViewError> {
    for (path, commit) in paths {
        unlanded::edit(txn, path, |list| list.retain(|u| u.commit != *commit))?;
    }
    Ok(())
}
