//! What a plan is checked against: files, branches, folders and prompts of the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::git::{GitError, HostRepo};
use crate::model::plan::{Applied, PlanFile, Prompt, Workstream};
use crate::plan::Facts;

/// The folder of a workstream's worktree: its pattern filled in, relative to the main worktree.
pub fn worktree_of(main: &Path, workstream: &Workstream) -> PathBuf {
    let repo = main.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let filled = workstream.worktree.value.replace("{repo}", &repo);
    normal(&main.join(filled))
}

/// Without `.` and `..`, whether or not it exists.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                out.pop();
            }
            std::path::Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// The facts for a plan. Branches and folders of the plan in force are its own.
///
/// # Errors
/// When git fails.
pub fn facts(repo: &HostRepo, plan: &PlanFile, applied: Option<&Applied>) -> Result<Facts, GitError> {
    let worktrees = repo.worktrees()?;
    let main = worktrees.first().map_or_else(|| repo.root.clone(), |w| w.path.clone());
    let heads = repo.git().args(["for-each-ref", "--format=%(refname:short)", "refs/heads/"]).text()?;
    let existing: BTreeSet<&str> = heads.lines().collect();
    let own = |branch: &str| {
        let mut known = applied.into_iter().flat_map(|a| &a.plan.workstreams);
        known.any(|w| w.branch.value == branch)
    };
    let mut facts = Facts { files: files(repo, plan)?, ..Facts::default() };
    for ws in &plan.workstreams {
        let branch = ws.branch.value.as_str();
        if existing.contains(branch) && !own(branch) {
            facts.branches.insert(branch.to_owned());
        }
        let folder = worktree_of(&main, ws);
        let registered = worktrees.iter().any(|w| w.path == folder && w.branch.as_deref() == Some(branch));
        if folder.exists() && !registered && !is_empty(&folder) {
            facts.folders.insert(ws.worktree.value.clone());
        }
        if let Some(Prompt::File(file)) = &ws.prompt
            && !repo.root.join(&file.value).is_file()
        {
            facts.missing_prompts.insert(file.value.clone());
        }
    }
    Ok(facts)
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// The files of the plan's base; none when it does not exist yet.
fn files(repo: &HostRepo, plan: &PlanFile) -> Result<Vec<String>, GitError> {
    let base = plan.plan.as_ref().map_or("HEAD", |p| p.base.value.as_str());
    let commit = format!("{base}^{{commit}}");
    let found =
        repo.git().args(["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).optional()?;
    let Some(commit) = found else { return Ok(Vec::new()) };
    let out = repo.git().args(["ls-tree", "-r", "-z", "--name-only", commit.trim()]).run()?;
    let names = out.split(|b| *b == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}
