//! Launching workstreams: for each a branch at the right base, a worktree with a session, a start
//! file, the set-up command, and a window.
//!
//! Steps for one workstream, and what a death after each leaves:
//! 1. The branch is made: a branch without a worktree; the next launch goes on with it.
//! 2. Worktree and session (`client::session::start`): a session without a workstream; the same.
//! 3. The operation `Launch`: it is launched; the next launch resumes it.
//! 4. Start file, set-up, window: the next launch makes what is missing.

mod agents;
mod setup;
mod start_file;
mod windows;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::client::session::{NewWorktree, StartRequest, start};
use crate::client::{Client, ClientError};
use crate::crash_point;
use crate::git::{GitEnv, HostRepo};
use crate::model::plan::{Base, Progress, Stage, Workstream};
use crate::model::plan_op::PlanOp;
use crate::model::{Op, SessionName};
use crate::plan::Waiting;

use super::{PlanError, State, worktree_of};

pub use agents::command_for;
pub use setup::SetUp;
pub use windows::{Kind, Opened};

/// What is to be launched.
#[derive(Debug, Clone, Default)]
pub struct LaunchRequest {
    /// Ids of workstreams.
    pub ids: Vec<String>,
    /// All that can start now.
    pub ready: bool,
    /// Needs that are not waited for.
    pub despite: Vec<String>,
    /// The command for the window; `None`: the plan's agent.
    pub exec: Option<String>,
    /// The kind of window; `None`: the plan's, else nothing is opened.
    pub open: Option<String>,
    /// Write the start file anew although it was edited.
    pub force: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// How a launch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It has begun.
    Created,
    /// It had begun before; what was missing was made.
    Resumed,
}

/// One workstream that was launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Launched {
    /// Its id.
    pub id: String,
    /// Its session.
    pub session: SessionName,
    /// Its worktree.
    pub worktree: PathBuf,
    /// Its branch.
    pub branch: String,
    /// The commit at which the branch began.
    pub base: String,
    /// The file that says how to begin.
    pub start_file: PathBuf,
    /// Whether it is new.
    pub change: Change,
    /// The command that works on it.
    pub command: String,
    /// The window; `null`: none was opened.
    pub opened: Option<Opened>,
    /// The set-up command, when it has run now; with `--dry-run`, when it would.
    pub setup: Option<SetUp>,
}

/// What a launch came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaunchAnswer {
    /// What was launched, in the order of its urgency.
    pub launched: Vec<Launched>,
    /// What cannot start yet.
    pub waiting: Vec<Waiting>,
}

/// Launches workstreams. `main` is the clone's main worktree.
///
/// # Errors
/// When a workstream is not in the plan or has needs that have not landed, its branch or folder is
/// taken, or git or the store fails. Those before it are launched by then.
pub fn launch(client: &Client, request: &LaunchRequest) -> Result<LaunchAnswer, PlanError> {
    let state = super::current(&client.store)?;
    let now = crate::clock::now();
    let readiness = state.standing(now).readiness();
    let mut ids = request.ids.clone();
    if request.ready || ids.is_empty() {
        ids.extend(readiness.ready.iter().filter(|id| !request.ids.contains(id)).cloned());
    }
    let mut chosen = Vec::new();
    for id in &ids {
        let unknown = || PlanError::Unknown { what: "workstream", name: id.clone() };
        let workstream = state.plan().workstream(id).ok_or_else(unknown)?;
        may_start(&state, workstream, request)?;
        chosen.push(workstream);
    }
    let main = client
        .place
        .repo
        .worktrees()?
        .first()
        .map_or_else(|| client.place.repo.root.clone(), |w| w.path.clone());
    let mut launched = Vec::new();
    for workstream in chosen {
        launched.push(one(client, &state, workstream, &main, request)?);
    }
    let waiting = readiness.waiting.into_iter().filter(|w| !ids.contains(&w.id)).collect();
    Ok(LaunchAnswer { launched, waiting })
}

/// Refuses what cannot start, before anything is made.
fn may_start(state: &State, workstream: &Workstream, request: &LaunchRequest) -> Result<(), PlanError> {
    let progress = state.of(&workstream.id.value);
    if progress.launched.is_some() && progress.stage != Stage::Dropped {
        return Ok(());
    }
    let standing = state.standing(crate::clock::now());
    let open: Vec<String> =
        standing.waits_for(workstream).into_iter().filter(|what| !request.despite.contains(what)).collect();
    if open.is_empty() { Ok(()) } else { Err(PlanError::NeedsOpen { id: workstream.id.value.clone(), open }) }
}

fn one(
    client: &Client,
    state: &State,
    workstream: &Workstream,
    main: &Path,
    request: &LaunchRequest,
) -> Result<Launched, PlanError> {
    let id = workstream.id.value.as_str();
    let progress = state.of(id);
    let name = session_name(id, &progress)?;
    let worktree = worktree_of(main, workstream);
    let branch = workstream.branch.value.clone();
    let base = base_of(&client.place.repo, state, workstream, &progress)?;
    let file = start_file::name(state);
    let command = agents::command(state, workstream, request.exec.as_deref(), &file);
    let setup = workstream.setup.clone().or_else(|| state.plan().plan.as_ref()?.setup.clone());
    let change = if progress.launched.is_some() { Change::Resumed } else { Change::Created };
    let mut launched = Launched {
        id: id.to_owned(),
        session: name.clone(),
        start_file: worktree.join(&file),
        worktree,
        branch,
        base,
        change,
        command,
        opened: None,
        setup: None,
    };
    if request.dry_run {
        launched.setup = setup.filter(|_| !launched.worktree.join(".git").exists()).map(SetUp::planned);
        return Ok(launched);
    }
    make_branch(&client.place.repo, &launched)?;
    crash_point!("branch of a workstream made");
    let fresh = !launched.worktree.join(".git").exists();
    start(
        client,
        &StartRequest {
            name: name.clone(),
            queues: None,
            areas: None,
            shard: None,
            help_others: None,
            worktree: Some(NewWorktree {
                dir: launched.worktree.clone(),
                branch: Some(launched.branch.clone()),
            }),
            rebind: false,
        },
    )?;
    crash_point!("session of a workstream started");
    let op = PlanOp::Launch {
        workstream: id.to_owned(),
        session: name,
        base: launched.base.clone(),
        despite: request.despite.clone(),
    };
    client.submit(&Op::Plan(op), None)?;
    crash_point!("workstream launched");
    let home = HostRepo::discover(&launched.worktree, &GitEnv::default()).map_err(ClientError::from)?;
    start_file::write(&home, state, workstream, &file, request.force)?;
    // What was prepared once is not prepared again each time that somebody looks in.
    if let Some(command) = setup.filter(|_| fresh) {
        launched.setup = Some(setup::run(client, &command, id, &home.root)?);
    }
    let kind = request.open.clone().or_else(|| state.plan().plan.as_ref()?.open.clone());
    if let Some(kind) = kind {
        launched.opened = windows::open(&kind, &launched, &plan_name(state))?;
    }
    Ok(launched)
}

fn plan_name(state: &State) -> String {
    state.plan().plan.as_ref().map(|p| p.name.clone()).unwrap_or_default()
}

/// The session of a workstream: the one that has worked on it last, else its id in lower case.
fn session_name(id: &str, progress: &Progress) -> Result<SessionName, PlanError> {
    if let Some(last) = progress.sessions.last() {
        return Ok(last.clone());
    }
    Ok(SessionName::parse(&id.to_lowercase()).map_err(ClientError::from)?)
}

/// Where a branch begins: at the tip of the integration branch once something has landed there.
fn base_of(
    repo: &HostRepo,
    state: &State,
    workstream: &Workstream,
    progress: &Progress,
) -> Result<String, PlanError> {
    if let Some(base) = &progress.base {
        return Ok(base.clone());
    }
    let header = state.plan().plan.as_ref();
    let landed = state.progress.values().any(Progress::has_landed);
    let mut names = Vec::new();
    if landed && workstream.from == Base::Integration {
        names.extend(header.map(|h| format!("refs/heads/{}", h.integration.value)));
    }
    names.extend(header.map(|h| h.base.value.clone()));
    for name in &names {
        let commit = format!("{name}^{{commit}}");
        let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
        if let Some(found) = repo.git().args(words).optional()? {
            return Ok(found.trim().to_owned());
        }
    }
    Err(PlanError::NoBase { branch: names.pop().unwrap_or_default() })
}

fn make_branch(repo: &HostRepo, launched: &Launched) -> Result<(), PlanError> {
    let full = format!("refs/heads/{}", launched.branch);
    let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &full];
    if repo.git().args(words).optional()?.is_none() {
        repo.git().args(["branch", "--no-track", "--", &launched.branch, &launched.base]).run()?;
    }
    Ok(())
}
