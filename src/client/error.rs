//! Why a use case did not come to its end.

use std::path::PathBuf;

use crate::binding::BindingError;
use crate::git::changes::ChangesError;
use crate::git::{GitError, RepoError};
use crate::hook::HookError;
use crate::model::area::AreaError;
use crate::model::outcome::Blocker;
use crate::model::{NameError, Outcome, PathError, QueueName, RepoPath, RuleId, SessionName, ViewError};
use crate::notes::NoteError;
use crate::settings::SettingsError;
use crate::store::StoreError;
use crate::store::remote::RemoteError;
use crate::trust::{Policy, Untrusted};

use super::session::WorktreeError;

/// Why a use case did not come to its end. Nothing decides by its text: what matters to a caller has a
/// variant or a method.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// It cannot be found out what the branch lacks.
    #[error(transparent)]
    Fresh(#[from] crate::fresh::FreshError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no repository to work in.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// What was changed cannot be found out.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// Hooks could not be installed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A note could not be read or written.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A name is malformed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A path is outside the repository, or malformed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A pattern is malformed.
    #[error(transparent)]
    Area(#[from] AreaError),
    /// The binding of a worktree cannot be read or written.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The folder is a copy of a bound worktree.
    #[error(transparent)]
    Copied(BindingError),
    /// The state says no: somebody holds it, it was lost, a rule is against it, it does not exist.
    #[error("refused: {0:?}")]
    Refused(Box<Outcome>),
    /// No session is named, and the worktree is bound to none.
    #[error("{root}: no session is at work here")]
    NoSession {
        /// The worktree.
        root: PathBuf,
    },
    /// The session has ended.
    #[error("session {0} has ended and given its claims back")]
    Ended(SessionName),
    /// A pattern instead of a path.
    #[error("{pattern}: not a path but a pattern, which covers {matches} files and protects none of them")]
    Pattern {
        /// As it was written.
        pattern: String,
        /// The folder before the first sign of a pattern.
        folder: Option<PathBuf>,
        /// How many files it covers.
        matches: usize,
    },
    /// Several ids begin so.
    #[error("{count} items have an id that begins with {prefix}")]
    Ambiguous {
        /// As it was written.
        prefix: String,
        /// How many.
        count: usize,
        /// The first of them.
        first: Vec<String>,
    },
    /// Files of the items have changes that are not committed.
    #[error("{} of the items not committed", if .0.len() == 1 { "1 changed file".to_owned() } else { format!("{} changed files", .0.len()) })]
    Uncommitted(Vec<RepoPath>),
    /// The session is bound to another worktree.
    #[error("session {session} is at work in {place}")]
    AtWork {
        /// The session.
        session: SessionName,
        /// Its worktree.
        place: String,
        /// The host, when it is one of another clone.
        other_host: Option<String>,
        /// It as a holder.
        blockers: Vec<Blocker>,
    },
    /// The worktree is bound to another session.
    #[error("{root}: this worktree is bound to session {bound}")]
    BoundTo {
        /// The worktree.
        root: PathBuf,
        /// The session that it is bound to.
        bound: SessionName,
        /// The session that was asked for.
        wanted: SessionName,
    },
    /// A worktree could not be made.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// A use case failed after it had made a worktree.
    #[error("{error}; the worktree {place} on branch {branch} {fate}", place = place.display())]
    Left {
        /// Why it failed.
        error: Box<ClientError>,
        /// The worktree.
        place: PathBuf,
        /// Its branch.
        branch: String,
        /// What becomes of it.
        fate: Fate,
    },
    /// Gates could not be asked.
    #[error(transparent)]
    Gate(#[from] crate::gate::GateError),
    /// No remote arbitrates.
    #[error("this clone decides by itself; no remote arbitrates")]
    NoRemote,
    /// There is no remote of this name.
    #[error("there is no remote {name}")]
    UnknownRemote {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A remote with several push URLs cannot be the arbiter.
    #[error("{name} has {urls} push URLs, and only one server can be the arbiter")]
    SeveralUrls {
        /// The remote.
        name: String,
        /// How many.
        urls: usize,
    },
    /// The remote and this clone both have a state.
    #[error(
        "{remote} has a state already, and this clone has another one ({sessions} sessions, {items} items)"
    )]
    StatesDiffer {
        /// The remote.
        remote: String,
        /// Sessions of this clone's state.
        sessions: usize,
        /// Items of this clone's state.
        items: u64,
    },
    /// The old arbiter has to be notified, and does not answer.
    #[error("{error}")]
    OldArbiterSilent {
        /// What happened.
        error: Box<ClientError>,
        /// The remote that decides so far.
        before: String,
    },
    /// The queue has no command that verifies its items.
    #[error("queue {0} names no command that verifies")]
    NoVerifyCommand(QueueName),
    /// A command of another clone, which is not approved here.
    #[error("the command of {} is not approved on this clone, and did not run", command.from)]
    Untrusted {
        /// The command.
        command: Box<Untrusted>,
        /// What this clone trusts.
        policy: Policy,
    },
    /// The list of approved commands cannot be read.
    #[error("{file}: {source}", file = file.display())]
    Trust {
        /// The list.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("{command}: {source}")]
    NotStarted {
        /// The words of the command.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The running program's own file is unknown.
    #[error("cannot find out where git-coord is installed: {0}")]
    OwnProgram(std::io::Error),
    /// The notes were not exchanged with the remote. The state was.
    #[error("the notes were not exchanged: {0}")]
    NotesNotExchanged(NoteError),
}

/// What becomes of a worktree that a failed use case had made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fate {
    /// The session may be at work there: it is unknown whether the arbiter has started it.
    #[error("is kept for the repeated call")]
    Kept,
    /// It could not be removed.
    #[error("cannot be removed again: {0}")]
    Stuck(String),
}

impl From<ViewError> for ClientError {
    fn from(error: ViewError) -> Self {
        StoreError::from(error).into()
    }
}

impl ClientError {
    /// An operation that the state refuses.
    pub fn refused(outcome: Outcome) -> Self {
        ClientError::Refused(Box::new(outcome))
    }

    /// Something that is named and does not exist: `session`, `queue` or `item`.
    pub fn unknown(what: &str, name: impl ToString) -> Self {
        ClientError::refused(Outcome::Unknown { what: what.to_owned(), name: name.to_string() })
    }

    /// The remote's error, if it is one.
    pub fn remote(&self) -> Option<&RemoteError> {
        match self {
            ClientError::Store(StoreError::Remote(error)) => Some(error),
            ClientError::Left { error, .. } | ClientError::OldArbiterSilent { error, .. } => error.remote(),
            _ => None,
        }
    }

    /// True when the remote could not be asked, or its answer did not come.
    pub fn is_remote_away(&self) -> bool {
        use RemoteError::{Contended, Refused, Unknown, Unreachable};
        matches!(self.remote(), Some(Unreachable { .. } | Unknown { .. } | Refused { .. } | Contended { .. }))
    }

    /// True when it is unknown whether the operation was carried out.
    pub fn is_in_doubt(&self) -> bool {
        match self {
            ClientError::Store(error) => error.is_in_doubt(),
            _ => matches!(self.remote(), Some(RemoteError::Unknown { .. })),
        }
    }

    /// True when this rule refuses.
    pub fn is_rule(&self, wanted: RuleId) -> bool {
        matches!(self, ClientError::Refused(outcome)
            if matches!(&**outcome, Outcome::Refused { rule, .. } if *rule == wanted))
    }
}
