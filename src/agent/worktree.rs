//! The session of a worktree, for agents: the one that is bound to it, or a new one.

use crate::binding::{Binding, BindingError};
use crate::git::HostRepo;
use crate::model::op::StartSession;
use crate::model::session::{self, Session, SessionState};
use crate::model::{Op, Outcome, SessionName, View, ViewError};
use crate::store::{Store, StoreError, host_name, random_hex};

/// Why no session could be had.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// From the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// From the file that binds the worktree.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The session could not be started.
    #[error("session {name} could not be started in {worktree}")]
    NotStarted {
        /// Its name.
        name: SessionName,
        /// Where.
        worktree: String,
    },
    /// The environment names a session that is not at work.
    #[error("GIT_COORD_SESSION names {name:?}, which is not a session at work here")]
    Named {
        /// The name.
        name: String,
    },
}

/// The session as which agents act in a worktree. `named`: what the environment says.
///
/// # Errors
/// When the store cannot be read, or no session can be started.
pub fn session(store: &Store, repo: &HostRepo, named: Option<&str>) -> Result<Session, SessionError> {
    if let Some(text) = named {
        let unknown = || SessionError::Named { name: text.to_owned() };
        let name = SessionName::parse(text).map_err(|_| unknown())?;
        return active(store, &name)?.ok_or_else(unknown);
    }
    match bound(store, repo)? {
        Some(session) => Ok(session),
        None => start(store, repo),
    }
}

/// The session that is bound to a worktree and at work.
fn bound(store: &Store, repo: &HostRepo) -> Result<Option<Session>, SessionError> {
    match Binding::read(repo) {
        Ok(Some(binding)) => active(store, &binding.session).map_err(Into::into),
        // A copy of a worktree is another place.
        Ok(None) | Err(BindingError::Copied { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn active(store: &Store, name: &SessionName) -> Result<Option<Session>, StoreError> {
    Ok(store
        .read(|view| session::get(view, name))?
        .filter(|s| s.state == SessionState::Active && !s.prefetch))
}

/// Starts a session in a worktree that has none, named after its folder. In a worktree of its own it is
/// bound as by `session start`; in the main one, only agents and commands act as it, and what the user
/// commits there stays the user's.
fn start(store: &Store, repo: &HostRepo) -> Result<Session, SessionError> {
    // Two agents may come at the same time.
    let _alone = store.worktree_lock()?;
    if let Some(session) = bound(store, repo)? {
        return Ok(session);
    }
    let name = store.read(|view| free_name(view, repo))?;
    let worktree = repo.root.to_string_lossy().into_owned();
    let token = random_hex(16);
    let op = Op::StartSession(StartSession {
        token: token.clone(),
        worktree: Some(worktree.clone()),
        branch: branch(repo),
        host: Some(host_name()),
        folds_names: repo.folds_names(),
        ..StartSession::new(name.clone())
    });
    let Outcome::Session { session, .. } = store.submit(&op, None)? else {
        return Err(SessionError::NotStarted { name, worktree });
    };
    Binding { session: name, token, worktree, by_agent: true }.write(repo)?;
    Ok(*session)
}

/// A name after the worktree's folder that nobody has.
fn free_name(view: &dyn View, repo: &HostRepo) -> Result<SessionName, ViewError> {
    let folder = repo.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let base = label(&folder);
    for n in 1.. {
        let text = if n == 1 { base.clone() } else { format!("{base}-{n}") };
        let Ok(name) = SessionName::parse(&text) else { continue };
        match session::get(view, &name)? {
            Some(known) if known.state == SessionState::Active || known.prefetch => {}
            _ => return Ok(name),
        }
    }
    Err(ViewError::damaged("sessions", "every name is taken"))
}

/// A text as a name can have it.
fn label(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' };
    let plain: String = text.chars().map(kept).take(40).collect();
    let plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if plain.is_empty() { "agent".to_owned() } else { plain.to_owned() }
}

/// The branch of a worktree, as its HEAD says; `None` where that is not in a file.
fn branch(repo: &HostRepo) -> Option<String> {
    let head = std::fs::read_to_string(repo.git_dir.join("HEAD")).ok()?;
    let branch = head.trim_end().strip_prefix("ref: refs/heads/")?;
    (branch != ".invalid").then(|| branch.to_owned())
}

/// True for the worktree that the repository was made with.
pub fn is_main(repo: &HostRepo) -> bool {
    repo.git_dir == repo.common_dir
}

/// Ends the session of a worktree that is about to be removed, if nobody but an agent has started it.
///
/// # Errors
/// When the store cannot be written.
pub fn end_if_by_agent(store: &Store, repo: &HostRepo) -> Result<(), SessionError> {
    if let Ok(Some(binding)) = Binding::read(repo)
        && binding.by_agent
    {
        store.submit(&Op::EndSession { name: binding.session }, None)?;
    }
    Ok(())
}
