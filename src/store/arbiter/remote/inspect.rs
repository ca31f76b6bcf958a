//! What the remote has, compared with what this clone knows. Changes neither.

use std::path::Path;
use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::model::header::{self, StateHeader};

use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::arbiter::remote::RemoteError;
use crate::store::arbiter::remote::error::DAMAGED_HERE;
use crate::store::arbiter::remote::push_output;
use crate::store::arbiter::remote::transport::{Fetched, Transport};
use crate::store::commit::lock::{self, StoreLock};
use crate::store::{STATE_REF, Store, StoreError, StoreOptions, TempStore};

/// What is there.
#[derive(Debug)]
pub enum There {
    /// No answer. The words are git's.
    Unreachable(String),
    /// The ref does not exist.
    Absent,
    /// There is something, and it is no state that can be read.
    Unreadable {
        /// The value of the ref.
        tip: ObjectId,
        /// Why not.
        reason: String,
        /// Its generation, when at least its newest commit can be had.
        generation: Option<u64>,
    },
    /// A state; its objects are here now.
    State {
        /// The value of the ref.
        tip: ObjectId,
        /// Its head.
        head: StateHeader,
        /// Why it cannot follow what this clone knows; `None`: it does.
        fault: Option<RemoteError>,
    },
}

/// The remote beside this clone.
#[derive(Debug)]
pub struct RemoteInspection {
    /// The remote, and this clone's name there.
    pub arbiter: RemoteArbiter,
    /// The state that this clone knows, when it can be read.
    pub known: Option<StateHeader>,
    /// The remote's.
    pub there: There,
}

impl Store {
    /// Looks at the remote that decides; `None` when the store does by itself.
    ///
    /// # Errors
    /// When the store cannot be used. A remote that cannot be is no error.
    pub fn inspect_remote(&self) -> Result<Option<RemoteInspection>, StoreError> {
        let guard = lock::lock(&self.lock_path())?;
        self.inspect_under_lock(&guard)
    }

    /// The same for a caller that holds the kernel lock.
    pub(crate) fn inspect_under_lock(
        &self,
        _guard: &StoreLock,
    ) -> Result<Option<RemoteInspection>, StoreError> {
        let Some(arbiter) = RemoteArbiter::read(self.path())? else { return Ok(None) };
        let link = Transport::new(self, &arbiter.remote, Instant::now() + self.options().patience);
        let known = self.tip().ok().flatten();
        let known_head = known.and_then(|tip| self.head_of(tip).ok());
        let there = match link.fetch()? {
            Fetched::Absent => There::Absent,
            Fetched::Unreachable(reason) if push_output::names_damage(&reason) => self.prove(&link)?,
            Fetched::Unreachable(reason) => There::Unreachable(reason),
            Fetched::Tip(tip) => match self.head_of(tip) {
                Err(_) => self.prove(&link)?,
                Ok(head) => {
                    let known = known.filter(|known| known_head.is_some() && *known != tip);
                    let fault = match known.map(|known| self.follows(&arbiter.remote, known, tip)) {
                        None | Some(Ok(())) => None,
                        Some(Err(StoreError::Remote(fault))) => Some(fault),
                        Some(Err(other)) => return Err(other),
                    };
                    There::State { tip, head, fault }
                }
            },
        };
        Ok(Some(RemoteInspection { arbiter, known: known_head, there }))
    }

    /// Looks once more, from a place that has none of this clone's objects. A state counts as
    /// unreadable only when that comes to the same: a repair puts another in its place, and a server
    /// that is short of memory, or damage on this side, must not cost what others have done since.
    fn prove(&self, link: &Transport) -> Result<There, StoreError> {
        let scratch = TempStore::new(self.is_sha256())?;
        let empty = scratch.store(self.options())?;
        let fresh = link.from(&empty);
        match fresh.fetch()? {
            Fetched::Absent => Ok(There::Absent),
            Fetched::Unreachable(reason) if push_output::names_damage(&reason) => {
                let listed = fresh.list(STATE_REF)?.and_then(|(state, _)| state);
                let Some(tip) = listed.and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()) else {
                    return Ok(There::Unreachable(reason));
                };
                // Only its past may be damaged.
                let newest = fresh.fetch_newest(tip)?;
                let generation = newest.then(|| empty.head_of(tip).ok()).flatten().map(|h| h.generation);
                Ok(There::Unreadable { tip, reason, generation })
            }
            Fetched::Unreachable(reason) => Ok(There::Unreachable(reason)),
            Fetched::Tip(tip) => Ok(match empty.head_of(tip) {
                Err(e) => There::Unreadable { tip, reason: e.to_string(), generation: None },
                Ok(_) => There::Unreachable(DAMAGED_HERE.to_owned()),
            }),
        }
    }

    /// Reads the remote's state without any of this clone's objects.
    pub(crate) fn read_afresh(&self, remote: &str) -> Result<Option<(TempStore, Store)>, StoreError> {
        let common = self.path().parent().unwrap_or(self.path());
        read_from(common, self.is_sha256(), remote, self.options().patience)
    }

    fn is_sha256(&self) -> bool {
        self.objects.hash() == gix::hash::Kind::Sha256
    }
}

/// Reads the state of a remote that need not be the one that decides, without joining it: `None`
/// when it has none. `common_dir` is the git folder that knows the remote, which may also be given
/// by its URL.
///
/// # Errors
/// When the remote cannot be reached, or its state cannot be read.
pub fn read_from(
    common_dir: &Path,
    sha256: bool,
    remote: &str,
    patience: Duration,
) -> Result<Option<(TempStore, Store)>, StoreError> {
    let scratch = TempStore::new(sha256)?;
    let empty = scratch.store(StoreOptions::default())?;
    let link = Transport::between(&empty, common_dir, remote, Instant::now() + patience);
    match link.fetch()? {
        Fetched::Absent => Ok(None),
        Fetched::Unreachable(reason) => {
            Err(RemoteError::Unreachable { remote: remote.to_owned(), reason }.into())
        }
        Fetched::Tip(tip) => {
            let store = scratch.at(tip)?;
            store.read(|view| header::read(view))?;
            Ok(Some((scratch, store)))
        }
    }
}
