//! How new the state is that an answer is made from, and whether the session that asks is alive.

use std::time::Duration;

use crate::model::op::RenewWhat;
use crate::model::session::{self, Session, SessionState};
use crate::model::{Op, Outcome, SessionName, header};
use crate::store::StoreError;
use crate::store::remote::RemoteError;

use super::{Client, ClientError, ClientResult, Notice};

/// How long a command that only shows something waits for the remote.
const SHOW_WAIT: Duration = Duration::from_secs(2);

impl Client {
    /// `None` for what failed because the remote could not be reached, which becomes a notice.
    ///
    /// # Errors
    /// All others.
    pub fn unless_away<T>(&self, result: Result<T, StoreError>, stale: bool) -> ClientResult<Option<T>> {
        match result {
            Err(StoreError::Remote(e @ (RemoteError::Unreachable { .. } | RemoteError::Unknown { .. }))) => {
                let not_configured = e.is_not_configured();
                self.notify(&Notice::RemoteAway { reason: e.to_string(), not_configured, stale });
                Ok(None)
            }
            other => Ok(Some(other?)),
        }
    }

    /// Brings the state up to the remote's, unless that was done within `age`: for use cases that
    /// show the state or judge by it. False when the remote cannot be reached: the last known state
    /// counts then.
    ///
    /// # Errors
    /// When the remote's state cannot follow the known one, or from the store.
    pub fn refresh(&self, age: Duration, wait: Duration) -> ClientResult<bool> {
        let brought = self.unless_away(self.store.refresh_if_older(age, wait), true)?;
        if brought == Some(true) {
            // A clone that only reads would otherwise keep all that it has ever fetched.
            self.upkeep_if_wanted();
        }
        Ok(brought.is_some())
    }

    /// The same for what is only shown: as old as `coord.refresh` allows, and without a long wait.
    ///
    /// # Errors
    /// As [`Client::refresh`].
    pub fn refresh_if_shown(&self) -> ClientResult<bool> {
        self.refresh(Duration::from_secs(self.place.settings.refresh), SHOW_WAIT)
    }

    /// The same for a judgement that has to be up to date.
    ///
    /// # Errors
    /// As [`Client::refresh`].
    pub fn refresh_now(&self) -> ClientResult<bool> {
        self.refresh(Duration::ZERO, self.store_options().patience)
    }

    /// The record of a session, unless this worktree is bound to what another one of that name was.
    ///
    /// # Errors
    /// [`ClientError::Refused`] then, and from the store.
    pub fn record_of(&self, name: &SessionName) -> ClientResult<Option<Session>> {
        let record = self.store.read(|view| session::get(view, name))?;
        match (record, self.place.identity()?) {
            (Some(record), Some(identity))
                if identity.session == *name && identity.is_displaced_by(&record) =>
            {
                let Session { worktree, host, .. } = record;
                Err(ClientError::refused(Outcome::Displaced { session: name.clone(), worktree, host }))
            }
            (record, _) => Ok(record),
        }
    }

    /// Reads the record of a session that must be at work, records that it is alive, and renews what is
    /// past half of its time: for use cases that only read.
    ///
    /// # Errors
    /// When there is no such session, or the store cannot be read.
    pub fn alive(&self, name: &SessionName) -> ClientResult<Session> {
        let found = self.record_of(name)?;
        let Some(record) = found.filter(|s| s.state == SessionState::Active) else {
            return Err(ClientError::unknown("session", name));
        };
        self.store.touch_session(name);
        let now = crate::clock::now();
        if !record.leases.iter().any(|l| l.is_due(now)) {
            return Ok(record);
        }
        let op = Op::Renew { session: name.clone(), what: RenewWhat::Due, ttl: None };
        match self.submit(&op, None) {
            // A lease is valid until it expires, which is known here without asking.
            Err(e) if e.is_remote_away() && record.leases.iter().all(|l| l.expires() > now) => Ok(record),
            Err(e) => Err(e),
            Ok(_) => Ok(self.store.read(|view| session::get(view, name))?.unwrap_or(record)),
        }
    }

    /// Takes back what has expired, if anything has: for use cases that only read. False when the
    /// remote could not be asked, and the state may be old.
    ///
    /// # Errors
    /// From the store.
    pub fn sweep(&self) -> ClientResult<bool> {
        let reached = self.refresh_if_shown()?;
        if self.place.offline || self.store.arbiter()?.is_some() {
            // With a remote, taking back is a push: left to those who have something to push.
            return Ok(reached);
        }
        let at = self.store.read(|view| header::read(view))?.sweep_at;
        if at.is_some_and(|at| at <= crate::clock::now()) {
            // What the present session holds has not expired: its command shows that it is alive.
            if let Some(name) = self.session_if_any().ok().flatten() {
                let _ = self.alive(&name);
            }
            self.submit(&Op::Sweep, None)?;
        }
        Ok(true)
    }

    /// The session of the worktree for a judgement; `None` when it has none. A session that has ended
    /// may not go on.
    ///
    /// # Errors
    /// When it has ended or is unknown, or from the store.
    pub fn session_at_work(&self) -> ClientResult<Option<Session>> {
        // What is committed in the main worktree is the user's, even while an agent is at work there.
        let Some(name) = self.session_if_any()?.filter(|_| !self.place.is_shared_with_agent()) else {
            return Ok(None);
        };
        match self.record_of(&name)? {
            Some(record) if record.state == SessionState::Active => Ok(Some(record)),
            Some(_) => Err(ClientError::Ended(name)),
            None => Err(ClientError::unknown("session", name)),
        }
    }
}
