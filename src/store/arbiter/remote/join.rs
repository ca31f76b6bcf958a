//! A clone and a remote that meet, and part.

use gix::ObjectId;

use crate::crash_point;
use crate::model::{Txn, header, queue, session};

use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::arbiter::remote::RemoteError;
use crate::store::arbiter::remote::WriteSession;
use crate::store::arbiter::remote::push_output::Pushed;
use crate::store::arbiter::remote::transport::{Fetched, Transport};
use crate::store::commit::write_queue::WriteQueue;
use crate::store::state::cas::{self, Swap};
use crate::store::state::write::Writer;
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
        let room = WriteQueue::new(self.path());
        let mut session = match self.begin(&guard, &room, None) {
            // A push from before the remote's state changed sideways stays unsettled. Whoever gives
            // up what this clone has gives up that push.
            Err(StoreError::Remote(
                RemoteError::Backwards { .. } | RemoteError::LeftOut { .. } | RemoteError::Foreign { .. },
            )) if discard => {
                self.forget_in_doubt()?;
                self.begin(&guard, &room, None)?
            }
            // What became of the last push to the one before, the next command finds out where the
            // state is then.
            Err(StoreError::Remote(e))
                if is_no_more(&e)
                    && RemoteArbiter::peek(self.path())?.is_some_and(|a| a.remote != remote) =>
            {
                WriteSession::begin(self)?
            }
            other => other?,
        };
        // Where the state moves away, too: what others have done there since moves with it, and one
        // that is only silent for a moment goes on deciding for them.
        if let Some(before) = session.arbiter().map(|a| a.remote.clone()) {
            match self.refresh(&mut session) {
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
        // What was pushed without an answer may arrive yet.
        let mut doubt = false;
        loop {
            let old = self.require_tip()?;
            let there = match link.fetch()? {
                // A move whose answer came too late, or that died: this clone has gone on since.
                Fetched::Tip(tip) if tip != old && !discard && self.is_ahead(old, tip)? => Some(tip),
                Fetched::Tip(tip) => return self.take_over(&link, &session, tip, discard),
                Fetched::Absent => None,
                Fetched::Unreachable(reason) => return Err(not_reached(remote, reason, doubt)),
            };
            match link.push(there, old)? {
                Pushed::Won => {
                    self.point_at(&session, remote)?;
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

    /// Makes `remote`, which has the state that this clone knows, the arbiter.
    fn point_at(&self, session: &WriteSession, remote: &str) -> Result<(), StoreError> {
        crash_point!("state at the remote");
        match session.arbiter() {
            Some(before) => before.point_at(self.path(), remote)?,
            None => RemoteArbiter::write(self.path(), remote)?,
        };
        Ok(())
    }

    fn take_over(
        &self,
        link: &Transport,
        session: &WriteSession,
        tip: ObjectId,
        discard: bool,
    ) -> Result<Joined, StoreError> {
        let old = self.require_tip()?;
        let same = self.head_of(old)?.store == self.head_of(tip)?.store;
        if same && discard {
            self.replace_state(old, tip)?;
        } else if same {
            // A clone that had left, or whose own push has just arrived.
            self.follow(link.remote(), tip)?;
            self.point_at(session, link.remote())?;
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
        cas::swap(self, Some(old), tip)?;
        durable::sync_ref(self)
    }

    /// Makes the store decide by itself again. It goes on with the last known state, as a store
    /// of its own: the remote's is never mixed up with it. False when it did so before.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn leave(&self) -> Result<bool, StoreError> {
        let guard = lock::lock(&self.lock_path())?;
        let Some(arbiter) = RemoteArbiter::read(self.path())? else { return Ok(false) };
        // The last push may have been applied; then its act is part of what this clone goes on
        // with. When that cannot be found out, it is not.
        match self.begin(&guard, &WriteQueue::new(self.path()), None) {
            Ok(_) | Err(StoreError::Remote(_)) => {}
            Err(e) => return Err(e),
        }
        let old = self.require_tip()?;
        let view = self.view_of(old)?;
        let mut txn = Txn::new(&view);
        self.stamp(&mut txn, None)?;
        let mut head = header::read(&txn)?;
        head.store = crate::store::random_hex(16);
        txn.put_json(header::KEY, &head);
        // Times of other clones are no longer watched: this clone's clock decides alone.
        for mut session in session::all(&txn)? {
            session.clone = None;
            session.leases.iter_mut().for_each(|l| l.clone = None);
            txn.put_json(format!("sessions/{}.json", session.name), &session);
        }
        let event =
            crate::model::event::Event::new(crate::clock::now(), None, crate::model::EventKind::Leave);
        txn.record(event.with("remote", &arbiter.remote));
        let (changes, events) = txn.finish();
        let mut writer = Writer::new(self);
        let commit = writer.state(&view, old, changes, &events)?;
        durable::sync_objects(self, writer.written())?;
        if cas::swap(self, Some(old), commit)? == Swap::Lost {
            return Err(StoreError::Contended { path: self.path().to_owned() });
        }
        durable::sync_ref(self)?;
        crash_point!("left the remote");
        // The arbiter goes last. A death before this leaves a store that the remote does not know
        // and that says so; doing it again completes it. The other way round, leases of other
        // clones would stay for ever.
        self.forget_in_doubt()?;
        RemoteArbiter::remove(self.path())?;
        Ok(true)
    }

    /// True when a remote decides and the last exchange with it is older than `age`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sync_is_due(&self, age: std::time::Duration) -> Result<bool, StoreError> {
        let path = self.path().join("synced");
        let at = std::fs::metadata(path).and_then(|m| m.modified()).ok();
        let recent = at.is_some_and(|at| at.elapsed().is_ok_and(|passed| passed < age));
        Ok(!recent && self.has_remote()?)
    }

    /// When anything was last pushed to a remote or fetched from it.
    pub fn last_exchange(&self) -> Option<jiff::Timestamp> {
        // A fetch that fails leaves its file empty.
        let written = |name: &str| {
            let found = std::fs::metadata(self.path().join(name)).ok().filter(|m| m.len() > 0)?;
            found.modified().ok()
        };
        // The ref is moved by each push, and by each fetch that brings something.
        let last = ["FETCH_HEAD", STATE_REF].into_iter().filter_map(written).max()?;
        jiff::Timestamp::try_from(last).ok()
    }

    /// Notes that an exchange with the remote begins.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn sync_begins(&self) -> Result<(), StoreError> {
        let path = self.path().join("synced");
        std::fs::write(&path, "").map_err(StoreError::io("note an exchange", &path))
    }

    /// Reads the remote's state, unless that was done within `age`, and no push is waiting to be
    /// settled. False when the store decides by itself, or another process has been writing for
    /// longer than `wait`.
    ///
    /// # Errors
    /// When the remote cannot be used.
    pub fn refresh_if_older(
        &self,
        age: std::time::Duration,
        wait: std::time::Duration,
    ) -> Result<bool, StoreError> {
        let head = self.path().join("FETCH_HEAD");
        if !self.has_remote()? {
            return Ok(false);
        }
        let fetched = std::fs::metadata(&head).and_then(|m| m.modified()).ok();
        let recent = fetched.is_some_and(|at| at.elapsed().is_ok_and(|passed| passed < age));
        if recent && !self.has_in_doubt_push() {
            return Ok(false);
        }
        let Some(guard) = lock::lock_within(&self.lock_path(), wait)? else { return Ok(false) };
        let mut session = self.begin(&guard, &WriteQueue::new(self.path()), None)?;
        self.refresh(&mut session)
    }
}

/// True when the remote that decides will not do so again by itself: its user has renamed or
/// removed it, or it has lost the state.
fn is_no_more(error: &RemoteError) -> bool {
    error.is_not_configured() || matches!(error, RemoteError::Vanished { .. })
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
