//! `teardown`: the worktrees of workstreams that have landed go, and nothing else ever does.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::client::{Client, session};
use crate::git::{GitEnv, HostRepo, Worktree};
use crate::model::plan::{Stage, Workstream};

use super::{PlanError, State, worktree_of};

/// A worktree that stays, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The workstream.
    pub id: String,
    /// Why.
    pub why: String,
}

/// What was removed and what stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TeardownAnswer {
    /// The ids of workstreams whose worktrees were removed.
    pub removed: Vec<String>,
    /// Those that stay.
    pub kept: Vec<Kept>,
}

/// Removes the worktrees of workstreams; without ids, of all that have landed. Branches stay.
///
/// # Errors
/// When a workstream is not in the plan, or git or the store fails.
pub fn teardown(client: &Client, ids: &[String]) -> Result<TeardownAnswer, PlanError> {
    let state = super::current(&client.store)?;
    let worktrees = client.place.repo.worktrees()?;
    let main = worktrees.first().map_or_else(|| client.place.repo.root.clone(), |w| w.path.clone());
    let mut answer = TeardownAnswer::default();
    let mut chosen: Vec<&Workstream> = Vec::new();
    for id in ids {
        let unknown = || PlanError::Unknown { what: "workstream", name: id.clone() };
        chosen.push(state.plan().workstream(id).ok_or_else(unknown)?);
    }
    if ids.is_empty() {
        let landed = |w: &&Workstream| state.of(&w.id.value).stage == Stage::Landed;
        chosen = state.plan().workstreams.iter().filter(landed).collect();
    }
    for workstream in chosen {
        let id = workstream.id.value.clone();
        let folder = worktree_of(&main, workstream);
        if !folder.exists() {
            continue;
        }
        match objection(client, &state, workstream, &folder, &worktrees)? {
            Some(why) => answer.kept.push(Kept { id, why }),
            None => {
                remove(client, &state, &id, &folder)?;
                answer.removed.push(id);
            }
        }
    }
    Ok(answer)
}

/// Why a worktree has to stay; `None`: it may go.
fn objection(
    client: &Client,
    state: &State,
    workstream: &Workstream,
    folder: &Path,
    worktrees: &[Worktree],
) -> Result<Option<String>, PlanError> {
    let id = workstream.id.value.as_str();
    let progress = state.of(id);
    let branch = workstream.branch.value.as_str();
    let why = |text: String| Ok(Some(text));
    // Folder and registration name each other, or it is somebody else's folder.
    let Some(tree) = worktrees.iter().find(|w| w.path == folder) else {
        return why(format!("{} is not a worktree of this clone", folder.display()));
    };
    if tree.branch.as_deref() != Some(branch) {
        let other = tree.branch.clone().unwrap_or_else(|| "a detached HEAD".into());
        return why(format!("{other} is checked out there, and not {branch}"));
    }
    if let Some(reason) = &tree.locked {
        return why(format!("it is locked: {reason}"));
    }
    if !matches!(progress.stage, Stage::Landed | Stage::Dropped) {
        return why("it has not landed".into());
    }
    let home = match HostRepo::discover(folder, &GitEnv::default()) {
        Ok(home) if home.root == folder => home,
        _ => return why("it is damaged: see git worktree list".into()),
    };
    if client.place.repo.root == home.root {
        return why("it is the current worktree".into());
    }
    let dirty = home.git().args(["status", "--porcelain", "--untracked-files=all"]).text()?;
    let count = dirty.lines().count();
    if count > 0 {
        return why(format!("{count} uncommitted changes"));
    }
    if progress.stage == Stage::Landed {
        let tip = home.git().args(["rev-parse", "--verify", "HEAD^{commit}"]).text()?;
        if !progress.landed.iter().any(|l| l.tip == tip.trim()) {
            return why("its branch has commits that have not landed".into());
        }
    }
    Ok(process_in(folder).map(|pid| format!("process {pid} works there")))
}

/// A process whose current folder is in there. Only Linux says so to others.
fn process_in(folder: &Path) -> Option<u32> {
    let entries = std::fs::read_dir("/proc").ok()?;
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    let inside = |pid: &u32| {
        let cwd: Option<PathBuf> = std::fs::read_link(format!("/proc/{pid}/cwd")).ok();
        cwd.is_some_and(|cwd| cwd.starts_with(folder))
    };
    pids.filter(|pid| *pid != std::process::id()).find(inside)
}

/// Ends the sessions and removes the worktree. The start file is ours, and ignored files go with it.
fn remove(client: &Client, state: &State, id: &str, folder: &Path) -> Result<(), PlanError> {
    let known = session::list(client)?;
    for name in &state.of(id).sessions {
        let here = |s: &&session::SessionInfo| {
            s.name == *name && s.worktree.as_deref().is_some_and(|w| Path::new(w) == folder)
        };
        if known.sessions.iter().any(|s| here(&s)) {
            session::end(client, name)?;
        }
    }
    client.place.repo.git().args(["worktree", "remove", "--"]).arg(folder).run()?;
    Ok(())
}
