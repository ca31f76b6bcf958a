//! Pushes of which it is not known whether they were applied.
//!
//! The file `push.pending` is written before a push and removed when its outcome is known. It
//! stays when the answer got lost, or when the process died. Before anything else is done, the
//! remote is asked: every state names, for each clone, the nonce of the last commit that this
//! clone brought in (`clones/<clone>.json`), which tells also after others have gone on and the
//! history was cut.
//!
//! A push that was not applied may still be on its way, and be applied later. So it is *fenced*:
//! an empty act is pushed onto the same state, and as soon as that has won, or anything else has
//! moved the ref, the old push's comparison fails for ever.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use gix::ObjectId;
use serde::{Deserialize, Serialize};

use crate::crash_point;
use crate::model::{Changes, Txn, clone};

use super::super::authority::Authority;
use super::super::cas::{self, Swap};
use super::super::write::Writer;
use super::super::{Store, StoreError, durable};
use super::link::{Fetched, Link};
use super::report::Pushed;
use super::{RemoteError, Turn};

const FILE: &str = "push.pending";

/// The content of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The commit that was pushed.
    commit: String,
    /// What the ref was expected to be.
    old: String,
    /// The nonce of the commit.
    nonce: String,
}

/// True when `hex` names this object.
fn is(id: ObjectId, hex: &str) -> bool {
    ObjectId::from_hex(hex.as_bytes()).is_ok_and(|found| found == id)
}

impl Store {
    /// Notes that `commit` is about to be pushed.
    pub(super) fn note_push(&self, old: ObjectId, commit: ObjectId) -> Result<Pending, StoreError> {
        let nonce = self.head_of(commit)?.nonce;
        let pending = Pending { commit: commit.to_string(), old: old.to_string(), nonce };
        let path = self.path().join(FILE);
        fs::write(&path, crate::model::to_json(&pending)).map_err(StoreError::io("note a push", &path))?;
        crash_point!("push noted");
        Ok(pending)
    }

    /// Forgets the push: its outcome is known.
    pub(super) fn forget_push(&self) -> Result<(), StoreError> {
        let path = self.path().join(FILE);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::io("forget a push", &path)(e)),
            _ => Ok(()),
        }
    }

    /// Finds out what became of a push that a process before us has left. Does nothing when there
    /// is none. The caller holds the kernel lock.
    ///
    /// # Errors
    /// [`RemoteError::Unreachable`] when it cannot be found out now.
    pub(in super::super) fn settle_push(&self, turn: &mut Turn) -> Result<(), StoreError> {
        let path = self.path().join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(StoreError::io("read a noted push", &path)(e)),
        };
        let Some(authority) = turn.authority().cloned() else { return self.forget_push() };
        // Half a note: the process died before it began to push.
        let Ok(pending) = serde_json::from_slice::<Pending>(&bytes) else { return self.forget_push() };
        let link = turn.link(self, &authority);
        match self.settle(&authority, &link, &pending) {
            Ok(_) => self.forget_push(),
            // The present act has not been sent; only that earlier one is in doubt.
            Err(StoreError::Remote(RemoteError::Unknown { remote, reason })) => {
                Err(RemoteError::Unreachable { remote, reason }.into())
            }
            Err(other) => Err(other),
        }
    }

    /// Finds out whether a push was applied, and sees to it that it will not be later. The local
    /// ref then equals the remote's.
    pub(super) fn settle(
        &self,
        authority: &Authority,
        link: &Link,
        pending: &Pending,
    ) -> Result<Swap, StoreError> {
        let mut pause = Duration::from_millis(50);
        loop {
            let reason = match link.fetch()? {
                Fetched::Tip(tip) => {
                    self.adopt(link.remote(), tip)?;
                    if self.is_applied(authority, pending, tip)? {
                        return Ok(Swap::Won);
                    }
                    if !is(tip, &pending.old) {
                        return Ok(Swap::Lost);
                    }
                    match self.fence(authority, link, tip)? {
                        Some(swap) => return Ok(swap),
                        None => "the remote answers, and takes nothing".to_owned(),
                    }
                }
                Fetched::Absent => return Err(self.vanished(link)?),
                Fetched::Unreachable(reason) => reason,
            };
            if link.is_over() {
                return Err(RemoteError::Unknown { remote: link.remote().to_owned(), reason }.into());
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// The error for a remote that has lost the ref.
    pub(super) fn vanished(&self, link: &Link) -> Result<StoreError, StoreError> {
        let known = self.head_of(self.require_tip()?)?.generation;
        Ok(RemoteError::Vanished { remote: link.remote().to_owned(), known }.into())
    }

    fn is_applied(
        &self,
        authority: &Authority,
        pending: &Pending,
        tip: ObjectId,
    ) -> Result<bool, StoreError> {
        if is(tip, &pending.commit) {
            return Ok(true);
        }
        let record = clone::get(&self.view_of(tip)?, &authority.clone)?;
        Ok(record.is_some_and(|r| r.nonce == pending.nonce))
    }

    /// Pushes an empty act onto `tip`. `Some(Lost)` when it has won: the push before it never
    /// will. `None`: try again.
    fn fence(&self, authority: &Authority, link: &Link, tip: ObjectId) -> Result<Option<Swap>, StoreError> {
        let view = self.view_of(tip)?;
        let mut txn = Txn::new(&view);
        self.stamp(&mut txn, Some(authority))?;
        let (changes, events): (Changes, _) = txn.finish();
        let mut writer = Writer::new(self);
        let fence = writer.state(&view, tip, changes, &events)?;
        durable::sync_objects(self, writer.written())?;
        crash_point!("before a fence");
        match link.push(Some(tip), fence)? {
            Pushed::Won => {
                cas::swap(self, Some(tip), fence)?;
                durable::sync_ref(self)?;
                Ok(Some(Swap::Lost))
            }
            Pushed::Rejected(_) | Pushed::Unreachable(_) | Pushed::Unknown(_) => Ok(None),
        }
    }
}
