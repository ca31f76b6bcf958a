//! Notes on their way between clones.
//!
//! Each session's notes are written by the clone that it works in; so its ref is pushed from there
//! and fetched everywhere else. But which clone that is can change, and is known only as of the last
//! exchange. So what exists here is never overwritten: it is united with what the remote has, and
//! pushed when it then says more, unless the session is at work in another clone, which would be
//! disturbed. Those notes go out when the session has ended or come back.

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

/// Where all notes stand.
const PREFIX: &str = "refs/notes/coord/";

/// Where what is fetched stands for a moment.
const INCOMING: &str = "refs/coord-incoming";

type Refs = BTreeMap<String, String>;

/// Exchanges the notes with a remote; `pushed` are the sessions whose notes this clone may push.
///
/// # Errors
/// When the remote or the user's repository cannot be used.
pub fn exchange(repo: &HostRepo, remote: &str, pushed: &[SessionName]) -> Result<Exchanged, NoteError> {
    let (here, mut there) = (local(repo)?, listed(repo, remote)?);
    let (fetched, mut outcome) = take(repo, remote, &here, &mut there)?;
    let mut done = Exchanged { fetched, pushed: 0 };
    for session in pushed {
        let name = reference(session);
        let (Some(own), known) = (here.get(&name), there.get(&name)) else { continue };
        if known == Some(own) {
            continue;
        }
        // One session's damaged notes do not hold up the others.
        match push(repo, remote, session, known) {
            Ok(is_new) => done.pushed += usize::from(is_new),
            Err(e) => outcome = outcome.and(Err(e)),
        }
    }
    outcome.map(|()| done)
}

/// Takes over what the remote has and this clone lacks. The number of refs that are changed by it,
/// and what went wrong with any of them; `there` is then what was really seen.
fn take(
    repo: &HostRepo,
    remote: &str,
    here: &Refs,
    there: &mut Refs,
) -> Result<(usize, Result<(), NoteError>), NoteError> {
    // A name that no session can have is somebody else's.
    let session = |name: &str| SessionName::parse(name.strip_prefix(PREFIX)?).ok();
    let news = there.iter().filter(|(name, id)| here.get(*name) != Some(id));
    let news: Vec<SessionName> = news.filter_map(|(name, _)| session(name)).collect();
    let mut unknown = Vec::new();
    for session in &news {
        // Of one's own notes it is usually what was pushed last, and all of it is here.
        let id = there.get(&reference(session)).map_or("", String::as_str);
        if repo.git().args(["cat-file", "-e", id]).output()?.status != Some(0) {
            unknown.push(session);
        }
    }
    let incoming = |session: &SessionName| format!("{INCOMING}/{session}");
    if !unknown.is_empty() {
        let spec = |s: &&SessionName| format!("+{}:{}", reference(s), incoming(s));
        fetch(repo, remote, &unknown.iter().map(spec).collect::<Vec<_>>())?;
    }
    for session in &unknown {
        // It may have been moved since it was listed, and what it was then is nowhere.
        let id = repo.git().args(["rev-parse", "--verify", &incoming(session)]).text()?;
        there.insert(reference(session), id);
    }
    let (mut changed, mut outcome) = (0, Ok(()));
    for session in &news {
        let Some(id) = there.get(&reference(session)) else { continue };
        let before = super::tip(repo, session)?;
        outcome = outcome.and(super::unite(repo, session, id).map(|_| ()));
        changed += usize::from(super::tip(repo, session)? != before);
    }
    for session in unknown {
        repo.git().args(["update-ref", "-d", &incoming(session)]).run()?;
    }
    Ok((changed, outcome))
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
    if let Some(id) = there
        && !super::unite(repo, session, id)?
    {
        return Ok(false);
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
