//! Claiming paths and giving them back.

use super::lease_ops::{loss_of_path, lost, put, renew_due};
use super::refusal::{Ruling, active, refused};
use super::unlanded::must_be_fresh;
use crate::model::base::{Context, Event, EventKind, RepoPath, RuleId, SessionName, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::op::ClaimPaths;
use crate::model::records::claim::{self, Grant, Holder, Mode};
use crate::model::records::conflict::{Held, blockers_of};
use crate::model::records::header;
use crate::model::records::session::{Lease, Session};

/// Claims paths, all or nothing.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn claim(txn: &mut Txn<'_>, op: &ClaimPaths, context: &Context) -> Ruling {
    let mut session = active(txn, &op.session)?;
    super::prefetch::evict_overlapping(txn, &op.paths, context)?;
    let mut blockers = Vec::new();
    for path in &op.paths {
        blockers.extend(blockers_of(txn, path, &op.session, op.mode)?);
    }
    if !blockers.is_empty() {
        return Err(Outcome::Held { blockers }.into());
    }
    must_be_fresh(txn, &op.session, &op.paths, op.fresh.as_ref())?;
    renew_due(&mut session, context);
    let (known, new): (Vec<&RepoPath>, Vec<&RepoPath>) =
        op.paths.iter().partition(|p| session.path_lease(p).is_some_and(|l| covers_mode(l, op.mode)));
    for lease in session.leases.iter_mut().filter(|l| l.paths.iter().any(|p| known.contains(&p))) {
        lease.renew(context);
        lease.ttl = op.ttl;
    }
    let generation = header::next_generation(txn)?;
    let mut paths: Vec<RepoPath> = Vec::new();
    for path in new {
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    if !paths.is_empty() {
        give_up_weaker(txn, &mut session, &paths)?;
        for path in &paths {
            let holder = Holder {
                session: op.session.clone(),
                mode: op.mode,
                since: context.now,
                grants: vec![Grant { lease: generation, item: None, mode: op.mode }],
                reason: op.reason.clone(),
            };
            claim::grant(txn, path, holder)?;
            session.forget_losses(path);
        }
        session.leases.push(Lease {
            id: generation,
            mode: op.mode,
            since: context.now,
            renewed: context.now,
            renewals: 0,
            ttl: op.ttl,
            clone: context.clone.clone(),
            paths,
            item: None,
        });
    }
    session.stats.grant(0, context.now);
    put(txn, &session)?;
    let mut event = Event::new(context.now, Some(&op.session), EventKind::Claim).with("paths", &op.paths);
    if op.mode == Mode::Shared {
        event = event.with("mode", op.mode);
    }
    txn.record(event.with("lease", generation));
    let claims = op.paths.iter().filter_map(|p| held_by(&session, p, op.reason.as_ref())).collect();
    Ok(Outcome::Claimed { claims })
}

/// True when a lease allows at least what `mode` allows.
fn covers_mode(lease: &Lease, mode: Mode) -> bool {
    lease.mode == Mode::Exclusive || mode == Mode::Shared
}

/// A path that was shared and becomes exclusive leaves its old lease, so that it stands in one.
fn give_up_weaker(txn: &mut Txn<'_>, session: &mut Session, paths: &[RepoPath]) -> Result<(), ViewError> {
    for path in paths {
        let Some(old) = session.path_lease(path).map(|l| l.id) else { continue };
        claim::ungrant(txn, path, &session.name, |g| g.lease == old && g.item.is_none())?;
        for lease in session.leases.iter_mut().filter(|l| l.id == old) {
            lease.paths.retain(|p| p != path);
        }
    }
    session.leases.retain(|l| !l.paths.is_empty() || l.item.is_some());
    Ok(())
}

fn held_by(session: &Session, path: &RepoPath, reason: Option<&String>) -> Option<Held> {
    session.path_lease(path).map(|lease| Held {
        path: path.clone(),
        session: session.name.clone(),
        mode: lease.mode,
        lease: lease.id,
        since: lease.since,
        expires: Some(lease.expires()),
        item: None,
        reason: reason.cloned(),
    })
}

/// Gives claimed paths back.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn release(
    txn: &mut Txn<'_>,
    name: &SessionName,
    paths: Option<&[RepoPath]>,
    context: &Context,
) -> Ruling {
    let mut session = active(txn, name)?;
    let mut chosen: Vec<RepoPath> = match paths {
        Some(paths) => paths.to_vec(),
        None => session.leases.iter().flat_map(|l| l.paths.iter().cloned()).collect(),
    };
    chosen.sort();
    chosen.dedup();
    let missing: Vec<&RepoPath> = chosen.iter().filter(|p| session.path_lease(p).is_none()).collect();
    if let Some(path) = missing.first() {
        let with_item = |l: &&Lease| l.item.as_ref().is_some_and(|i| i.files.contains(path));
        if let Some(item) = session.leases.iter().find(with_item).and_then(|l| l.item.as_ref()) {
            return Err(refused(
                RuleId::HeldWithItem,
                format!("{path} is held with item {} and goes back with it", item.id),
                format!("git coord done {0}, or git coord drop {0}", item.id),
            ));
        }
        let losses = missing.iter().map(|p| loss_of_path(&session, p)).collect();
        return Err(lost(txn, losses, name)?);
    }
    if chosen.is_empty() {
        return Ok(Outcome::Released { paths: chosen });
    }
    let mut leases = Vec::new();
    for path in &chosen {
        let lease = session.path_lease(path).map(|l| l.id);
        leases.extend(lease.filter(|id| !leases.contains(id)));
        claim::ungrant(txn, path, name, |g| Some(g.lease) == lease && g.item.is_none())?;
        for lease in &mut session.leases {
            lease.paths.retain(|p| p != path);
        }
    }
    session.leases.retain(|l| !l.paths.is_empty() || l.item.is_some());
    renew_due(&mut session, context);
    put(txn, &session)?;
    header::next_generation(txn)?;
    txn.record(
        Event::new(context.now, Some(name), EventKind::Release).with("paths", &chosen).with("leases", leases),
    );
    Ok(Outcome::Released { paths: chosen })
}
