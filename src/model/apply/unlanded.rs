//! Recording which versions of paths have not landed, and that they have.

use std::collections::HashSet;

use super::refusal::{Ruling, unknown};
use crate::model::base::{Context, Event, EventKind, ItemId, RepoPath, SessionName, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::outcome::Taken;
use crate::model::ops::unlanded::{Committed, Freshness, UnlandedOp};
use crate::model::records::conflict::Blocker;
use crate::model::records::segment::ItemMeta;
use crate::model::records::unlanded::{self, Missing, Unlanded};
use crate::model::records::{header, item_index, queue, session as sessions};

/// Carries out an operation on unlanded versions.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn unlanded(txn: &mut Txn<'_>, op: &UnlandedOp, at: jiff::Timestamp, context: &Context) -> Ruling {
    match op {
        UnlandedOp::Committed(words) => committed(txn, words, at),
        UnlandedOp::Rewritten { session, commits } => rewritten(txn, session, commits, context),
        UnlandedOp::GiveUp { session, paths } => give_up(txn, session, paths.as_deref(), context),
        UnlandedOp::Contained { session, commits } => {
            contained_in_target(txn, session.as_ref(), commits, context)
        }
    }
}

fn committed(txn: &mut Txn<'_>, words: &Committed, at: jiff::Timestamp) -> Ruling {
    if sessions::get(txn, &words.session)?.is_none() {
        return Err(unknown("session", &words.session));
    }
    for path in &words.paths {
        let new = Unlanded {
            session: words.session.clone(),
            branch: words.branch.clone(),
            commit: words.commit.clone(),
            since: at,
            item: words.items.first().cloned(),
        };
        unlanded::add(txn, path, new, &words.contained)?;
    }
    for item in &words.items {
        edit_meta(txn, item, |meta| {
            if !meta.commits.contains(&words.commit) {
                meta.commits.push(words.commit.clone());
            }
        })?;
    }
    header::next_generation(txn)?;
    let mut event = Event::new(at, Some(&words.session), EventKind::Commit)
        .with("commit", &words.commit)
        .with("text", &words.text);
    if let Some(branch) = &words.branch {
        event = event.with("branch", branch);
    }
    if !words.items.is_empty() {
        event = event.with("items", &words.items);
    }
    txn.record(event.with("leases", &words.leases));
    Ok(Outcome::Done)
}

/// Commits have other ids now. Those that are gone without one stay recorded: what cannot be followed is never
/// assumed to be contained.
fn rewritten(
    txn: &mut Txn<'_>,
    session: &SessionName,
    commits: &[(String, String)],
    context: &Context,
) -> Ruling {
    let new_of = |old: &str| commits.iter().find(|(from, _)| from == old).map(|(_, to)| to.clone());
    let mut changed = 0_usize;
    for (path, one) in unlanded::all(txn)?.into_iter().filter(|(_, u)| u.session == *session) {
        let Some(to) = new_of(&one.commit) else { continue };
        changed += 1;
        unlanded::edit(txn, &path, |list| {
            for entry in list.iter_mut().filter(|u| u.session == *session && u.commit == one.commit) {
                entry.commit.clone_from(&to);
            }
        })?;
        if let Some(item) = &one.item {
            edit_meta(txn, item, |meta| {
                for commit in meta.commits.iter_mut() {
                    if let Some(to) = new_of(commit) {
                        *commit = to;
                    }
                }
            })?;
        }
    }
    log(txn, Some(session), changed, "moved", context)
}

/// A person gives up on versions: they will not land, and whoever takes the paths need not have them.
fn give_up(
    txn: &mut Txn<'_>,
    session: &SessionName,
    paths: Option<&[RepoPath]>,
    context: &Context,
) -> Ruling {
    let mut changed = 0_usize;
    for (path, one) in unlanded::all(txn)? {
        let chosen = match paths {
            Some(paths) => paths.iter().any(|p| p.covers(&path)),
            None => one.session == *session,
        };
        if chosen {
            changed += 1;
            unlanded::edit(txn, &path, |list| list.retain(|u| u.commit != one.commit))?;
        }
    }
    log(txn, Some(session), changed, "given up", context)
}

/// The target has these commits.
fn contained_in_target(
    txn: &mut Txn<'_>,
    session: Option<&SessionName>,
    commits: &[String],
    context: &Context,
) -> Ruling {
    let mut changed = 0_usize;
    for (path, one) in unlanded::all(txn)?.into_iter().filter(|(_, u)| commits.contains(&u.commit)) {
        changed += 1;
        unlanded::edit(txn, &path, |list| list.retain(|u| u.commit != one.commit))?;
    }
    log(txn, session, changed, "landed", context)
}

fn log(
    txn: &mut Txn<'_>,
    session: Option<&SessionName>,
    changed: usize,
    how: &str,
    context: &Context,
) -> Ruling {
    if changed > 0 {
        header::next_generation(txn)?;
        let event = Event::new(context.now, session, EventKind::Unlanded);
        txn.record(event.with("text", format!("{changed} {how}")).with("how", how));
    }
    Ok(Outcome::Done)
}

/// Changes what is known of an item, if it is known, and nothing of its state.
pub(super) fn edit_meta(
    txn: &mut Txn<'_>,
    item: &ItemId,
    change: impl FnOnce(&mut ItemMeta),
) -> Result<(), ViewError> {
    let Some(slot) = item_index::find(txn, item)? else { return Ok(()) };
    let mut states = queue::states(txn, &slot.queue, slot.segment)?;
    let free = states.free();
    change(states.meta_mut(slot.index));
    queue::put_states(txn, &slot.queue, slot.segment, &states, free);
    Ok(())
}

/// Refuses when the session's branch lacks the newest versions of paths that it is about to be granted.
pub(super) fn must_be_fresh(
    txn: &Txn<'_>,
    session: &SessionName,
    paths: &[RepoPath],
    fresh: Option<&Freshness>,
) -> Ruling<()> {
    let Some(fresh) = fresh else { return Ok(()) };
    let has: &[String] = if fresh.until_landed { &[] } else { &fresh.has };
    let mut missing: Vec<Missing> = Vec::new();
    for path in paths {
        missing.extend(unlanded::missing(txn, path, session, has)?);
    }
    judge(missing, fresh)
}

/// The same for items: their files, and what the items that they need have brought.
pub(super) fn items_must_be_fresh(
    txn: &Txn<'_>,
    session: &SessionName,
    items: &[Taken],
    fresh: Option<&Freshness>,
) -> Ruling<()> {
    let Some(fresh) = fresh else { return Ok(()) };
    let mut missing: Vec<Missing> = Vec::new();
    for taken in items {
        missing.extend(unlanded::missing_needs(txn, &taken.item, session, &fresh.has)?);
        for file in &taken.item.files {
            missing.extend(unlanded::missing(txn, file, session, &fresh.has)?);
        }
    }
    judge(missing, &Freshness { until_landed: false, ..fresh.clone() })
}

fn judge(mut missing: Vec<Missing>, fresh: &Freshness) -> Ruling<()> {
    let mut seen = HashSet::new();
    missing.retain(|m| seen.insert((m.path.clone(), m.commit.clone())));
    match (missing.is_empty(), fresh.until_landed) {
        (true, _) => Ok(()),
        (false, false) => Err(Outcome::Stale { missing }.into()),
        (false, true) => {
            Err(Outcome::Held { blockers: missing.into_iter().filter_map(blocker).collect() }.into())
        }
    }
}

/// A version that has not landed, as what is in the way.
fn blocker(one: Missing) -> Option<Blocker> {
    let reason = Some(format!("its commit {} has not landed", one.commit.get(..10).unwrap_or(&one.commit)));
    let (path, held) = (one.path.clone(), one.path);
    Some(Blocker { path, held, session: one.session?, expires: None, reason })
}
