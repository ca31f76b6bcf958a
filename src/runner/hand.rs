//! The item in hand of a session that works in the user's own worktree.
//!
//! The sessions of the pool are ended with their run, and what a killed run held goes back when
//! its slot is taken again. A session of the user goes on: its commands renew its leases, also
//! that of an item on which a killed `work` was. So a file names that item; the next `work` of
//! the session, which alone can have its lock, gives it back.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::op::Finish;
use crate::model::session;
use crate::model::{ItemId, Op, SessionName};
use crate::store::Store;

use super::RunnerError;

#[derive(Debug, Serialize, Deserialize)]
struct Held {
    item: ItemId,
    lease: u64,
}

/// The file of a session.
#[derive(Debug)]
pub(super) struct Hand {
    path: PathBuf,
}

impl Hand {
    pub(super) fn of(store: &Store, session: &SessionName) -> Self {
        Hand { path: store.run_dir().join(format!("{session}.hand")) }
    }

    /// Notes what is in hand.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn take(&self, item: &ItemId, lease: u64) -> Result<(), RunnerError> {
        let bytes = crate::model::to_json(&Held { item: item.clone(), lease });
        std::fs::write(&self.path, bytes).map_err(RunnerError::io("write", &self.path))
    }

    /// Nothing is in hand any more.
    pub(super) fn empty(&self) {
        // A file that stays names a lease that is over, and is of no effect.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Gives back what a dead process of this session had in hand.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn give_back(&self, store: &Store, name: &SessionName) -> Result<(), RunnerError> {
        let held = std::fs::read(&self.path).ok();
        // Half written: it died before it had started a command; the lease runs out.
        let held: Option<Held> = held.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(held) = held else { return Ok(()) };
        let record = store.read(|view| session::get(view, name))?;
        if record.and_then(|r| Some(r.item_lease(&held.item)?.id)) == Some(held.lease) {
            let op = Op::Finish { session: name.clone(), items: vec![held.item], how: Finish::Drop };
            store.submit(&op, None)?;
        }
        self.empty();
        Ok(())
    }
}
