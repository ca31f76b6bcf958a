//! Notes on their way between clones.
//!
//! Each session's notes are written by the clone that it runs in, and by nobody else; so its ref
//! is pushed from there and fetched everywhere else. A session that has moved to another clone
//! takes its notes along: what the remote has is united with what is here before it is pushed.

use std::collections::BTreeMap;

use crate::git::{Git, GitError, HostRepo};
use crate::model::SessionName;

use super::{NoteError, reference};

/// What was exchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Refs that were pushed.
    pub pushed: usize,
    /// Refs that were fetched.
    pub fetched: usize,
}

/// Where the notes of this clone's sessions, as the remote has them, stand for a moment.
const INCOMING: &str = "refs/coord-incoming";

type Refs = BTreeMap<String, String>;

/// Exchanges the notes with a remote; `own` are the sessions of this clone.
///
/// # Errors
/// When the remote or the user's repository cannot be used.
pub fn exchange(repo: &HostRepo, remote: &str, own: &[SessionName]) -> Result<Exchanged, NoteError> {
    let own: BTreeMap<String, &SessionName> = own.iter().map(|s| (reference(s), s)).collect();
    let (here, there) = (local(repo)?, listed(repo, remote)?);
    let mut done = Exchanged::default();
    let news: Vec<String> = there
        .iter()
        .filter(|(name, id)| !own.contains_key(*name) && here.get(*name) != Some(id))
        .map(|(name, _)| format!("+{name}:{name}"))
        .collect();
    if !news.is_empty() {
        fetch(repo, remote, &news)?;
        done.fetched = news.len();
    }
    for (name, session) in own.iter().filter(|(name, _)| here.contains_key(*name)) {
        if there.get(name) != here.get(name) && push(repo, remote, session, there.get(name))? {
            done.pushed += 1;
        }
    }
    Ok(done)
}

fn local(repo: &HostRepo) -> Result<Refs, GitError> {
    let text = repo.git().args(["for-each-ref", "--format=%(objectname) %(refname)", "refs/notes/coord/"]);
    Ok(refs(&text.text()?, ' '))
}

fn listed(repo: &HostRepo, remote: &str) -> Result<Refs, GitError> {
    let text = repo.git().args(["ls-remote", "--quiet", remote, "refs/notes/coord/*"]);
    Ok(refs(&text.text()?, '\t'))
}

fn refs(text: &str, separator: char) -> Refs {
    let pair = |line: &str| line.split_once(separator).map(|(id, name)| (name.to_owned(), id.to_owned()));
    text.lines().filter_map(pair).collect()
}

fn fetch(repo: &HostRepo, remote: &str, specs: &[String]) -> Result<(), GitError> {
    let quiet = ["fetch", "--quiet", "--no-tags", "--no-prune", "--refmap=", "--no-write-fetch-head"];
    let git: Git = repo.git().args(quiet).args(["--no-auto-maintenance", "--no-recurse-submodules"]);
    git.arg(remote).args(specs).run().map(|_| ())
}

/// Pushes a session's notes; false when the remote has all of them already.
fn push(
    repo: &HostRepo,
    remote: &str,
    session: &SessionName,
    there: Option<&String>,
) -> Result<bool, NoteError> {
    let name = reference(session);
    if let Some(id) = there {
        let incoming = format!("{INCOMING}/{session}");
        // Usually it is what this clone pushed last, and all of it is here.
        let known = repo.git().args(["cat-file", "-e", id]).output()?.status == Some(0);
        if !known {
            fetch(repo, remote, &[format!("+{name}:{incoming}")])?;
        }
        let united = super::unite(repo, session, id);
        if !known {
            repo.git().args(["update-ref", "-d", &incoming]).run()?;
        }
        if !united? {
            return Ok(false);
        }
    }
    let expected = there.map(String::as_str).unwrap_or_default();
    let pushed = repo
        .git()
        .args(["push", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags"])
        .arg(format!("--force-with-lease={name}:{expected}"))
        .args([remote, &format!("{name}:{name}")])
        .run();
    match pushed {
        Ok(_) => Ok(true),
        // Another exchange of this clone is at it at the same time. What it leaves out goes with the next.
        Err(_) if listed(repo, remote)?.get(&name) != there => Ok(false),
        Err(e) => Err(e.into()),
    }
}
