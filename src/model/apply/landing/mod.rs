//! Landings and rollbacks as operations: the lease on the target branch, the intent to move it, and
//! the record that it has moved.

mod effects;
#[cfg(test)]
mod tests;

use super::refusal::{Ruling, refused};
use crate::model::base::{Context, Event, EventKind, ItemId, RepoPath, RuleId, SessionName, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::op::{BeginLanding, LandingOp};
use crate::model::ops::outcome::LandingOutcome;
use crate::model::records::conflict::Blocker;
use crate::model::records::header;
use crate::model::records::landing::{
    self as landings, Checkpoint, Intent, LandMode, Landing, Rollback, Squashed, TargetLease, TargetLock,
    Undone,
};
use crate::model::records::session::Loss;

/// Carries out a step.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn landing(txn: &mut Txn<'_>, op: &LandingOp, context: &Context) -> Ruling {
    match op {
        LandingOp::Begin(words) => begin(txn, words, context),
        LandingOp::Renew { branch, lease } => renew(txn, branch, *lease, context),
        LandingOp::Intend { branch, lease, intent } => intend(txn, branch, *lease, intent, context),
        LandingOp::Finish { branch, lease, contained } => finish(txn, branch, *lease, contained, context),
        LandingOp::End { branch, lease, handed_back } => {
            let lock = held(txn, branch, *lease, context)?;
            for back in handed_back {
                record_hand_back(txn, &lock.lease.by, branch, back, context);
            }
            let quiet = lock.intent.is_none() && handed_back.is_empty();
            remove_lock(txn, branch)?;
            if !quiet {
                txn.record(
                    Event::new(context.now, Some(&lock.lease.by), EventKind::LandEnd).with("target", branch),
                );
            }
            Ok(Outcome::Done)
        }
        LandingOp::Checkpoint(new) => checkpoint(txn, new, context),
    }
}

/// Takes the lease on a target branch. An intent that a dead integrator has left stays, for the new
/// one to settle.
fn begin(txn: &mut Txn<'_>, words: &BeginLanding, context: &Context) -> Ruling {
    let before = landings::lock(txn, &words.branch)?;
    if let Some(lock) = before.as_ref().filter(|lock| !lock.lease.is_over(context)) {
        let path = RepoPath::parse(&words.branch).unwrap_or_else(|_| RepoPath::root());
        let reason = Some(format!("it lands on {} from host {}", lock.branch, lock.lease.host));
        let (held, session, expires) = (path.clone(), lock.lease.by.clone(), Some(lock.lease.expires()));
        return Ok(Outcome::Held { blockers: vec![Blocker { path, held, session, expires, reason }] });
    }
    let id = header::next_generation(txn)?;
    let lease = TargetLease {
        id,
        by: words.by.clone(),
        host: words.host.clone(),
        clone: context.clone.clone(),
        since: context.now,
        renewed: context.now,
        renewals: 0,
        ttl: words.ttl,
    };
    let intent = before.and_then(|lock| lock.intent);
    let lock = TargetLock { branch: words.branch.clone(), lease, intent: intent.clone() };
    txn.put_json(landings::lock_key(&words.branch), &lock);
    Ok(Outcome::Landing(LandingOutcome::Begun { lease: id, intent: intent.map(Box::new) }))
}

/// The record of the branch, if `lease` is still the lease on it.
fn held(txn: &Txn<'_>, branch: &str, lease: u64, context: &Context) -> Ruling<TargetLock> {
    let lock = landings::lock(txn, branch)?;
    let (by, why) = match lock {
        Some(lock) if lock.lease.id == lease => return Ok(lock),
        Some(lock) => (Some(lock.lease.by), format!("another integrator has taken over {branch}")),
        None => (None, format!("another integrator has taken over {branch} and come to its end")),
    };
    let path = RepoPath::parse(branch).ok();
    let loss = Loss { path, item: None, lease, at: context.now, by, why };
    Err(Outcome::Lost { losses: vec![loss], holders: Vec::new() }.into())
}

fn renew(txn: &mut Txn<'_>, branch: &str, lease: u64, context: &Context) -> Ruling {
    let mut lock = held(txn, branch, lease, context)?;
    lock.lease.renewed = context.now;
    lock.lease.renewals += 1;
    header::next_generation(txn)?;
    txn.put_json(landings::lock_key(branch), &lock);
    Ok(Outcome::Done)
}

fn intend(txn: &mut Txn<'_>, branch: &str, lease: u64, intent: &Intent, context: &Context) -> Ruling {
    let mut lock = held(txn, branch, lease, context)?;
    lock.intent = Some(intent.clone());
    header::next_generation(txn)?;
    txn.put_json(landings::lock_key(branch), &lock);
    Ok(Outcome::Done)
}

/// The intent has come true: it becomes a record, and the lease ends.
fn finish(
    txn: &mut Txn<'_>,
    branch: &str,
    lease: u64,
    contained: &[(RepoPath, String)],
    context: &Context,
) -> Ruling {
    let lock = held(txn, branch, lease, context)?;
    match lock.intent {
        Some(Intent::Land(landing)) => record_landing(txn, &landing, contained, context)?,
        Some(Intent::Rollback(rollback)) => record_rollback(txn, &rollback, context)?,
        None => {
            return Err(refused(
                RuleId::Moved,
                format!("nothing was to be done to {branch}"),
                "git coord land",
            ));
        }
    }
    remove_lock(txn, branch)?;
    Ok(Outcome::Done)
}

fn remove_lock(txn: &mut Txn<'_>, branch: &str) -> Result<(), ViewError> {
    txn.remove(landings::lock_key(branch));
    header::next_generation(txn)?;
    Ok(())
}

fn record_landing(
    txn: &mut Txn<'_>,
    landing: &Landing,
    contained: &[(RepoPath, String)],
    context: &Context,
) -> Result<(), ViewError> {
    txn.put_json(landings::landing_key(&landing.id), landing);
    if matches!(landing.mode, LandMode::Squash | LandMode::Rebase) {
        note_squashed(txn, &landing.landed)?;
    }
    for member in &landing.landed {
        effects::landed(txn, &member.items, &member.commit, landing.at)?;
    }
    effects::contained(txn, contained)?;
    super::plan::landed::landed(txn, landing)?;
    let names: Vec<&str> = landing.landed.iter().map(|m| m.branch.as_str()).collect();
    let items: Vec<&ItemId> = landing.landed.iter().flat_map(|m| &m.items).collect();
    let event = Event::new(context.now, Some(&landing.by), EventKind::Land)
        .with("landing", &landing.id)
        .with("target", &landing.target)
        .with("branches", names)
        .with("items", items)
        .with("from", &landing.from)
        .with("commit", &landing.to);
    txn.record(event);
    for back in &landing.handed_back {
        record_hand_back(txn, &landing.by, &landing.target, back, context);
    }
    Ok(())
}

fn note_squashed(txn: &mut Txn<'_>, members: &[landings::Member]) -> Result<(), ViewError> {
    let new = members.iter().filter(|m| m.commit != m.tip);
    let new = new.map(|m| Squashed { commit: m.commit.clone(), tip: m.tip.clone() }).collect();
    let all = landings::with_squashed(landings::squashed(txn)?, new);
    txn.put_json(landings::SQUASHED, &all);
    Ok(())
}

fn record_hand_back(
    txn: &mut Txn<'_>,
    by: &SessionName,
    target: &str,
    back: &landings::HandedBack,
    context: &Context,
) {
    let event = Event::new(context.now, Some(by), EventKind::HandedBack)
        .with("target", target)
        .with("branch", &back.branch)
        .with("of", &back.session)
        .with("rule", &back.rule)
        .with("reason", &back.reason)
        .with("files", &back.files);
    txn.record(event);
}

fn record_rollback(txn: &mut Txn<'_>, rollback: &Rollback, context: &Context) -> Result<(), ViewError> {
    let mut items = Vec::new();
    for (n, id) in rollback.landings.iter().enumerate() {
        let Some(mut landing) = landings::get(txn, id)? else { continue };
        let reverts = rollback.reverts.get(n).cloned().unwrap_or_default();
        landing.undone = Some(Undone { at: rollback.at, by: rollback.by.clone(), reverts });
        for member in &landing.landed {
            effects::unlanded(txn, member, rollback.at)?;
            items.extend(member.items.clone());
        }
        super::plan::landed::undone(txn, &landing, rollback.at)?;
        txn.put_json(landings::landing_key(id), &landing);
    }
    for landing in &rollback.kept {
        txn.put_json(landings::landing_key(&landing.id), landing);
        if matches!(landing.mode, LandMode::Squash | LandMode::Rebase) {
            note_squashed(txn, &landing.landed)?;
        }
    }
    let event = Event::new(context.now, Some(&rollback.by), EventKind::Rollback)
        .with("landings", &rollback.landings)
        .with("target", &rollback.target)
        .with("items", items)
        .with("from", &rollback.from)
        .with("commit", &rollback.to);
    txn.record(event);
    Ok(())
}

fn checkpoint(txn: &mut Txn<'_>, new: &Checkpoint, context: &Context) -> Ruling {
    if let Some(known) = landings::checkpoint(txn, &new.name)? {
        // A repeated command, after an answer that did not arrive.
        if known.refs == new.refs {
            return Ok(Outcome::Done);
        }
        return Err(refused(
            RuleId::Exists,
            format!("checkpoint {} exists, with other values", new.name),
            "choose another name; see: git coord checkpoint list",
        ));
    }
    header::next_generation(txn)?;
    txn.put_json(landings::checkpoint_key(&new.name), new);
    let event = Event::new(context.now, Some(&new.by), EventKind::Checkpoint).with("name", &new.name);
    txn.record(event);
    Ok(Outcome::Done)
}
