//! Before a tool runs: what it will write is claimed for the session, or refused because others hold it.
//!
//! All paths of a call are judged together: when one of them is refused, none is claimed.

use crate::model::claim::Mode;
use crate::model::op::{ClaimPaths, RenewWhat};
use crate::model::outcome::Blocker;
use crate::model::session::Session;
use crate::model::{Op, Outcome, RepoPath, blockers_of};
use crate::settings::EditMode;

use super::abandoned;
use super::desk::{Desk, Failure};
use super::event::Event;
use super::roster::Edit;
use super::{ignored, objection};

/// Longest lease of a file that was claimed because of an edit, in seconds. It is renewed by every call of
/// the session past half of its time; a tool that was refused by somebody else, or an agent that has gone,
/// keeps the file for no longer.
const TTL: u64 = 600;

/// Most files that a session holds because of edits. Beyond it, those without uncommitted changes are given
/// back, and what still does not fit is not claimed: one command over a whole tree must not stop everybody.
pub const MOST: usize = 200;

/// Judges an edit of `paths` in the desk's worktree. Returns why it is refused, if it is.
///
/// # Errors
/// When it cannot be judged.
pub fn judge(desk: &mut Desk, event: &Event, paths: &[RepoPath]) -> Result<Option<String>, Failure> {
    let program = event.dialect.traits().name;
    let rest: Vec<RepoPath> = paths.iter().filter(|path| !desk.session.may_edit(path)).cloned().collect();
    let blockers = blockers(desk, &rest)?;
    if !blockers.is_empty() {
        return Ok(Some(refuse(desk, program, &blockers)?));
    }
    let free = if rest.is_empty() { rest } else { without_ignored(desk, rest)? };
    if let Some(words) = abandoned::objection(desk, &free)? {
        return Ok(Some(words));
    }
    let claims = desk.settings.on_edit.mode == EditMode::Claim;
    if let Some(rival) = reserve(desk, program, paths, if claims { &free } else { &[] })? {
        return Ok(Some(rival));
    }
    if claims && !free.is_empty() {
        return claim(desk, program, free);
    }
    renew(desk)?;
    Ok(None)
}

/// The claims that block these paths. A lease that has run out is taken back first.
fn blockers(desk: &Desk, paths: &[RepoPath]) -> Result<Vec<Blocker>, Failure> {
    let name = &desk.session.name;
    let look = || {
        desk.store.read(|view| {
            let lists = paths.iter().map(|path| blockers_of(view, path, name, Mode::Exclusive));
            Ok(lists.collect::<Result<Vec<_>, _>>()?.concat())
        })
    };
    let found = look()?;
    if found.iter().any(|blocker| blocker.expires.is_none_or(|at| at <= desk.now)) {
        desk.store.submit(&Op::Sweep, None)?;
        return Ok(look()?);
    }
    Ok(found)
}

/// Notes who edits what, unless another sub-agent does already.
fn reserve(
    desk: &Desk,
    program: &str,
    paths: &[RepoPath],
    free: &[RepoPath],
) -> Result<Option<String>, Failure> {
    let (key, now) = (&desk.key, desk.now);
    desk.roster(|roster| {
        roster.see(key, program, now);
        // What the session has lost or given back meanwhile is nobody's here.
        roster
            .edits
            .retain(|path, edit| now.duration_since(edit.at).as_secs() < 2 || desk.session.may_edit(path));
        let rival = paths.iter().find_map(|path| Some((path, roster.rival(key, path, now)?)));
        if let Some((path, rival)) = rival {
            return Some(objection::of_rival(path, rival, &desk.session.name));
        }
        for path in free {
            roster.edits.insert(path.clone(), Edit { by: key.clone(), at: now });
            roster.wanted.remove(path);
        }
        None
    })
}

/// Claims free paths, and takes the note back when somebody was faster.
fn claim(desk: &mut Desk, program: &str, mut free: Vec<RepoPath>) -> Result<Option<String>, Failure> {
    let room = room(desk, free.len())?;
    let left_out = free.split_off(room.min(free.len()));
    let mut refused = None;
    if !free.is_empty() {
        let op = Op::Claim(ClaimPaths {
            session: desk.session.name.clone(),
            paths: free.clone(),
            mode: Mode::Exclusive,
            ttl: TTL.min(desk.settings.ttl),
            reason: Some(reason(desk, program)),
            fresh: None,
        });
        let outcome = desk.store.submit(&op, None);
        refused = match outcome {
            Ok(Outcome::Held { blockers }) => Some(refuse(desk, program, &blockers)?),
            Ok(Outcome::Refused { message, .. }) => Some(message),
            Ok(_) => None,
            Err(e) => {
                forget(desk, &free)?;
                return Err(e.into());
            }
        };
    }
    if refused.is_some() {
        forget(desk, &free)?;
    }
    forget(desk, &left_out)?;
    desk.reread()?;
    Ok(refused)
}

fn forget(desk: &Desk, paths: &[RepoPath]) -> Result<(), Failure> {
    if paths.is_empty() {
        return Ok(());
    }
    desk.roster(|roster| roster.edits.retain(|path, _| !paths.contains(path)))
}

/// What a claim is for, as others read it.
fn reason(desk: &Desk, program: &str) -> String {
    match desk.key.split_once('/') {
        Some((_, agent)) => format!("edit by {program}, sub-agent {agent}"),
        None => format!("edit by {program}"),
    }
}

/// Notes that the session waits for these paths, and says why it does not have them.
fn refuse(desk: &Desk, program: &str, blockers: &[Blocker]) -> Result<String, Failure> {
    let now = desk.now;
    desk.roster(|roster| {
        roster.see(&desk.key, program, now);
        for blocker in blockers {
            roster.wanted.insert(blocker.path.clone(), now);
        }
    })?;
    let holders: Vec<Option<Session>> = desk
        .store
        .read(|view| blockers.iter().map(|b| crate::model::session::get(view, &b.session)).collect())?;
    Ok(objection::of_holders(blockers, &holders, now))
}

/// Renews what is past half of its time: this call shows that the session is at work.
fn renew(desk: &Desk) -> Result<(), Failure> {
    if desk.session.leases.iter().any(|lease| lease.is_due(desk.now)) {
        let op = Op::Renew { session: desk.session.name.clone(), what: RenewWhat::Due, ttl: None };
        desk.store.submit(&op, None)?;
    }
    Ok(())
}

/// How many more files may be claimed, of `wanted`. Makes room where it can.
fn room(desk: &Desk, wanted: usize) -> Result<usize, Failure> {
    let count = |desk: &Desk| -> Result<usize, Failure> {
        let held = desk.roster(|roster| roster.edits.len())?;
        Ok(held.saturating_sub(wanted))
    };
    let held = count(desk)?;
    if held + wanted <= MOST {
        return Ok(wanted);
    }
    give_back_clean(desk)?;
    Ok(MOST.saturating_sub(count(desk)?))
}

/// Gives back the files that were claimed because of an edit and have no uncommitted change.
///
/// # Errors
/// When git or the store fails.
pub fn give_back_clean(desk: &Desk) -> Result<Vec<RepoPath>, Failure> {
    let edits = desk.roster(|roster| roster.edits.keys().cloned().collect::<Vec<_>>())?;
    let held: Vec<RepoPath> =
        edits.into_iter().filter(|path| desk.session.path_lease(path).is_some()).collect();
    if held.is_empty() {
        return Ok(held);
    }
    let dirty = super::after::changed(&desk.repo, &held)?;
    let clean: Vec<RepoPath> =
        held.into_iter().filter(|path| !dirty.iter().any(|d| path.covers(d))).collect();
    if clean.is_empty() {
        return Ok(clean);
    }
    let op = Op::Release { session: desk.session.name.clone(), paths: Some(clean.clone()) };
    // Lost meanwhile: then they are not held either.
    desk.store.submit(&op, None)?;
    forget(desk, &clean)?;
    Ok(clean)
}

/// Without what git ignores.
fn without_ignored(desk: &Desk, paths: Vec<RepoPath>) -> Result<Vec<RepoPath>, Failure> {
    let ignored = ignored::among(&desk.repo, &paths, &desk.configs)?;
    Ok(paths.into_iter().filter(|path| !ignored.contains(path)).collect())
}
