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
use super::advance::random_below;
use super::error::NOT_CONFIGURED;
use super::link::{Fetched, Link};
use super::protocol::{self, Exchange, Standing, Step, Verdict};
use super::report::Pushed;
use super::{RemoteError, Turn};

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
    drains: bool,
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
        authority: &Authority,
        old: ObjectId,
        commit: ObjectId,
        drains: bool,
    ) -> Result<Sent, StoreError> {
        let nonce = self.head_of(commit)?.nonce;
        let clone = Some(authority.clone.clone());
        let pending = Pending {
            commit: commit.to_string(),
            old: old.to_string(),
            nonce: nonce.clone(),
            clone: clone.clone(),
            drains,
        };
        let path = self.path().join(FILE);
        fs::write(&path, crate::model::to_json(&pending)).map_err(StoreError::io("note a push", &path))?;
        crash_point!("push noted");
        Ok(Sent { old, new: commit, nonce, clone })
    }

    /// True when it is not known what became of a push, or one is under way.
    pub(crate) fn has_unsettled_push(&self) -> bool {
        self.path().join(FILE).exists()
    }

    /// True when a push that is under way, or of which it is not known what became of it, takes
    /// items out of this clone's pool.
    pub(in super::super) fn may_be_drained(&self) -> Result<bool, StoreError> {
        let path = self.path().join(FILE);
        match fs::read(&path) {
            // Half a note, or none that can be read: nobody knows what it is of.
            Ok(bytes) => Ok(serde_json::from_slice::<Pending>(&bytes).map_or(true, |p| p.drains)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(StoreError::io("read a noted push", &path)(e)),
        }
    }

    /// Forgets the push: its outcome is known.
    pub(in super::super) fn forget_push(&self) -> Result<(), StoreError> {
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
    pub(in super::super) fn settle_push(
        &self,
        turn: &mut Turn,
        is_part_of_it: bool,
    ) -> Result<Option<(ObjectId, bool)>, StoreError> {
        let path = self.path().join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io("read a noted push", &path)(e)),
        };
        let authority = turn.authority().cloned();
        // Half a note: the process died before it began to push.
        let pending = serde_json::from_slice::<Pending>(&bytes).ok().and_then(Pending::parse);
        let (Some(authority), Some(pending)) = (authority, pending) else {
            self.forget_push()?;
            return Ok(None);
        };
        let link = turn.link(self, &authority);
        let verdict = self.conclude(&authority, &link, &pending, Exchange::left_behind(), Step::Ask)?;
        let swap = self.tell(&link, verdict.for_next_act(is_part_of_it))?;
        Ok(Some((pending.new, swap == Swap::Won)))
    }

    /// Carries out what the protocol asks for, until it is known what a push came to. After
    /// [`Verdict::Won`] and [`Verdict::Lost`] the local ref is the newest known state.
    pub(super) fn conclude(
        &self,
        authority: &Authority,
        link: &Link,
        sent: &Sent,
        mut exchange: Exchange,
        mut step: Step,
    ) -> Result<Verdict, StoreError> {
        let mut pause = Duration::from_millis(50);
        let mut found = sent.old;
        loop {
            step = match step {
                Step::End(verdict) => return Ok(verdict),
                Step::Ask => match link.fetch()? {
                    Fetched::Tip(tip) => {
                        self.adopt(link.remote(), tip)?;
                        found = tip;
                        exchange.found(self.standing(authority, sent, tip)?)
                    }
                    Fetched::Absent => exchange.absent(),
                    Fetched::Unreachable(reason) => {
                        let is_final = reason == NOT_CONFIGURED;
                        match exchange.silent(reason) {
                            Step::Wait if is_final => return Ok(exchange.give_up()),
                            step => step,
                        }
                    }
                },
                Step::Fence => exchange.fenced(self.fence(authority, link, found)?),
                Step::Wait | Step::Again if link.is_over() => return Ok(exchange.give_up()),
                Step::Wait => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(2));
                    Step::Ask
                }
                Step::Again => {
                    std::thread::sleep(pause + Duration::from_millis(random_below(50)));
                    pause = (pause * 2).min(Duration::from_secs(2));
                    exchange.pushed(self.send(link, sent.old, sent.new)?)
                }
            };
        }
    }

    /// A verdict in the words of the store.
    pub(super) fn tell(&self, link: &Link, verdict: Verdict) -> Result<Swap, StoreError> {
        let remote = link.remote().to_owned();
        let error = match verdict {
            Verdict::Won => return Ok(Swap::Won),
            Verdict::Lost => return Ok(Swap::Lost),
            Verdict::Vanished => return Err(self.vanished(link)?),
            Verdict::Unreachable(reason) => RemoteError::Unreachable { remote, reason },
            Verdict::Refused(reason) => RemoteError::Refused { remote, reason },
            Verdict::Unknown(reason) => RemoteError::Unknown { remote, reason },
        };
        Err(error.into())
    }

    /// The error for a remote that has lost the ref.
    pub(super) fn vanished(&self, link: &Link) -> Result<StoreError, StoreError> {
        let known = self.head_of(self.require_tip()?)?.generation;
        Ok(RemoteError::Vanished { remote: link.remote().to_owned(), known }.into())
    }

    fn standing(&self, authority: &Authority, sent: &Sent, tip: ObjectId) -> Result<Standing, StoreError> {
        protocol::standing((&sent.old, &sent.new, &sent.nonce), &tip, || {
            let own = sent.clone.as_ref().unwrap_or(&authority.clone);
            Ok(clone::get(&self.view_of(tip)?, own)?.map(|record| record.nonce))
        })
    }

    /// Pushes an empty act onto `tip`.
    fn fence(&self, authority: &Authority, link: &Link, tip: ObjectId) -> Result<Pushed, StoreError> {
        let view = self.view_of(tip)?;
        let mut txn = Txn::new(&view);
        self.stamp(&mut txn, Some(authority))?;
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
