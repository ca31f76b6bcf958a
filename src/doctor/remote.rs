//! The state on the remote that decides, and putting it back from this clone.
//!
//! A remote that has lost the state, went back to an old one, or has another store's is never taken
//! for "everything is free": every command refuses to go on. A repair puts this clone's state in
//! its place, by a compare-and-swap against exactly the value that was looked at. A state that
//! follows the known one but breaks its own invariants is taken over, and then mended like any.

use std::collections::HashMap;

use gix::ObjectId;

use crate::model::header::StateHeader;
use crate::store::remote::{RemoteError, RemoteInspection, There};
use crate::store::{STATE_REF, Store, StoreError, StoreLock};

use super::{DoctorError, Finding, Report, records};

/// Code of a state that is mended in this clone rather than replaced by it.
const RECORDS: &str = "remote-records";

/// How often a repair looks again, because the remote has changed since it was looked at.
const ATTEMPTS: usize = 3;

/// Looks at the remote, and mends what it has. Does nothing when the store decides by itself.
///
/// # Errors
/// When the remote cannot be reached, or does not let itself be mended.
pub fn examine(
    store: &Store,
    guard: &StoreLock,
    repair: bool,
    report: &mut Report,
) -> Result<(), DoctorError> {
    for attempt in 1.. {
        let Some(look) = store.inspect_under_lock(guard)? else { return Ok(()) };
        let finding = judge(store, &look)?.filter(|f| !repair || f.code != RECORDS);
        let Some(finding) = finding else {
            // So that the examination of this clone is one of what the remote has.
            if repair {
                store.follow_found(guard, &look)?;
            }
            return Ok(());
        };
        if !repair || !finding.repairable {
            report.findings.push(finding);
            return Ok(());
        }
        match store.restore_remote(guard, &look) {
            Ok(generation) => {
                report.findings.push(finding.mended());
                report.notes.push(format!(
                    "{} has this clone's state again and goes on with generation {generation}; \
                     clones that know what is not in it are told so by their next command",
                    look.arbiter.remote
                ));
                return Ok(());
            }
            Err(StoreError::Remote(RemoteError::Refused { .. })) if attempt < ATTEMPTS => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// What is wrong with the remote's state.
fn judge(store: &Store, look: &RemoteInspection) -> Result<Option<Finding>, DoctorError> {
    let remote = &look.arbiter.remote;
    let Some(known) = &look.known else {
        // This clone has nothing that could be put there; its own examination tells of that.
        return Ok(None);
    };
    let g = known.generation;
    let (code, message) = match &look.there {
        There::Unreachable(reason) => {
            let (remote, reason) = (remote.clone(), reason.clone());
            return Err(StoreError::from(RemoteError::Unreachable { remote, reason }).into());
        }
        There::Absent => {
            ("remote-missing", format!("the ref is gone there; this clone knows generation {g}"))
        }
        There::Unreadable { tip, reason, .. } => (
            "remote-unreadable",
            format!("the state there ({tip}) cannot be read: {reason}; this clone knows generation {g}"),
        ),
        There::State { tip, fault: None, .. } => return broken(store, remote, *tip),
        There::State { head, fault: Some(fault), .. } => fault_of(known.generation, head, fault),
    };
    let finding = Finding::at_key(code, format!("{remote} {STATE_REF}"), message);
    Ok(Some(finding))
}

fn fault_of(known: u64, there: &StateHeader, fault: &RemoteError) -> (&'static str, String) {
    let found = there.generation;
    match fault {
        RemoteError::Foreign { .. } => (
            "remote-foreign",
            format!(
                "another store's state is there (generation {found}). A repair replaces it by this clone's; \
                 to take it over instead and give up this clone's: git coord init --remote NAME --discard"
            ),
        ),
        RemoteError::Newer { found, known, .. } => (
            "remote-newer-format",
            format!(
                "a git-coord that writes format {found} has been there, or somebody who pretends to be one; this \
                 one knows formats up to {known}. Update it; when nobody uses a newer one, a repair puts this \
                 clone's state back, and what was done there since is lost"
            ),
        ),
        RemoteError::LeftOut { from, .. } => (
            "remote-left-out",
            format!(
                "it was put back from a clone that knew generation {from}; this clone knows {known}. To take over \
                 what is there: git coord init --remote NAME --discard. A repair puts this clone's state there \
                 instead, and what was done there since is lost"
            ),
        ),
        _ => (
            "remote-backwards",
            format!(
                "the state there (generation {found}) does not follow the one that this clone knows ({known}): an \
                 old one was put there, or one was forced. A repair puts this clone's back"
            ),
        ),
    }
}

/// What is wrong with a state that follows the known one.
fn broken(store: &Store, remote: &str, tip: ObjectId) -> Result<Option<Finding>, DoctorError> {
    let mut known = HashMap::new();
    let own = store.tip()?;
    // The two have most objects in common. What is damaged here is fetched again first.
    if own == Some(tip) || own.is_none_or(|own| damage(store, own, &mut known).is_some()) {
        return Ok(None);
    }
    let key = format!("{remote} {STATE_REF}");
    if damage(store, tip, &mut known).is_some() {
        let reason = damage_there(store, remote)?;
        let message = format!("the state there is damaged: {reason}");
        return Ok(Some(Finding::at_key("remote-damaged", key, message)));
    }
    let commit =
        store.sound_commit(tip).map_err(StoreError::objects("read the state of the remote", store.path()))?;
    let first = records::check(&store.view_tree(commit.tree, &commit.delta)).into_iter().next();
    Ok(first.map(|f| {
        let message =
            format!("its records disagree ({}: {}); a repair takes it over and mends it", f.code, f.message);
        Finding::at_key(RECORDS, key, message)
    }))
}

/// The first thing of a state that cannot be read. `known` are objects that were looked at.
fn damage(store: &Store, tip: ObjectId, known: &mut HashMap<ObjectId, bool>) -> Option<String> {
    match store.sound_commit(tip) {
        Err(reason) => Some(reason),
        Ok(commit) => {
            let bad = store.walk(commit.tree, known);
            bad.first().map(|bad| format!("{:?} cannot be read: {}", bad.key, bad.reason))
        }
    }
}

/// What is damaged in the remote's state, looked at from a place that has none of this clone's
/// objects: a repair would put an older state in its place.
///
/// # Errors
/// When nothing is, or there is no answer.
fn damage_there(store: &Store, remote: &str) -> Result<String, DoctorError> {
    match store.read_afresh(remote) {
        Ok(Some((_scratch, fresh))) => {
            let tip = fresh.tip()?;
            let found = tip.and_then(|tip| damage(&fresh, tip, &mut HashMap::new()));
            found.ok_or_else(|| StoreError::from(RemoteError::damaged_here(remote)).into())
        }
        Ok(None) => Ok("it is gone".to_owned()),
        Err(e @ StoreError::View(_)) => Ok(e.to_string()),
        Err(e) => Err(e.into()),
    }
}
