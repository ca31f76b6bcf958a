//! What a push brings to a remote, and what it takes away there.
//!
//! A branch that exists is judged by what moves it: from its old value to the new one. What other branches
//! of the remote have counts as new all the same, since it may have been parked there before anybody held
//! the files; only what the main branch has is there for everybody already. A branch that is new moves
//! nothing, so all that any remote has counts as known.

use std::collections::{BTreeSet, HashMap};

use crate::model::RepoPath;

use super::super::cmd::{Git, GitError};
use super::super::repo::HostRepo;
use super::ChangesError;
use super::range::{CommitChanges, between};

/// One line of what git gives to `pre-push`: a ref that is being updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// What is pushed, as the user named it.
    pub local_ref: String,
    /// Its object; `None` when the ref is deleted.
    pub local_id: Option<String>,
    /// The ref on the remote.
    pub remote_ref: String,
    /// What it is there now; `None` when it is new.
    pub remote_id: Option<String>,
}

impl Pushed {
    /// The branch that is updated, if the ref is one.
    pub fn branch(&self) -> Option<&str> {
        self.remote_ref.strip_prefix("refs/heads/")
    }

    /// True for a ref whose commits are judged: all but tags and notes, which nobody works on.
    /// `refs/for/main` and the like propose a change of a branch.
    fn is_judged(&self) -> bool {
        is_judged(&self.remote_ref)
    }
}

/// True for a ref whose commits are judged: all but tags, notes and what is git-coord's own.
pub fn is_judged(name: &str) -> bool {
    !["refs/tags/", "refs/notes/", "refs/coord/"].iter().any(|folder| name.starts_with(folder))
}

/// Parses the standard input of `pre-push`.
///
/// # Errors
/// When a line is not four words.
pub fn parse_push(stdin: &str) -> Result<Vec<Pushed>, ChangesError> {
    let mut list = Vec::new();
    for line in stdin.lines().filter(|l| !l.trim().is_empty()) {
        let mut words = line.split(' ');
        let (Some(local_ref), Some(local_id), Some(remote_ref), Some(remote_id), None) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            return Err(ChangesError::PushLine { line: line.to_owned() });
        };
        list.push(Pushed {
            local_ref: local_ref.to_owned(),
            local_id: (!is_null(local_id)).then(|| local_id.to_owned()),
            remote_ref: remote_ref.to_owned(),
            remote_id: (!is_null(remote_id)).then(|| remote_id.to_owned()),
        });
    }
    Ok(list)
}

/// git writes an id of zeros for "none", 40 or 64 of them.
fn is_null(id: &str) -> bool {
    id.bytes().all(|b| b == b'0')
}

/// What a push changes on a remote.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The commits that it brings, newest first.
    pub commits: Vec<CommitChanges>,
    /// Branches that lose commits.
    pub taken_off: Vec<TakenOff>,
}

/// A branch that does not go on from where it was.
#[derive(Debug, PartialEq, Eq)]
pub struct TakenOff {
    /// Its name.
    pub branch: String,
    /// True for one that everybody builds on.
    pub is_main: bool,
    /// Where it goes.
    pub to: String,
    /// The paths that are changed by losing commits.
    pub paths: Vec<RepoPath>,
}

/// What a push brings to `remote`.
///
/// What the remote has is judged by this clone's remote-tracking branches and by the ids that git named in
/// `pushed`, as far as they are known here. `remote` is the first argument of the hook: a name, or the URL
/// itself when the push was not to a configured remote. `is_main`: whether a branch is one that everybody
/// builds on, besides the one that the remote names so.
///
/// # Errors
/// When git fails.
pub fn in_push(
    repo: &HostRepo,
    remote: &str,
    pushed: &[Pushed],
    is_main: impl Fn(&str) -> bool,
) -> Result<Arrival, ChangesError> {
    let git = || repo.git().as_judge();
    let judged: Vec<&Pushed> = pushed.iter().filter(|p| p.is_judged()).collect();
    let ids: Vec<&str> =
        judged.iter().flat_map(|p| p.local_id.iter().chain(&p.remote_id)).map(String::as_str).collect();
    let commits = commits_of(git(), &ids)?;
    let tracking = Tracking::read(git(), remote, &is_main)?;
    let mut arrival = Arrival::default();
    let mut seen = BTreeSet::new();
    for push in judged {
        let Some(new) = push.local_id.as_ref().and_then(|id| commits.get(id.as_str())) else { continue };
        let old = push.remote_id.as_ref().map(|id| commits.get(id.as_str()));
        let known = match old {
            Some(Some(old)) => tracking.main_besides(push.branch(), old),
            // It exists there, and what it is there has not been fetched yet.
            Some(None) if !tracking.of_remote.is_empty() => {
                tracking.of_remote.iter().map(|(_, id)| id.as_str()).collect()
            }
            _ => tracking.all.iter().map(String::as_str).collect(),
        };
        for commit in between(&git, &[new], &known)? {
            if seen.insert(commit.id.clone()) {
                arrival.commits.push(commit);
            }
        }
        if let (Some(Some(old)), Some(branch)) = (old, push.branch()) {
            let is_main = tracking.main.iter().any(|(name, _)| name == branch) || is_main(branch);
            arrival.note_taken_off(&git, (branch, is_main), old, new)?;
        }
    }
    Ok(arrival)
}

/// What a push makes of one ref of a bare repository; `old` and `new` are its values. `git` makes gits in
/// that repository.
///
/// # Errors
/// When git fails.
pub fn in_arrival(
    git: &dyn Fn() -> Git,
    name: &str,
    old: Option<&str>,
    new: &str,
) -> Result<Arrival, ChangesError> {
    let git = || git().as_judge();
    let ids: Vec<&str> = old.into_iter().chain([new]).collect();
    let commits = commits_of(git(), &ids)?;
    let Some(new) = commits.get(new) else { return Ok(Arrival::default()) };
    let old = old.and_then(|id| commits.get(id));
    let head = git().args(["symbolic-ref", "-q", "HEAD"]).optional()?;
    let format = "--format=%(objectname) %(refname)";
    let text = git().args(["for-each-ref", format, "refs/heads"]).text()?;
    let heads = text.lines().filter_map(|line| line.split_once(' '));
    let known: Vec<&str> = match old {
        Some(old) => {
            let main = heads.filter(|(_, r)| *r != name && Some(*r) == head.as_deref());
            main.map(|(id, _)| id).chain([old.as_str()]).collect()
        }
        None => heads.map(|(id, _)| id).collect(),
    };
    let mut arrival = Arrival { commits: between(&git, &[new], &known)?, taken_off: Vec::new() };
    if let (Some(old), Some(branch)) = (old, name.strip_prefix("refs/heads/")) {
        let is_main = Some(name) == head.as_deref();
        arrival.note_taken_off(&git, (branch, is_main), old, new)?;
    }
    Ok(arrival)
}

impl Arrival {
    /// True when nothing is to be judged.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.taken_off.is_empty()
    }

    /// Notes what a branch loses when it does not go on from its old value.
    fn note_taken_off(
        &mut self,
        git: &dyn Fn() -> Git,
        (branch, is_main): (&str, bool),
        old: &str,
        new: &str,
    ) -> Result<(), ChangesError> {
        if git().args(["merge-base", "--is-ancestor", old, new]).output()?.status == Some(0) {
            return Ok(());
        }
        let lost: BTreeSet<RepoPath> =
            between(git, &[old], &[new])?.into_iter().flat_map(|c| c.paths).collect();
        let out =
            git().args(["diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new, "--"]).run()?;
        let differ = out.split(|b| *b == 0).filter(|p| !p.is_empty());
        let mut paths = differ.map(RepoPath::from_bytes).collect::<Result<Vec<_>, _>>()?;
        paths.retain(|path| lost.contains(path));
        if !paths.is_empty() {
            self.taken_off.push(TakenOff { branch: branch.to_owned(), is_main, to: new.to_owned(), paths });
        }
        Ok(())
    }
}

/// True when a remote, by its URL, has a state.
///
/// # Errors
/// When git fails.
pub fn has_state(repo: &HostRepo, url: &std::ffi::OsStr) -> Result<bool, GitError> {
    let out = repo.git().for_user().args(["ls-remote", "--"]).arg(url).arg("refs/coord/state").run()?;
    Ok(!out.is_empty())
}

/// The commits that ids stand for: themselves, or what a tag points at. Others, and those whose objects
/// are not here, are left out.
fn commits_of<'a>(git: Git, ids: &[&'a str]) -> Result<HashMap<&'a str, String>, GitError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let asked: Vec<String> = ids.iter().map(|id| format!("{id}^{{commit}}\n")).collect();
    let out = git
        // A partial clone must not fetch what it is asked about.
        .env("GIT_NO_LAZY_FETCH", "1")
        .args(["cat-file", "--batch-check=%(objectname) %(objecttype)"])
        .stdin(asked.concat())
        .text()?;
    let found = ids.iter().zip(out.lines());
    Ok(found.filter_map(|(id, line)| Some((*id, line.strip_suffix(" commit")?.to_owned()))).collect())
}

/// What this clone knows of remotes.
struct Tracking {
    /// The branches of the remote that is pushed to: name, id.
    of_remote: Vec<(String, String)>,
    /// Those of them that everybody builds on.
    main: Vec<(String, String)>,
    /// What any remote has.
    all: Vec<String>,
}

impl Tracking {
    fn read(git: Git, remote: &str, is_main: &dyn Fn(&str) -> bool) -> Result<Self, GitError> {
        let format = "--format=%(objectname) %(refname) %(symref)";
        let text = git.args(["for-each-ref", format, "refs/remotes"]).text()?;
        let prefix = format!("refs/remotes/{remote}/");
        let mut found = Tracking { of_remote: Vec::new(), main: Vec::new(), all: Vec::new() };
        let mut head = None;
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(id), Some(name)) = (words.next(), words.next()) else { continue };
            let points = words.next().and_then(|at| at.strip_prefix(&prefix));
            found.all.push(id.to_owned());
            match name.strip_prefix(&prefix) {
                Some("HEAD") => head = points.map(str::to_owned),
                Some(branch) => found.of_remote.push((branch.to_owned(), id.to_owned())),
                None => {}
            }
        }
        let named = |branch: &str| match &head {
            Some(head) => branch == head,
            None => matches!(branch, "main" | "master"),
        };
        found.main = found.of_remote.iter().filter(|(b, _)| named(b) || is_main(b)).cloned().collect();
        Ok(found)
    }

    /// What a branch has at `old`, and the other main branches.
    fn main_besides<'a>(&'a self, branch: Option<&str>, old: &'a str) -> Vec<&'a str> {
        let others = self.main.iter().filter(|(name, _)| Some(name.as_str()) != branch);
        others.map(|(_, id)| id.as_str()).chain([old]).collect()
    }
}
