//! The radar: which live branches conflict with each other and with the target, before anybody merges.
//!
//! All pairs are merged in memory by the engine that lands them, with the same rules and attributes.
//! Pairs that change other files need no merge (`filter`), known ones neither (`cache`), and the
//! rest is one git process (`batch`). Its objects go into a temporary folder: a radar that writes into
//! the repository leaves thousands of loose objects and makes `git gc` start.

mod batch;
mod cache;
mod filter;
mod graph;
mod uncommitted;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::session;

use super::LandError;
use super::integrator::Integrator;
use super::merge::path;
use super::target;
use batch::Quarantine;
use cache::{Cache, SeenBranch};
use graph::Ahead;

pub use cache::Cache as Radar;

/// What a merge of two branches would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairState {
    /// Without a conflict.
    Clean,
    /// Without a conflict, because a rule settles what would be one.
    Resolved,
    /// With conflicts.
    Conflict,
    /// Not known: git cannot merge them here.
    Unknown,
}

/// A file in conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileConflict {
    /// The path.
    pub path: String,
    /// The kind of conflict in git's words: `contents`, `rename/delete`, …
    pub kind: String,
}

/// A branch that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveBranch {
    /// Its name.
    pub name: String,
    /// Its commit.
    pub tip: String,
    /// Its session.
    pub session: Option<String>,
    /// True when changes that are not committed were counted.
    pub uncommitted: bool,
    /// What is merged: `tip`, or a commit of these changes on top of it.
    #[serde(skip)]
    merged: String,
    #[serde(skip)]
    paths: Vec<String>,
}

/// Two branches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// One.
    pub a: String,
    /// The other; the target in pairs with it.
    pub b: String,
    /// What their merge would be.
    pub state: PairState,
    /// The files in conflict.
    pub files: Vec<FileConflict>,
}

/// What the radar shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// The target branch.
    pub target: String,
    /// The branches that have what the target lacks.
    pub branches: Vec<LiveBranch>,
    /// Each pair of them, and each with the target.
    pub pairs: Vec<Pair>,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// These branches; empty: those of all sessions.
    pub branches: Vec<String>,
    /// The target.
    pub into: Option<String>,
    /// Count what is not committed, too.
    pub worktrees: bool,
}

impl Integrator<'_> {
    /// Merges all pairs in memory. No remote is asked.
    ///
    /// # Errors
    /// When a branch does not exist, or git or the store fails.
    pub fn conflicts(&mut self, ask: &Ask) -> Result<Picture, LandError> {
        let remote = self.remote.as_deref();
        let target = target::branch(&self.workshop, ask.into.as_deref(), self.target.as_deref(), remote)?;
        let refs = self.refs()?;
        let tip = self.known_target(&target, &refs)?;
        self.workshop.use_attributes_of(&tip, "")?;
        let mut cache = Cache::open(self.workshop.path(), &self.key(&tip)?);
        let quarantine = Quarantine::new()?;
        let mut branches = self.live(ask, &refs, &target)?;
        if ask.worktrees {
            for branch in &mut branches {
                self.count_uncommitted(&quarantine, branch)?;
            }
        }
        let ahead = self.ahead((&mut cache, &quarantine), &mut branches, &tip)?;
        for branch in &mut branches {
            let touched = ahead.get(&branch.merged).and_then(|ahead| ahead.touched.as_ref());
            branch.paths = touched.map(|t| t.paths().map(|p| path(p)).collect()).unwrap_or_default();
        }
        let sides: Vec<(&str, &str)> =
            branches.iter().map(|b| (b.name.as_str(), b.merged.as_str())).collect();
        let pairs = self.pairs(&mut cache, &quarantine, (&sides, (&target, &tip)), &ahead)?;
        if ask.branches.is_empty() && !ask.worktrees {
            note(&mut cache, &branches, &pairs);
        }
        cache.save(self.workshop.path());
        Ok(Picture { target, branches, pairs })
    }

    /// Leaves the branches that have what the target lacks, with what that is. Empty when the cache knows
    /// all pairs of them.
    fn ahead(
        &self,
        (cache, quarantine): (&mut Cache, &Quarantine),
        branches: &mut Vec<LiveBranch>,
        target: &str,
    ) -> Result<HashMap<String, Ahead>, LandError> {
        branches.retain(|b| b.merged != target && !cache.get(&b.merged, target).is_some_and(|k| k.contained));
        let tips: Vec<String> = branches.iter().map(|branch| branch.merged.clone()).collect();
        let sides = || tips.iter().map(String::as_str).chain([target]);
        let mut pairs = tips.iter().enumerate().flat_map(|(n, a)| sides().skip(n + 1).map(move |b| (a, b)));
        if pairs.all(|(a, b)| cache.get(a, b).is_some()) {
            return Ok(HashMap::new());
        }
        let ahead = graph::ahead((&self.workshop, quarantine), target, &tips)?;
        for (tip, _) in ahead.iter().filter(|(_, ahead)| ahead.commits.is_empty()) {
            cache.put_contained(tip, target);
        }
        branches.retain(|b| ahead.get(&b.merged).is_some_and(|ahead| !ahead.commits.is_empty()));
        Ok(ahead)
    }

    /// All branches of this clone and of its remote, with their commits.
    fn refs(&self) -> Result<HashMap<String, String>, LandError> {
        let words = ["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/", "refs/remotes/"];
        let text = self.workshop.host().git().args(words).text()?;
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect())
    }

    /// The target as far as it is known here.
    fn known_target(&self, target: &str, refs: &HashMap<String, String>) -> Result<String, LandError> {
        let remote = self.remote.as_ref().and_then(|r| refs.get(&format!("refs/remotes/{r}/{target}")));
        let found = remote.or_else(|| refs.get(&format!("refs/heads/{target}")));
        found.cloned().ok_or_else(|| LandError::Unknown {
            message: format!("there is no branch {target}"),
            hint: "name the target with --into".into(),
        })
    }

    /// The branches that were named, or those of all sessions.
    fn live(
        &self,
        ask: &Ask,
        refs: &HashMap<String, String>,
        target: &str,
    ) -> Result<Vec<LiveBranch>, LandError> {
        let sessions = self.store.read(|view| session::all(view))?;
        let mut list: Vec<LiveBranch> = Vec::new();
        let mut add = |name: &str, tip: &String, session: Option<String>| {
            if name != target && list.iter().all(|known| known.name != name) {
                let (name, tip) = (name.to_owned(), tip.clone());
                let merged = tip.clone();
                list.push(LiveBranch { name, tip, session, uncommitted: false, merged, paths: Vec::new() });
            }
        };
        let of = |name: &str| {
            sessions.iter().find(|s| s.branch.as_deref() == Some(name)).map(|s| s.name.to_string())
        };
        for name in &ask.branches {
            // A session's name stands for its branch.
            let named = sessions.iter().find(|s| s.name.as_str() == name).and_then(|s| s.branch.clone());
            let name = named.as_ref().unwrap_or(name);
            let tip = refs.get(&format!("refs/heads/{name}")).ok_or_else(|| LandError::Unknown {
                message: format!("there is no branch {name}"),
                hint: "list branches with: git branch".into(),
            })?;
            add(name, tip, of(name));
        }
        if ask.branches.is_empty() {
            for record in sessions.iter().filter(|s| !s.prefetch) {
                let Some(name) = &record.branch else { continue };
                let remote = self.remote.as_ref().map(|r| format!("refs/remotes/{r}/{name}"));
                let own = refs.get(&format!("refs/heads/{name}"));
                if let Some(tip) = own.or_else(|| remote.and_then(|name| refs.get(&name))) {
                    add(name, tip, Some(record.name.to_string()));
                }
            }
        }
        Ok(list)
    }

    /// What the answers depend on besides the commits.
    fn key(&self, target: &str) -> Result<String, LandError> {
        let output = self.workshop.git().args(["rev-parse", &format!("{target}:.gitattributes")]).output()?;
        let mut hash = Sha256::new();
        hash.update(output.stdout);
        hash.update(format!("{:?} {:?}", self.workshop.version(), self.workshop.settings()));
        Ok(hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect())
    }

    /// Finds out about each pair of branches, and each with the target.
    fn pairs(
        &self,
        cache: &mut Cache,
        quarantine: &Quarantine,
        (sides, target): (&[(&str, &str)], (&str, &str)),
        ahead: &HashMap<String, Ahead>,
    ) -> Result<Vec<Pair>, LandError> {
        let mut wanted = Vec::new();
        for (n, a) in sides.iter().enumerate() {
            wanted.extend(sides[n + 1..].iter().chain([&target]).map(|b| (*a, *b)));
        }
        let mut unknown: Vec<(String, String)> = Vec::new();
        for ((_, a), (_, b)) in &wanted {
            if cache.get(a, b).is_some() {
                continue;
            }
            if are_apart(ahead, a, b) {
                cache.put(a, b, PairState::Clean, Vec::new());
            } else {
                unknown.push(((*a).to_owned(), (*b).to_owned()));
            }
        }
        for ((a, b), merged) in unknown.iter().zip(batch::merge(&self.workshop, quarantine, &unknown)?) {
            let Some(merged) = merged else {
                cache.put(a, b, PairState::Unknown, Vec::new());
                continue;
            };
            let state = if merged.clean { PairState::Clean } else { PairState::Conflict };
            let files = merged.conflicts.into_iter().map(|(path, kind)| FileConflict { path, kind });
            cache.put(a, b, state, files.collect());
        }
        let show = |((name, a), (other, b)): ((&str, &str), (&str, &str))| {
            let known = cache.get(a, b)?;
            Some(Pair { a: name.to_owned(), b: other.to_owned(), state: known.state, files: known.files })
        };
        Ok(wanted.into_iter().filter_map(show).collect())
    }
}

/// True when the paths alone show that two branches merge: they have one base, no commit in common that
/// the target lacks, and are apart.
fn are_apart(ahead: &HashMap<String, Ahead>, a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (ahead.get(a), ahead.get(b)) else { return false };
    let (Some(one), Some(other)) = (&a.touched, &b.touched) else { return false };
    a.base == b.base && a.commits.is_disjoint(&b.commits) && one.is_apart_from(other)
}

/// Keeps the picture for `status` and for the hook before a commit.
fn note(cache: &mut Cache, branches: &[LiveBranch], pairs: &[Pair]) {
    let seen = |branch: &LiveBranch| {
        let known = cache.branches.iter().find(|seen| seen.tip == branch.tip && branch.paths.is_empty());
        SeenBranch {
            name: branch.name.clone(),
            session: branch.session.clone(),
            tip: branch.tip.clone(),
            paths: known.map_or_else(|| branch.paths.clone(), |seen| seen.paths.clone()),
        }
    };
    let branches = branches.iter().map(seen).collect();
    let conflicts = pairs.iter().filter(|pair| pair.state == PairState::Conflict);
    let conflicts = conflicts.map(|pair| (pair.a.clone(), pair.b.clone())).collect();
    cache.note(branches, conflicts);
}
