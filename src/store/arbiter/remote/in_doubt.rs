//! Pushes of which it is not known whether they were applied.
//!
//! The file `push.in-doubt` is written before a push and removed when its outcome is known. It
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

use gix::ObjectId;
use serde::{Deserialize, Serialize};

use crate::crash_point;
use crate::store::arbiter::Change;
use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::commit::locked::LockedStore;
use crate::store::{Store, StoreError, side_files};

const FILE: &str = "push.in-doubt";

/// The content of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pending {
    /// The commit that was pushed.
    commit: String,
    /// What the ref was expected to be.
    old: String,
    /// The nonce of the commit.
    nonce: String,
    /// The name of this clone at that time: a folder that turns out to be a copy, or whose machine
    /// was renamed, gets another one. Older notes do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clone: Option<String>,
    /// True when it takes items out of this clone's pool: until it is settled, nothing is handed
    /// out of that, because its process may be dead and the lock of the pool free.
    #[serde(default)]
    evicts: bool,
}

/// A push that was sent, or is about to be.
pub(super) struct Sent {
    /// What the ref was expected to be.
    pub old: ObjectId,
    /// The commit.
    pub new: ObjectId,
    /// The nonce of the commit.
    pub nonce: String,
    /// See [`Pending::clone`].
    pub clone: Option<String>,
}

impl Pending {
    fn parse(self) -> Option<Sent> {
        let id = |text: &str| ObjectId::from_hex(text.as_bytes()).ok();
        Some(Sent { old: id(&self.old)?, new: id(&self.commit)?, nonce: self.nonce, clone: self.clone })
    }
}

impl LockedStore<'_> {
    /// Notes that a change is about to be pushed.
    pub(super) fn note_push(&self, arbiter: &RemoteArbiter, change: Change) -> Result<Sent, StoreError> {
        let nonce = self.head_of(change.new)?.nonce;
        let clone = Some(arbiter.clone.clone());
        let pending = Pending {
            commit: change.new.to_string(),
            old: change.old.to_string(),
            nonce: nonce.clone(),
            clone: clone.clone(),
            evicts: change.evicts,
        };
        let path = self.path().join(FILE);
        fs::write(&path, crate::model::to_json(&pending)).map_err(StoreError::io("note a push", &path))?;
        crash_point!("push noted");
        Ok(Sent { old: change.old, new: change.new, nonce, clone })
    }

    /// The push that a process before this one has left, if there is one. A note that is cut off is
    /// none: its process died before it began to push.
    pub(super) fn push_in_doubt(&self) -> Result<Option<Sent>, StoreError> {
        let path = self.path().join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io("read a noted push", &path)(e)),
        };
        let sent = serde_json::from_slice::<Pending>(&bytes).ok().and_then(Pending::parse);
        if sent.is_none() {
            self.forget_in_doubt()?;
        }
        Ok(sent)
    }

    /// Forgets the push: its outcome is known.
    pub(in crate::store) fn forget_in_doubt(&self) -> Result<(), StoreError> {
        side_files::remove("forget a push", &self.path().join(FILE))
    }
}

impl Store {
    /// True when it is not known what became of a push, or one is under way.
    pub(crate) fn has_in_doubt_push(&self) -> bool {
        self.path().join(FILE).exists()
    }

    /// True when a push that is under way, or in doubt, takes prefetched items away.
    pub(in crate::store) fn may_evict(&self) -> Result<bool, StoreError> {
        let path = self.path().join(FILE);
        match fs::read(&path) {
            // Half a note, or one that cannot be read: nobody knows what it is of.
            Ok(bytes) => Ok(serde_json::from_slice::<Pending>(&bytes).map_or(true, |p| p.evicts)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(StoreError::io("read a noted push", &path)(e)),
        }
    }
}
