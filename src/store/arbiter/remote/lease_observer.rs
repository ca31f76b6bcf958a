//! Leases of other clones, timed by this clone's own clock.
//!
//! Clocks of two machines are never compared. This clone notes when it has first seen a lease
//! with its number of renewals; when it stays the same for longer than it lasts, its holder is
//! gone, whatever either clock says (Gray and Cheriton 1989 on leases; Kubernetes' leader
//! election does the same). Whether the lease is still the same is settled by the push: if it was
//! renewed meanwhile, the comparison fails.
//!
//! `leases.json` of the store holds the notes. It belongs to this clone and this run of the
//! machine, and losing it costs nothing but time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::model::{Context, View, landing, session};

use crate::store::StoreError;
use crate::store::arbiter::identity::RemoteArbiter;
use crate::store::{Store, side_files};

const FILE: &str = "leases.json";

/// Longest time in milliseconds between two looks at all leases.
const LOOK_EVERY: u64 = 15_000;

/// The notes; the content of the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Observations {
    /// The run of the machine to which the times belong.
    boot: String,
    /// When to look again, in milliseconds of the steady clock.
    next: u64,
    /// By number of the lease.
    seen: BTreeMap<u64, Seen>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Seen {
    renewals: u64,
    /// When it was first seen so, in milliseconds of the steady clock.
    since: u64,
    /// How long it lasts, in seconds.
    ttl: u64,
}

/// The notes of this clone, for the time of one session.
pub(in crate::store) struct LeaseObserver<'s> {
    store: &'s Store,
    path: PathBuf,
    clone: Option<String>,
    prefetch: usize,
    notes: Observations,
}

/// Forgets what was noted: the state that it was about is replaced by another.
pub(super) fn forget(store: &Store) -> Result<(), StoreError> {
    side_files::remove("forget the leases of other clones", &store.path().join(FILE))
}

fn steady_ms() -> u64 {
    u64::try_from(clock::steady().as_millis()).unwrap_or(u64::MAX)
}

impl<'s> LeaseObserver<'s> {
    /// Reads the notes; there are none when the store decides by itself.
    pub fn open(store: &'s Store, arbiter: Option<&RemoteArbiter>) -> Result<Self, StoreError> {
        let path = store.path().join(FILE);
        let clone = arbiter.map(|a| a.clone.clone());
        let mut watch = LeaseObserver {
            store,
            path,
            clone,
            prefetch: store.options().prefetch,
            notes: Observations::default(),
        };
        if watch.clone.is_some() {
            let known: Option<Observations> = side_files::read(&watch.path);
            let boot = clock::boot();
            watch.notes =
                known.filter(|n| n.boot == boot).unwrap_or(Observations { boot, ..Observations::default() });
        }
        Ok(watch)
    }

    /// What an act needs to know of clocks and clones.
    pub fn context(&mut self, view: &dyn View) -> Result<Context, StoreError> {
        if self.clone.is_some() && self.notes.is_due(steady_ms()) {
            self.look(view)?;
        }
        let stale = self.notes.stale(steady_ms());
        let at_work = self.store.leases_at_work(view, self.clone.as_deref())?;
        Ok(Context {
            now: clock::now(),
            clone: self.clone.clone(),
            stale,
            at_work,
            prefetch: self.prefetch,
            identity: None,
            accepted: None,
        })
    }

    /// Looks at the leases of other clones.
    pub fn look(&mut self, view: &dyn View) -> Result<(), StoreError> {
        if self.clone.is_none() {
            return Ok(());
        }
        let leases = session::all(view)?.into_iter().flat_map(|s| s.leases);
        let foreign = leases.filter(|l| l.clone != self.clone).map(|l| (l.id, l.renewals, l.ttl));
        let targets = landing::leases(view)?;
        let targets = targets.iter().filter(|l| l.clone != self.clone).map(|l| (l.id, l.renewals, l.ttl));
        let foreign = foreign.chain(targets);
        if self.notes.update(foreign, steady_ms()) {
            self.save()?;
        }
        Ok(())
    }

    fn save(&self) -> Result<(), StoreError> {
        side_files::note("note the leases of other clones", &self.path, &self.notes)
    }
}

impl Observations {
    /// Notes what is seen now: lease, number of renewals, seconds that it lasts. True when that is
    /// worth writing down.
    pub fn update(&mut self, leases: impl Iterator<Item = (u64, u64, u64)>, now: u64) -> bool {
        let mut seen = BTreeMap::new();
        let mut shortest = LOOK_EVERY * 2;
        for (id, renewals, ttl) in leases {
            let known = self.seen.get(&id).filter(|s| s.renewals == renewals && s.since <= now);
            let since = known.map_or(now, |s| s.since);
            seen.insert(id, Seen { renewals, since, ttl });
            shortest = shortest.min(ttl.saturating_mul(1000));
        }
        let news = now >= self.next
            || seen.iter().any(|(id, s)| !self.knows(*id, s))
            || seen.len() != self.seen.len();
        self.seen = seen;
        self.next = now + (shortest / 2).max(500);
        news
    }

    fn knows(&self, id: u64, seen: &Seen) -> bool {
        self.seen.get(&id).is_some_and(|s| s.renewals == seen.renewals && s.since == seen.since)
    }

    /// True when it is time to look at all leases again.
    pub fn is_due(&self, now: u64) -> bool {
        now >= self.next
    }

    /// Leases that were watched unchanged for longer than they last.
    pub fn stale(&self, now: u64) -> BTreeSet<(u64, u64)> {
        let over = |s: &Seen| now.saturating_sub(s.since) > s.ttl.saturating_mul(1000);
        self.seen.iter().filter(|(_, s)| over(s)).map(|(id, s)| (*id, s.renewals)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_unchanged_for_its_whole_time_is_stale() {
        let mut notes = Observations::default();
        assert!(notes.update([(7, 0, 10), (8, 0, 100)].into_iter(), 1_000));
        assert!(notes.stale(11_000).is_empty());
        assert_eq!(notes.stale(11_001), BTreeSet::from([(7, 0)]));
        // Renewed: its time begins anew when that is seen.
        assert!(notes.update([(7, 1, 10), (8, 0, 100)].into_iter(), 11_000));
        assert!(notes.stale(20_000).is_empty());
        assert_eq!(notes.stale(21_001), BTreeSet::from([(7, 1)]));
        assert!(notes.stale(101_001).contains(&(8, 0)));
        // Gone.
        assert!(notes.update(std::iter::empty(), 30_000));
        assert!(notes.stale(u64::MAX).is_empty());
    }

    #[test]
    fn short_leases_are_looked_at_more_often() {
        let mut notes = Observations::default();
        notes.update([(1, 0, 4)].into_iter(), 0);
        assert_eq!(notes.next, 2_000);
        notes.update([(1, 0, 3600)].into_iter(), 0);
        assert_eq!(notes.next, LOOK_EVERY);
    }
}
