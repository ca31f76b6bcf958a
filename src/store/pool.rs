//! Handing out items that this clone has leased ahead, without asking the remote.
//!
//! Two locks take part. The kernel lock is held by whoever talks to the remote, perhaps for
//! seconds; handing out must not wait for that. So `pool.lock` guards who gets what of the pool:
//! - handing out holds it from looking at the pool until the note of it stands in the waiting room;
//! - a writer holds it from reading the waiting room until it knows what it is about to change, and
//!   longer, until the remote has answered, when it takes anything away from the pool. Should it die
//!   meanwhile, `push.pending` tells that until the push is settled.
//!
//! The note is a posted operation. Until it has gone out with a push, everything that reads the
//! state of this clone sees it as if it had ([`Store::read`]).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::model::op::{HandOut, TakeNext};
use crate::model::session::{Lease, Session};
use crate::model::{Context, ItemId, Op, Outcome, Txn, View, apply_ready, foresee, pool};

use super::authority::Authority;
use super::lock::{self, StoreLock};
use super::room::{Guest, Room};
use super::{Store, StoreError};

/// How long handing out waits for its lock before it goes the ordinary way.
const PATIENCE: Duration = Duration::from_millis(50);

impl Store {
    /// Gives a session items of this clone's pool. `None` when they are not enough, or the call is
    /// none that a pool can answer.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn take_ready(&self, next: &TakeNext) -> Result<Option<Outcome>, StoreError> {
        let choice = &next.choice;
        if self.options.pool == 0 || choice.item.is_some() || choice.explain || choice.exact_ttl {
            return Ok(None);
        }
        let Some(authority) = Authority::here(&self.path)? else { return Ok(None) };
        let Some(name) = pool::name_of(&authority.clone) else { return Ok(None) };
        let Some(_guard) = lock::lock_within(&self.pool_lock(), PATIENCE)? else { return Ok(None) };
        if self.may_be_drained()? {
            return Ok(None);
        }
        let context = Context { clone: Some(authority.clone), ..Context::local(crate::clock::now()) };
        let (ages, now) = (Ages::read(self), steady_ms());
        let items = self.read(|view| {
            let mut txn = Txn::new(view);
            apply_ready(&mut txn, next, &context, &|lease| ages.is_young(lease, now))
        })?;
        if items.len() < next.count {
            return Ok(None);
        }
        let ids = items.iter().map(|taken| taken.item.id.clone()).collect();
        let op = Op::HandOut(HandOut { pool: name, next: next.clone(), items: ids, at: context.now });
        Room::new(&self.path).hand_out(&op)?;
        Ok(Some(Outcome::Taken { items, reason: None, passed: Vec::new(), skips: None }))
    }

    /// True when items were handed out that the remote was not told of.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_handed_out(&self) -> Result<bool, StoreError> {
        Ok(!Room::new(&self.path).handed_out()?.is_empty())
    }

    fn pool_lock(&self) -> std::path::PathBuf {
        self.path.join("pool.lock")
    }

    /// The lock for a writer, when this clone keeps a pool.
    pub(super) fn lock_pool(
        &self,
        view: &dyn View,
        authority: Option<&Authority>,
    ) -> Result<Option<StoreLock>, StoreError> {
        let Some(authority) = authority else { return Ok(None) };
        match pool::of(view, &authority.clone)? {
            Some(_) => lock::lock(&self.pool_lock()).map(Some),
            None => Ok(None),
        }
    }

    /// The state as it is seen from here: with what was handed out and is not told yet.
    pub(super) fn as_seen<'v>(view: &'v dyn View, handed: &[HandOut]) -> Result<Option<Txn<'v>>, StoreError> {
        if handed.is_empty() {
            return Ok(None);
        }
        let mut txn = Txn::new(view);
        for out in handed {
            foresee(&mut txn, out)?;
        }
        Ok(Some(txn))
    }
}

/// Since when the leases of this clone's pool last, by its steady clock: the content of `pool.json`.
///
/// The wall clock alone would not do. Set back, it would make leases seem young that other clones
/// have taken back by now, and an item would be handed out that somebody else holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ages {
    /// The run of the machine to which the times belong.
    boot: String,
    /// By number of the lease: how often it was renewed, and since when it lasts, in milliseconds.
    leases: BTreeMap<u64, (u64, u64)>,
}

impl Ages {
    fn path(store: &Store) -> PathBuf {
        store.path().join("pool.json")
    }

    /// Without the file, or after the machine has started anew, no lease is young.
    fn read(store: &Store) -> Self {
        let known = fs::read(Self::path(store)).ok().and_then(|b| serde_json::from_slice::<Ages>(&b).ok());
        let boot = clock::boot();
        known.filter(|a| a.boot == boot).unwrap_or(Ages { boot, leases: BTreeMap::new() })
    }

    /// Notes the leases of the pool as they will be when a push that begins after `now` has won.
    /// True when there is anything new.
    pub fn note(&mut self, pool: &Session, now: u64) -> bool {
        let age = |lease: &Lease| match self.leases.get(&lease.id) {
            Some((renewals, since)) if *renewals == lease.renewals => (*renewals, *since),
            _ => (lease.renewals, now),
        };
        let leases: BTreeMap<_, _> = pool.leases.iter().map(|lease| (lease.id, age(lease))).collect();
        let is_new = leases != self.leases;
        self.leases = leases;
        is_new
    }

    /// True when less than half of a lease's time has passed.
    pub fn is_young(&self, lease: &Lease, now: u64) -> bool {
        self.leases.get(&lease.id).is_some_and(|(renewals, since)| {
            *renewals == lease.renewals && now >= *since && (now - since) / 500 < lease.ttl
        })
    }
}

fn steady_ms() -> u64 {
    u64::try_from(clock::steady().as_millis()).unwrap_or(u64::MAX)
}

impl Store {
    /// Notes the leases of the pool that a push will grant or renew.
    pub(super) fn note_ages(&self, txn: &Txn<'_>, authority: Option<&Authority>) -> Result<(), StoreError> {
        let Some(authority) = authority else { return Ok(()) };
        let Some(pool) = pool::of(txn, &authority.clone)? else { return Ok(()) };
        let mut ages = Ages::read(self);
        if !ages.note(&pool, steady_ms()) {
            return Ok(());
        }
        let path = Ages::path(self);
        let temporary = path.with_extension("new");
        fs::write(&temporary, crate::model::to_json(&ages))
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(StoreError::io("note the leases of the pool", &path))
    }
}

/// True when a transaction takes items out of the pool that were not handed out by a guest: nobody
/// may be given them meanwhile.
pub(super) fn is_drained(
    txn: &Txn<'_>,
    authority: Option<&Authority>,
    guests: &[Guest],
) -> Result<bool, StoreError> {
    let Some(authority) = authority else { return Ok(false) };
    let Some(before) = pool::of(txn.base(), &authority.clone)? else { return Ok(false) };
    let after = pool::of(txn, &authority.clone)?;
    let handed =
        |id: &ItemId| guests.iter().any(|g| matches!(&g.op, Op::HandOut(out) if out.items.contains(id)));
    Ok(before.leases.iter().any(|lease| {
        let stays = after.as_ref().is_some_and(|a| a.leases.iter().any(|l| l.id == lease.id));
        !stays && !lease.item.as_ref().is_some_and(|item| handed(&item.id))
    }))
}
