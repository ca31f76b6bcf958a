//! The item in hand of a session, in a file: for whoever comes after a run that was killed.
//!
//! In the user's own worktree the session goes on: its commands renew its leases, also that of an
//! item on which a killed `work` was. The next `work` of the session, which alone can have its lock,
//! gives it back.
//!
//! The sessions of the pool are ended with their run, and what a killed run held goes back when its
//! slot is taken again. What its attempt has committed by then counts only if it had finished the
//! item; so the file also tells where the branch stood before.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::op::Finish;
use crate::model::outcome::Taken;
use crate::model::session;
use crate::model::{ItemId, ItemState, Op, SessionName};
use crate::store::Store;

use super::RunnerError;
use super::ownership::left_by;
use super::slot_worktree::SlotWorktree;

#[derive(Debug, Serialize, Deserialize)]
struct Held {
    item: ItemId,
    lease: u64,
    /// Where the slot's branch stood before; `None` outside the pool.
    #[serde(default)]
    before: Option<String>,
}

/// The file of a session.
#[derive(Debug)]
pub(super) struct InFlight {
    path: PathBuf,
}

impl InFlight {
    pub(super) fn of(store: &Store, session: &SessionName) -> Self {
        InFlight { path: store.run_dir().join(format!("{session}.inflight")) }
    }

    /// Records the item in flight.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn record(&self, taken: &Taken, before: Option<&str>) -> Result<(), RunnerError> {
        let before = before.map(str::to_owned);
        let bytes = crate::model::to_json(&Held { item: taken.item.id.clone(), lease: taken.lease, before });
        std::fs::write(&self.path, bytes).map_err(RunnerError::io("write", &self.path))
    }

    /// Forgets the item.
    pub(super) fn clear(&self) {
        // A file that stays names a lease that is over, and is of no effect.
        let _ = std::fs::remove_file(&self.path);
    }

    /// True when a run that died may have left something to settle.
    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    fn read(&self) -> Option<Held> {
        // Half written: it died before it had started a command; the lease runs out.
        std::fs::read(&self.path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    /// Brings the branch of a slot to where it belongs after a run that died with an item in hand:
    /// forward if the item is done, otherwise back to where it stood before. Only after the arbiter
    /// has been asked for something: what this clone knew until then may be older than the end of
    /// the attempt.
    ///
    /// # Errors
    /// When the store cannot be read, or git fails.
    pub(super) fn settle(
        &self,
        store: &Store,
        name: &SessionName,
        tree: &SlotWorktree<'_>,
    ) -> Result<(), RunnerError> {
        if let Some(Held { item, lease, before: Some(before) }) = self.read() {
            if left_by(store, name, &item, lease)?.is_some_and(|left| left.state == ItemState::Done) {
                tree.keep(&before)?;
            } else if tree.has(&before)? {
                tree.go_back(&before)?;
            }
        }
        self.clear();
        Ok(())
    }

    /// Counts the attempt of a run that died as failed: its command may have killed the run, and would
    /// do so for ever.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn fail(&self, store: &Store, name: &SessionName) -> Result<(), RunnerError> {
        let reason = "the run was killed while its command ran".to_owned();
        self.finish(store, name, Finish::Fail { reason, last: false })
    }

    /// Gives back an item untouched.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn give_back(&self, store: &Store, name: &SessionName) -> Result<(), RunnerError> {
        self.finish(store, name, Finish::Drop)?;
        self.clear();
        Ok(())
    }

    /// Ends an attempt that this session holds still. The file stays: the branch may be unsettled.
    fn finish(&self, store: &Store, name: &SessionName, how: Finish) -> Result<(), RunnerError> {
        let Some(held) = self.read() else { return Ok(()) };
        let record = store.read(|view| session::get(view, name))?;
        if record.and_then(|r| Some(r.item_lease(&held.item)?.id)) == Some(held.lease) {
            let (items, lease) = (vec![held.item], Some(held.lease));
            let op = Op::Finish { session: name.clone(), items, how, lease };
            store.submit(&op, None)?;
        }
        Ok(())
    }
}
