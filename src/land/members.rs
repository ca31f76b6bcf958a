//! What there is to land: of each session its branch, up to the last commit of finished work.
//!
//! A commit is unfinished while an item that it names is not done. What follows it on the branch waits
//! with it. A branch that is not where its session says, or whose worktree has changes that no claim
//! explains, is handed back: others have lost work by landing what a stale ref named.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::git::Worktree;
use crate::model::landing::HandedBack;
use crate::model::session::{self, Session};
use crate::model::{ItemId, ItemState, RepoPath, SessionName, item_index, queue};

use super::LandError;
use super::finished::{finished, reachable, titles, unfinished};
use super::integrator::Integrator;
use super::landing::Chosen;
use super::merge::path;
use super::rollback::Reverted;
use super::target::{Target, changes};

/// A branch that may land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its session; `None` for a branch that is not a session's.
    pub session: Option<SessionName>,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit up to which its work is finished.
    pub tip: String,
    /// When that was made, in seconds: who is first lands first.
    pub time: i64,
    /// The items that come with it.
    pub items: Vec<ItemId>,
    /// The titles of these items.
    pub titles: Vec<String>,
    /// Landings of this branch that were reverted: git takes their commits for merged, so the reverts
    /// are reverted first.
    pub(super) reinstate: Vec<Reverted>,
    /// First line of the commit that brings it, when somebody has chosen one.
    pub subject: Option<String>,
}

/// Work that is not finished, and waits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Waiting {
    /// Its session.
    pub session: Option<SessionName>,
    /// The branch.
    pub branch: String,
    /// The items that are not done.
    pub items: Vec<ItemId>,
    /// Number of commits that wait.
    pub commits: usize,
    /// The remote that does not have the branch, which is in another clone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_on: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What may land, in this order.
    pub work: Vec<Work>,
    /// What cannot.
    pub handed_back: Vec<HandedBack>,
    /// What is not finished.
    pub waiting: Vec<Waiting>,
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Names of sessions, branches and items; empty: all sessions.
    pub names: Vec<String>,
}

/// One branch that is asked for.
#[derive(Debug, Clone)]
struct Candidate {
    session: Option<Session>,
    branch: String,
    tip: String,
    worktree: Option<PathBuf>,
    /// Only up to the last commit of these.
    until: BTreeSet<ItemId>,
}

/// What git knows of branches and worktrees.
struct Places {
    branches: HashMap<String, String>,
    trees: Vec<Worktree>,
}

impl Integrator<'_> {
    /// Finds what may land on a target.
    ///
    /// # Errors
    /// When a name is not known, or git or the store fails.
    pub fn find(&self, target: &Target, asked: &Asked) -> Result<Found, LandError> {
        let places = self.places()?;
        let sessions = self.store.read(|view| session::all(view))?;
        let mut found = Found::default();
        let mut list = Vec::new();
        if asked.names.is_empty() {
            for record in sessions.iter().filter(|s| !s.prefetch) {
                self.place(record, &places, target, &mut list, &mut found)?;
            }
        }
        for name in &asked.names {
            self.resolve(name, &sessions, &places, target, (&mut list, &mut found))?;
        }
        let reverted = self.reverted(&target.branch)?;
        let mut seen = HashSet::new();
        for candidate in list {
            if candidate.branch != target.branch && seen.insert(candidate.branch.clone()) {
                self.judge(&candidate, target, &reverted, &mut found)?;
            }
        }
        found.work.sort_by(|a, b| (a.time, &a.branch).cmp(&(b.time, &b.branch)));
        Ok(found)
    }

    fn places(&self) -> Result<Places, LandError> {
        let host = self.workshop.host();
        let words = ["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/"];
        let text = host.git().args(words).text()?;
        let pairs = text.lines().filter_map(|line| line.split_once(" refs/heads/"));
        let branches = pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect();
        Ok(Places { branches, trees: host.worktrees()? })
    }

    /// What a name means: a session, a branch, or an item.
    fn resolve(
        &self,
        name: &str,
        sessions: &[Session],
        places: &Places,
        target: &Target,
        (list, found): (&mut Vec<Candidate>, &mut Found),
    ) -> Result<(), LandError> {
        if let Some(record) = sessions.iter().find(|s| s.name.as_str() == name && !s.prefetch) {
            return self.place(record, places, target, list, found);
        }
        if let Some(tip) = places.branches.get(name) {
            let of = sessions.iter().find(|s| !s.prefetch && s.branch.as_deref() == Some(name));
            let tree = places.trees.iter().find(|tree| tree.branch.as_deref() == Some(name));
            list.push(Candidate {
                session: of.cloned(),
                branch: name.to_owned(),
                tip: tip.clone(),
                worktree: tree.filter(|tree| !tree.prunable).map(|tree| tree.path.clone()),
                until: BTreeSet::new(),
            });
            return Ok(());
        }
        let unknown = || LandError::Unknown {
            message: format!("{name:?} is not a session, a branch or an item"),
            hint: "list sessions with: git coord session list; items with: git coord queue list".into(),
        };
        let item = ItemId::parse(name).map_err(|_| unknown())?;
        let by = self.store.read(|view| match item_index::find(view, &item)? {
            Some(slot) => Ok(Some(queue::placement(view, &slot)?)),
            None => Ok(None),
        })?;
        let (state, note, _) = by.ok_or_else(unknown)?;
        if state != ItemState::Done {
            let message = format!("item {item} is {state}: only finished work lands");
            return Err(LandError::rule("not-submitted", message, format!("git coord done {item}")));
        }
        let record = sessions.iter().find(|s| Some(&s.name) == note.by.as_ref()).ok_or_else(unknown)?;
        let before = list.len();
        self.place(record, places, target, list, found)?;
        list.iter_mut().skip(before).for_each(|candidate| {
            candidate.until.insert(item.clone());
        });
        Ok(())
    }

    /// Finds the branch of a session. One that works in another clone has pushed it, or not.
    fn place(
        &self,
        record: &Session,
        places: &Places,
        target: &Target,
        list: &mut Vec<Candidate>,
        found: &mut Found,
    ) -> Result<(), LandError> {
        let clone = self.store.arbiter()?.map(|arbiter| arbiter.clone);
        let elsewhere = clone.is_some() && record.clone.is_some() && record.clone != clone;
        let mut candidate = Candidate {
            session: Some(record.clone()),
            branch: record.branch.clone().unwrap_or_default(),
            tip: String::new(),
            worktree: None,
            until: BTreeSet::new(),
        };
        if elsewhere {
            let Some(remote) = self.remote.as_deref().filter(|_| !candidate.branch.is_empty()) else {
                return Ok(());
            };
            if candidate.branch == target.branch {
                return Ok(());
            }
            match self.fetch(remote, &candidate.branch)? {
                Some(tip) => list.push(Candidate { tip, ..candidate }),
                // Sessions push their branches when they finish something, if they are asked to.
                None if record.done > 0 => found.waiting.push(Waiting {
                    session: Some(record.name.clone()),
                    branch: candidate.branch,
                    items: Vec::new(),
                    commits: 0,
                    missing_on: Some(remote.to_owned()),
                }),
                None => {}
            }
            return Ok(());
        }
        let folder = record.worktree.as_deref().map(Path::new);
        let tree = places.trees.iter().find(|tree| Some(tree.path.as_path()) == folder && !tree.prunable);
        if let Some(tree) = tree {
            candidate.worktree = Some(tree.path.clone());
            if tree.branch.is_none() || (record.branch.is_some() && tree.branch != record.branch) {
                return self.moved(record, tree, target, found);
            }
            candidate.branch = tree.branch.clone().unwrap_or_default();
        }
        if let Some(tip) = places.branches.get(&candidate.branch) {
            list.push(Candidate { tip: tip.clone(), ..candidate });
        }
        Ok(())
    }

    /// The worktree of a session is on another branch than the session was started on, or on none. It
    /// is named when it has commits that the target lacks.
    fn moved(
        &self,
        record: &Session,
        tree: &Worktree,
        target: &Target,
        found: &mut Found,
    ) -> Result<(), LandError> {
        let head =
            crate::git::Git::new(&tree.path).args(["rev-parse", "--verify", "-q", "HEAD"]).optional()?;
        let Some(head) = head else { return Ok(()) };
        if tree.branch.as_deref() == Some(&target.branch) || self.workshop.contains(&target.tip, &head)? {
            return Ok(());
        }
        let place = tree.path.display();
        let reason = match &tree.branch {
            None => format!("its worktree {place} is on a detached HEAD: put its commits on a branch there"),
            Some(on) => format!(
                "its worktree {place} is on {on} now: name that branch, or start the session there again"
            ),
        };
        found.handed_back.push(HandedBack {
            session: Some(record.name.clone()),
            branch: record.branch.clone().or_else(|| tree.branch.clone()).unwrap_or_default(),
            rule: "not-submitted".into(),
            reason,
            files: Vec::new(),
            log: None,
        });
        Ok(())
    }

    /// Looks for the last commit of finished work of a branch.
    fn judge(
        &self,
        candidate: &Candidate,
        target: &Target,
        reverted: &[Reverted],
        found: &mut Found,
    ) -> Result<(), LandError> {
        let commits = self.commits(&target.tip, &candidate.tip)?;
        let reinstate: Vec<Reverted> =
            reverted.iter().filter(|one| one.branch == candidate.branch).cloned().collect();
        if commits.is_empty() && reinstate.is_empty() {
            return Ok(());
        }
        let session = candidate.session.as_ref().map(|s| s.name.clone());
        let open = self.store.read(|view| unfinished(view, &commits))?;
        if let Some(files) = self.unexplained(candidate)? {
            found.handed_back.push(HandedBack {
                session,
                branch: candidate.branch.clone(),
                rule: "uncommitted".into(),
                reason: format!("{} has changes that are not committed", shown(&candidate.worktree)),
                files,
                log: None,
            });
            return Ok(());
        }
        let good = finished(&commits, &open, &candidate.tip, &candidate.until);
        let landing = good.map(|at| reachable(&commits, at)).unwrap_or_default();
        if landing.len() < commits.len() && candidate.until.is_empty() {
            found.waiting.push(Waiting {
                session: session.clone(),
                branch: candidate.branch.clone(),
                items: open.iter().cloned().collect(),
                commits: commits.len() - landing.len(),
                missing_on: None,
            });
        }
        let last = good.map(|commit| (commit.id.clone(), commit.time));
        let last = last.or_else(|| reinstate.last().map(|one| (one.tip.clone(), 0)));
        let Some((tip, time)) = last else { return Ok(()) };
        let mut items: Vec<ItemId> = Vec::new();
        let again = reinstate.iter().flat_map(|one| &one.items);
        for item in again.chain(landing.iter().flat_map(|commit| &commit.items)) {
            if !items.contains(item) {
                items.push(item.clone());
            }
        }
        let (items, titles) = self.store.read(|view| titles(view, &items))?.into_iter().unzip();
        let branch = candidate.branch.clone();
        found.work.push(Work { session, branch, tip, time, items, titles, reinstate, subject: None });
        Ok(())
    }

    /// A branch that somebody has chosen to land as it is: of the items that it names, those that are done.
    ///
    /// # Errors
    /// When git or the store fails.
    pub(super) fn chosen(&self, target: &Target, chosen: &Chosen) -> Result<Work, LandError> {
        let commits = self.commits(&target.tip, &chosen.commit)?;
        let open = self.store.read(|view| unfinished(view, &commits))?;
        let mut items: Vec<ItemId> = Vec::new();
        for item in commits.iter().flat_map(|commit| &commit.items) {
            if !open.contains(item) && !items.contains(item) {
                items.push(item.clone());
            }
        }
        let (items, titles) = self.store.read(|view| titles(view, &items))?.into_iter().unzip();
        let reverted = self.reverted(&target.branch)?.into_iter();
        Ok(Work {
            session: chosen.session.clone(),
            branch: chosen.branch.clone(),
            tip: chosen.commit.clone(),
            time: commits.last().map_or(0, |commit| commit.time),
            items,
            titles,
            reinstate: reverted.filter(|one| one.branch == chosen.branch).collect(),
            subject: chosen.subject.clone(),
        })
    }

    /// Files with changes that no claim of the session explains, in its worktree; `None` when there is
    /// none. A session may be in the middle of its next item.
    fn unexplained(&self, candidate: &Candidate) -> Result<Option<Vec<String>>, LandError> {
        let Some(worktree) = &candidate.worktree else { return Ok(None) };
        let out = changes(worktree)?;
        let explained = |file: &str| {
            let session = candidate.session.as_ref();
            session.is_some_and(|s| RepoPath::parse(file).is_ok_and(|file| s.may_edit(&file)))
        };
        let files = out.split(|b| *b == 0).filter_map(|entry| entry.get(3..)).map(path);
        let files: Vec<String> = files.filter(|file| !explained(file)).collect();
        Ok((!files.is_empty()).then_some(files))
    }
}

fn shown(worktree: &Option<PathBuf>) -> String {
    worktree.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default()
}
