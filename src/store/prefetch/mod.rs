//! Handing out items that this clone has leased ahead, without asking the remote.
//!
//! Two locks take part. The kernel lock is held by whoever talks to the remote, perhaps for
//! seconds; handing out must not wait for that. So `prefetch.lock` guards who gets what of the pool:
//! - handing out holds it from looking at the pool until the note of it is in the outbox;
//! - a writer holds it from reading the write queue until it knows what it is about to change, and
//!   longer, until the remote has answered, when it takes anything away from the pool. Should it die
//!   meanwhile, `push.in-doubt` tells that until the push is settled.
//!
//! The note is a posted operation. Until it has gone out with a push, everything that reads the
//! state of this clone sees it as if it had ([`Store::read`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::crash_point;
use crate::model::op::{PrefetchGrant, PrefetchedItem, TakeNext};
use crate::model::session::{Lease, Session};
use crate::model::{Context, Op, Outcome, Txn, View, ViewError, grant_prefetched, header, prefetch, project};

use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::commit::batch::{Batch, Origin, QueuedOp};
use crate::store::commit::lock::{self, StoreLock};
use crate::store::commit::outbox::Outbox;
use crate::store::state::durable;
use crate::store::{Store, StoreError, convert, side_files};

/// How long handing out waits for its lock before it goes the ordinary way.
const PATIENCE: Duration = Duration::from_millis(50);

impl Store {
    /// Gives a session items of this clone's pool. `None` when they are not enough, or the call is
    /// none that a pool can answer.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(in crate::store) fn take_prefetched(&self, next: &TakeNext) -> Result<Option<Outcome>, StoreError> {
        let choice = &next.choice;
        if self.options.prefetch == 0 || choice.item.is_some() || choice.explain || choice.exact_ttl {
            return Ok(None);
        }
        let Some(arbiter) = RemoteArbiter::here(&self.path)? else { return Ok(None) };
        let Some(name) = prefetch::name_of(&arbiter.clone) else { return Ok(None) };
        let Some(_guard) = lock::lock_within(&self.prefetch_lock(), PATIENCE)? else { return Ok(None) };
        if self.may_evict()? {
            return Ok(None);
        }
        let context = Context { clone: Some(arbiter.clone), ..Context::local(crate::clock::now()) };
        let (ages, now) = (LeaseAges::read(self), steady_ms());
        let items = self.read(|view| {
            // What a newer version has written is left to those who can read all of it.
            if header::read(view)?.format > header::FORMAT {
                return Ok(Vec::new());
            }
            let mut txn = Txn::new(view);
            grant_prefetched(&mut txn, next, &context, &|lease| ages.is_fresh(lease, now))
        })?;
        if items.len() < next.count {
            return Ok(None);
        }
        let given =
            items.iter().map(|taken| PrefetchedItem { id: taken.item.id.clone(), lease: taken.lease });
        let op = PrefetchGrant { pool: name, next: next.clone(), items: given.collect(), at: context.now };
        let op = Op::PrefetchGrant(op);
        let file = Outbox::new(&self.path).grant(&op)?;
        crash_point!("handed out");
        durable::sync_deferred(self, &file)?;
        Ok(Some(Outcome::Taken { items, reason: None, passed: Vec::new(), hints: None }))
    }

    /// True when items were handed out that the remote was not told of.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_unsent_grants(&self) -> Result<bool, StoreError> {
        Outbox::new(&self.path).has_grants()
    }

    fn prefetch_lock(&self) -> std::path::PathBuf {
        self.path.join("prefetch.lock")
    }

    /// The lock for a writer, when this clone keeps a pool.
    pub(in crate::store) fn lock_prefetch(
        &self,
        view: &dyn View,
        arbiter: Option<&RemoteArbiter>,
    ) -> Result<Option<StoreLock>, StoreError> {
        let Some(arbiter) = arbiter else { return Ok(None) };
        match prefetch::of(view, &arbiter.clone)? {
            Some(_) => lock::lock(&self.prefetch_lock()).map(Some),
            None => Ok(None),
        }
    }

    /// The state as it is seen from here: with what was accepted without the remote and has not gone
    /// out yet.
    pub(in crate::store) fn as_seen<'v>(
        &self,
        view: &'v dyn View,
        accepted: &[Op],
    ) -> Result<Option<Txn<'v>>, StoreError> {
        // Only what the header says counts here: damage is reported by what reads the damaged part.
        let outdated = header::read(view).is_ok_and(|head| head.format < header::FORMAT);
        if accepted.is_empty() && !outdated {
            return Ok(None);
        }
        let clone = self.arbiter()?.map(|arbiter| arbiter.clone);
        let context = Context { clone, ..Context::local(crate::clock::now()) };
        let mut txn = Txn::new(view);
        if outdated {
            convert::state(&mut txn)?;
        }
        for op in accepted {
            project(&mut txn, op, &context)?;
        }
        Ok(Some(txn))
    }
}

/// Since when the leases of this clone's pool last, by its steady clock: the content of `prefetch.json`.
///
/// The wall clock alone would not do. Set back, it would make leases seem young that other clones
/// have taken back by now, and an item would be handed out that somebody else holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LeaseAges {
    /// The run of the machine to which the times belong.
    boot: String,
    /// By number of the lease: how often it was renewed, and since when it lasts, in milliseconds.
    leases: BTreeMap<u64, (u64, u64)>,
}

impl LeaseAges {
    fn path(store: &Store) -> PathBuf {
        store.path().join("prefetch.json")
    }

    /// Without the file, or after the machine has started anew, no lease is young.
    fn read(store: &Store) -> Self {
        let known: Option<LeaseAges> = side_files::read(&Self::path(store));
        let boot = clock::boot();
        known.filter(|a| a.boot == boot).unwrap_or(LeaseAges { boot, leases: BTreeMap::new() })
    }

    /// Notes the leases of the pool as they are, and as they will be when a push that begins after
    /// `now` has won: only what that push grants or renews begins now. True when there is anything
    /// new.
    ///
    /// What a push that was lost has noted must not make a lease seem younger than it is. So one
    /// that is in the pool already, and of which nothing is known, stays unknown.
    pub fn note(&mut self, before: Option<&Session>, after: Option<&Session>, now: u64) -> bool {
        let all = |pool: Option<&Session>| -> Vec<(u64, u64)> {
            pool.iter().flat_map(|p| &p.leases).map(|lease| (lease.id, lease.renewals)).collect()
        };
        let (before, after) = (all(before), all(after));
        let known = |(id, renewals): &(u64, u64)| {
            self.leases.get(id).filter(|(noted, _)| noted == renewals).map(|noted| (*id, *noted))
        };
        let mut leases: BTreeMap<_, _> = before.iter().filter_map(known).collect();
        for (id, renewals) in after.iter().filter(|lease| !before.contains(lease)) {
            leases.insert(*id, (*renewals, now));
        }
        let is_new = leases != self.leases;
        self.leases = leases;
        is_new
    }

    /// True when less than half of a lease's time has passed.
    pub fn is_fresh(&self, lease: &Lease, now: u64) -> bool {
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
    pub(in crate::store) fn note_ages(
        &self,
        txn: &Txn<'_>,
        arbiter: Option<&RemoteArbiter>,
    ) -> Result<(), StoreError> {
        let Some(arbiter) = arbiter else { return Ok(()) };
        let (before, after) = (prefetch::of(txn.base(), &arbiter.clone)?, prefetch::of(txn, &arbiter.clone)?);
        if before.is_none() && after.is_none() {
            return Ok(());
        }
        let mut ages = LeaseAges::read(self);
        if !ages.note(before.as_ref(), after.as_ref(), steady_ms()) {
            return Ok(());
        }
        let path = LeaseAges::path(self);
        side_files::note("note the prefetched leases", &path, &ages)
    }
}

/// True when a transaction takes prefetched items of `clone` away in another way than by reporting
/// to whom they were granted: nobody may be given them meanwhile. Pure; shared with the simulator.
///
/// # Errors
/// When the state cannot be read.
pub fn evicts(
    txn: &Txn<'_>,
    clone: Option<&str>,
    waiting: &[QueuedOp],
    batch: &Batch,
) -> Result<bool, ViewError> {
    let Some(clone) = clone else { return Ok(false) };
    let Some(before) = prefetch::of(txn.base(), clone)? else { return Ok(false) };
    let after = prefetch::of(txn, clone)?;
    // What came of it counts: a grant that is refused leaves its items to the next one who asks.
    let reported: BTreeSet<u64> = waiting
        .iter()
        .filter(|queued| matches!(queued.origin, Origin::Granted { .. }))
        .filter_map(|queued| batch.answers.iter().find(|(id, _)| *id == queued.id))
        .flat_map(|(_, applied)| leases_of(&applied.outcome))
        .collect();
    let stays = |id: u64| after.as_ref().is_some_and(|a| a.leases.iter().any(|l| l.id == id));
    Ok(before.leases.iter().any(|lease| !stays(lease.id) && !reported.contains(&lease.id)))
}

/// The leases that a session was given.
fn leases_of(outcome: &Outcome) -> Vec<u64> {
    match outcome {
        Outcome::Taken { items, .. } => items.iter().map(|taken| taken.lease).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pool that holds these leases: number, renewals.
    fn pool(leases: &[(u64, u64)]) -> Session {
        let leases: Vec<_> = leases
            .iter()
            .map(|(id, renewals)| {
                let since = "2026-01-02T03:04:05Z";
                serde_json::json!({
                    "id": id, "renewals": renewals, "since": since, "renewed": since, "ttl": 100
                })
            })
            .collect();
        let session = serde_json::json!({
            "name": "prefetch-aa", "token": "", "state": "active", "started": "2026-01-02T03:04:05Z",
            "pool": true, "leases": leases
        });
        serde_json::from_value(session).expect("a session")
    }

    /// Which of the leases are young.
    fn young(ages: &LeaseAges, pool: &Session, now: u64) -> Vec<u64> {
        pool.leases.iter().filter(|l| ages.is_fresh(l, now)).map(|l| l.id).collect()
    }

    #[test]
    fn a_lease_is_young_for_half_of_its_time_and_from_its_renewal_on() {
        let mut ages = LeaseAges::default();
        let first = pool(&[(7, 0)]);
        assert!(ages.note(None, Some(&first), 1_000));
        assert_eq!(young(&ages, &first, 50_999), [7]);
        assert!(young(&ages, &first, 51_000).is_empty());
        // Other acts change nothing about it, however late.
        assert!(!ages.note(Some(&first), Some(&first), 60_000));
        assert!(young(&ages, &first, 60_000).is_empty());
        let renewed = pool(&[(7, 1), (9, 0)]);
        assert!(ages.note(Some(&first), Some(&renewed), 70_000));
        assert!(young(&ages, &first, 70_000).is_empty(), "the state still says that it is the old one");
        assert_eq!(young(&ages, &renewed, 70_000), [7, 9]);
        // The clock of the machine begins anew.
        assert!(young(&ages, &renewed, 69_999).is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_lease_young() {
        let mut ages = LeaseAges::default();
        let all = pool(&[(7, 0)]);
        ages.note(None, Some(&all), 0);
        // The times in the record are of no account: the steady clock is that of nobody's wall.
        let mut set_back = all.clone();
        set_back.leases[0].renewed = "2036-01-02T03:04:05Z".parse().expect("a time");
        assert!(young(&ages, &set_back, 60_000).is_empty());
    }

    /// What was noted for a push that did not win must not make the lease of before seem new.
    #[test]
    fn a_push_that_was_lost_makes_no_lease_young() {
        let (old, renewed, gone) = (pool(&[(7, 0)]), pool(&[(7, 1)]), pool(&[]));
        for in_vain in [&renewed, &gone] {
            let mut ages = LeaseAges::default();
            ages.note(None, Some(&old), 0);
            ages.note(Some(&old), Some(in_vain), 60_000);
            // Then something else is done, which leaves the lease as it was.
            ages.note(Some(&old), Some(&old), 61_000);
            assert!(young(&ages, &old, 61_000).is_empty());
            ages.note(Some(&old), Some(&renewed), 62_000);
            assert_eq!(young(&ages, &renewed, 62_000), [7], "renewed, it is young");
        }
    }
}
