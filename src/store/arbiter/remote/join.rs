//! A clone and a remote that meet, and part.

use gix::ObjectId;

use crate::crash_point;
use crate::model::{queue, session};

use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::arbiter::remote::RemoteError;
use crate::store::arbiter::remote::push_output::Pushed;
use crate::store::arbiter::remote::transport::{Fetched, Transport};
use crate::store::commit::locked::LockedStore;
use crate::store::commit::session::WriteSession;
use crate::store::{STATE_REF, Store, StoreError, durable, lock};

/// What came of joining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// It was the arbiter before.
    Already,
    /// The remote had a state, which this clone has taken over.
    Took,
    /// The remote had none; this clone's state is there now.
    Gave,
    /// Both have a state, and they are different stores. Nothing was changed.
    Differs {
        /// Sessions and items of this clone, which would be lost.
        sessions: usize,
        /// See `sessions`.
        items: u64,
    },
}

impl Store {
    /// Makes `remote` the arbiter. Without a state there, this clone's is moved to it; with
    /// one, this clone takes it over, if its own is empty or `discard` is true. Several clones
    /// that do this at once agree on one state. A remote that is the arbiter so far must answer,
    /// unless it is configured no more: other clones go by it until they are told.
    ///
    /// # Errors
    /// When a remote or the store cannot be used; the arbiter is then as before.
    pub fn join(&self, remote: &str, discard: bool) -> Result<Joined, StoreError> {
        let guard = lock::lock(&self.lock_path())?;
        let mut session = match WriteSession::begin(LockedStore::under(self, &guard), None) {
            // A push from before the remote's state changed sideways stays unsettled. Whoever gives
            // up what this clone has gives up that push.
            Err(StoreError::Remote(
                RemoteError::Backwards { .. } | RemoteError::LeftOut { .. } | RemoteError::Foreign { .. },
            )) if discard => {
                let locked = LockedStore::under(self, &guard);
                locked.forget_in_doubt()?;
                WriteSession::begin(locked, None)?
            }
            // What became of the last push to the one before, the next command finds out where the
            // state is then.
            Err(StoreError::Remote(e))
                if is_no_more(&e)
                    && RemoteArbiter::peek(self.path())?.is_some_and(|a| a.remote != remote) =>
            {
                WriteSession::unresolved(LockedStore::under(self, &guard))?
            }
            other => other?,
        };
        // Where the state moves away, too: what others have done there since moves with it, and one
        // that is only silent for a moment goes on deciding for them.
        if let Some(before) = session.remote().map(|a| a.remote.clone()) {
            match session.refresh() {
                // The state there cannot follow the known one, and is wanted all the same.
                Err(StoreError::Remote(
                    RemoteError::Backwards { .. } | RemoteError::LeftOut { .. } | RemoteError::Foreign { .. },
                )) if discard => {}
                Err(StoreError::Remote(e)) if before != remote && is_no_more(&e) => {}
                Ok(_) if before != remote => {}
                other => return other.map(|_| Joined::Already),
            }
        }
        let link = Transport::new(self, remote, std::time::Instant::now() + self.options().patience);
        if let Some(reason) = link.is_written_elsewhere()? {
            return Err(RemoteError::Refused { remote: remote.to_owned(), reason }.into());
        }
        // What was pushed without an answer may arrive yet.
        let mut doubt = false;
        loop {
            let old = self.require_tip()?;
            let there = match link.fetch()? {
                // A move whose answer came too late, or that died: this clone has gone on since.
                Fetched::Tip(tip) if tip != old && !discard && self.is_ahead(old, tip)? => Some(tip),
                Fetched::Tip(tip) => return session.take_over(&link, tip, discard),
                Fetched::Absent => None,
                Fetched::Unreachable(reason) => return Err(not_reached(remote, reason, doubt)),
            };
            match link.push(there, old)? {
                Pushed::Won => {
                    read_back(&link, old)?;
                    session.point_at(remote)?;
                    return Ok(Joined::Gave);
                }
                // Another clone was first, or the answer got lost: the next look tells.
                Pushed::Rejected(reason) if link.is_over() && !doubt => {
                    return Err(RemoteError::Refused { remote: remote.to_owned(), reason }.into());
                }
                Pushed::Unknown(_) => doubt = true,
                Pushed::Rejected(_) => {}
                Pushed::Unreachable(reason) => return Err(not_reached(remote, reason, doubt)),
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

impl WriteSession<'_> {
    /// Makes `remote`, which has the state that this clone knows, the arbiter.
    fn point_at(&self, remote: &str) -> Result<(), StoreError> {
        crash_point!("state at the remote");
        match self.remote() {
            Some(before) => before.point_at(self.path(), remote)?,
            None => RemoteArbiter::write(self.path(), remote)?,
        };
        Ok(())
    }

    fn take_over(&self, link: &Transport, tip: ObjectId, discard: bool) -> Result<Joined, StoreError> {
        let old = self.require_tip()?;
        let same = self.head_of(old)?.store == self.head_of(tip)?.store;
        if same && discard {
            self.replace_state(old, tip)?;
        } else if same {
            // A clone that had left, or whose own push has just arrived.
            self.follow(link.remote(), tip)?;
            self.point_at(link.remote())?;
            return Ok(Joined::Took);
        } else {
            let view = self.view_of(old)?;
            let sessions = session::all(&view)?.len();
            let items = queue::all(&view)?.iter().map(|q| q.counts.total()).sum();
            if (sessions > 0 || items > 0) && !discard {
                return Ok(Joined::Differs { sessions, items });
            }
            self.replace_state(old, tip)?;
        }
        crash_point!("state taken over");
        RemoteArbiter::write(self.path(), link.remote())?;
        Ok(Joined::Took)
    }

    /// Takes a state that does not come from the known one. What was noted about that one goes
    /// first: numbers of leases begin anew, and a lease that was watched for long would seem to be
    /// one that was granted a moment ago.
    fn replace_state(&self, old: ObjectId, tip: ObjectId) -> Result<(), StoreError> {
        crate::store::arbiter::remote::lease_observer::forget(self)?;
        self.forget_hints()?;
        self.swap(old, tip)?;
        durable::sync_ref(self)
    }
}

/// True when the remote that decides will not do so again by itself: its user has renamed or
/// removed it, or it has lost the state.
fn is_no_more(error: &RemoteError) -> bool {
    error.is_not_configured() || matches!(error, RemoteError::Vanished { .. })
}

/// Sees that what was pushed can be fetched. Where it cannot, because the ref is hidden or the server
/// gives out another repository than it takes pushes for, each clone would decide by itself.
fn read_back(link: &Transport, pushed: ObjectId) -> Result<(), StoreError> {
    let reason = match link.fetch()? {
        // Another clone may have gone on already.
        Fetched::Tip(_) => return Ok(()),
        Fetched::Absent => "it takes refs/coord/state and does not show it (a hidden ref?)".to_owned(),
        Fetched::Unreachable(reason) => reason,
    };
    // What is of no use there is not to stay there.
    let _ = link.push_ref(STATE_REF, Some(pushed), None);
    Err(RemoteError::Refused { remote: link.remote().to_owned(), reason }.into())
}

/// The error when there is no answer. `doubt`: something was sent before.
fn not_reached(remote: &str, reason: String, doubt: bool) -> StoreError {
    let remote = remote.to_owned();
    let error = if doubt {
        RemoteError::Unknown { remote, reason }
    } else {
        RemoteError::Unreachable { remote, reason }
    };
    error.into()
}
