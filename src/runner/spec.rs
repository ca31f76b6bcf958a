//! What a run is to do.

use std::ffi::OsString;

use crate::model::shard::Shard;
use crate::model::{QueueName, SessionName};

/// What is to be done.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// With which command.
    pub job: Job,
    /// Where.
    pub workspace: Workspace,
    /// Items of which queues; empty: of all.
    pub queues: Vec<QueueName>,
    /// Only this shard of them.
    pub shard: Option<Shard>,
    /// Seconds of the leases.
    pub ttl: u64,
    /// They were named: a queue's own rule does not change them.
    pub exact_ttl: bool,
    /// Seconds that a command may take when its item does not say.
    pub time_limit: Option<u64>,
    /// Start so many commands at the most.
    pub max: Option<u64>,
    /// Stop when so many items have been given up.
    pub max_failed: Option<u64>,
    /// Seconds to wait for work that others hold or that is still to come.
    pub wait: Option<u64>,
}

/// The command for an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// The item's own, by the shell; items without one are passed over.
    Own,
    /// This program with these words, for every item.
    Same(Vec<OsString>),
}

/// Where the commands run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workspace {
    /// In the current worktree, as this session, one after the other.
    Here(SessionName),
    /// In worktrees of the pool.
    Pool {
        /// How many.
        slots: usize,
        /// The commit that fresh ones start from; `None`: the current one.
        base: Option<String>,
        /// Commit what a command leaves behind; otherwise that is thrown away.
        commit: bool,
    },
}
