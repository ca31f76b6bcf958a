//! `submit`: "merge this commit", and taking that back.

use serde::Serialize;

use crate::client::{Client, ClientError};
use crate::git::HostRepo;
use crate::model::plan_op::PlanOp;
use crate::model::{Fence, Op, RepoPath};

use super::{PlanError, State};

/// A commit that was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubmitAnswer {
    /// The workstream.
    pub workstream: String,
    /// The commit; `null` after `--withdraw`.
    pub commit: Option<String>,
    /// Its tree.
    pub tree: Option<String>,
}

/// The workstream that the acting session works on.
///
/// # Errors
/// When there is not a session, a plan, or a workstream of this session.
pub fn workstream_of(client: &Client, state: &State) -> Result<String, PlanError> {
    let session = client.session()?;
    match state.workstream_of(&session) {
        Some(id) => Ok(id.to_owned()),
        None => Err(PlanError::NoWorkstream { session }),
    }
}

/// Submits the commit that is checked out. It must be the tip of the workstream's branch, with
/// nothing uncommitted: a branch that was left behind by a detached HEAD has lost people's work.
///
/// # Errors
/// With the rule that says no, or when git or the store fails.
pub fn submit(client: &Client) -> Result<SubmitAnswer, PlanError> {
    let state = super::current(&client.store)?;
    let (id, session) = (workstream_of(client, &state)?, client.session()?);
    let unknown = || PlanError::Unknown { what: "workstream", name: id.clone() };
    let workstream = state.plan().workstream(&id).ok_or_else(unknown)?;
    let repo = &client.place.repo;
    check_checkout(repo, &workstream.branch.value)?;
    let commit = repo.git().args(["rev-parse", "--verify", "HEAD^{commit}"]).text()?;
    let tree = repo.git().args(["rev-parse", "--verify", "HEAD^{tree}"]).text()?;
    let (commit, tree) = (commit.trim().to_owned(), tree.trim().to_owned());
    check_owners(client, &state, &id, &commit)?;
    let op = PlanOp::Submit { workstream: id.clone(), session, commit: commit.clone(), tree: tree.clone() };
    client.submit(&Op::Plan(op), None)?;
    Ok(SubmitAnswer { workstream: id, commit: Some(commit), tree: Some(tree) })
}

/// Takes a submitted commit back.
///
/// # Errors
/// When the store fails.
pub fn withdraw(client: &Client) -> Result<SubmitAnswer, PlanError> {
    let state = super::current(&client.store)?;
    let (id, session) = (workstream_of(client, &state)?, client.session()?);
    client.submit(&Op::Plan(PlanOp::Withdraw { workstream: id.clone(), session }), None)?;
    Ok(SubmitAnswer { workstream: id, commit: None, tree: None })
}

fn rule(rule: &'static str, message: String, hint: &str, paths: Vec<RepoPath>) -> PlanError {
    PlanError::Rule { rule, message, hint: hint.to_owned(), paths }
}

/// The workstream's branch is checked out, and clean.
fn check_checkout(repo: &HostRepo, branch: &str) -> Result<(), PlanError> {
    let here = repo.git().args(["symbolic-ref", "--quiet", "--short", "HEAD"]).optional()?;
    match here.as_deref().map(str::trim) {
        Some(found) if found == branch => {}
        found => {
            let what = found.map_or_else(|| "a detached HEAD".to_owned(), |b| format!("branch {b}"));
            let message = format!("{what} is checked out, and not the workstream's branch {branch}");
            let hint = format!("git switch {branch}");
            return Err(rule("moved", message, &hint, Vec::new()));
        }
    }
    let dirty = crate::git::changes::uncommitted(repo, &[]).map_err(ClientError::from)?;
    if dirty.is_empty() {
        return Ok(());
    }
    let message = format!("{} changed and are not committed", list(&dirty));
    Err(rule("uncommitted", message, "commit them, then submit again: git coord submit", dirty))
}

/// What the branch changes is not owned by another workstream.
fn check_owners(client: &Client, state: &State, id: &str, commit: &str) -> Result<(), PlanError> {
    let session = client.session()?;
    let Some(fence) = client.store.read(|view| Fence::around(view, &session))? else { return Ok(()) };
    let Some(base) = state.of(id).base else { return Ok(()) };
    let range = format!("{base}...{commit}");
    let out =
        client.place.repo.git().args(["diff", "--name-only", "-z", "--no-renames", &range, "--"]).run()?;
    let changed = out.split(|b| *b == 0).filter(|name| !name.is_empty());
    let owned = changed
        .filter_map(|name| RepoPath::from_bytes(name).ok())
        .filter(|path| fence.owner(path).is_some())
        .collect::<Vec<_>>();
    let Some((owner, _)) = owned.first().and_then(|path| fence.owner(path)) else { return Ok(()) };
    let message = format!("{} belongs to workstream {owner}", list(&owned));
    Err(rule("owned", message, "take these changes out, or ask the lead for: git coord plan grant", owned))
}

fn list(paths: &[RepoPath]) -> String {
    let shown: Vec<&str> = paths.iter().take(5).map(RepoPath::as_str).collect();
    let more = paths.len().saturating_sub(shown.len());
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
