//! A clone that parts from its remote.

use crate::clock;
use crate::crash_point;
use crate::model::event::Event;
use crate::model::{EventKind, Txn, header, session};
use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::commit::lock;
use crate::store::commit::locked::LockedStore;
use crate::store::commit::session::{WriteSession, stamp};
use crate::store::state::cas::Swap;
use crate::store::state::durable;
use crate::store::state::write::Writer;
use crate::store::{Store, StoreError, convert, random_hex};

impl Store {
    /// Makes the store decide by itself again. It goes on with the last known state, as a store
    /// of its own: the remote's is never mixed up with it. False when it did so before.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn leave(&self) -> Result<bool, StoreError> {
        let guard = lock::lock(&self.lock_path())?;
        let locked = LockedStore::under(self, &guard);
        let Some(arbiter) = RemoteArbiter::read(self.path())? else { return Ok(false) };
        // The last push may have been applied; then its act is part of what this clone goes on
        // with. When that cannot be found out, it is not.
        match WriteSession::begin(LockedStore::under(self, &guard), None) {
            Ok(_) | Err(StoreError::Remote(_)) => {}
            Err(e) => return Err(e),
        }
        let old = self.require_tip()?;
        let view = self.view_of(old)?;
        let mut txn = Txn::new(&view);
        convert::state(&mut txn)?;
        stamp(&mut txn, None)?;
        let mut head = header::read(&txn)?;
        head.store = random_hex(16);
        txn.put_json(header::KEY, &head);
        // Times of other clones are no longer watched: this clone's clock decides alone.
        for mut session in session::all(&txn)? {
            session.clone = None;
            session.leases.iter_mut().for_each(|l| l.clone = None);
            txn.put_json(format!("sessions/{}.json", session.name), &session);
        }
        let event = Event::new(clock::now(), None, EventKind::Leave);
        txn.record(event.with("remote", &arbiter.remote));
        let (changes, events) = txn.finish();
        let mut writer = Writer::new(self);
        let commit = writer.state(&view, old, changes, &events)?;
        durable::sync_objects(self, writer.written())?;
        if locked.swap(old, commit)? == Swap::Lost {
            return Err(StoreError::Contended { path: self.path().to_owned() });
        }
        durable::sync_ref(self)?;
        crash_point!("left the remote");
        // The arbiter goes last. A death before this leaves a store that the remote does not know
        // and that says so; doing it again completes it. The other way round, leases of other
        // clones would stay for ever.
        locked.forget_in_doubt()?;
        RemoteArbiter::remove(self.path())?;
        Ok(true)
    }
}
