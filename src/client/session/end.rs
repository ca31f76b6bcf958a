//! Ending a session.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::binding::Binding;
use crate::client::{Client, ClientError, ClientResult};
use crate::git::{GitEnv, HostRepo, changes};
use crate::model::session::{self, Session};
use crate::model::{ItemId, Op, Outcome, RepoPath, SessionName};
use crate::store::host_name;

use super::SessionInfo;

/// A session that has ended, and what it leaves behind.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EndedSession {
    /// It.
    pub session: SessionInfo,
    /// Paths that were given back.
    pub released: Vec<RepoPath>,
    /// Items that were given back.
    pub dropped: Vec<ItemId>,
    /// Changed files in its worktree that are not committed. `None`: its worktree is not on this machine.
    pub uncommitted: Option<Vec<RepoPath>>,
    /// Commits of its branch that no other branch has. `None`: there are none, or it is not known.
    pub unmerged: Option<Unmerged>,
}

/// Commits that are on one branch only.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Unmerged {
    /// The branch.
    pub branch: String,
    /// How many commits.
    pub commits: u64,
}

/// Ends a session: everything it holds is given back. Its worktree, branch and commits stay.
///
/// # Errors
/// When there is no such session, or from the store.
pub fn end(client: &Client, name: &SessionName) -> ClientResult<EndedSession> {
    let before = client.store.read(|view| session::get(view, name))?;
    let outcome = client.submit(&Op::EndSession { name: name.clone() }, None)?;
    let Outcome::Session { session, released, dropped } = outcome else {
        return Err(ClientError::refused(outcome));
    };
    // A binding to a session that has ended would only confuse the next command.
    if let Ok(Some(binding)) = Binding::read(&client.place.repo)
        && binding.session == *name
    {
        Binding::remove(&client.place.repo.git_dir)?;
    }
    let home = before.as_ref().and_then(home_here);
    let uncommitted = home.as_ref().and_then(uncommitted);
    let unmerged = home.as_ref().and_then(unmerged);
    let session = SessionInfo::of(&session, &client.store);
    Ok(EndedSession { session, released, dropped, uncommitted, unmerged })
}

/// The session's worktree, if it is on this machine.
fn home_here(session: &Session) -> Option<HostRepo> {
    if session.host.as_deref() != Some(&host_name()) {
        return None;
    }
    let place = Path::new(session.worktree.as_deref()?);
    HostRepo::discover(place, &GitEnv::default()).ok().filter(|home| home.root == place)
}

/// Only reported, so the session ends even when git fails.
fn uncommitted(home: &HostRepo) -> Option<Vec<RepoPath>> {
    changes::uncommitted(home, &[]).ok()
}

fn unmerged(home: &HostRepo) -> Option<Unmerged> {
    let branch = super::current_branch(home).ok()??;
    let full = format!("refs/heads/{branch}");
    // For --branches, a pattern is without refs/heads/.
    let exclude = format!("--exclude={branch}");
    let count = home.git().args(["rev-list", "--count", &full, "--not", &exclude, "--branches", "--remotes"]);
    let commits = count.text().ok()?.trim().parse().ok()?;
    (commits > 0).then_some(Unmerged { branch, commits })
}
