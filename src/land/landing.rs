//! `land`: from the branches of sessions to the target.
//!
//! Steps, and what a death after each of them leaves:
//! 1. Lease on the target: the kernel lock is free, so this clone's next integrator takes over at once;
//!    other clones wait for the lease.
//! 2. Candidate: objects in the workshop.
//! 3. Intent in the state: the branch is where it was or where it was to be; the next integrator looks.
//! 4. Branch moved: the same.
//! 5. Recorded: nothing is missing but notes.

use std::time::Duration;

use serde::Serialize;

use crate::crash_point;
use crate::model::landing::{self, HandedBack, Intent, LandMode, Landing, Member};
use crate::model::{ItemId, SessionName};

use super::LandError;
use super::candidate::{Chain, Style};
use super::integrator::{Hold, Integrator};
use super::members::{Asked, Found, Waiting};
use super::moves::Moved;
use super::target::{self, Target};

/// How often the candidate is made anew because the target has moved meanwhile.
const ROUNDS: u32 = 3;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Sessions, branches and items; empty: all sessions.
    pub asked: Asked,
    /// The target.
    pub into: Option<String>,
    /// How.
    pub mode: LandMode,
    /// Wait for other integrators for at most this long.
    pub wait: Option<Duration>,
    /// Only say what would land.
    pub dry_run: bool,
    /// Exactly these branches, in this order, instead of what `asked` names.
    pub members: Vec<Chosen>,
    /// The wave of the plan that this is.
    pub wave: Option<u32>,
    /// Where the target branch begins when it does not exist yet.
    pub base: Option<String>,
}

/// A branch that somebody has chosen to land, at a commit of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its session.
    pub session: Option<SessionName>,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit up to which it lands, whatever is finished.
    pub commit: String,
    /// First line of the commit that brings it.
    pub subject: Option<String>,
}

/// One branch that has landed, as the answer shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Landed {
    /// Its session.
    pub session: Option<SessionName>,
    /// The branch.
    pub branch: String,
    /// The commit up to which it has landed.
    pub tip: String,
    /// The commit of the target that has brought it.
    pub commit: String,
    /// The finished items that came with it.
    pub items: Vec<ItemId>,
}

impl From<Member> for Landed {
    fn from(member: Member) -> Self {
        let Member { session, branch, tip, commit, items, .. } = member;
        Landed { session, branch, tip, commit, items }
    }
}

/// What a landing came to. The fields are those of LANDING in `docs/json.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The landing; `None` when nothing has landed.
    pub id: Option<String>,
    /// The target branch.
    pub target: String,
    /// Its commit before.
    pub from: String,
    /// Its commit after.
    pub to: String,
    /// What has landed.
    pub landed: Vec<Landed>,
    /// What was handed back.
    pub handed_back: Vec<HandedBack>,
    /// What is not finished.
    pub waiting: Vec<Waiting>,
    /// Verdicts of gates.
    pub gates: Vec<serde_json::Value>,
    /// How many gates ran.
    pub gate_runs: usize,
    /// Where a rollback returns to: the landing's id names it too.
    pub checkpoint: Option<String>,
    /// True when an earlier landing was cut off and is completed with this.
    pub completed: bool,
}

impl Integrator<'_> {
    /// Lands what is finished.
    ///
    /// # Errors
    /// When another integrator is at work, the target cannot be moved, or git or the store fails.
    /// Branches that cannot land are not an error: they are handed back.
    pub fn land(&self, request: &Request) -> Result<Report, LandError> {
        let remote = self.remote.as_deref();
        let branch = target::branch(&self.workshop, request.into.as_deref(), self.target.as_deref(), remote)?;
        let target = self.look_or_create(&branch, request.base.as_deref())?;
        if request.dry_run {
            let found = self.wanted(&target, request)?;
            let chain = self.chain(&target.tip, &found.work, &self.style(&branch, "L0", request.mode))?;
            return Ok(report(&target, None, chain, found));
        }
        let left = self.store.read(|view| landing::lock(view, &branch))?;
        // Of a cut-off landing, its files may be there already.
        if left.is_none_or(|lock| lock.intent.is_none()) {
            target.check(&self.workshop)?;
        }
        let mut hold = self.begin(&branch, request.wait)?;
        crash_point!("target leased");
        let result = self.land_under(&mut hold, request);
        if let Err(error) = &result
            && !matches!(error, LandError::Remote { unknown: true, .. } | LandError::Refused(_))
        {
            // The first error counts. A lease that cannot be ended is a dead one's to the next.
            let _ = self.end(&hold, Vec::new());
        }
        result
    }

    /// Looks at the target, which begins at `base` when it does not exist.
    fn look_or_create(&self, branch: &str, base: Option<&str>) -> Result<Target, LandError> {
        match (self.look(branch), base) {
            (Err(LandError::Unknown { .. }), Some(base)) => {
                let name = format!("refs/heads/{branch}");
                let git = self.workshop.host().git().args(["-c", "core.hooksPath=/dev/null", "update-ref"]);
                // Only if it still does not exist.
                git.args([&name, base, &"0".repeat(base.len())]).run()?;
                self.look(branch)
            }
            (looked, _) => looked,
        }
    }

    /// What is asked for: exactly what was chosen, or what is finished.
    fn wanted(&self, target: &Target, request: &Request) -> Result<Found, LandError> {
        if request.members.is_empty() {
            return self.find(target, &request.asked);
        }
        let mut found = Found::default();
        for chosen in &request.members {
            found.work.push(self.chosen(target, chosen)?);
        }
        Ok(found)
    }

    fn style(&self, branch: &str, landing: &str, mode: LandMode) -> Style {
        Style { landing: landing.to_owned(), target: branch.to_owned(), mode, at: crate::clock::now() }
    }

    fn land_under(&self, hold: &mut Hold, request: &Request) -> Result<Report, LandError> {
        let mut completed = None;
        for _ in 0..ROUNDS {
            let mut target = self.look(&hold.branch)?;
            if let Some(intent) = self.settle(hold, &target)? {
                completed = Some(intent);
                target = self.look(&hold.branch)?;
            }
            target.check(&self.workshop)?;
            let found = self.wanted(&target, request)?;
            let id = format!("L{}", hold.lease);
            let style = self.style(&hold.branch, &id, request.mode);
            let chain = self.chain(&target.tip, &found.work, &style)?;
            crash_point!("candidate made");
            if chain.to == chain.from {
                let answer = report(&target, None, chain, found);
                self.end(hold, answer.handed_back.clone())?;
                return Ok(with_completed(answer, completed));
            }
            let landing = self.record((&id, request.wave), &target, (&chain, &found), &style);
            self.intend(hold, Intent::Land(landing.clone()))?;
            crash_point!("intent written");
            if self.move_to(&target, &chain.to)? == Moved::Meanwhile {
                continue;
            }
            self.finish(&hold.branch, hold.lease, &chain.to)?;
            crash_point!("landing recorded");
            self.note(&landing)?;
            return Ok(report(&target, Some(id), chain, found));
        }
        Err(LandError::rule(
            "moved",
            format!("{} has moved {ROUNDS} times while the candidate was made", hold.branch),
            "nothing was changed; try again: git coord land",
        ))
    }

    fn record(
        &self,
        (id, wave): (&str, Option<u32>),
        target: &Target,
        (chain, found): (&Chain, &Found),
        style: &Style,
    ) -> Landing {
        Landing {
            id: id.to_owned(),
            target: target.branch.clone(),
            from: Some(chain.from.clone()),
            to: chain.to.clone(),
            mode: style.mode,
            landed: chain.landed.clone(),
            handed_back: [found.handed_back.clone(), chain.handed_back.clone()].concat(),
            at: style.at,
            by: self.by.clone(),
            remote: target.remote.clone(),
            wave,
            undone: None,
        }
    }

    /// Notes on the commits that were made, for people who read the history.
    fn note(&self, landing: &Landing) -> Result<(), LandError> {
        for Member { session, branch, commit, items, .. } in &landing.landed {
            let Some(session) = session else { continue };
            let items: String = items.iter().map(|item| format!(" {item}")).collect();
            let line = format!("{} {session} landed {branch} in {}:{items}", landing.at, landing.id);
            crate::notes::append(self.workshop.host(), session, commit, line.trim_end_matches(':'))?;
        }
        Ok(())
    }
}

fn report(target: &Target, id: Option<String>, chain: Chain, found: Found) -> Report {
    Report {
        target: target.branch.clone(),
        from: chain.from,
        to: chain.to,
        landed: chain.landed.into_iter().map(Landed::from).collect(),
        handed_back: [found.handed_back, chain.handed_back].concat(),
        waiting: found.waiting,
        gates: Vec::new(),
        gate_runs: 0,
        checkpoint: id.clone(),
        id,
        completed: false,
    }
}

/// Who repeats a command that was cut off is shown what it has done.
fn with_completed(answer: Report, completed: Option<Intent>) -> Report {
    let Some(Intent::Land(landing)) = completed else { return answer };
    Report {
        checkpoint: Some(landing.id.clone()),
        id: Some(landing.id),
        from: landing.from.unwrap_or_default(),
        to: landing.to,
        landed: landing.landed.into_iter().map(Landed::from).collect(),
        completed: true,
        ..answer
    }
}
