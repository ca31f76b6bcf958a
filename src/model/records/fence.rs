//! Who may edit a path because of the plan.

use crate::model::base::{RepoPath, SessionName, View, ViewError};
use crate::model::records::conflict::Blocker;
use crate::model::records::plan::{self as plans, Ownership};

/// What the plan keeps a session from editing: paths of workstreams that have begun, are not over,
/// and are not the session's own. A path that a conflict rule covers may be edited by all, one that
/// was granted to the session's workstream by that one as well.
#[derive(Debug, Clone, Default)]
pub struct Fence {
    owners: Vec<(String, Option<SessionName>, Ownership)>,
    open: Vec<Ownership>,
}

impl Fence {
    /// The fence around a session; `None` when the plan keeps it from nothing, or there is not one.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn around(view: &dyn View, session: &SessionName) -> Result<Option<Self>, ViewError> {
        let Some(applied) = plans::applied(view)?.filter(|a| a.archived.is_none()) else { return Ok(None) };
        let mut fence = Fence::default();
        for workstream in &applied.plan.workstreams {
            let progress = plans::progress(view, &workstream.id.value)?;
            let owns = compile(workstream.owns.iter().map(|p| p.value.as_str()));
            if progress.sessions.contains(session) {
                fence.open.extend(owns);
                fence.open.extend(compile(progress.granted.iter().map(String::as_str)));
            } else if progress.owns(workstream)
                && let Some(owns) = owns
            {
                fence.owners.push((workstream.id.value.clone(), progress.sessions.last().cloned(), owns));
            }
        }
        let rules = applied.plan.conflicts.iter();
        fence.open.extend(rules.filter_map(|rule| compile(rule.paths.iter().map(|p| p.value.as_str()))));
        Ok((!fence.owners.is_empty()).then_some(fence))
    }

    /// The workstream that owns a path, and its newest session; `None`: the session may edit it.
    pub fn owner(&self, path: &RepoPath) -> Option<(&str, Option<&SessionName>)> {
        if self.open.iter().any(|o| o.contains(path)) {
            return None;
        }
        let (id, session, _) = self.owners.iter().find(|(_, _, owns)| owns.contains(path))?;
        Some((id, session.as_ref()))
    }

    /// What is in the way of a path, in the form of a claim that is.
    pub(crate) fn blocker(&self, path: &RepoPath) -> Option<Blocker> {
        let (id, session) = self.owner(path)?;
        // Without a session, the workstream speaks for itself: its id is a valid name.
        let session = session.cloned().or_else(|| SessionName::parse(id).ok())?;
        let reason = Some(format!("owned by workstream {id}"));
        Some(Blocker { path: path.clone(), held: path.clone(), session, expires: None, reason })
    }
}

fn compile<'a>(patterns: impl Iterator<Item = &'a str>) -> Option<Ownership> {
    let patterns: Vec<&str> = patterns.collect();
    if patterns.is_empty() { None } else { Ownership::new(&patterns).ok() }
}
