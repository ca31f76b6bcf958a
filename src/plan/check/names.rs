//! Branches, worktrees and prompts of the workstreams.

use std::collections::BTreeMap;

use crate::model::plan::{Located, PlanFile, Prompt};
use crate::plan::problem::{Code, Problems};

use super::Facts;

pub(super) fn check(problems: &mut Problems<'_>, plan: &PlanFile, facts: &Facts) {
    let mut branches: BTreeMap<&str, &str> = BTreeMap::new();
    let mut worktrees: BTreeMap<&str, &str> = BTreeMap::new();
    for ws in &plan.workstreams {
        let id = ws.id.value.as_str();
        let path = |field: &str| format!("workstream.{id}.{field}");
        branch(problems, &ws.branch, &path("branch"));
        let name = ws.branch.value.as_str();
        if let Some(other) = branches.insert(name, id) {
            let reason = format!("{id} and {other} both have branch {name}");
            problems.add(ws.branch.at, Code::SameBranch, path("branch"), reason);
        }
        if facts.branches.contains(name) && !ws.adopt {
            let reason = format!("branch {name} exists; write adopt = true if {id} goes on with it");
            problems.add(ws.branch.at, Code::BranchTaken, path("branch"), reason);
        }
        let folder = ws.worktree.value.as_str();
        if let Some(other) = worktrees.insert(folder, id) {
            let reason = format!("{id} and {other} both have worktree {folder}");
            problems.add(ws.worktree.at, Code::SameWorktree, path("worktree"), reason);
        }
        if facts.folders.contains(folder) {
            let reason = format!("{folder} exists and is not a worktree of this plan");
            problems.add(ws.worktree.at, Code::WorktreeTaken, path("worktree"), reason);
        }
        if let Some(Prompt::File(file)) = &ws.prompt
            && facts.missing_prompts.contains(&file.value)
        {
            problems.add(
                file.at,
                Code::PromptMissing,
                path("prompt"),
                format!("{} does not exist", file.value),
            );
        }
    }
    if let Some(header) = &plan.plan {
        branch(problems, &header.base, "plan.base");
        branch(problems, &header.integration, "plan.integration");
        branch(problems, &header.target, "plan.target");
        for tag in &header.tags {
            branch(problems, tag, "plan.tags");
        }
        if let Some(id) = branches.get(header.integration.value.as_str()) {
            let reason = format!("the integration branch is the branch of {id}");
            problems.add(header.integration.at, Code::SameBranch, "plan.integration", reason);
        }
    }
}

fn branch(problems: &mut Problems<'_>, name: &Located<String>, path: &str) {
    let full = format!("refs/heads/{}", name.value);
    if name.value.starts_with('-') || gix::validate::reference::name(full.as_str().into()).is_err() {
        problems.add(
            name.at,
            Code::BadRef,
            path,
            format!("git does not accept {:?} as the name of a ref", name.value),
        );
    }
}
