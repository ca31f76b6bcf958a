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

use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::arbiter::remote::advance::random_below;
use crate::store::arbiter::remote::error::NOT_CONFIGURED;
use crate::store::arbiter::remote::protocol::{self, NextStep, PushFate, PushProtocol, PushResult};
use crate::store::arbiter::remote::push_output::Pushed;
use crate::store::arbiter::remote::transport::{Fetched, Transport};
use crate::store::arbiter::remote::{RemoteError, WriteSession};
use crate::store::state::cas::{self, Swap};
use crate::store::state::write::Writer;
use crate::store::{Store, StoreError, durable};

const FILE: &str = "push.pending";

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
    old: ObjectId,
    /// The commit.
    new: ObjectId,
    nonce: String,
    clone: Option<String>,
}

impl Pending {
    fn parse(self) -> Option<Sent> {
        let id = |text: &str| ObjectId::from_hex(text.as_bytes()).ok();
        Some(Sent { old: id(&self.old)?, new: id(&self.commit)?, nonce: self.nonce, clone: self.clone })
    }
}

impl Store {
    /// Notes that `commit` is about to be pushed.
    pub(super) fn note_push(
        &self,
        arbiter: &RemoteArbiter,
        old: ObjectId,
        commit: ObjectId,
        evicts: bool,
    ) -> Result<Sent, StoreError> {
        let nonce = self.head_of(commit)?.nonce;
        let clone = Some(arbiter.clone.clone());
        let pending = Pending {
            commit: commit.to_string(),
            old: old.to_string(),
            nonce: nonce.clone(),
            clone: clone.clone(),
            evicts,
        };
        let path = self.path().join(FILE);
        fs::write(&path, crate::model::to_json(&pending)).map_err(StoreError::io("note a push", &path))?;
        crash_point!("push noted");
        Ok(Sent { old, new: commit, nonce, clone })
    }

    /// True when it is not known what became of a push, or one is under way.
    pub(crate) fn has_in_doubt_push(&self) -> bool {
        self.path().join(FILE).exists()
    }

    /// True when a push that is under way, or of which it is not known what became of it, takes
    /// items out of this clone's pool.
    pub(in crate::store) fn may_evict(&self) -> Result<bool, StoreError> {
        let path = self.path().join(FILE);
        match fs::read(&path) {
            // Half a note, or none that can be read: nobody knows what it is of.
            Ok(bytes) => Ok(serde_json::from_slice::<Pending>(&bytes).map_or(true, |p| p.evicts)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(StoreError::io("read a noted push", &path)(e)),
        }
    }

    /// Forgets the push: its outcome is known.
    pub(in crate::store) fn forget_in_doubt(&self) -> Result<(), StoreError> {
        let path = self.path().join(FILE);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::io("forget a push", &path)(e)),
            _ => Ok(()),
        }
    }

    /// Finds out what became of a push that a process before us has left: the commit, and whether it
    /// was applied. `None` when there is no such push. The caller holds the kernel lock, and forgets
    /// the push when the waiting room is settled, too.
    ///
    /// # Errors
    /// When it cannot be found out now. The act that wanted to begin was not sent; with
    /// `is_part_of_it` it may be part of that push.
    pub(in crate::store) fn resolve_in_doubt(
        &self,
        session: &mut WriteSession,
        is_part_of_it: bool,
    ) -> Result<Option<(ObjectId, bool)>, StoreError> {
        let path = self.path().join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io("read a noted push", &path)(e)),
        };
        let arbiter = session.arbiter().cloned();
        // Half a note: the process died before it began to push.
        let pending = serde_json::from_slice::<Pending>(&bytes).ok().and_then(Pending::parse);
        let (Some(arbiter), Some(pending)) = (arbiter, pending) else {
            self.forget_in_doubt()?;
            return Ok(None);
        };
        let link = session.link(self, &arbiter);
        let verdict = self.conclude(&arbiter, &link, &pending, PushProtocol::left_behind(), NextStep::Ask)?;
        let swap = self.tell(&link, verdict.for_next_act(is_part_of_it))?;
        Ok(Some((pending.new, swap == Swap::Won)))
    }

    /// Carries out what the protocol asks for, until it is known what a push came to. After
    /// [`PushResult::Won`] and [`PushResult::Lost`] the local ref is the newest known state.
    pub(super) fn conclude(
        &self,
        arbiter: &RemoteArbiter,
        link: &Transport,
        sent: &Sent,
        mut exchange: PushProtocol,
        mut step: NextStep,
    ) -> Result<PushResult, StoreError> {
        let mut pause = Duration::from_millis(50);
        let mut found = sent.old;
        loop {
            step = match step {
                NextStep::End(verdict) => return Ok(verdict),
                NextStep::Ask => match link.fetch()? {
                    Fetched::Tip(tip) => {
                        self.follow(link.remote(), tip)?;
                        found = tip;
                        exchange.found(self.push_fate(arbiter, sent, tip)?)
                    }
                    Fetched::Absent => exchange.absent(),
                    Fetched::Unreachable(reason) => {
                        let is_final = reason == NOT_CONFIGURED;
                        match exchange.silent(reason) {
                            NextStep::Wait if is_final => return Ok(exchange.give_up()),
                            step => step,
                        }
                    }
                },
                NextStep::Fence => exchange.fenced(self.fence(arbiter, link, found)?),
                NextStep::Wait | NextStep::Again if link.is_over() => return Ok(exchange.give_up()),
                NextStep::Wait => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(2));
                    NextStep::Ask
                }
                NextStep::Again => {
                    std::thread::sleep(pause + Duration::from_millis(random_below(50)));
                    pause = (pause * 2).min(Duration::from_secs(2));
                    exchange.pushed(self.send(link, sent.old, sent.new)?)
                }
            };
        }
    }

    /// A verdict in the words of the store.
    pub(super) fn tell(&self, link: &Transport, verdict: PushResult) -> Result<Swap, StoreError> {
        let remote = link.remote().to_owned();
        let error = match verdict {
            PushResult::Won => return Ok(Swap::Won),
            PushResult::Lost => return Ok(Swap::Lost),
            PushResult::Vanished => return Err(self.vanished(link)?),
            PushResult::Unreachable(reason) => RemoteError::Unreachable { remote, reason },
            PushResult::Refused(reason) => RemoteError::Refused { remote, reason },
            PushResult::Unknown(reason) => RemoteError::Unknown { remote, reason },
        };
        Err(error.into())
    }

    /// The error for a remote that has lost the ref.
    pub(super) fn vanished(&self, link: &Transport) -> Result<StoreError, StoreError> {
        let known = self.head_of(self.require_tip()?)?.generation;
        Ok(RemoteError::Vanished { remote: link.remote().to_owned(), known }.into())
    }

    fn push_fate(&self, arbiter: &RemoteArbiter, sent: &Sent, tip: ObjectId) -> Result<PushFate, StoreError> {
        protocol::push_fate((&sent.old, &sent.new, &sent.nonce), &tip, || {
            let own = sent.clone.as_ref().unwrap_or(&arbiter.clone);
            Ok(clone::get(&self.view_of(tip)?, own)?.map(|record| record.nonce))
        })
    }

    /// Pushes an empty act onto `tip`.
    fn fence(&self, arbiter: &RemoteArbiter, link: &Transport, tip: ObjectId) -> Result<Pushed, StoreError> {
        let view = self.view_of(tip)?;
        let mut txn = Txn::new(&view);
        self.stamp(&mut txn, Some(arbiter))?;
        let (changes, events): (Changes, _) = txn.finish();
        let mut writer = Writer::new(self);
        let fence = writer.state(&view, tip, changes, &events)?;
        durable::sync_objects(self, writer.written())?;
        crash_point!("before a fence");
        let pushed = link.push(Some(tip), fence)?;
        if pushed == Pushed::Won {
            cas::swap(self, Some(tip), fence)?;
            durable::sync_ref(self)?;
        }
        Ok(pushed)
    }
}
