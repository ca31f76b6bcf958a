//! Notes on their way between clones.
//!
//! Each session's notes are written by the clone that it works in; so its ref is pushed from there
//! and fetched everywhere else. But which clone that is can change, and is known only as of the last
//! exchange. So what exists here is never overwritten: it is united with what the remote has, and
//! pushed when it then says more, unless the session is at work in another clone, which would be
//! disturbed. Those notes go out when the session has ended or come back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::git::{self, Git, GitError, HostRepo, RemoteGit};
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
pub(crate) const INCOMING: &str = "refs/coord-incoming";

type Refs = BTreeMap<String, String>;

/// The way to the remote, and when it must have come to an end.
struct Way<'a> {
    repo: &'a HostRepo,
    remote: &'a str,
    end: Instant,
}

/// Exchanges the notes with a remote within `limit`; `pushed` are the sessions whose notes this
/// clone may push.
///
/// # Errors
/// When the remote or the user's repository cannot be used.
pub fn sync(
    repo: &HostRepo,
    remote: &str,
    pushed: &[SessionName],
    limit: Duration,
) -> Result<Exchanged, NoteError> {
    let way = Way { repo, remote, end: Instant::now() + limit };
    let (here, mut there) = (local(repo)?, way.list()?);
    let (fetched, mut outcome) = way.take(&here, &mut there)?;
    let mut done = Exchanged { fetched, pushed: 0 };
    for session in pushed {
        let name = reference(session);
        let (Some(own), known) = (here.get(&name), there.get(&name)) else { continue };
        if known == Some(own) {
            continue;
        }
        // One session's damaged notes do not hold up the others.
        match way.push(session, known) {
            Ok(is_new) => done.pushed += usize::from(is_new),
            Err(e) => outcome = outcome.and(Err(e)),
        }
    }
    outcome.map(|()| done)
}

impl Way<'_> {
    /// Takes over what the remote has and this clone lacks. The number of refs that are changed by it,
    /// and what went wrong with any of them; `there` is then what was really seen.
    fn take(&self, here: &Refs, there: &mut Refs) -> Result<(usize, Result<(), NoteError>), NoteError> {
        let repo = self.repo;
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
            self.fetch(&unknown.iter().map(spec).collect::<Vec<_>>())?;
        }
        for session in &unknown {
            // It may have been moved since it was listed, and what it was then is nowhere.
            match repo.git().args(["rev-parse", "--verify", "-q", &incoming(session)]).optional()? {
                Some(id) => there.insert(reference(session), id),
                // Another exchange of this clone has just taken it over.
                None => there.remove(&reference(session)),
            };
        }
        let (mut changed, mut outcome) = (0, Ok(()));
        for session in &news {
            let Some(id) = there.get(&reference(session)) else { continue };
            let before = super::tip(repo, session)?;
            outcome = outcome.and(super::unite(repo, session, id).map(|_| ()));
            changed += usize::from(super::tip(repo, session)? != before);
        }
        for session in unknown {
            super::updating(repo).args(["-d", &incoming(session)]).output()?;
        }
        Ok((changed, outcome))
    }

    /// The notes that the remote has.
    fn list(&self) -> Result<Refs, NoteError> {
        let text = self.run(|way| way.list(&[&format!("{PREFIX}*")]))?;
        let ours = |(name, _): &(String, String)| name.starts_with(PREFIX);
        Ok(git::listed(&text).into_iter().filter(ours).collect())
    }

    fn fetch(&self, refs: &[String]) -> Result<(), NoteError> {
        self.run(|way| way.fetch(&["--no-write-fetch-head"], refs)).map(|_| ())
    }

    /// Pushes a session's notes; false when the remote has all of them already.
    fn push(&self, session: &SessionName, there: Option<&String>) -> Result<bool, NoteError> {
        let name = reference(session);
        if let Some(id) = there
            && !super::unite(self.repo, session, id)?
        {
            return Ok(false);
        }
        let expected = there.map(String::as_str).unwrap_or_default();
        let lease = format!("--force-with-lease={name}:{expected}");
        match self.run(|way| way.push(&["--quiet", &lease], &[format!("{name}:{name}")])) {
            Ok(_) => Ok(true),
            // Another exchange of this clone is at it at the same time. What it leaves out goes with
            // the next.
            Err(_) if self.list()?.get(&name) != there => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn run(&self, act: impl FnOnce(RemoteGit) -> Git) -> Result<Vec<u8>, NoteError> {
        let left = self.end.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        let git = act(RemoteGit::new(self.repo.git(), self.remote));
        git.run_within(left).map_err(NoteError::Remote)
    }
}

fn local(repo: &HostRepo) -> Result<Refs, GitError> {
    let text = repo.git().args(["for-each-ref", "--format=%(objectname) %(refname)", PREFIX]).text()?;
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect())
}
