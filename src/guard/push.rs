//! What a push may do to refs, whatever commits it brings.

use crate::git::changes::{Pushed, TakenOff};
use crate::git::{Git, HostRepo};
use crate::model::SessionName;
use crate::model::outcome::Blocker;
use crate::model::session::{self, Session, SessionState};
use crate::store::{Store, StoreError};

use super::coverage;

/// Why a ref may not be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefRefusal {
    /// It is the shared state, which only git-coord itself pushes: `git push --mirror` would delete it.
    State(String),
    /// It has the notes of sessions, which would be gone.
    Notes(String),
    /// Sessions do not move this branch.
    Protected(String),
}

/// The first ref that may not be pushed. `protects` tells which branches sessions do not move, if a session
/// pushes.
pub fn check_refs(pushed: &[Pushed], protects: Option<&dyn Fn(&str) -> bool>) -> Option<RefRefusal> {
    pushed.iter().find_map(|push| {
        let name = push.remote_ref.clone();
        if name.starts_with("refs/coord/") {
            return Some(RefRefusal::State(name));
        }
        if name.starts_with("refs/notes/coord/") && push.local_id.is_none() {
            return Some(RefRefusal::Notes(name));
        }
        let branch = push.branch()?;
        protects.is_some_and(|protects| protects(branch)).then(|| RefRefusal::Protected(branch.to_owned()))
    })
}

/// Who holds what branches lose by a push: of a branch that everybody builds on, and of one that belongs
/// to another session. `pusher`: `None` when it is not known who pushes.
///
/// # Errors
/// When the store cannot be read.
pub fn check_taken_off(
    store: &Store,
    taken_off: &[TakenOff],
    pusher: Option<&SessionName>,
) -> Result<Vec<(String, Vec<Blocker>)>, StoreError> {
    store.read(|view| {
        let mut refused = Vec::new();
        for lost in taken_off {
            let owner = session::all(view)?
                .into_iter()
                .find(|s| s.state == SessionState::Active && s.branch.as_ref() == Some(&lost.branch));
            let of_another = owner.is_some_and(|owner| pusher.is_some_and(|pusher| *pusher != owner.name));
            if !lost.is_main && !of_another {
                continue;
            }
            let found = coverage::check_unbound(view, &lost.paths)?;
            let holders: Vec<Blocker> =
                found.holders.into_iter().filter(|h| Some(&h.session) != pusher).collect();
            if !holders.is_empty() {
                refused.push((lost.branch.clone(), holders));
            }
        }
        Ok(refused)
    })
}

/// Whether the branch of a session has a commit, as this clone knows it: here, as a remote has it, or where
/// its worktree is.
pub fn branch_has(repo: &HostRepo, session: &Session, commit: &str) -> bool {
    let known = |branch: &String| has(repo.git(), &["refs/heads/", "refs/remotes/*/"], branch, commit);
    let at_work = |worktree: &String| {
        let git = Git::new(worktree.as_ref()).as_judge();
        let asked = git.args(["merge-base", "--is-ancestor", commit, "HEAD"]).output();
        asked.is_ok_and(|out| out.status == Some(0))
    };
    session.branch.as_ref().is_some_and(known) || session.worktree.as_ref().is_some_and(at_work)
}

/// The same in a bare repository, by a git there.
pub fn branch_has_here(git: Git, session: &Session, commit: &str) -> bool {
    session.branch.as_ref().is_some_and(|branch| has(git, &["refs/heads/"], branch, commit))
}

fn has(git: Git, folders: &[&str], branch: &str, commit: &str) -> bool {
    let refs = folders.iter().map(|folder| format!("{folder}{branch}"));
    let asked = git.as_judge().args(["for-each-ref", "--format=%(refname)", "--contains", commit]).args(refs);
    asked.run().is_ok_and(|out| !out.is_empty())
}
