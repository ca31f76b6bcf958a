//! Were commits made under leases that covered what they change?
//!
//! At push, in CI and at integration the claims may be long gone: an item that is done has freed
//! its files. What counts is the leases that each commit names in its trailers. A changed path is covered
//! - by a lease that the session which made the commit holds now; who has claimed a path again may push
//!   what was made under a lease that was lost;
//! - by a lease that has ended in good order, or of another session named, if the log shows that the commit
//!   was made under it (`evidence`);
//! - by an area of the session, as long as nobody else holds the path.
//!
//! What a recorded landing has made is fine (`landed`).
//!
//! A commit that names no session was made outside the coordination; it is at fault only where it changes
//! what a session holds now. And no change is at fault for holders who have it in their branch: it was
//! there before they began, or they have taken it over.

use std::collections::{BTreeMap, BTreeSet};

use crate::git::changes::CommitChanges;
use crate::model::outcome::Blocker;
use crate::model::session::{self, Session};
use crate::model::{RepoPath, SessionName, View, ViewError};
use crate::store::{Store, StoreError};

use super::coverage;
use super::evidence::Evidence;
use super::landed::Landed;

/// A commit that was not made as it should.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fault {
    /// Its id.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// The session that made it.
    pub session: Option<String>,
    /// Paths that it changes without a lease that covers them.
    pub unclaimed: Vec<RepoPath>,
    /// Who holds them now.
    pub holders: Vec<Blocker>,
    /// Leases that it names and that had been lost, or were never granted to it.
    pub void_leases: Vec<String>,
    /// Leases that it names and that had been given back when it was made.
    pub ended_leases: Vec<String>,
}

/// What is known of commits where they are judged.
pub trait History {
    /// True when the branch of a session is known to have a commit.
    fn branch_has(&self, session: &Session, commit: &str) -> bool;

    /// The paths that `tip` changes since it left the history of `onto`; `None` when that is not known here.
    fn brought_by(&self, tip: &str, onto: &str) -> Option<Vec<RepoPath>>;

    /// True when `to` has a commit and `from` does not.
    fn is_between(&self, commit: &str, from: &str, to: &str) -> bool;
}

/// Judges commits; those that are fine are not in the result.
///
/// `pusher` may change what it holds, by whatever author.
///
/// # Errors
/// When the store cannot be read.
pub fn check_commits(
    store: &Store,
    commits: &[CommitChanges],
    pusher: Option<&SessionName>,
    history: &dyn History,
) -> Result<Vec<Fault>, StoreError> {
    let judge = Judge::of(store, commits, pusher, history)?;
    store.read(|view| {
        let faults = commits.iter().map(|c| judge.commit(view, c)).collect::<Result<Vec<_>, _>>()?;
        let mut faults: Vec<Fault> = faults.into_iter().flatten().collect();
        if !faults.is_empty() {
            let landed = Landed::read(view)?;
            let find = |fault: &Fault| commits.iter().find(|c| c.id == fault.commit);
            faults.retain(|fault| !find(fault).is_some_and(|commit| landed.has_made(commit, history)));
        }
        Ok(faults)
    })
}

/// What commits are judged by.
pub(super) struct Judge<'a> {
    sessions: BTreeMap<String, Session>,
    evidence: Evidence,
    pusher: Option<&'a SessionName>,
    history: &'a dyn History,
    /// The name of this clone, when a remote arbitrates between several.
    own: Option<String>,
}

impl<'a> Judge<'a> {
    /// Reads what bears on `commits`.
    pub(super) fn of(
        store: &Store,
        commits: &[CommitChanges],
        pusher: Option<&'a SessionName>,
        history: &'a dyn History,
    ) -> Result<Self, StoreError> {
        let names: BTreeSet<SessionName> =
            commits.iter().flat_map(|c| &c.sessions).filter_map(|n| SessionName::parse(n).ok()).collect();
        let sessions = store.read(|view| {
            let mut found = BTreeMap::new();
            for name in &names {
                if let Some(session) = session::get(view, name)? {
                    found.insert(name.to_string(), session);
                }
            }
            Ok(found)
        })?;
        let own = store.arbiter()?.map(|arbiter| arbiter.clone);
        let mut judge = Judge { sessions, evidence: Evidence::default(), pusher, history, own };
        // What is held speaks for itself: the log, which may be long, need not be read.
        let open: Vec<&CommitChanges> = commits.iter().filter(|c| !judge.is_held(c)).collect();
        judge.evidence = Evidence::read(store, &open)?;
        Ok(judge)
    }

    /// True when a change of `path` was made as it should, so far as its leases tell.
    pub(super) fn is_fine(&self, commit: &CommitChanges, path: &RepoPath) -> bool {
        let covered = |author| self.is_covered(commit, author, path);
        self.evidence.is_carried(&commit.id) || self.author(commit).is_some_and(covered)
    }

    /// The session that made a commit, if it is known here. One of another store, or one that was
    /// uninstalled with its store, is not.
    fn author(&self, commit: &CommitChanges) -> Option<&Session> {
        self.sessions.get(commit.session()?)
    }

    /// True when the session that made it holds all that it changes, under leases that it names.
    fn is_held(&self, commit: &CommitChanges) -> bool {
        let Some(author) = self.author(commit) else { return false };
        commit.paths.iter().all(|path| commit.lease_ids().any(|lease| author.holds(lease, path)))
    }

    fn commit(&self, view: &dyn View, commit: &CommitChanges) -> Result<Option<Fault>, ViewError> {
        if self.evidence.is_carried(&commit.id) {
            return Ok(None);
        }
        let mut fault = Fault {
            commit: commit.id.clone(),
            subject: commit.subject.clone(),
            session: commit.session().map(str::to_owned),
            ..Fault::default()
        };
        let found = match self.author(commit) {
            Some(author) => {
                let open: Vec<RepoPath> =
                    commit.paths.iter().filter(|p| !self.is_covered(commit, author, p)).cloned().collect();
                coverage::check_paths(view, author, &open)?
            }
            None => coverage::check_unbound(view, &commit.paths)?,
        };
        let outside = self.author(commit).is_none();
        for path in found.unclaimed {
            let all: Vec<&Blocker> = found.holders.iter().filter(|h| h.path == path).collect();
            let mut holders = Vec::new();
            for holder in &all {
                if !(outside && Some(&holder.session) == self.pusher
                    || self.already_has(view, holder, commit)?)
                {
                    holders.push((*holder).clone());
                }
            }
            // Nobody holds it: at fault all the same, unless it was made outside.
            if !holders.is_empty() || (all.is_empty() && !outside) {
                fault.unclaimed.push(path);
                fault.holders.extend(holders);
            }
        }
        if fault.unclaimed.is_empty() {
            return Ok(None);
        }
        if !outside {
            self.name_leases(commit, &mut fault);
        }
        Ok(Some(fault))
    }

    /// True when a path of a commit is covered by a lease that the commit names.
    fn is_covered(&self, commit: &CommitChanges, author: &Session, path: &RepoPath) -> bool {
        commit.lease_ids().any(|lease| {
            if author.holds(lease, path) {
                return true;
            }
            let Some(of) = self.granted_to(commit, lease) else { return false };
            let held = self.sessions.get(of).is_some_and(|session| session.holds(lease, path));
            held && self.evidence.was_made_under(&commit.id, lease)
                || self.evidence.covered(&commit.id, lease, path)
        })
    }

    /// Whose lease that is, if the session is one that the commit names.
    fn granted_to<'c>(&self, commit: &'c CommitChanges, lease: u64) -> Option<&'c String> {
        let grant = self.evidence.grant(lease).filter(|grant| !grant.lost)?;
        commit.sessions.iter().find(|name| *name == grant.session.as_str())
    }

    fn already_has(
        &self,
        view: &dyn View,
        holder: &Blocker,
        commit: &CommitChanges,
    ) -> Result<bool, ViewError> {
        let session = session::get(view, &holder.session)?;
        // In another clone, a branch of the same name is another branch.
        let here = |session: &Session| self.own.is_none() || session.clone == self.own;
        Ok(session.is_some_and(|session| here(&session) && self.history.branch_has(&session, &commit.id)))
    }

    /// Says which of the leases of a commit do not count.
    fn name_leases(&self, commit: &CommitChanges, fault: &mut Fault) {
        for word in &commit.leases {
            let lease: Option<u64> = word.parse().ok();
            let held = |id| self.sessions.values().any(|s| s.leases.iter().any(|l| l.id == id));
            match lease.filter(|id| self.granted_to(commit, *id).is_some()) {
                None => fault.void_leases.push(word.clone()),
                Some(id) if !held(id) => fault.ended_leases.push(word.clone()),
                Some(_) => {}
            }
        }
    }
}
