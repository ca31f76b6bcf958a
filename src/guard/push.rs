//! What a push may do to refs, whatever commits it brings.

use crate::git::changes::{Pushed, TakenOff};
use crate::git::{Git, HostRepo};
use crate::model::outcome::Blocker;
use crate::model::session::{self, Session, SessionState};
use crate::model::{RepoPath, SessionName};
use crate::store::{Store, StoreError};

use super::coverage;
use super::landed::Landed;
use super::range::History;

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

/// The first ref that may not be pushed. `protects`: which branches sessions do not move, if a session
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
        let landed = Landed::read(view)?;
        for lost in taken_off.iter().filter(|lost| !landed.moves(&lost.branch, &lost.to)) {
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

/// A repository in which commits are judged.
pub struct Known<'a> {
    git: Box<dyn Fn() -> Git + 'a>,
    /// Folders of refs in which the branch of a session may be.
    folders: &'static [&'static str],
    /// True where worktrees of sessions may be.
    is_clone: bool,
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("folders", &self.folders).finish_non_exhaustive()
    }
}

impl<'a> Known<'a> {
    /// A clone: branches are here, as a remote has them, or where a worktree is.
    pub fn in_clone(repo: &'a HostRepo) -> Self {
        let folders = &["refs/heads/", "refs/remotes/*/"];
        Known { git: Box::new(|| repo.git().as_judge()), folders, is_clone: true }
    }

    /// A bare repository, by a git there.
    pub fn in_bare(git: impl Fn() -> Git + 'a) -> Self {
        Known { git: Box::new(move || git().as_judge()), folders: &["refs/heads/"], is_clone: false }
    }

    fn is_ancestor(&self, git: Git, commit: &str, of: &str) -> bool {
        git.args(["merge-base", "--is-ancestor", commit, of]).output().is_ok_and(|out| out.status == Some(0))
    }
}

impl History for Known<'_> {
    fn branch_has(&self, session: &Session, commit: &str) -> bool {
        let known = |branch: &String| {
            let refs = self.folders.iter().map(|folder| format!("{folder}{branch}"));
            let words = ["for-each-ref", "--format=%(refname)", "--contains", commit];
            (self.git)().args(words).args(refs).run().is_ok_and(|out| !out.is_empty())
        };
        let at_work = |worktree: &String| {
            self.is_clone && self.is_ancestor(Git::new(worktree.as_ref()).as_judge(), commit, "HEAD")
        };
        session.branch.as_ref().is_some_and(known) || session.worktree.as_ref().is_some_and(at_work)
    }

    fn brought_by(&self, tip: &str, onto: &str) -> Option<Vec<RepoPath>> {
        let range = format!("{onto}...{tip}");
        let words =
            ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-relative", &range, "--"];
        let out = (self.git)().args(words).run().ok()?;
        let paths = out.split(|b| *b == 0).filter(|p| !p.is_empty());
        paths.map(|p| RepoPath::from_bytes(p).ok()).collect()
    }

    fn is_between(&self, commit: &str, from: &str, to: &str) -> bool {
        self.is_ancestor((self.git)(), commit, to) && !self.is_ancestor((self.git)(), commit, from)
    }
}
