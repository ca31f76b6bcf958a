//! Freshness: a session's branch has the newest versions of what the session is about to edit.
//!
//! Each path has one line of versions: its editor has in its branch every earlier coordinated commit to it,
//! and every commit to it on the target. Then of two branches one has the other's version as an ancestor,
//! and merges of coordinated branches are clean, in any order.
//!
//! [`Branch::submit`] carries out an operation that grants paths:
//! 1. It says which unlanded commits the branch has; the state answers what is missing
//!    ([`Outcome::Stale`]). What is on the target and not in the branch is known from git.
//! 2. What is missing is merged into the branch, and the operation is carried out again. Nothing is granted
//!    before. A worktree with changes in the way, a protected branch, the target itself and a detached HEAD
//!    are left alone: then the answer is what is missing.
//!
//! A death between a merge and the grant leaves a branch that has more than it needs.
//!
//! What was found out is kept beside the store, for the pair of `HEAD` and target: as long as neither moves,
//! a claim starts no process and reads one small file more.

mod error;
mod known;
mod merge;
mod target;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::git::{HostRepo, tips};
use crate::model::outcome::Taken;
use crate::model::unlanded::{self, Missing};
use crate::model::unlanded_op::{Freshness, UnlandedOp};
use crate::model::{ItemId, Op, Outcome, RepoPath, SessionName, item_index, queue};
use crate::settings::{FreshBase, Settings};
use crate::store::Store;

pub use error::FreshError;
use known::Known;
pub use target::name as target_name;

/// Merges that one call makes at most: more commits than this come one after the other from as many calls.
const MERGES: usize = 64;

/// What was merged into a session's branch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Refreshed {
    /// The branch's commit before.
    pub from: String,
    /// Its commit after.
    pub to: String,
    /// What was merged, in order.
    pub merged: Vec<Merged>,
}

/// One commit that was merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Merged {
    /// It.
    pub commit: String,
    /// The session that has made it; `None` for the target.
    pub session: Option<SessionName>,
    /// The branch that it comes from.
    pub branch: Option<String>,
}

/// What an operation came to, and what was done so that it could be granted.
#[derive(Debug)]
pub struct Granted {
    /// The outcome.
    pub outcome: Outcome,
    /// What was merged; `None`: nothing.
    pub refreshed: Option<Refreshed>,
    /// What is missing although the operation was granted: `coord.freshBase=warn`.
    pub lacking: Vec<Missing>,
}

impl Granted {
    /// The outcome of an operation that needs no particular version.
    pub fn plain(outcome: Outcome) -> Self {
        Granted { outcome, refreshed: None, lacking: Vec::new() }
    }
}

/// The branch that a session works on.
#[derive(Debug, Clone, Copy)]
pub struct Branch<'a> {
    /// Its worktree.
    pub repo: &'a HostRepo,
    /// The state.
    pub store: &'a Store,
    /// The settings.
    pub settings: &'a Settings,
    /// The session.
    pub session: &'a SessionName,
}

impl Branch<'_> {
    /// Carries out an operation that grants `paths`, or items with their files. `make` builds it; `send`
    /// carries it out, a refusal being an outcome.
    ///
    /// # Errors
    /// From git, the store, and `send`.
    pub fn submit<E: From<FreshError>>(
        &self,
        paths: &[RepoPath],
        make: impl Fn(Option<Freshness>) -> Op,
        mut send: impl FnMut(&Op) -> Result<Outcome, E>,
    ) -> Result<Granted, E> {
        let mode = self.settings.fresh_base;
        let asks = matches!(mode, FreshBase::Auto | FreshBase::Refuse | FreshBase::Landed);
        if !asks || tips::head(self.repo).is_none_or(|head| !self.is_ours(&head)) {
            let outcome = send(&make(None))?;
            let files = if mode == FreshBase::Warn { granted_files(&outcome, paths) } else { Vec::new() };
            let lacking = self.lacking(&files, &[])?;
            return Ok(Granted { outcome, refreshed: None, lacking });
        }
        let mut done = Refreshed::default();
        for _ in 0..MERGES {
            let known = Known::load(self)?;
            let behind = known.target_changes(paths);
            if !behind.is_empty() {
                if mode == FreshBase::Refuse || !self.bring(&behind, &mut done)? {
                    return Ok(self.stale(behind, done));
                }
                continue;
            }
            let until_landed = mode == FreshBase::Landed;
            let fresh = Freshness { has: known.contained.clone(), until_landed };
            let outcome = send(&make(Some(fresh)))?;
            let missing = match outcome {
                Outcome::Stale { missing } => missing,
                Outcome::Taken { ref items, .. } => {
                    let files: Vec<RepoPath> = items.iter().flat_map(|t| t.item.files.clone()).collect();
                    let behind = known.target_changes(&files);
                    if !behind.is_empty() && (mode == FreshBase::Refuse || !self.bring(&behind, &mut done)?) {
                        self.give_back(items, &mut send)?;
                        return Ok(self.stale(behind, done));
                    }
                    return Ok(granted(outcome, done));
                }
                other => return Ok(granted(other, done)),
            };
            if known.learn(self, &missing)? {
                continue;
            }
            let landed = known.landed(self, &missing)?;
            if !landed.is_empty() {
                let session = Some(self.session.clone());
                let op = Op::Unlanded(UnlandedOp::Contained { session, commits: landed });
                self.store.defer(&op).map_err(FreshError::from)?;
            }
            if mode == FreshBase::Refuse || !self.bring(&missing, &mut done)? {
                return Ok(self.stale(missing, done));
            }
        }
        Ok(granted(send(&make(None))?, done))
    }

    /// What the branch lacks for paths and for what items touch and need.
    ///
    /// # Errors
    /// From git and the store.
    pub fn lacking(&self, paths: &[RepoPath], items: &[ItemId]) -> Result<Vec<Missing>, FreshError> {
        if paths.is_empty() && items.is_empty() {
            return Ok(Vec::new());
        }
        let known = Known::load(self)?;
        let (files, mut missing) = self.store.read(|view| {
            let mut files: BTreeSet<RepoPath> = paths.iter().cloned().collect();
            let mut missing = Vec::new();
            for item in items {
                let Some(slot) = item_index::find(view, item)? else { continue };
                let item = queue::item(view, &slot)?;
                missing.extend(unlanded::missing_needs(view, &item, self.session, &[])?);
                files.extend(item.files);
            }
            for file in &files {
                missing.extend(unlanded::missing(view, file, self.session, &[])?);
            }
            Ok((files, missing))
        })?;
        let files: Vec<RepoPath> = files.into_iter().collect();
        let mut lacking = known.target_changes(&files);
        known.learn(self, &missing)?;
        let known = Known::load(self)?;
        missing.retain(|m| !known.contained.contains(&m.commit));
        lacking.extend(missing);
        Ok(lacking)
    }

    /// Everything that the branch lacks: of all unlanded commits of others, and of the target.
    ///
    /// # Errors
    /// From git and the store.
    pub fn lacking_anywhere(&self) -> Result<Vec<Missing>, FreshError> {
        self.lacking(&[RepoPath::root()], &[])
    }

    /// Unlanded commits of other sessions, to these paths, that a commit of the branch builds on.
    ///
    /// # Errors
    /// From git and the store.
    pub fn contained(&self, commit: &str, paths: &[RepoPath]) -> Result<Vec<String>, FreshError> {
        let others = self.store.read(|view| {
            let mut found = BTreeSet::new();
            for path in paths {
                found.extend(unlanded::missing(view, path, self.session, &[])?.into_iter().map(|m| m.commit));
            }
            Ok(found)
        })?;
        let mut contained = Vec::new();
        for other in others {
            if known::is_ancestor(self, &other, commit)? {
                contained.push(other);
            }
        }
        Ok(contained)
    }

    /// Merges what is missing into the branch. `None`: it cannot be done here, and nothing was changed.
    ///
    /// # Errors
    /// From git.
    pub fn refresh(&self, missing: &[Missing]) -> Result<Option<Refreshed>, FreshError> {
        let mut done = Refreshed::default();
        Ok(self.bring(missing, &mut done)?.then_some(done))
    }

    /// True when the session's name stands for this worktree's branch: a session that is named from elsewhere
    /// has its branch elsewhere.
    fn is_ours(&self, head: &tips::Tip) -> bool {
        let record = self.store.read(|view| crate::model::session::get(view, self.session));
        let Ok(Some(record)) = record else { return false };
        let short = head.branch.as_deref().and_then(|b| b.strip_prefix("refs/heads/"));
        match (&record.worktree, &record.branch) {
            (Some(worktree), _) => std::path::Path::new(worktree) == self.repo.root,
            (None, Some(branch)) => Some(branch.as_str()) == short,
            (None, None) => true,
        }
    }

    fn give_back<E>(
        &self,
        items: &[Taken],
        send: &mut impl FnMut(&Op) -> Result<Outcome, E>,
    ) -> Result<(), E> {
        let (session, how) = (self.session.clone(), crate::model::op::Finish::Drop);
        let items: Vec<ItemId> = items.iter().map(|t| t.item.id.clone()).collect();
        send(&Op::Finish { session, items, how, lease: None }).map(|_| ())
    }

    fn stale(&self, missing: Vec<Missing>, done: Refreshed) -> Granted {
        granted(Outcome::Stale { missing }, done)
    }
}

fn granted(outcome: Outcome, done: Refreshed) -> Granted {
    let refreshed = Some(done).filter(|d| !d.merged.is_empty());
    Granted { outcome, refreshed, lacking: Vec::new() }
}

fn granted_files(outcome: &Outcome, paths: &[RepoPath]) -> Vec<RepoPath> {
    match outcome {
        Outcome::Taken { items, .. } => items.iter().flat_map(|t| t.item.files.clone()).collect(),
        outcome if outcome.is_refusal() => Vec::new(),
        _ => paths.to_vec(),
    }
}
