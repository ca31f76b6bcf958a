//! What there is to land: of each session its branch, up to the last commit of finished work.
//!
//! A commit is unfinished while an item that it names is not done. What follows it on the branch waits
//! with it. A branch that is not where its session says, or whose worktree has changes that no claim
//! explains, is handed back: others have lost work by landing what a stale ref named.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::git::Worktree;
use crate::model::landing::HandedBack;
use crate::model::session::{self, Session};
use crate::model::{ItemId, ItemState, RepoPath, SessionName, View, ViewError, item_index, queue};

use super::LandError;
use super::integrator::Integrator;
use super::merge::path;
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

/// A commit that the target lacks.
struct Commit {
    id: String,
    parents: Vec<String>,
    time: i64,
    items: Vec<ItemId>,
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
        let mut seen = HashSet::new();
        for candidate in list {
            if candidate.branch != target.branch && seen.insert(candidate.branch.clone()) {
                self.judge(&candidate, target, &mut found)?;
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
            if candidate.branch != target.branch
                && let Some(tip) = self.fetch(remote, &candidate.branch)?
            {
                list.push(Candidate { tip, ..candidate });
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
    fn judge(&self, candidate: &Candidate, target: &Target, found: &mut Found) -> Result<(), LandError> {
        let commits = self.commits(&target.tip, &candidate.tip)?;
        if commits.is_empty() {
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
            });
        }
        let Some(last) = good else { return Ok(()) };
        let mut items: Vec<ItemId> = Vec::new();
        for item in landing.iter().flat_map(|commit| &commit.items) {
            if !items.contains(item) {
                items.push(item.clone());
            }
        }
        let (items, titles) = self.store.read(|view| titles(view, &items))?.into_iter().unzip();
        let (tip, time) = (last.id.clone(), last.time);
        found.work.push(Work { session, branch: candidate.branch.clone(), tip, time, items, titles });
        Ok(())
    }

    /// The commits that the target lacks, parents first.
    fn commits(&self, target: &str, tip: &str) -> Result<Vec<Commit>, LandError> {
        let format =
            "--format=tformat:%H%x00%P%x00%ct%x00%(trailers:key=Coord-Item,valueonly,unfold,separator=%x1f)";
        let range = format!("{target}..{tip}");
        let text =
            self.workshop.git().args(["log", "--topo-order", "--reverse", format, &range, "--"]).text()?;
        let read = |line: &str| {
            let mut words = line.split('\0');
            Some(Commit {
                id: words.next()?.to_owned(),
                parents: words.next()?.split_whitespace().map(str::to_owned).collect(),
                time: words.next()?.parse().ok()?,
                items: words
                    .next()?
                    .split('\u{1f}')
                    .filter_map(|item| ItemId::parse(item.trim()).ok())
                    .collect(),
            })
        };
        Ok(text.lines().filter_map(read).collect())
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

/// The items that these commits name and that are not done.
fn unfinished(view: &dyn View, commits: &[Commit]) -> Result<BTreeSet<ItemId>, ViewError> {
    let named: BTreeSet<&ItemId> = commits.iter().flat_map(|commit| &commit.items).collect();
    let mut open = BTreeSet::new();
    for item in named {
        // An item that is not known here is of another store: nobody will finish it here.
        let Some(slot) = item_index::find(view, item)? else { continue };
        if queue::placement(view, &slot)?.0 != ItemState::Done {
            open.insert(item.clone());
        }
    }
    Ok(open)
}

/// The items that are known, with their titles.
fn titles(view: &dyn View, items: &[ItemId]) -> Result<Vec<(ItemId, String)>, ViewError> {
    let mut list = Vec::new();
    for item in items {
        if let Some(slot) = item_index::find(view, item)? {
            list.push((item.clone(), queue::item(view, &slot)?.title));
        }
    }
    Ok(list)
}

/// The newest commit on the way of first parents down from `tip` whose whole history is finished, and
/// which is the last of one of `until`, if any are named.
fn finished<'c>(
    commits: &'c [Commit],
    open: &BTreeSet<ItemId>,
    tip: &str,
    until: &BTreeSet<ItemId>,
) -> Option<&'c Commit> {
    let mut tainted: HashSet<&str> = HashSet::new();
    let by_id: BTreeMap<&str, &Commit> = commits.iter().map(|c| (c.id.as_str(), c)).collect();
    for commit in commits {
        let bad_parent = commit.parents.iter().any(|p| tainted.contains(p.as_str()));
        if bad_parent || commit.items.iter().any(|item| open.contains(item)) {
            tainted.insert(&commit.id);
        }
    }
    let mut at = by_id.get(tip).copied();
    while let Some(commit) = at {
        let wanted = until.is_empty() || commit.items.iter().any(|item| until.contains(item));
        if wanted && !tainted.contains(commit.id.as_str()) {
            return Some(commit);
        }
        at = commit.parents.first().and_then(|parent| by_id.get(parent.as_str()).copied());
    }
    None
}

/// The commits that `last` brings with it.
fn reachable<'c>(commits: &'c [Commit], last: &'c Commit) -> Vec<&'c Commit> {
    let mut wanted: HashSet<&str> = HashSet::from([last.id.as_str()]);
    for commit in commits.iter().rev() {
        if wanted.contains(commit.id.as_str()) {
            wanted.extend(commit.parents.iter().map(String::as_str));
        }
    }
    commits.iter().filter(|commit| wanted.contains(commit.id.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(id: &str, parents: &[&str], items: &[&str]) -> Commit {
        Commit {
            id: id.into(),
            parents: parents.iter().map(|p| (*p).to_owned()).collect(),
            time: 0,
            items: items.iter().map(|i| ItemId::parse(i).expect("valid")).collect(),
        }
    }

    fn ids(list: &[&str]) -> BTreeSet<ItemId> {
        list.iter().map(|i| ItemId::parse(i).expect("valid")).collect()
    }

    #[test]
    fn what_follows_unfinished_work_waits_with_it() {
        let list = [commit("1", &["0"], &["a"]), commit("2", &["1"], &["b"]), commit("3", &["2"], &["c"])];
        let last = |open: &[&str], until: &[&str]| {
            finished(&list, &ids(open), "3", &ids(until)).map(|c| c.id.as_str())
        };
        assert_eq!(last(&[], &[]), Some("3"));
        assert_eq!(last(&["b"], &[]), Some("1"));
        assert_eq!(last(&["a"], &[]), None);
        assert_eq!(last(&[], &["b"]), Some("2"));
        assert_eq!(last(&["a"], &["b"]), None);
    }

    #[test]
    fn unfinished_work_that_was_merged_in_counts() {
        // 3 merges another branch with an unfinished commit into this one.
        let list = [
            commit("1", &["0"], &["a"]),
            commit("x", &["0"], &["theirs"]),
            commit("3", &["1", "x"], &[]),
            commit("4", &["3"], &["b"]),
        ];
        let last = finished(&list, &ids(&["theirs"]), "4", &ids(&[])).map(|c| c.id.as_str());
        assert_eq!(last, Some("1"));
        let all = finished(&list, &ids(&[]), "4", &ids(&[])).expect("all is finished");
        assert_eq!(reachable(&list, all).len(), 4);
        assert_eq!(reachable(&list, &list[0]).len(), 1);
    }
}
