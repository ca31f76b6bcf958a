//! Fairness between clones: a slow one is not starved by fast ones.
//!
//! A clone far away needs so long from reading to pushing that clones near the server are always
//! faster. After some lost races it asks for a pause: it pushes a fresh commit to
//! `refs/coord/yield`, which nobody compares, so that this push cannot be lost. A clone that has
//! won many pushes within a short time looks at that ref; when it has changed, the clone holds
//! its own pushes back until somebody else has brought something in, or for [`PAUSE`].
//!
//! What was seen last stands in `fairness.json` of the store. Losing it costs one pause.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gix::ObjectId;
use serde::{Deserialize, Serialize};

use crate::clock;

use crate::store::arbiter::remote::transport::Transport;
use crate::store::state::write::Writer;
use crate::store::{Store, StoreError, side_files};

/// The ref by which a clone asks for a pause.
pub(super) const YIELD_REF: &str = "refs/coord/yield";

/// Lost races after which a clone asks.
const ASK_AFTER: u32 = 3;

/// Pushes won within [`WINDOW`] after which a clone looks whether anybody asks. A look is one
/// round trip, so a clone with little to push never pays for it.
const LOOK_AFTER: u32 = 8;

/// See [`LOOK_AFTER`].
const WINDOW: Duration = Duration::from_secs(10);

/// How long a clone holds its pushes back for one that asks.
const PAUSE: Duration = Duration::from_secs(3);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Notes {
    /// The value of the ref when it was looked at last, empty when there was none; `None` before
    /// the first look.
    #[serde(default)]
    seen: Option<String>,
    /// Pushes won since `since`.
    #[serde(default)]
    wins: u32,
    /// In milliseconds of the steady clock.
    #[serde(default)]
    since: u64,
}

impl Notes {
    fn path(store: &Store) -> PathBuf {
        store.path().join("fairness.json")
    }

    fn read(store: &Store) -> Self {
        side_files::read(&Self::path(store)).unwrap_or_default()
    }

    fn write(&self, store: &Store) -> Result<(), StoreError> {
        side_files::note("note a push", &Self::path(store), self)
    }
}

impl Store {
    /// Counts a push that was won.
    pub(super) fn count_win(&self) -> Result<(), StoreError> {
        let now = u64::try_from(clock::steady().as_millis()).unwrap_or(u64::MAX);
        let mut notes = Notes::read(self);
        let within = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
        if now.saturating_sub(notes.since) > within || now < notes.since {
            (notes.wins, notes.since) = (0, now);
        }
        notes.wins += 1;
        notes.write(self)
    }

    /// Holds this clone's pushes back, if it has won many and another clone asks for a pause; true
    /// then.
    pub(super) fn yield_if_asked(&self, link: &Transport) -> Result<bool, StoreError> {
        let mut notes = Notes::read(self);
        if notes.wins < LOOK_AFTER {
            return Ok(false);
        }
        let own = self.tip()?.map(|id| id.to_string());
        let end = Instant::now() + PAUSE;
        notes.wins = 0;
        let mut asked = false;
        // Without an answer there is nothing to be polite about: the push will tell.
        while let Some((state, asking)) = link.list(YIELD_REF)? {
            let asking = asking.unwrap_or_default();
            asked |= notes.seen.as_ref().is_some_and(|seen| *seen != asking);
            notes.seen = Some(asking);
            if !asked || state != own || Instant::now() >= end {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        notes.write(self)?;
        Ok(asked)
    }

    /// Asks the other clones for a pause, when this session has lost some races.
    pub(super) fn ask_for_pause(&self, link: &Transport, tries: u32) -> Result<(), StoreError> {
        if !tries.is_multiple_of(ASK_AFTER) {
            return Ok(());
        }
        let nonce = crate::store::random_hex(8);
        let tree = ObjectId::empty_tree(self.objects.hash());
        let mut writer = Writer::new(self);
        writer.object(gix::objs::Tree::empty())?;
        let message = format!("a slower clone asks for a pause\n\n{nonce}\n");
        let commit = writer.commit(tree, None, message, clock::now())?;
        link.push_freely(YIELD_REF, commit)?;
        let mut notes = Notes::read(self);
        notes.seen = Some(commit.to_string());
        notes.write(self)
    }
}
