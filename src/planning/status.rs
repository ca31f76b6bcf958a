//! One screen for all workstreams and waves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::git::HostRepo;
use crate::model::plan::{Blocked, Progress, Stage};
use crate::model::{QueueName, SessionName, View, ViewError, queue};
use crate::store::Store;

use super::{PlanError, State};

/// A workstream as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkstreamRow {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `planned`, `active`, `submitted`, `landed`, `dropped`; `blocked` and `paused` come before these.
    pub state: &'static str,
    /// Sessions that have worked on it.
    pub sessions: Vec<SessionName>,
    /// Percentage done: of its queue, else what its session said; `null`: nobody has said.
    pub percent: Option<u32>,
    /// What was last said about it.
    pub note: Option<String>,
    /// When.
    pub note_at: Option<Timestamp>,
    /// Its branch.
    pub branch: String,
    /// Commits of its branch that the integration branch does not have; `null`: it has no branch.
    pub ahead: Option<u64>,
    /// Commits of the integration branch that its branch does not have.
    pub behind: Option<u64>,
    /// The submitted commit.
    pub submitted: Option<String>,
    /// The waves in which it has landed.
    pub landed: Vec<u32>,
    /// What it waits for outside of the plan.
    pub blocked: Option<Blocked>,
    /// What it waits for before it can start.
    pub waits_for: Vec<String>,
    /// Days since it was launched, the first counted as 1.
    pub days_used: Option<i64>,
    /// Its estimate.
    pub estimate: Option<String>,
    /// Days by which it is late; `null`: it is not.
    pub late: Option<u32>,
    /// True when it is on the critical path.
    pub critical: bool,
    /// Days by which it can be late without making the plan longer.
    pub slack_days: Option<f64>,
    /// Why it was handed back.
    pub handed_back: Option<String>,
}

/// A wave as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaveRow {
    /// Its number.
    pub number: usize,
    /// Its title.
    pub title: Option<String>,
    /// `planned`, `ready` (all members are submitted), `partly`, `landed`.
    pub state: &'static str,
    /// The day on which it is planned.
    pub day: Option<u32>,
    /// When it has landed.
    pub landed: Option<Timestamp>,
    /// What it merges.
    pub merge: Vec<String>,
    /// Its gates.
    pub gates: Vec<String>,
    /// How often a landing of it was rolled back.
    pub rollbacks: u32,
    /// Days by which it is late.
    pub late: Option<u32>,
}

/// See [`status`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The plan's name.
    pub name: String,
    /// The plan's version.
    pub version: u32,
    /// The day of the plan.
    pub day: i64,
    /// All workstreams, in the order of the plan.
    pub workstreams: Vec<WorkstreamRow>,
    /// All waves.
    pub waves: Vec<WaveRow>,
    /// The ids of what can start now.
    pub ready: Vec<String>,
}

/// How far the plan is. One git process is started, whatever the number of workstreams.
///
/// # Errors
/// When a plan is not in force, or git or the store fails.
pub fn status(repo: &HostRepo, store: &Store, now: Timestamp) -> Result<Status, PlanError> {
    let state = super::current(store)?;
    let distances = distances(repo, &state)?;
    let percents = store.read(|view| percents(view, &state))?;
    let standing = state.standing(now);
    let schedule = standing.schedule();
    let rows = state.plan().workstreams.iter().map(|ws| {
        let id = ws.id.value.as_str();
        let progress = state.of(id);
        let row = schedule.rows.iter().find(|r| r.id == id);
        let distance = distances.get(ws.branch.value.as_str());
        let waits = if progress.stage == Stage::Planned { standing.waits_for(ws) } else { Vec::new() };
        WorkstreamRow {
            id: id.to_owned(),
            title: ws.title.clone(),
            state: word(&progress),
            percent: percents.get(id).copied(),
            note: progress.report.as_ref().and_then(|r| r.text.clone()),
            note_at: progress.report.as_ref().map(|r| r.at),
            branch: ws.branch.value.clone(),
            ahead: distance.map(|d| d.0),
            behind: distance.map(|d| d.1),
            submitted: progress.submitted.as_ref().map(|s| s.commit.clone()),
            landed: progress.landed.iter().filter_map(|l| l.wave).collect(),
            waits_for: waits,
            days_used: progress.launched.map(|at| state.day(now) - state.day(at) + 1),
            estimate: ws.estimate.map(|e| e.to_string()),
            late: standing.late_days(ws),
            critical: row.is_some_and(|r| r.critical),
            slack_days: row.map(|r| r.slack),
            handed_back: progress.handed_back.as_ref().map(|h| format!("{}: {}", h.rule, h.reason)),
            blocked: progress.blocked,
            sessions: progress.sessions,
        }
    });
    let workstreams: Vec<WorkstreamRow> = rows.collect();
    let header = state.plan().plan.as_ref();
    Ok(Status {
        name: header.map(|h| h.name.clone()).unwrap_or_default(),
        version: state.applied.version,
        day: state.day(now),
        waves: waves(&state, now),
        ready: standing.readiness().ready,
        workstreams,
    })
}

fn word(progress: &Progress) -> &'static str {
    match progress.stage {
        Stage::Landed => "landed",
        Stage::Dropped => "dropped",
        _ if progress.blocked.is_some() => "blocked",
        _ if progress.paused => "paused",
        Stage::Planned => "planned",
        Stage::Active => "active",
        Stage::Submitted => "submitted",
    }
}

fn waves(state: &State, now: Timestamp) -> Vec<WaveRow> {
    let day = state.day(now);
    let row = |(n, wave): (usize, &crate::model::plan::Wave)| {
        let record = state.waves.get(n).cloned().unwrap_or_default();
        let submitted = |id: &str| state.of(id).stage == Stage::Submitted;
        let word = match () {
            () if record.landed.is_some() => "landed",
            () if !record.landings.is_empty() => "partly",
            () if !wave.merge.is_empty() && wave.merge.iter().all(|m| submitted(&m.value)) => "ready",
            () => "planned",
        };
        let late = wave.day.filter(|_| record.landed.is_none());
        WaveRow {
            number: n + 1,
            title: wave.title.clone(),
            state: word,
            day: wave.day,
            landed: record.landed,
            merge: wave.merge.iter().map(|m| m.value.clone()).collect(),
            gates: wave.gates.iter().map(|g| g.value.clone()).collect(),
            rollbacks: record.rollbacks,
            late: late.and_then(|planned| u32::try_from(day - i64::from(planned)).ok()).filter(|d| *d > 0),
        }
    };
    state.plan().waves.iter().enumerate().map(row).collect()
}

/// Percentages: of the queue's items where the workstream has one, else what was said, else of its
/// milestones.
fn percents(view: &dyn View, state: &State) -> Result<BTreeMap<String, u32>, ViewError> {
    let mut list = BTreeMap::new();
    for ws in &state.plan().workstreams {
        let id = ws.id.value.as_str();
        let progress = state.of(id);
        let queue = ws.queue.as_deref().and_then(|q| QueueName::parse(q).ok());
        let counted = match queue {
            Some(queue) => queue::get(view, &queue)?.map(|q| (q.counts.done, q.counts.total())),
            None => None,
        };
        let percent = match counted {
            Some((done, total)) if total > 0 => u32::try_from(done * 100 / total).ok(),
            _ => progress.report.as_ref().and_then(|r| r.percent).or_else(|| {
                let reached = progress.milestones.len();
                (reached > 0)
                    .then(|| u32::try_from(reached * 100 / ws.milestones.len().max(1)).unwrap_or(100))
            }),
        };
        list.extend(percent.map(|p| (id.to_owned(), p.min(100))));
    }
    Ok(list)
}

/// Ahead and behind of each branch against the integration branch, or the plan's base until there
/// is one. Empty with a git before 2.41, which cannot count them all in one process.
fn distances(repo: &HostRepo, state: &State) -> Result<BTreeMap<String, (u64, u64)>, PlanError> {
    let Some(header) = &state.plan().plan else { return Ok(BTreeMap::new()) };
    let exists = |name: &str| -> Result<bool, crate::git::GitError> {
        let name = format!("refs/heads/{name}");
        Ok(repo
            .git()
            .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &name])
            .optional()?
            .is_some())
    };
    let landed = state.progress.values().any(Progress::has_landed);
    let against =
        if landed && exists(&header.integration.value)? { &header.integration } else { &header.base };
    let format = format!("--format=%(refname) %(ahead-behind:refs/heads/{})", against.value);
    let branches = state.plan().workstreams.iter().map(|w| format!("refs/heads/{}", w.branch.value));
    let out = repo.git().args(["for-each-ref", &format]).args(branches).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let parsed = text.lines().filter_map(|line| {
        let mut words = line.rsplitn(3, ' ');
        let (behind, ahead) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((words.next()?.strip_prefix("refs/heads/")?.to_owned(), (ahead, behind)))
    });
    Ok(parsed.collect())
}
