//! Who holds which path.
//!
//! The folder `claims/` of the state mirrors the worktree: the claim of `src/a.rs` is the record
//! `claims/src/a.rs`. A claim covers its path and all below it. Two records may overlap when one
//! session holds both, or when both are shared; then the record of the upper path stands in its
//! own folder under the name `%`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::base::path::folded;
use crate::model::base::view::Kind;
use crate::model::base::{ItemId, RepoPath, SessionName, Txn, View, ViewError, txn};
use crate::model::records::unlanded::Unlanded;

/// What a claim allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One holder, who may edit.
    #[default]
    Exclusive,
    /// Several readers, nobody edits.
    Shared,
}

/// Why a session holds a path: a claim of its own, or an item that touches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The lease under which it is held.
    pub lease: u64,
    /// The item that brought it; absent for a claim by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// What it allows; the hold as a whole allows the most that one of its grants does.
    #[serde(default, skip_serializing_if = "is_exclusive")]
    pub mode: Mode,
}

fn is_exclusive(mode: &Mode) -> bool {
    *mode == Mode::Exclusive
}

/// One session's hold on a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    pub session: SessionName,
    /// Exclusive or shared.
    pub mode: Mode,
    /// Since when.
    pub since: Timestamp,
    /// Why: never empty.
    pub grants: Vec<Grant>,
    /// What the session says it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The record of one claimed path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The path.
    pub path: RepoPath,
    /// Its holders: one, or several that share; none when only unlanded versions are left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
    /// Its newest versions that are on a session's branch only: one, or several where freshness is off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlanded: Vec<Unlanded>,
}

impl Claim {
    /// A record of nothing yet.
    pub fn of(path: RepoPath) -> Self {
        Claim { path, holders: Vec::new(), unlanded: Vec::new() }
    }

    /// True when it says nothing: then it is not stored.
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty() && self.unlanded.is_empty()
    }

    /// The hold of `session`, if it has one.
    pub fn holder(&self, session: &SessionName) -> Option<&Holder> {
        self.holders.iter().find(|h| h.session == *session)
    }

    /// The holds that stand in the way of `session` claiming in `mode`.
    pub fn conflicts<'a>(&'a self, session: &'a SessionName, mode: Mode) -> impl Iterator<Item = &'a Holder> {
        self.holders
            .iter()
            .filter(move |h| h.session != *session && (h.mode == Mode::Exclusive || mode == Mode::Exclusive))
    }
}

/// Name of the record of a folder that has other claims below it.
const SELF: &str = "%";

/// One component as a tree entry.
///
/// git refuses, or with `fsckObjects` examines, entries that some file system could take for
/// `.git`, `.gitmodules` and the like (fsck-msgs: hasDotgit, gitmodulesParse, …). Whatever comes
/// near them is written with a leading `%`, where no such rule matches.
fn escape(component: &str) -> String {
    let bytes = component.as_bytes();
    let near_git = bytes.len() >= 4 && bytes[..4].eq_ignore_ascii_case(b".git");
    let odd = bytes[0] == b'%'
        || near_git
        || bytes.iter().any(|b| matches!(b, b'~' | b'\\' | b':'))
        // HFS+ ignores some code points, so ".g\u{200c}it" is ".git" there.
        || (bytes[0] == b'.' && !component.is_ascii())
        || !component.is_ascii() && component.to_ascii_lowercase().contains("git");
    if !odd {
        return component.to_owned();
    }
    format!("%{}", component.replace('%', "%25").replace('\\', "%5C"))
}

fn key(path: &RepoPath) -> String {
    let mut key = String::from("claims");
    for component in path.components() {
        key.push('/');
        key.push_str(&escape(component));
    }
    key
}

/// The two keys at which the record of `path` may stand: as a blob, or in its own folder.
pub(crate) fn keys_of(path: &RepoPath) -> [String; 2] {
    let key = key(path);
    let own = format!("{key}/{SELF}");
    [key, own]
}

/// The record at exactly `path`.
///
/// # Errors
/// When the state cannot be read.
pub fn get(view: &dyn View, path: &RepoPath) -> Result<Option<Claim>, ViewError> {
    at(view, &key(path))
}

fn at(view: &dyn View, key: &str) -> Result<Option<Claim>, ViewError> {
    match view.kind(key)? {
        Kind::Missing => Ok(None),
        Kind::Blob => txn::read_json(view, key),
        Kind::Tree => txn::read_json(view, &format!("{key}/{SELF}")),
    }
}

/// Says that clones share this state whose file systems take names that differ in case or Unicode form for
/// one. The entry has no content; it is there or not.
pub(crate) const FOLDED: &str = "folded";

/// Makes names that differ in case or Unicode form only stand in each other's way from now on.
pub(crate) fn fold_names(txn: &mut Txn<'_>) -> Result<(), ViewError> {
    if txn.kind(FOLDED)? == Kind::Missing {
        txn.put(FOLDED, *b"\n");
    }
    Ok(())
}

/// All records that overlap `path`: of folders above it, of itself, of everything below it.
///
/// # Errors
/// When the state cannot be read.
pub fn overlapping(view: &dyn View, path: &RepoPath) -> Result<Vec<Claim>, ViewError> {
    if view.kind(FOLDED)? != Kind::Missing {
        let components: Vec<String> = path.components().map(|c| folded(&escape(c))).collect();
        let mut found = Vec::new();
        if view.kind("claims")? == Kind::Tree {
            overlapping_folded(view, "claims", &components, &mut found)?;
        }
        return Ok(found);
    }
    let mut found = Vec::new();
    let mut key = String::from("claims");
    let mut components = path.components();
    loop {
        match view.kind(&key)? {
            Kind::Missing => return Ok(found),
            Kind::Blob => {
                found.extend(txn::read_json::<Claim>(view, &key)?);
                return Ok(found);
            }
            Kind::Tree => match components.next() {
                Some(component) => {
                    found.extend(txn::read_json::<Claim>(view, &format!("{key}/{SELF}"))?);
                    key.push('/');
                    key.push_str(&escape(component));
                }
                None => {
                    walk(view, &key, &mut found)?;
                    return Ok(found);
                }
            },
        }
    }
}

/// The same below the folder `key`, where any entry counts whose name is the same once folded.
fn overlapping_folded(
    view: &dyn View,
    key: &str,
    components: &[String],
    found: &mut Vec<Claim>,
) -> Result<(), ViewError> {
    let Some((component, rest)) = components.split_first() else { return walk(view, key, found) };
    for entry in view.list(key)? {
        let child = format!("{key}/{}", entry.name);
        if entry.name == SELF {
            found.extend(txn::read_json::<Claim>(view, &child)?);
        } else if folded(&entry.name) == *component {
            if entry.is_tree {
                overlapping_folded(view, &child, rest, found)?;
            } else {
                found.extend(txn::read_json::<Claim>(view, &child)?);
            }
        }
    }
    Ok(())
}

/// All records.
///
/// # Errors
/// When the state cannot be read.
pub fn all(view: &dyn View) -> Result<Vec<Claim>, ViewError> {
    overlapping(view, &RepoPath::root())
}

fn walk(view: &dyn View, key: &str, found: &mut Vec<Claim>) -> Result<(), ViewError> {
    for entry in view.list(key)? {
        let child = format!("{key}/{}", entry.name);
        if entry.is_tree {
            walk(view, &child, found)?;
        } else {
            found.extend(txn::read_json::<Claim>(view, &child)?);
        }
    }
    Ok(())
}

/// Writes a record; an empty one is removed.
///
/// # Errors
/// When the state cannot be read.
pub fn put(txn: &mut Txn<'_>, claim: &Claim) -> Result<(), ViewError> {
    let key = key(&claim.path);
    let kind = txn.kind(&key)?;
    if claim.is_empty() {
        txn.remove(if kind == Kind::Tree { format!("{key}/{SELF}") } else { key });
        return Ok(());
    }
    if kind == Kind::Missing {
        make_way(txn, &claim.path)?;
    }
    // The root is always a folder, so that the first claim below it needs no move.
    let own = kind == Kind::Tree || claim.path.is_root();
    txn.put_json(if own { format!("{key}/{SELF}") } else { key }, claim);
    Ok(())
}

/// Moves the record of a folder above `path` into its folder, where it stands as a blob.
fn make_way(txn: &mut Txn<'_>, path: &RepoPath) -> Result<(), ViewError> {
    let mut key = String::from("claims");
    for component in path.components() {
        key.push('/');
        key.push_str(&escape(component));
        match txn.kind(&key)? {
            Kind::Missing => return Ok(()),
            Kind::Tree => {}
            Kind::Blob => {
                if let Some(bytes) = txn.blob(&key)? {
                    txn.remove(key.clone());
                    txn.put(format!("{key}/{SELF}"), bytes);
                }
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Adds a grant of `path` to `session`. The caller has made sure that nobody is in the way.
///
/// # Errors
/// When the state cannot be read.
pub fn grant(txn: &mut Txn<'_>, path: &RepoPath, new: Holder) -> Result<(), ViewError> {
    let mut claim = get(txn, path)?.unwrap_or_else(|| Claim::of(path.clone()));
    match claim.holders.iter_mut().find(|h| h.session == new.session) {
        Some(holder) => {
            if new.mode == Mode::Exclusive {
                holder.mode = Mode::Exclusive;
            }
            holder.reason = new.reason.or_else(|| holder.reason.take());
            for grant in new.grants {
                if !holder.grants.contains(&grant) {
                    holder.grants.push(grant);
                }
            }
        }
        None => claim.holders.push(new),
    }
    put(txn, &claim)
}

/// Takes back from `session` the grants of `path` that `gone` chooses. What remains, if anything,
/// stays held.
///
/// # Errors
/// When the state cannot be read.
pub fn ungrant(
    txn: &mut Txn<'_>,
    path: &RepoPath,
    session: &SessionName,
    gone: impl Fn(&Grant) -> bool,
) -> Result<(), ViewError> {
    let Some(mut claim) = get(txn, path)? else { return Ok(()) };
    let before = claim.clone();
    let by_hand =
        |claim: &Claim| claim.holders.iter().flat_map(|h| &h.grants).filter(|g| g.item.is_none()).count();
    for holder in claim.holders.iter_mut().filter(|h| h.session == *session) {
        holder.grants.retain(|g| !gone(g));
        // A reader who has edited for an item is a mere reader again when the item is finished.
        if holder.grants.iter().all(|g| g.mode == Mode::Shared) {
            holder.mode = Mode::Shared;
        }
    }
    claim.holders.retain(|h| !h.grants.is_empty());
    if by_hand(&claim) < by_hand(&before) {
        crate::model::records::header::record_release(txn)?;
    }
    if claim == before { Ok(()) } else { put(txn, &claim) }
}

#[cfg(test)]
mod tests;
