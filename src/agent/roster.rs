//! Which agents are at work as a session, and which files each of them was given.
//!
//! A session is one for everybody else, and the agents in its worktree share what it holds; but two
//! sub-agents that run side by side must not edit the same file. This is a matter of one worktree, so it is
//! kept in a file beside the state, `agents/<session>.json`, under a kernel lock of its own. When it is lost,
//! nothing but this distinction is.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{RepoPath, SessionName};
use crate::store::Store;

/// Folder of these files in the store.
pub const DIR: &str = "agents";

/// How long an agent counts as at work after its last call.
const ALIVE_SECONDS: i64 = 600;

/// How long a hook waits for another one of the same session.
const PATIENCE: Duration = Duration::from_millis(200);

/// One agent or sub-agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its program.
    pub program: String,
    /// When it was last heard of.
    pub seen: Timestamp,
    /// When its shell command began that has not ended yet, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Timestamp>,
}

/// A file that was claimed because an agent was about to edit it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Whose, by its key.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// By conversation, or conversation and sub-agent: `1234/a7`.
    pub agents: BTreeMap<String, Agent>,
    /// By path.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// Paths that were refused because others held them: the session is notified when they are free.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wanted: BTreeMap<RepoPath, Timestamp>,
    /// Losses and messages up to then have been shown to the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_until: Option<Timestamp>,
}

impl Roster {
    /// Notes that an agent is at work.
    pub fn see(&mut self, key: &str, program: &str, now: Timestamp) -> &mut Agent {
        let agent = self.agents.entry(key.to_owned()).or_insert_with(|| Agent {
            program: program.to_owned(),
            seen: now,
            command: None,
        });
        agent.seen = now;
        agent
    }

    /// Agents that are at work, apart from those of this conversation.
    pub fn others(&self, key: &str, now: Timestamp) -> impl Iterator<Item = (&String, &Agent)> {
        let own = conversation(key).to_owned();
        self.agents.iter().filter(move |(other, agent)| conversation(other) != own && is_alive(agent, now))
    }

    /// The sub-agent beside this one that was given a path, or one above or below it, and is at work.
    pub fn rival(&self, key: &str, path: &RepoPath, now: Timestamp) -> Option<&str> {
        let own = sub_agent(key)?;
        let rival = |by: &str| {
            let beside =
                conversation(by) == conversation(key) && sub_agent(by).is_some_and(|other| other != own);
            beside && self.agents.get(by).is_some_and(|agent| is_alive(agent, now))
        };
        let found = self.edits.iter().find(|(edited, edit)| edited.overlaps(path) && rival(&edit.by));
        found.and_then(|(_, edit)| sub_agent(&edit.by))
    }
}

fn is_alive(agent: &Agent, now: Timestamp) -> bool {
    now.duration_since(agent.seen).as_secs() < ALIVE_SECONDS
}

fn conversation(key: &str) -> &str {
    key.split_once('/').map_or(key, |(conversation, _)| conversation)
}

fn sub_agent(key: &str) -> Option<&str> {
    key.split_once('/').map(|(_, agent)| agent)
}

fn file(store: &Store, session: &SessionName, end: &str) -> PathBuf {
    store.path().join(DIR).join(format!("{session}.{end}"))
}

/// Reads the roster of a session; an empty one when there is none, or it cannot be understood.
pub fn read(store: &Store, session: &SessionName) -> Roster {
    let bytes = fs::read(file(store, session, "json")).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Changes the roster of a session, alone. Returns what `change` does.
///
/// # Errors
/// When its folder cannot be written, or another process keeps the lock.
pub fn update<T>(
    store: &Store,
    session: &SessionName,
    change: impl FnOnce(&mut Roster) -> T,
) -> io::Result<T> {
    let _alone = lock(store, session)?;
    let mut roster = read(store, session);
    let before = roster.clone();
    let result = change(&mut roster);
    if roster != before {
        let mut new = tempfile::NamedTempFile::new_in(store.path().join(DIR))?;
        new.write_all(&serde_json::to_vec(&roster)?)?;
        new.persist(file(store, session, "json")).map_err(|e| e.error)?;
    }
    Ok(result)
}

fn lock(store: &Store, session: &SessionName) -> io::Result<File> {
    let path = file(store, session, "lock");
    let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open().or_else(|_| {
        fs::create_dir_all(store.path().join(DIR))?;
        open()
    })?;
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_micros(500));
            }
            Err(e) => return Err(e.into()),
        }
    }
}
