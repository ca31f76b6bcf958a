//! Sessions, their leases, and what they have lost.
//!
//! Paths are [`RepoPath`]s wherever something is decided by them. Who only shows what sessions hold reads
//! the same records with [`PathText`] in their place, which costs a third for a session with thousands
//! of paths.

use std::borrow::Cow;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::base::{
    Blob, Context, Identity, ItemId, QueueName, RepoPath, SessionName, Txn, View, ViewError, txn,
};
use crate::model::records::claim::Mode;
use crate::model::records::counters::{Kind, SessionStats};
use crate::model::records::queue::{Queue, Slot};
use crate::model::records::shard::Shard;

/// How many losses a session's record remembers.
const LOST_KEPT: usize = 64;

/// Whether a session is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// It may claim.
    Active,
    /// It has given everything back.
    Ended,
}

/// What a session holds until a time, unless it renews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "P: Deserialize<'de>"))]
pub struct Lease<P = RepoPath> {
    /// The generation at which it was granted: strictly rising, never given twice.
    pub id: u64,
    /// Exclusive or shared.
    #[serde(default)]
    pub mode: Mode,
    /// When it was granted.
    pub since: Timestamp,
    /// When it was last renewed.
    pub renewed: Timestamp,
    /// How often it was renewed.
    #[serde(default)]
    pub renewals: u64,
    /// Seconds from the last renewal to its end.
    pub ttl: u64,
    /// The clone that granted or renewed it last, when a remote decides between several. Its
    /// clock is the one that the times above were read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<String>,
    /// Paths that were claimed under it by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<P>,
    /// The item that is held under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<LeasedItem<P>>,
}

/// An item in somebody's hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "P: Deserialize<'de>"))]
pub struct LeasedItem<P = RepoPath> {
    /// Which.
    pub id: ItemId,
    /// Where it stands.
    pub slot: Slot,
    /// The last verification of it under this lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Box<Verified>>,
    /// The files that are held with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<P>,
    /// Its title, cut, for whoever looks on. Old leases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Under what it is counted; old leases do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
}

/// What a check of an item came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// True when it passed.
    pub ok: bool,
    /// When it was recorded.
    pub at: Timestamp,
    /// What ran.
    pub command: String,
    /// Its exit status; `None` when a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The tree that it saw; absent where that was not noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
}

impl Lease {
    /// When it runs out.
    pub fn expires(&self) -> Timestamp {
        later(self.renewed, self.ttl)
    }

    /// When it would run out, had it been renewed then.
    pub(crate) fn expires_from(&self, then: Timestamp) -> Timestamp {
        later(then, self.ttl)
    }

    /// True when more than half of its time has passed, or its clock was set back meanwhile: nobody
    /// knows then how much has, and other clones go by clocks of their own.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now < self.renewed || now >= later(self.renewed, self.ttl / 2)
    }

    /// True when it may be taken back: its time is over by the clock of this clone, which granted
    /// it, and its session was idle for as long; or this clone has watched another's for as long.
    pub fn has_run_out(&self, context: &Context) -> bool {
        if self.clone == context.clone {
            self.expires() <= context.now && !context.at_work.contains(&(self.id, self.renewals))
        } else {
            context.stale.contains(&(self.id, self.renewals))
        }
    }

    /// Begins its time anew.
    pub(crate) fn renew(&mut self, context: &Context) {
        self.renewed = context.now;
        self.renewals += 1;
        self.clone.clone_from(&context.clone);
    }
}

impl<P> Lease<P> {
    /// All paths that it holds.
    pub fn all_paths(&self) -> impl Iterator<Item = &P> {
        self.paths.iter().chain(self.item.iter().flat_map(|i| &i.files))
    }
}

/// A path as a record has it: the text form of a [`RepoPath`], not looked into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathText<'a>(#[serde(borrow)] Cow<'a, str>);

impl fmt::Display for PathText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `at` plus some seconds, at most the end of time.
pub fn later(at: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// What a session is told when it goes on with something it no longer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The path, when a claim was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RepoPath>,
    /// The item, when an item was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// The lease under which it had been held.
    pub lease: u64,
    /// When it was taken away.
    pub at: Timestamp,
    /// Whose command took it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SessionName>,
    /// Why, in words.
    pub why: String,
}

/// How many messages a session's record keeps.
pub(crate) const MESSAGES_KEPT: usize = 32;

/// A message to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// When it was sent.
    pub at: Timestamp,
    /// The session that sent it; absent: somebody without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SessionName>,
    /// Its text.
    pub text: String,
}

/// The record of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "P: Deserialize<'de>"))]
pub struct Session<P = RepoPath> {
    /// Its name.
    pub name: SessionName,
    /// Drawn when it was started; the worktree that is bound to it knows it too.
    pub token: String,
    /// At work, or ended.
    pub state: SessionState,
    /// When it was first started.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Top folder of its worktree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// Branch of its worktree when it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The clone that it runs in, when a remote decides between several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<String>,
    /// Host on which it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Queues that it is offered work from; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueName>,
    /// Patterns of the paths that are its own to edit; empty: none in particular.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub areas: Vec<String>,
    /// The part of the items that is its own; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// True when it takes other sessions' work once there is none of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub help_others: bool,
    /// True for what a clone keeps ready, see [`crate::model::records::prefetch`]: nobody works as this session.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prefetch: bool,
    /// Items it has finished.
    #[serde(default)]
    pub done: u64,
    /// Items it has given up or given back after a failure.
    #[serde(default)]
    pub failed: u64,
    /// Further counters.
    #[serde(default, skip_serializing_if = "SessionStats::is_empty")]
    pub stats: SessionStats,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<Lease<P>>,
    /// Messages for it, oldest first. The last `MESSAGES_KEPT` are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inbox: Vec<Message>,
    /// What it has lost, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Loss>,
}

impl Session {
    /// True while a worktree is bound to it. One without a token was only assigned to.
    pub fn is_bound(&self) -> bool {
        self.state == SessionState::Active && !self.token.is_empty()
    }

    /// The lease of an item, if the session holds it.
    pub fn item_lease(&self, id: &ItemId) -> Option<&Lease> {
        self.leases.iter().find(|l| l.item.as_ref().is_some_and(|i| i.id == *id))
    }

    /// When the session holds as many items of a queue as it may: how many these are, and how many
    /// it may.
    pub fn filled(&self, queue: &Queue) -> Option<(usize, u32)> {
        let items = self.leases.iter().filter_map(|l| l.item.as_ref());
        let held = items.filter(|i| i.slot.queue == queue.name).count();
        queue.rules.max_held.filter(|most| held >= *most as usize).map(|most| (held, most))
    }

    /// That it had a shard of a split, which was made anew without it; in words.
    pub fn without_shard(&self) -> Option<String> {
        let of = self.shard.filter(|shard| shard.is_gone())?.of();
        let sessions = if of == 1 { "1 session".to_owned() } else { format!("{of} sessions") };
        Some(format!("{} has no shard any more: the split is over {sessions} now", self.name))
    }

    /// The lease of a path claimed by hand, if the session holds it.
    pub fn path_lease(&self, path: &RepoPath) -> Option<&Lease> {
        self.leases.iter().find(|l| l.paths.contains(path))
    }

    /// True when one of the session's claims lets it edit `path`.
    pub fn may_edit(&self, path: &RepoPath) -> bool {
        self.leases.iter().any(|l| l.mode == Mode::Exclusive && l.all_paths().any(|p| p.covers(path)))
    }

    /// True when the session holds this lease, and may edit `path` under it.
    pub fn holds(&self, lease: u64, path: &RepoPath) -> bool {
        self.state == SessionState::Active
            && self
                .leases
                .iter()
                .any(|l| l.id == lease && l.mode == Mode::Exclusive && l.all_paths().any(|p| p.covers(path)))
    }

    /// The last loss of a path, or of a folder above it.
    pub fn path_loss(&self, path: &RepoPath) -> Option<&Loss> {
        self.lost.iter().rev().find(|l| l.path.as_ref().is_some_and(|p| p.covers(path)))
    }

    /// The last loss of an item.
    pub fn item_loss(&self, id: &ItemId) -> Option<&Loss> {
        self.lost.iter().rev().find(|l| l.item.as_ref() == Some(id))
    }

    /// Remembers a loss, forgetting the oldest beyond what is kept.
    pub(crate) fn remember_loss(&mut self, loss: Loss) {
        self.lost.push(loss);
        let surplus = self.lost.len().saturating_sub(LOST_KEPT);
        self.lost.drain(..surplus);
    }

    /// Forgets losses of what the session holds again.
    pub(crate) fn forget_losses(&mut self, path: &RepoPath) {
        self.lost.retain(|l| l.path.as_ref() != Some(path));
    }
}

impl Identity {
    /// True when the session of that name is at work, and bound to another worktree.
    pub fn is_displaced_by(&self, record: &Session) -> bool {
        record.is_bound() && record.token != self.token
    }
}

pub(crate) fn key(name: &SessionName) -> String {
    format!("sessions/{name}.json")
}

/// Reads a session's record, or `None` when there is no such session.
///
/// # Errors
/// When the state cannot be read.
pub fn get(view: &dyn View, name: &SessionName) -> Result<Option<Session>, ViewError> {
    txn::read_json(view, &key(name))
}

/// Writes a session's record.
pub(crate) fn put(txn: &mut Txn<'_>, session: &Session) {
    txn.put_json(key(&session.name), session);
}

/// All sessions, by name.
///
/// # Errors
/// When the state cannot be read.
pub fn all(view: &dyn View) -> Result<Vec<Session>, ViewError> {
    records(view)?.sessions()
}

/// The records of all sessions, by name.
#[derive(Debug)]
pub struct Records(Vec<(String, Blob)>);

/// Reads the records of all sessions.
///
/// # Errors
/// When the state cannot be read.
pub fn records(view: &dyn View) -> Result<Records, ViewError> {
    let mut list = Vec::new();
    for entry in view.list("sessions")? {
        let key = format!("sessions/{}", entry.name);
        if let Some(blob) = view.blob(&key)? {
            list.push((key, blob));
        }
    }
    Ok(Records(list))
}

impl Records {
    /// What they say, with paths as [`RepoPath`] or as [`PathText`].
    ///
    /// # Errors
    /// When one of them is not the record of a session.
    pub fn sessions<'r, P: Deserialize<'r>>(&'r self) -> Result<Vec<Session<P>>, ViewError> {
        let parse = |(key, blob): &'r (String, Blob)| {
            serde_json::from_slice(blob).map_err(|e| ViewError::damaged(key, e))
        };
        self.0.iter().map(parse).collect()
    }
}
