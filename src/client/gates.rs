//! Gates: asking them about a change, about a commit, and recording what a branch is compared with.

use crate::exec::{Guardian, Stop};
use crate::gate::{Asked, Engine, Found, GateError, Gates, Place};
use crate::git::Git;
use crate::model::plan::{Gate, When};
use crate::model::session::Verified;
use crate::model::verdict::{self, AllowedTest, Baseline, Verdict};
use crate::model::verdict_op::GateOp;
use crate::model::{ItemId, Op, Outcome};

use super::{Client, ClientError, ClientResult};

/// A value of the environment, for gates whose verdicts depend on it.
pub type Variable = fn(&str) -> Option<String>;

/// Who watches over gates, and where the environment is read.
pub struct Watched<'a> {
    /// Whether to stop.
    pub stop: &'a Stop,
    /// Reads a variable.
    pub variable: Variable,
    /// Hears which gate runs now.
    pub hear: &'a mut dyn FnMut(&str),
}

/// The gates of the target branch.
#[derive(Debug, Clone)]
pub struct Target {
    /// The branch.
    pub branch: String,
    /// Its commit here.
    pub commit: String,
    /// Its gates.
    pub gates: Gates,
}

/// What gates say about a change.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The tree that they saw.
    pub tree: String,
    /// True when all of them pass.
    pub ok: bool,
    /// What each came to.
    pub gates: Vec<Found>,
    /// The item for which it was recorded.
    pub item: Option<ItemId>,
}

/// Reads the gates of the target branch: `coord.target`, else the branch that `origin/HEAD` names, else
/// the main worktree's.
///
/// # Errors
/// When there is no such branch, or its `coord.toml` is wrong.
pub fn target(client: &Client) -> ClientResult<Target> {
    let repo = &client.place.repo;
    let branch = match &client.place.settings.target {
        Some(name) => name.strip_prefix("refs/heads/").unwrap_or(name).to_owned(),
        None => default_branch(client)?,
    };
    for place in ["refs/heads/", "refs/remotes/origin/"] {
        let name = format!("{place}{branch}^{{commit}}");
        if let Some(commit) =
            repo.git().args(["rev-parse", "--verify", "-q", &name]).optional().map_err(GateError::from)?
        {
            let gates = Gates::read(repo, &commit)?;
            return Ok(Target { branch, commit, gates });
        }
    }
    Err(absent("branch", branch, "name the branch on which work lands: git config coord.target NAME"))
}

fn default_branch(client: &Client) -> ClientResult<String> {
    let repo = &client.place.repo;
    let head = repo.git().args(["symbolic-ref", "-q", "--short", "refs/remotes/origin/HEAD"]).optional();
    if let Some(name) =
        head.map_err(GateError::from)?.as_deref().and_then(|name| name.strip_prefix("origin/"))
    {
        return Ok(name.to_owned());
    }
    let trees = repo.worktrees().map_err(GateError::from)?;
    let main = trees.into_iter().find(|tree| !tree.bare).and_then(|tree| tree.branch);
    main.ok_or_else(|| {
        absent("branch", "to land on", "name the branch on which work lands: git config coord.target NAME")
    })
}

fn absent(what: &'static str, name: impl ToString, hint: &'static str) -> ClientError {
    GateError::Absent { what, name: name.to_string(), hint }.into()
}

/// Asks the gates that concern what this worktree has changed since it left the target, or those that are
/// named. With an item that the session holds, the result is recorded for it.
///
/// # Errors
/// When a gate is unknown or its command is not approved here; when something cannot be read or started.
pub fn verify(
    client: &Client,
    names: &[String],
    item: Option<&ItemId>,
    fresh: bool,
    watched: Watched<'_>,
) -> ClientResult<Verification> {
    let root = &client.place.repo.root;
    let target = target(client)?;
    let git = || Git::new(root);
    let head = git().args(["rev-parse", "HEAD"]).text().map_err(GateError::from)?;
    let base = git().args(["merge-base", &target.commit, &head]).optional().map_err(GateError::from)?;
    let (tree, clean) = current_tree(client)?;
    let commit = if clean { head } else { snapshot(client, &tree, &head)? };
    let gates = chosen(client, &target, names, base.as_deref(), &commit)?;
    let asked = Asked {
        gates: &gates,
        commit: &commit,
        base: base.as_deref(),
        place: Place::Here(root.clone()),
        fresh,
        unrecorded: false,
    };
    let found = ask(client, &asked, watched)?;
    let ok = found.iter().all(|found| found.verdict.result.passes());
    if let Some(item) = item {
        record_for(client, item, ok, &tree, &gates)?;
    }
    Ok(Verification { tree, ok, gates: found, item: item.cloned() })
}

/// The gates that are named, or those that concern the change.
fn chosen<'t>(
    client: &Client,
    target: &'t Target,
    names: &[String],
    base: Option<&str>,
    commit: &str,
) -> ClientResult<Vec<&'t Gate>> {
    if !names.is_empty() {
        return names.iter().map(|name| Ok(target.gates.get(name)?)).collect();
    }
    let changed = match base {
        Some(base) => {
            let git = client.place.repo.git().args(["diff", "--name-only", "-z", base, commit, "--"]);
            let text = git.run().map_err(GateError::from)?;
            text.split(|b| *b == 0)
                .filter(|p| !p.is_empty())
                .map(|p| String::from_utf8_lossy(p).into_owned())
                .collect()
        }
        None => Vec::new(),
    };
    Ok(target.gates.concerned(When::Item, &changed))
}

fn ask(client: &Client, asked: &Asked<'_>, watched: Watched<'_>) -> ClientResult<Vec<Found>> {
    let guardian = Guardian::start().map_err(GateError::from)?;
    let trust = client.trust();
    let engine = Engine {
        repo: &client.place.repo,
        store: &client.store,
        trust: &trust,
        guardian: &guardian,
        stop: watched.stop,
        session: client.session_if_any()?,
        variable: watched.variable,
    };
    Ok(engine.verdicts(asked, watched.hear)?)
}

/// The tree of what is in this worktree, with changes of tracked files; true when there are none.
///
/// # Errors
/// When git does not answer.
pub fn current_tree(client: &Client) -> ClientResult<(String, bool)> {
    let root = &client.place.repo.root;
    let git = || Git::new(root);
    let status =
        git().args(["status", "--porcelain", "--untracked-files=no"]).run().map_err(GateError::from)?;
    if status.is_empty() {
        return Ok((git().args(["rev-parse", "HEAD^{tree}"]).text().map_err(GateError::from)?, true));
    }
    let index = tempfile::NamedTempFile::new()
        .map_err(crate::exec::ExecError::io("write", root))
        .map_err(GateError::from)?;
    let own = client.place.repo.git_dir.join("index");
    std::fs::copy(&own, index.path())
        .map_err(crate::exec::ExecError::io("read", &own))
        .map_err(GateError::from)?;
    let git = || git().env("GIT_INDEX_FILE", index.path());
    git().args(["add", "-u", "--", ":/"]).run().map_err(GateError::from)?;
    Ok((git().args(["write-tree"]).text().map_err(GateError::from)?, false))
}

/// A commit of a tree that is on no branch: for what is compared with the base.
fn snapshot(client: &Client, tree: &str, head: &str) -> ClientResult<String> {
    let mut git = client.place.repo.git().args(["commit-tree", tree, "-p", head, "-m", "uncommitted"]);
    for who in ["AUTHOR", "COMMITTER"] {
        git = git
            .env(format!("GIT_{who}_NAME"), "git-coord")
            .env(format!("GIT_{who}_EMAIL"), "git-coord@invalid");
    }
    Ok(git.text().map_err(GateError::from)?)
}

fn record_for(client: &Client, item: &ItemId, ok: bool, tree: &str, gates: &[&Gate]) -> ClientResult<()> {
    let session = client.session()?;
    let names: Vec<&str> = gates.iter().map(|gate| gate.name.value.as_str()).collect();
    let command = format!("gates: {}", names.join(", "));
    let tree = Some(tree.to_owned());
    let verified = Verified { ok, at: crate::clock::now(), command, exit: None, tree };
    let op = Op::Verify { session: session.clone(), item: item.clone(), verified, lease: None };
    let outcome = client.submit(&op, None)?;
    client.store.touch_session(&session);
    if outcome == Outcome::Done { Ok(()) } else { Err(ClientError::refused(outcome)) }
}

/// Asks one gate about a commit, in a worktree of the pool.
///
/// # Errors
/// As [`verify`], and when there is no such commit.
pub fn run(
    client: &Client,
    name: &str,
    rev: Option<&str>,
    fresh: bool,
    watched: Watched<'_>,
) -> ClientResult<Found> {
    let target = target(client)?;
    let gate = target.gates.get(name)?;
    let wanted = format!("{}^{{commit}}", rev.unwrap_or("HEAD"));
    let git = client.place.repo.git().args(["rev-parse", "--verify", "-q", "--end-of-options", &wanted]);
    let commit = git.optional().map_err(GateError::from)?;
    let commit = commit.ok_or_else(|| absent("commit", rev.unwrap_or("HEAD"), "see: git log"))?;
    let base = client.place.repo.git().args(["merge-base", &target.commit, &commit]).optional();
    let base = base.map_err(GateError::from)?;
    let asked = Asked {
        gates: &[gate],
        commit: &commit,
        base: base.as_deref(),
        place: Place::Pool,
        fresh,
        unrecorded: false,
    };
    let mut found = ask(client, &asked, watched)?;
    found.pop().ok_or_else(|| absent("gate", name, "list them with: git coord gate list"))
}

/// Runs all gates at the tip of a branch, and records what they came to as what it is compared with.
///
/// # Errors
/// As [`run`].
pub fn record_baseline(
    client: &Client,
    branch: Option<&str>,
    watched: Watched<'_>,
) -> ClientResult<Baseline> {
    let target = target(client)?;
    let branch = branch.unwrap_or(&target.branch).to_owned();
    let name = format!("refs/heads/{branch}^{{commit}}");
    let git = || client.place.repo.git();
    let commit = git().args(["rev-parse", "--verify", "-q", &name]).optional().map_err(GateError::from)?;
    let commit = commit.ok_or_else(|| absent("branch", &branch, "see: git branch"))?;
    let tree = git().args(["rev-parse", &format!("{commit}^{{tree}}")]).text().map_err(GateError::from)?;
    let gates: Vec<&Gate> = target.gates.list.iter().filter(|gate| gate.run.is_some()).collect();
    let asked = Asked {
        gates: &gates,
        commit: &commit,
        base: None,
        place: Place::Pool,
        fresh: false,
        unrecorded: false,
    };
    let found = ask(client, &asked, watched)?;
    let gates: Vec<Verdict> = found.into_iter().map(|found| found.verdict).collect();
    let baseline = Baseline { branch, commit, tree, at: crate::clock::now(), gates };
    client.submit(&Op::Gate(GateOp::Baseline(Box::new(baseline.clone()))), None)?;
    Ok(baseline)
}

/// The baseline of a branch; of the target when none is named.
///
/// # Errors
/// When none was recorded, or it cannot be read.
pub fn baseline(client: &Client, branch: Option<&str>) -> ClientResult<Baseline> {
    let branch = match branch {
        Some(branch) => branch.to_owned(),
        None => target(client)?.branch,
    };
    let found = client.store.read(|view| verdict::baseline(view, &branch))?;
    found.ok_or_else(|| absent("baseline of", branch, "record it: git coord baseline record"))
}

/// Lets a test of a gate fail until a day.
///
/// # Errors
/// When the store refuses.
pub fn allow(client: &Client, allowed: AllowedTest) -> ClientResult<()> {
    client.submit(&Op::Gate(GateOp::Allow(allowed)), None).map(drop)
}

/// The newest verdicts of a gate that the state has, by tree.
///
/// # Errors
/// When the state cannot be read.
pub fn history(client: &Client, gate: &str, limit: usize) -> ClientResult<Vec<Verdict>> {
    let mut list = client.store.read(|view| verdict::all(view, gate))?;
    list.sort_by_key(|verdict| std::cmp::Reverse(verdict.at));
    list.truncate(limit);
    Ok(list)
}
