//! What a server can do, tried out on refs of our own that are removed again.
//!
//! Nothing of the user's is touched, and no store is needed. What is pushed are commits such as
//! the state consists of, with the oddest names that one can have in it: a server that checks
//! objects shows whether it takes them.

use std::path::Path;
use std::time::{Duration, Instant};

use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::{Entry, EntryKind};

use crate::clock;

use crate::store::arbiter::remote::RemoteError;
use crate::store::arbiter::remote::push_output::Pushed;
use crate::store::arbiter::remote::transport::Transport;
use crate::store::state::write::Writer;
use crate::store::{STATE_REF, Store, StoreError, StoreOptions, TempStore, random_hex};

/// Begin of the names of the refs.
const PREFIX: &str = "refs/coord/probe-";

/// Pairs of pushes that race each other.
const RACES: usize = 3;

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// It takes refs outside `refs/heads` and `refs/tags`; else what it said.
    pub custom_refs: Trial,
    /// A wrong expected value is refused, and of two pushes at once exactly one wins.
    pub swap: Trial,
    /// A commit may take the place of one that it does not come from.
    pub replace: Trial,
    /// Several refs are changed together or not at all.
    pub atomic: Trial,
    /// Refs can be deleted.
    pub delete: Trial,
    /// Milliseconds of each look at a ref.
    pub looks: Vec<u64>,
    /// Milliseconds of each push.
    pub pushes: Vec<u64>,
    /// Refs that could not be removed again.
    pub left: Vec<String>,
}

/// One thing that was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trial {
    /// It was not, because something before it failed.
    #[default]
    Untried,
    /// It works.
    Works,
    /// It does not; what the server said.
    Fails(String),
}

impl Trial {
    fn of(pushed: &Pushed) -> Self {
        match pushed {
            Pushed::Won => Trial::Works,
            Pushed::Rejected(why) | Pushed::Unreachable(why) | Pushed::Unknown(why) => {
                Trial::Fails(why.clone())
            }
        }
    }

    /// The answer as a word for programs: `None` when it was not tried.
    pub fn works(&self) -> Option<bool> {
        match self {
            Trial::Untried => None,
            Trial::Works => Some(true),
            Trial::Fails(_) => Some(false),
        }
    }
}

impl Probe {
    /// True when the server can be the arbiter.
    pub fn is_fit(&self) -> bool {
        self.custom_refs == Trial::Works && self.swap == Trial::Works
    }

    /// Settings that suit the server, with their values in seconds; none where the defaults do.
    pub fn advice(&self) -> Vec<(&'static str, u64)> {
        let (look, push) = (median(&self.looks), median(&self.pushes));
        let mut list = Vec::new();
        // An act takes one push when all goes well, and some dozen under load.
        let timeout = (push * 30).div_ceil(1000);
        if timeout > 30 {
            list.push(("remoteTimeout", timeout));
        }
        // Slow servers are far away and shared, and limit how often they are asked.
        if push >= 400 {
            list.push(("pushEvery", (push * 2).div_ceil(1000)));
        }
        if look >= 400 {
            list.push(("refresh", (look * 20).div_ceil(1000)));
        }
        list
    }
}

/// The value in the middle; 0 of none.
pub fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Tries out a remote, which may also be given by its URL. `common_dir` is the git folder that
/// knows it.
///
/// # Errors
/// When it cannot be reached, or no temporary store can be written.
pub fn probe(common_dir: &Path, sha256: bool, remote: &str, patience: Duration) -> Result<Probe, StoreError> {
    let scratch = TempStore::new(sha256)?;
    let store = scratch.store(StoreOptions::default())?;
    let link = Transport::between(&store, common_dir, remote, Instant::now());
    let mut bench = Bench { store: &store, link, patience, probe: Probe::default(), made: None };
    bench.look(remote)?;
    let name = format!("{PREFIX}{}", random_hex(4));
    let tried = bench.try_all(&name);
    // Whatever happened, nothing is to stay there.
    bench.tidy(&name)?;
    match tried {
        Ok(()) => Ok(bench.probe),
        Err(StoreError::Remote(RemoteError::Unreachable { remote, reason }))
            if !bench.probe.left.is_empty() =>
        {
            let reason = format!("{reason}; left there: {}", bench.probe.left.join(", "));
            Err(RemoteError::Unreachable { remote, reason }.into())
        }
        Err(e) => Err(e),
    }
}

/// A probe at work.
struct Bench<'s> {
    store: &'s Store,
    link: Transport,
    patience: Duration,
    probe: Probe,
    /// The first value that was pushed.
    made: Option<ObjectId>,
}

impl Bench<'_> {
    fn look(&mut self, remote: &str) -> Result<(), StoreError> {
        for _ in 0..3 {
            let begin = Instant::now();
            let link = self.link.lasting(self.patience);
            if link.list(STATE_REF)?.is_none() {
                let reason = link.why_silent()?;
                return Err(RemoteError::Unreachable { remote: remote.to_owned(), reason }.into());
            }
            self.probe.looks.push(milliseconds(begin));
        }
        Ok(())
    }

    fn push(
        &mut self,
        name: &str,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
    ) -> Result<Pushed, StoreError> {
        let begin = Instant::now();
        let pushed = self.link.lasting(self.patience).push_ref(name, old, new)?;
        if pushed == Pushed::Won {
            self.probe.pushes.push(milliseconds(begin));
        }
        Ok(pushed)
    }

    fn try_all(&mut self, name: &str) -> Result<(), StoreError> {
        let first = self.commit(None)?;
        let created = self.push(name, None, Some(first))?;
        self.probe.custom_refs = Trial::of(&created);
        self.made = (created == Pushed::Won).then_some(first);
        if created == Pushed::Won && self.value(name)?.is_none() {
            let why = "it takes the ref and does not show it (a hidden ref?)".to_owned();
            self.probe.custom_refs = Trial::Fails(why);
            return Ok(());
        }
        if created != Pushed::Won {
            return Ok(());
        }
        let second = self.commit(Some(first))?;
        self.probe.swap = self.swaps(name, first, second)?;
        let Some(now) = self.value(name)? else { return Ok(()) };
        let other = self.commit(None)?;
        self.probe.replace = Trial::of(&self.push(name, Some(now), Some(other))?);
        let beside = format!("{name}-b");
        let Some(now) = self.value(name)? else { return Ok(()) };
        let third = self.commit(Some(now))?;
        let both = self.link.lasting(self.patience).push_pair(name, now, third, &beside)?;
        self.probe.atomic = Trial::of(&both);
        Ok(())
    }

    /// Compare-and-swap: with the right value, with wrong ones, and in races.
    fn swaps(&mut self, name: &str, first: ObjectId, second: ObjectId) -> Result<Trial, StoreError> {
        let wrong = [(None, "none"), (Some(second), "another")];
        for (expected, what) in wrong {
            let new = self.commit(Some(first))?;
            if self.push(name, expected, Some(new))? == Pushed::Won {
                return Ok(Trial::Fails(format!("a push that expected {what} was applied")));
            }
        }
        let right = self.push(name, Some(first), Some(second))?;
        if right != Pushed::Won {
            return Ok(Trial::of(&right));
        }
        let mut now = second;
        for _ in 0..RACES {
            let (a, b) = (self.commit(Some(now))?, self.commit(Some(now))?);
            let link = self.link.lasting(self.patience);
            let run = |id| link.push_ref(name, Some(now), Some(id));
            let (one, other) = std::thread::scope(|scope| {
                let other = scope.spawn(|| run(b));
                (run(a), other.join())
            });
            let other = other.unwrap_or_else(|_| Ok(Pushed::Unknown("it did not end".into())))?;
            let one = one?;
            let value = self.value(name)?;
            let unknown = |pushed: &Pushed| matches!(pushed, Pushed::Unknown(_));
            let winner = match (one == Pushed::Won, other == Pushed::Won) {
                (true, true) => return Ok(Trial::Fails("two pushes at once were both applied".into())),
                (true, false) => a,
                (false, true) => b,
                // The answer got lost, and not the push.
                (false, false) if unknown(&one) && value == Some(a) => a,
                (false, false) if unknown(&other) && value == Some(b) => b,
                // Each was in the other's way: slow, not wrong.
                (false, false) => now,
            };
            if value != Some(winner) {
                return Ok(Trial::Fails("the ref is not what the winner of a race has pushed".into()));
            }
            now = winner;
        }
        Ok(Trial::Works)
    }

    /// The value of a ref, if it exists. A server that does not answer has not said that it does not.
    fn value(&self, name: &str) -> Result<Option<ObjectId>, StoreError> {
        let link = self.link.lasting(self.patience);
        let Some((_, value)) = link.list(name)? else {
            let (remote, reason) = (link.remote().to_owned(), link.why_silent()?);
            return Err(RemoteError::Unreachable { remote, reason }.into());
        };
        Ok(value.and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()))
    }

    /// Removes the refs again.
    fn tidy(&mut self, name: &str) -> Result<(), StoreError> {
        // Only of the first is it known that it was made.
        for (name, made) in [(name.to_owned(), self.made.take()), (format!("{name}-b"), None)] {
            let value = match self.value(&name) {
                Ok(Some(value)) => value,
                // What a server hides is there all the same.
                Ok(None) => match made {
                    Some(made) => made,
                    None => continue,
                },
                // It may be there.
                Err(StoreError::Remote(_)) => {
                    self.probe.left.push(name);
                    continue;
                }
                Err(e) => return Err(e),
            };
            let deleted = self.push(&name, Some(value), None)?;
            self.probe.delete = Trial::of(&deleted);
            if deleted != Pushed::Won {
                self.probe.left.push(name);
            }
        }
        Ok(())
    }

    /// A commit that nobody else can have made, of a tree with the oddest names of a state.
    fn commit(&self, parent: Option<ObjectId>) -> Result<ObjectId, StoreError> {
        let mut writer = Writer::new(self.store);
        let blob = writer.bytes(Kind::Blob, random_hex(8).as_bytes())?;
        let entry =
            |name: &str, kind: EntryKind, oid| Entry { mode: kind.into(), filename: name.into(), oid };
        let names = ["%", "%.git", "%.gitmodules", "x.lock"];
        let entries = names.iter().map(|name| entry(name, EntryKind::Blob, blob)).collect();
        let claims = writer.object(gix::objs::Tree { entries })?;
        let entries =
            vec![entry("claims", EntryKind::Tree, claims), entry("head.json", EntryKind::Blob, blob)];
        let tree = writer.object(gix::objs::Tree { entries })?;
        let message = format!("git coord remote probe\n\n{}\n", random_hex(8));
        writer.commit(tree, parent, message, clock::now())
    }
}

fn milliseconds(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slow_server_needs_settings() {
        let of = |look, push| Probe { looks: vec![look], pushes: vec![push], ..Probe::default() }.advice();
        assert!(of(20, 35).is_empty());
        assert_eq!(of(500, 900), [("pushEvery", 2), ("refresh", 10)]);
        assert_eq!(of(100, 4000), [("remoteTimeout", 120), ("pushEvery", 8)]);
    }

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(median(&[]), 0);
        assert_eq!(median(&[9, 1, 5]), 5);
    }
}
