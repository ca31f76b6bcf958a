//! Sessions: start (with a worktree), end, list, show.

mod end;
mod list;
mod start;
mod worktree;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::claim::Mode;
use crate::model::session::{Session, SessionState};
use crate::model::shard::Shard;
use crate::model::{ItemId, QueueName, RepoPath, SessionName};
use crate::store::Store;

pub use end::{EndedSession, Unmerged, end};
pub use list::{Sessions, Shown, list, show};
pub use start::{NewWorktree, StartRequest, Started, start};
pub use worktree::{MadeWorktree, WorktreeError, current_branch};

/// A session, as it is stored and as this clone sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SessionInfo {
    /// Its name.
    pub name: SessionName,
    /// `active` or `ended`.
    pub state: SessionState,
    /// Top folder of its worktree.
    pub worktree: Option<String>,
    /// Branch of that when it was started.
    pub branch: Option<String>,
    /// Host on which it runs.
    pub host: Option<String>,
    /// Queues that it is offered work from; empty: all.
    pub queues: Vec<QueueName>,
    /// Patterns of the files that are its own to edit.
    pub areas: Vec<String>,
    /// Its part of the items.
    pub shard: Option<Shard>,
    /// True when it takes other sessions' items once its own have run out.
    pub help_others: bool,
    /// When it was first started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Items that it has finished.
    pub done: u64,
    /// Attempts that it has given back as failed.
    pub failed: u64,
    /// What it holds.
    pub leases: Vec<LeaseInfo>,
    /// When it last ran a command in this clone.
    pub last_seen: Option<Timestamp>,
}

/// A lease of a session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LeaseInfo {
    /// Its number.
    pub lease: u64,
    /// `exclusive` or `shared`.
    pub mode: Mode,
    /// When it was granted.
    pub since: Timestamp,
    /// When it expires, unless it is renewed.
    pub expires: Timestamp,
    /// Paths that were claimed with it.
    pub paths: Vec<RepoPath>,
    /// The item that it is for.
    pub item: Option<ItemId>,
}

impl SessionInfo {
    /// From its record, and from what the store knows of its last command.
    pub fn of(session: &Session, store: &Store) -> Self {
        let leases = session.leases.iter().map(|lease| LeaseInfo {
            lease: lease.id,
            mode: lease.mode,
            since: lease.since,
            expires: lease.expires(),
            paths: lease.paths.clone(),
            item: lease.item.as_ref().map(|item| item.id.clone()),
        });
        SessionInfo {
            name: session.name.clone(),
            state: session.state,
            worktree: session.worktree.clone(),
            branch: session.branch.clone(),
            host: session.host.clone(),
            queues: session.queues.clone(),
            areas: session.areas.clone(),
            shard: session.shard,
            help_others: session.help_others,
            started: session.started,
            ended: session.ended,
            done: session.done,
            failed: session.failed,
            leases: leases.collect(),
            last_seen: store.last_seen(&session.name),
        }
    }
}
