//! Is every changed path covered by a claim or area of the session?

use crate::model::area::Areas;
use crate::model::claim::{self, Mode};
use crate::model::outcome::Blocker;
use crate::model::session::{self, Loss, Session, SessionState};
use crate::model::{RepoPath, SessionName, View, ViewError, blockers_of, expiry};

/// What the guard found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Coverage {
    /// Number of paths that were looked at.
    pub checked: usize,
    /// Paths that the session may not change, in order.
    pub unclaimed: Vec<RepoPath>,
    /// Who holds them, where somebody does.
    pub holders: Vec<Blocker>,
    /// Which of them the session held and lost.
    pub losses: Vec<Loss>,
}

impl Coverage {
    /// True when the change may be made.
    pub fn is_fine(&self) -> bool {
        self.unclaimed.is_empty()
    }

    /// The same without what `session` holds: it works in the worktree that the change comes from.
    pub fn without(mut self, session: Option<&SessionName>) -> Self {
        self.holders.retain(|holder| Some(&holder.session) != session);
        self.unclaimed.retain(|path| self.holders.iter().any(|holder| holder.path == *path));
        self
    }
}

/// Judges a change of `paths` by `session`.
///
/// A path is fine when an exclusive claim of the session covers it, or when it lies in one of the
/// session's areas and nobody else holds it.
///
/// # Errors
/// When the state cannot be read, or an area of the session is malformed.
pub fn check_paths(view: &dyn View, session: &Session, paths: &[RepoPath]) -> Result<Coverage, ViewError> {
    let areas = Areas::new(&session.areas)
        .map_err(|e| ViewError::damaged(format!("sessions/{}.json", session.name), e))?;
    let mut coverage = Coverage { checked: paths.len(), ..Coverage::default() };
    for path in paths {
        if session.may_edit(path) {
            continue;
        }
        let blockers = blockers_of(view, path, &session.name, Mode::Exclusive)?;
        if blockers.is_empty() && areas.contains(path) {
            continue;
        }
        coverage.unclaimed.push(path.clone());
        coverage.holders.extend(blockers);
        coverage
            .losses
            .extend(session.path_loss(path).cloned().map(|l| Loss { path: Some(path.clone()), ..l }));
    }
    Ok(coverage)
}

/// Those of the paths that the session does not hold and that lie in an area of another session too: what is
/// in two areas is nobody's own, and has to be claimed before it is changed.
///
/// # Errors
/// When the state cannot be read, or an area is malformed.
pub fn contested(view: &dyn View, session: &Session, paths: &[RepoPath]) -> Result<Vec<RepoPath>, ViewError> {
    let open: Vec<&RepoPath> = paths.iter().filter(|path| !session.may_edit(path)).collect();
    if open.is_empty() || session.areas.is_empty() {
        return Ok(Vec::new());
    }
    let mut others = Vec::new();
    for other in session::all(view)? {
        if other.name != session.name && other.state == SessionState::Active && !other.areas.is_empty() {
            let key = || format!("sessions/{}.json", other.name);
            others.push(Areas::new(&other.areas).map_err(|e| ViewError::damaged(key(), e))?);
        }
    }
    let contested = open.into_iter().filter(|path| others.iter().any(|areas| areas.contains(path)));
    Ok(contested.cloned().collect())
}

/// Judges a change made outside of sessions: only what a session holds is refused.
///
/// # Errors
/// When the state cannot be read.
pub fn check_unbound(view: &dyn View, paths: &[RepoPath]) -> Result<Coverage, ViewError> {
    let mut coverage = Coverage { checked: paths.len(), ..Coverage::default() };
    for path in paths {
        let blockers = holders_of(view, path)?;
        if !blockers.is_empty() {
            coverage.unclaimed.push(path.clone());
            coverage.holders.extend(blockers);
        }
    }
    Ok(coverage)
}

/// Everybody who holds a path, or something above or below it.
fn holders_of(view: &dyn View, path: &RepoPath) -> Result<Vec<Blocker>, ViewError> {
    let mut list = Vec::new();
    for claim in claim::overlapping(view, path)? {
        for holder in &claim.holders {
            list.push(Blocker {
                path: path.clone(),
                held: claim.path.clone(),
                session: holder.session.clone(),
                expires: expiry(view, holder)?,
                reason: holder.reason.clone(),
            });
        }
    }
    Ok(list)
}
