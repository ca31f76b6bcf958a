//! Files with uncommitted changes of a session whose lease has run out. They are free, but a session that edits them
//! would do that work again and meet it later; so an edit does not take them. A claim by hand does.

use std::path::Path;

use crate::model::RepoPath;
use crate::model::session::{self, Session};
use crate::store::host_name;

use super::after;
use super::desk::{Desk, Failure};
use super::objection;
use super::places;

/// Why one of these free paths should be left alone, if one should.
///
/// # Errors
/// When the state cannot be read, or git fails.
pub fn objection(desk: &Desk, free: &[RepoPath]) -> Result<Option<String>, Failure> {
    if free.is_empty() {
        return Ok(None);
    }
    let sessions = desk.store.read(|view| session::all(view))?;
    for other in sessions.iter().filter(|s| s.name != desk.session.name && !s.lost.is_empty()) {
        let lost: Vec<&RepoPath> = free.iter().filter(|path| other.path_loss(path).is_some()).collect();
        if lost.is_empty() {
            continue;
        }
        let Some(worktree) = elsewhere(desk, other) else { continue };
        let Some(repo) = places::find(Path::new(&worktree)) else { continue };
        let lost: Vec<RepoPath> = lost.into_iter().cloned().collect();
        let dirty = after::changed(&repo, &lost)?;
        if let Some(path) = lost.iter().find(|path| dirty.iter().any(|d| path.covers(d))) {
            let at = other.path_loss(path).map(|loss| loss.at).unwrap_or(desk.now);
            let ago = desk.now.duration_since(at).as_secs();
            return Ok(Some(objection::of_abandoned(path, other, &worktree, ago)));
        }
    }
    Ok(None)
}

/// The worktree of a session, when it is another one on this machine and is there.
fn elsewhere(desk: &Desk, other: &Session) -> Option<String> {
    let worktree = other.worktree.clone()?;
    let here = other.host.as_deref().is_none_or(|host| host == host_name());
    let another = Path::new(&worktree) != desk.repo.root;
    (here && another && Path::new(&worktree).is_dir()).then_some(worktree)
}
