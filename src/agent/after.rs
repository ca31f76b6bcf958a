//! After a tool has run: what a command has changed without our knowing is found with `git status`.

use std::path::Path;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

use crate::git::{Git, HostRepo};
use crate::model::claim::Mode;
use crate::model::op::ClaimPaths;
use crate::model::outcome::Blocker;
use crate::model::session::Session;
use crate::model::{Op, Outcome, RepoPath, blockers_of};
use crate::settings::EditMode;

use super::desk::{Desk, Failure};
use super::edit::MOST;
use super::event::Event;
use super::objection;
use super::roster::Edit;

/// File systems keep times less exactly than the clock.
const SLACK: SignedDuration = SignedDuration::from_millis(20);

/// Claims what the command of an event has changed and nobody holds; returns words about what others hold.
///
/// # Errors
/// When git or the store fails.
pub fn look(desk: &mut Desk, event: &Event) -> Result<Option<String>, Failure> {
    let (key, now) = (desk.key.clone(), desk.now);
    let began = desk.roster(|roster| roster.see(&key, event.dialect.traits().name, now).command.take())?;
    let changed = changed(&desk.repo, &[])?;
    let new = changed.into_iter().filter(|path| began.is_none_or(|at| is_newer(&desk.repo, path, at)));
    let unclaimed: Vec<RepoPath> = new.filter(|path| !desk.session.may_edit(path)).collect();
    if unclaimed.is_empty() {
        return Ok(None);
    }
    let name = desk.session.name.clone();
    let blockers = desk.store.read(|view| {
        let lists = unclaimed.iter().map(|path| blockers_of(view, path, &name, Mode::Exclusive));
        Ok(lists.collect::<Result<Vec<_>, _>>()?.concat())
    })?;
    let free: Vec<RepoPath> =
        unclaimed.into_iter().filter(|path| !blockers.iter().any(|b| b.path == *path)).collect();
    let blockers = [blockers, claim(desk, free)?].concat();
    Ok((!blockers.is_empty()).then(|| words(&blockers, now)))
}

/// Claims what is free; what turns out to be held after all is returned.
fn claim(desk: &mut Desk, free: Vec<RepoPath>) -> Result<Vec<Blocker>, Failure> {
    let key = desk.key.clone();
    let held = desk.roster(|roster| roster.edits.len())?;
    let paths: Vec<RepoPath> = free.into_iter().take(MOST.saturating_sub(held)).collect();
    if desk.settings.on_edit.mode != EditMode::Claim || paths.is_empty() {
        return Ok(Vec::new());
    }
    let op = Op::Claim(ClaimPaths {
        session: desk.session.name.clone(),
        paths: paths.clone(),
        mode: Mode::Exclusive,
        ttl: desk.settings.ttl.min(600),
        reason: Some("changed by a command".into()),
        fresh: None,
    });
    match desk.store.submit(&op, None)? {
        Outcome::Held { blockers } => return Ok(blockers),
        Outcome::Claimed { .. } => {
            let now = desk.now;
            desk.roster(|roster| {
                for path in paths {
                    roster.edits.insert(path, Edit { by: key.clone(), at: now });
                }
            })?;
        }
        _ => {}
    }
    desk.reread()?;
    Ok(Vec::new())
}

fn words(blockers: &[Blocker], now: Timestamp) -> String {
    let holders: Vec<Option<Session>> = blockers.iter().map(|_| None).collect();
    let held = objection::of_holders(blockers, &holders, now);
    let held = held.split(". Nothing was changed").next().unwrap_or_default();
    let paths: Vec<String> = blockers.iter().take(10).map(|b| objection::shown(&b.path)).collect();
    format!(
        "git coord: your last command changed files that other sessions hold: {held}. A commit of them will be \
         refused. Undo that: git restore -- {}",
        paths.join(" ")
    )
}

/// True when a file was changed since a command began. What is gone has no time of its own, but its folder
/// has.
fn is_newer(repo: &HostRepo, path: &RepoPath, began: Timestamp) -> bool {
    let file = repo.root.join(path.to_native());
    let time = |path: &Path| path.symlink_metadata().and_then(|meta| meta.modified()).ok();
    let parents = || file.ancestors().skip(1).find_map(time);
    let Some(at) = time(&file).or_else(parents) else { return true };
    SystemTime::from(began.saturating_sub(SLACK).unwrap_or(began)) <= at
}

/// Paths with uncommitted changes: in the index, the worktree, or not tracked; those below `within`, or all.
///
/// # Errors
/// When git fails.
pub fn changed(repo: &HostRepo, within: &[RepoPath]) -> Result<Vec<RepoPath>, Failure> {
    let mut git = Git::new(&repo.root)
        .args(["--literal-pathspecs", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"])
        .arg("--");
    for path in within {
        git = git.arg(path.to_native());
    }
    let out = git.run()?;
    let entries = out.split(|b| *b == 0).filter_map(|entry| entry.get(3..));
    Ok(entries.filter_map(|path| RepoPath::from_bytes(path).ok()).filter(|path| !path.is_root()).collect())
}
