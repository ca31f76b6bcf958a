//! Unlanded commits: the newest versions of paths that are on a session's branch and not in the target yet.
//!
//! A claim keeps sessions apart in time, and is given back when its work is committed on one branch only.
//! What is taken next must be edited on top of that commit, or the two branches conflict. So a commit
//! leaves a record at the place of each path that it changes: in the claim's own record, which outlives
//! the holders. It blocks no session whose branch has the commit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, RepoPath, SessionName, Txn, View, ViewError};
use crate::model::records::claim::{self, Claim};
use crate::model::records::{Item, groups, item_index, queue, session};

/// A commit that has the newest version of a path, and is not known to be in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlanded {
    /// The session that has made it.
    pub session: SessionName,
    /// The branch that it is on, without `refs/heads/`; absent for a detached HEAD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Its id.
    pub commit: String,
    /// When it was recorded.
    pub since: Timestamp,
    /// The item that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
}

/// A version of a path that a branch lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The path that has it.
    pub path: RepoPath,
    /// The commit.
    pub commit: String,
    /// The session that has made it; `None` for a commit of the target.
    pub session: Option<SessionName>,
    /// The branch that has it.
    pub branch: Option<String>,
    /// The item that it was made for.
    pub item: Option<ItemId>,
}

/// What a session's branch lacks of the newest versions at and below `path`, and above it: all that is not
/// its own, and whose commit is not in `has`.
///
/// # Errors
/// When the state cannot be read.
pub fn missing(
    view: &dyn View,
    path: &RepoPath,
    session: &SessionName,
    has: &[String],
) -> Result<Vec<Missing>, ViewError> {
    let mut found = Vec::new();
    for record in claim::overlapping(view, path)? {
        for one in record.unlanded.iter().filter(|u| u.session != *session && !has.contains(&u.commit)) {
            found.push(Missing {
                path: record.path.clone(),
                commit: one.commit.clone(),
                session: Some(one.session.clone()),
                branch: one.branch.clone(),
                item: one.item.clone(),
            });
        }
    }
    Ok(found)
}

/// The commits of finished items that `item` needs and that are not in `has`. The last commit of an item
/// has the ones before it. For a group or phase, these of all its members.
///
/// # Errors
/// When the state cannot be read.
pub fn missing_needs(
    view: &dyn View,
    item: &Item,
    session_name: &SessionName,
    has: &[String],
) -> Result<Vec<Missing>, ViewError> {
    let mut needed: Vec<ItemId> = Vec::new();
    for need in &item.needs {
        if groups::is_set(need) {
            needed.extend(groups::members(view, need)?);
        } else {
            needed.push(need.clone());
        }
    }
    let mut found = Vec::new();
    for need in needed {
        let Some(slot) = item_index::find(view, &need)? else { continue };
        let (_, meta, _) = queue::placement(view, &slot)?;
        let Some(commit) = meta.commits.last().filter(|c| !has.contains(c)) else { continue };
        let Some(by) = meta.by.filter(|by| by != session_name) else { continue };
        let files = queue::item(view, &slot)?.files;
        found.push(Missing {
            path: files.first().cloned().unwrap_or_else(RepoPath::root),
            commit: commit.clone(),
            branch: session::get(view, &by)?.and_then(|s| s.branch),
            session: Some(by),
            item: Some(need),
        });
    }
    Ok(found)
}

/// All unlanded versions, by path.
///
/// # Errors
/// When the state cannot be read.
pub fn all(view: &dyn View) -> Result<Vec<(RepoPath, Unlanded)>, ViewError> {
    let records = claim::all(view)?;
    Ok(records.into_iter().flat_map(|c| c.unlanded.into_iter().map(move |u| (c.path.clone(), u))).collect())
}

/// Records that `new` has the newest version of a path. Those that it builds on, in `contained` or by the same
/// session, are not the newest any longer.
pub(crate) fn add(
    txn: &mut Txn<'_>,
    path: &RepoPath,
    new: Unlanded,
    contained: &[String],
) -> Result<(), ViewError> {
    edit(txn, path, |list| {
        list.retain(|u| u.session != new.session && !contained.contains(&u.commit));
        list.push(new);
    })
}

/// Changes the records of a path.
pub(crate) fn edit(
    txn: &mut Txn<'_>,
    path: &RepoPath,
    change: impl FnOnce(&mut Vec<Unlanded>),
) -> Result<(), ViewError> {
    let known = claim::get(txn, path)?;
    let mut record = known.clone().unwrap_or_else(|| Claim::of(path.clone()));
    change(&mut record.unlanded);
    if known.as_ref() == Some(&record) { Ok(()) } else { claim::put(txn, &record) }
}
