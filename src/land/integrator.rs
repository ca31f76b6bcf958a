//! The integrator: what every command about landings works with, and its lease on the target branch.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::git::HostRepo;
use crate::model::landing::{HandedBack, Intent, squashed};
use crate::model::op::{BeginLanding, LandingOp};
use crate::model::outcome::{Blocker, LandingOutcome};
use crate::model::{Op, Outcome, RepoPath, SessionName, landing, unlanded};
use crate::store::{Store, StoreLock, host_name};

use super::LandError;
use super::workshop::Workshop;

/// How often an integrator of the same clone is asked whether it has come to its end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What it works with.
#[derive(Debug)]
pub struct Integrator<'a> {
    /// The store.
    pub store: &'a Store,
    /// Where branches are merged.
    pub workshop: Workshop,
    /// Its name: the session, or one made of the host's.
    pub by: SessionName,
    /// The remote that decides.
    pub remote: Option<String>,
    /// How long one exchange with the remote may take.
    pub limit: Duration,
    /// Seconds of the lease on the target branch.
    pub ttl: u64,
    /// `coord.target`.
    pub target: Option<String>,
}

/// The lease on a target branch, with the kernel lock that shows this clone that it is alive.
#[derive(Debug)]
pub struct Hold {
    _lock: StoreLock,
    /// The branch.
    pub branch: String,
    /// Its number.
    pub lease: u64,
    /// What a dead integrator was about to do.
    pub intent: Option<Intent>,
}

impl<'a> Integrator<'a> {
    /// Opens the workshop.
    ///
    /// # Errors
    /// When it cannot be made, or the store cannot be read.
    pub fn new(
        repo: &HostRepo,
        store: &'a Store,
        session: Option<SessionName>,
        (limit, ttl): (Duration, u64),
        target: Option<String>,
    ) -> Result<Self, LandError> {
        let workshop = Workshop::open(repo)?;
        workshop.know_squashed(&store.read(|view| squashed(view))?)?;
        let remote = store.arbiter()?.map(|arbiter| arbiter.remote);
        let by = session.map_or_else(nobody, Ok)?;
        Ok(Integrator { store, workshop, by, remote, limit, ttl, target })
    }

    /// Takes the lease on a branch, waiting for other integrators for at most `wait`.
    ///
    /// # Errors
    /// [`LandError::Refused`] with the holder when another is at work.
    pub fn begin(&self, branch: &str, wait: Option<Duration>) -> Result<Hold, LandError> {
        let end = Instant::now() + wait.unwrap_or_default();
        let lock = loop {
            match self.store.target_lock(branch)? {
                Some(lock) => break lock,
                None if Instant::now() >= end => return Err(self.busy_here(branch)?),
                None => std::thread::sleep(LOOK_EVERY),
            }
        };
        let wait = wait.map(|_| end.saturating_duration_since(Instant::now()));
        let (lease, intent) = self.lease(branch, wait)?;
        Ok(Hold { _lock: lock, branch: branch.to_owned(), lease, intent })
    }

    /// Takes the lease; the caller has the kernel lock.
    ///
    /// # Errors
    /// As [`Integrator::begin`].
    pub(super) fn lease(
        &self,
        branch: &str,
        wait: Option<Duration>,
    ) -> Result<(u64, Option<Intent>), LandError> {
        let (by, host) = (self.by.clone(), host_name());
        let begin = BeginLanding { branch: branch.to_owned(), by, host, ttl: self.ttl };
        match self.store.submit(&Op::Landing(LandingOp::Begin(begin)), wait)? {
            Outcome::Landing(LandingOutcome::Begun { lease, intent }) => Ok((lease, intent.map(|i| *i))),
            other => Err(LandError::Refused(Box::new(other))),
        }
    }

    /// An integrator of this clone holds the kernel lock; its lease may not be written yet.
    fn busy_here(&self, branch: &str) -> Result<LandError, LandError> {
        let lock = self.store.read(|view| landing::lock(view, branch))?;
        let path = RepoPath::parse(branch).unwrap_or_else(|_| RepoPath::root());
        let blocker = Blocker {
            held: path.clone(),
            path,
            session: lock.as_ref().map_or_else(|| self.by.clone(), |lock| lock.lease.by.clone()),
            expires: lock.map(|lock| lock.lease.expires()),
            reason: Some(format!("it lands on {branch} in this clone")),
        };
        Ok(LandError::Refused(Box::new(Outcome::Held { blockers: vec![blocker] })))
    }

    /// Carries out a step; a refusal becomes an error.
    ///
    /// # Errors
    /// From the store, and refusals.
    pub fn step(&self, step: LandingOp) -> Result<(), LandError> {
        let outcome = self.store.submit(&Op::Landing(step), None)?;
        if outcome.is_refusal() { Err(LandError::Refused(Box::new(outcome))) } else { Ok(()) }
    }

    /// Says what is about to be done to the branch.
    ///
    /// # Errors
    /// When the lease is lost, or from the store.
    pub fn intend(&self, hold: &Hold, intent: Intent) -> Result<(), LandError> {
        let (branch, lease) = (hold.branch.clone(), hold.lease);
        self.step(LandingOp::Intend { branch, lease, intent: Box::new(intent) })
    }

    /// Records that the intent has come true: the branch is at `to`. The lease ends.
    ///
    /// # Errors
    /// As [`Integrator::intend`].
    pub fn finish(&self, branch: &str, lease: u64, to: &str) -> Result<(), LandError> {
        let contained = self.contained(to)?;
        self.step(LandingOp::Finish { branch: branch.to_owned(), lease, contained })
    }

    /// The unlanded versions of paths that a commit of the target contains.
    fn contained(&self, to: &str) -> Result<Vec<(RepoPath, String)>, LandError> {
        let open = self.store.read(|view| unlanded::all(view))?;
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = open.iter().map(|(_, one)| format!("{}\n", one.commit)).collect();
        // Those of another clone may not be here; the target cannot contain them then.
        let known = self.workshop.git().args(["cat-file", "--batch-check=%(objecttype) %(objectname)"]);
        let known = known.stdin(input).text()?;
        let known: Vec<&str> = known.lines().filter_map(|line| line.strip_prefix("commit ")).collect();
        let input: String = known.iter().map(|id| format!("{id}\n")).collect();
        let outside =
            self.workshop.git().args(["rev-list", "--stdin"]).stdin(format!("{input}^{to}\n")).text()?;
        let outside: HashSet<&str> = outside.lines().collect();
        let is_in = |commit: &str| known.contains(&commit) && !outside.contains(commit);
        Ok(open
            .into_iter()
            .filter(|(_, one)| is_in(&one.commit))
            .map(|(path, one)| (path, one.commit))
            .collect())
    }

    /// Ends the lease without a move.
    ///
    /// # Errors
    /// As [`Integrator::intend`].
    pub fn end(&self, hold: &Hold, handed_back: Vec<HandedBack>) -> Result<(), LandError> {
        self.step(LandingOp::End { branch: hold.branch.clone(), lease: hold.lease, handed_back })
    }
}

/// The name of an integrator without a session.
fn nobody() -> Result<SessionName, LandError> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let host: String = host_name().chars().take(40).map(plain).collect();
    SessionName::parse(&format!("land-{host}")).map_err(|e| LandError::Unknown {
        message: e.to_string(),
        hint: "name a session: git coord land --session NAME".into(),
    })
}
