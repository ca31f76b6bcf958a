//! Putting a remote's state back from a clone, and a clone's from the remote.
//!
//! A state that is put back is a new commit on the one that this clone knows, and takes the place
//! of exactly the value that was looked at. Numbering goes on far beyond, because other clones may
//! have known states that are lost by this, and no lease's number may be given twice. The head
//! keeps what was left out: a clone that knew a state in between finds out however long ago it
//! was, and can put its own back instead.

use std::time::Instant;

use gix::ObjectId;

use crate::clock;
use crate::git::Git;
use crate::model::Txn;
use crate::model::event::Event;
use crate::model::header::{self, Restored};

use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::arbiter::remote::RemoteError;
use crate::store::arbiter::remote::follow::judged;
use crate::store::arbiter::remote::inspect::{RemoteInspection, There};
use crate::store::arbiter::remote::protocol::Succession;
use crate::store::arbiter::remote::push_output::Pushed;
use crate::store::arbiter::remote::transport::Transport;
use crate::store::commit::lock::StoreLock;
use crate::store::commit::locked::LockedStore;
use crate::store::commit::session::stamp;
use crate::store::state::cas::Swap;
use crate::store::state::write::{Writer, message};
use crate::store::{Store, StoreError, convert, durable, upkeep};

/// What came of fetching a clone's state anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refetched {
    /// The clone has the remote's state, whole.
    Done,
    /// No remote decides.
    Alone,
    /// The remote has no state.
    Absent,
    /// Somebody else has moved the local ref.
    Lost,
}

impl Store {
    /// Puts this clone's state in place of what `look` has found on the remote. Returns the
    /// generation with which it goes on.
    ///
    /// # Errors
    /// When the remote has changed since, or does not accept it.
    pub(crate) fn restore_remote(
        &self,
        guard: &StoreLock,
        look: &RemoteInspection,
    ) -> Result<u64, StoreError> {
        let (expected, found) = match &look.there {
            There::Unreachable(reason) => {
                let remote = look.arbiter.remote.clone();
                return Err(RemoteError::Unreachable { remote, reason: reason.clone() }.into());
            }
            There::Absent => (None, 0),
            There::Unreadable { tip, generation, .. } => (Some(*tip), generation.unwrap_or(0)),
            There::State { tip, head, .. } => (Some(*tip), head.generation),
        };
        let locked = LockedStore::under(self, guard);
        // Nothing follows a number at the end of all numbers.
        let found = if found > header::MOST_GENERATIONS { 0 } else { found };
        let known = self.require_tip()?;
        let (commit, generation) = self.write_restored(&look.arbiter, known, expected, found)?;
        let link = Transport::new(self, &look.arbiter.remote, Instant::now() + self.options().patience);
        let remote = look.arbiter.remote.clone();
        match link.push(expected, commit)? {
            Pushed::Won => {
                look.arbiter.note_brought(self.path(), &self.head_of(commit)?.nonce)?;
                // A push from before can never be applied any more: its comparison fails.
                locked.forget_in_doubt()?;
                if locked.swap(known, commit)? == Swap::Lost {
                    return Err(StoreError::Contended { path: self.path().to_owned() });
                }
                durable::sync_ref(self)?;
                Ok(generation)
            }
            Pushed::Rejected(reason) => Err(RemoteError::Refused { remote, reason }.into()),
            Pushed::Unreachable(reason) => Err(RemoteError::Unreachable { remote, reason }.into()),
            Pushed::Unknown(reason) => Err(RemoteError::Unknown { remote, reason }.into()),
        }
    }

    /// Writes the commit of a state that is put back. `found` is the generation that is there.
    fn write_restored(
        &self,
        arbiter: &RemoteArbiter,
        known: ObjectId,
        expected: Option<ObjectId>,
        found: u64,
    ) -> Result<(ObjectId, u64), StoreError> {
        let view = self.view_of(known)?;
        self.is_outdated(&view)?;
        let mut txn = Txn::new(&view);
        convert::state(&mut txn)?;
        let mut head = header::read(&txn)?;
        let from = head.generation;
        head.generation = from.max(found) + header::UNKNOWN_NUMBERS;
        head.restored.push(Restored { from, to: head.generation });
        let generation = head.generation;
        txn.put_json(header::KEY, &head);
        stamp(&mut txn, Some(arbiter))?;
        let event =
            Event::new(clock::now(), None, crate::model::EventKind::Restored).with("remote", &arbiter.remote);
        txn.record(event.with("from", from).with("to", generation));
        let (changes, events) = txn.finish();
        let mut writer = Writer::new(self);
        let tree = writer.tree(&view, &changes)?;
        let mut text = message(&events);
        if let Some(old) = expected {
            text.push_str(&upkeep::replaces(old));
        }
        let commit = writer.commit(tree, Some(known), text, clock::now())?;
        durable::sync_objects(self, writer.written())?;
        Ok((commit, generation))
    }

    /// Takes over the remote's state, which follows what this clone knows.
    pub(crate) fn follow_found(&self, guard: &StoreLock, look: &RemoteInspection) -> Result<(), StoreError> {
        match &look.there {
            There::State { tip, .. } => LockedStore::under(self, guard).follow(&look.arbiter.remote, *tip),
            _ => Ok(()),
        }
    }

    /// Fetches the whole state anew and makes it this clone's, whose own is damaged: `old` is what
    /// its ref holds. What the remote has is compared with as much of the own state as can be read.
    pub(crate) fn refetch(&self, guard: &StoreLock, old: Option<ObjectId>) -> Result<Refetched, StoreError> {
        let locked = LockedStore::under(self, guard);
        let Some(arbiter) = RemoteArbiter::read(locked.path())? else { return Ok(Refetched::Alone) };
        let remote = arbiter.remote;
        if self.options().offline {
            // What is mended here alone would part from the remote's state.
            let reason = "--offline was given".to_owned();
            return Err(RemoteError::Unreachable { remote, reason }.into());
        }
        let found = self.read_afresh(&remote)?;
        let Some((_scratch, fetched)) = found else { return Ok(Refetched::Absent) };
        let tip = fetched.require_tip()?;
        if let Some(before) = old.and_then(|old| self.head_of(old).ok()) {
            let after = fetched.head_of(tip)?;
            // The history here may be damaged, so that only the numbers tell; and the very state that
            // is damaged here is welcome.
            let succession = match after.generation {
                _ if before.store != after.store => Succession::Foreign,
                found if found < before.generation => Succession::Backwards,
                _ => Succession::Follows,
            };
            judged(&remote, &before, &after, succession)?;
        }
        // A pack: what stands in it is complete, whichever of its objects are missing here.
        Git::new(self.path())
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", fetched.path().join("objects"))
            .args(["--git-dir=.", "pack-objects", "--revs", "--non-empty", "-q"])
            .arg(self.path().join("objects/pack/pack"))
            .stdin(format!("{tip}\n"))
            .run()?;
        if old != Some(tip) && locked.swap_from(old, tip)? == Swap::Lost {
            return Ok(Refetched::Lost);
        }
        durable::sync_ref(self)?;
        Ok(Refetched::Done)
    }
}
