//! What a landing means for the plan: workstreams have landed, waves are complete, and items that
//! need `wave:N` or `workstream:ID` become free; a rollback takes all of it back.

use jiff::Timestamp;

use crate::model::base::{ItemId, Txn, ViewError};
use crate::model::records::landing::Landing;
use crate::model::records::plan::{self as plans, LandedIn, PlanFile, Stage, WaveRecord};
use crate::model::records::{dependencies, groups};

/// Notes a landing on the plan's integration branch.
///
/// # Errors
/// When the state cannot be read.
pub(in crate::model::apply) fn landed(txn: &mut Txn<'_>, landing: &Landing) -> Result<(), ViewError> {
    let Some(plan) = plan_of(txn, landing)? else { return Ok(()) };
    for member in &landing.landed {
        let Some(workstream) = plan.workstreams.iter().find(|w| w.branch.value == member.branch) else {
            continue;
        };
        let id = workstream.id.value.as_str();
        let mut progress = plans::progress(txn, id)?;
        if progress.landed.iter().any(|l| l.landing == landing.id) {
            continue;
        }
        progress.landed.push(LandedIn {
            wave: landing.wave,
            landing: landing.id.clone(),
            tip: member.tip.clone(),
            commit: member.commit.clone(),
            at: landing.at,
        });
        progress.submitted = progress.submitted.filter(|s| s.commit != member.tip);
        progress.handed_back = None;
        let over = !workstream.continuous || plan.waves_of(id).len() <= progress.landed.len();
        progress.stage = match (&progress.submitted, over) {
            (Some(_), _) => Stage::Submitted,
            (None, true) => Stage::Landed,
            (None, false) => Stage::Active,
        };
        txn.put_json(plans::progress_key(id), &progress);
        close(txn, &format!("workstream:{id}"))?;
    }
    if let Some(number) = landing.wave {
        let mut record = plans::wave(txn, number as usize)?;
        if !record.landings.contains(&landing.id) {
            record.landings.push(landing.id.clone());
        }
        note_wave(txn, &plan, number, record, landing.at)?;
    }
    Ok(())
}

/// Takes a landing back that was rolled back.
///
/// # Errors
/// When the state cannot be read.
pub(in crate::model::apply) fn undone(
    txn: &mut Txn<'_>,
    landing: &Landing,
    at: Timestamp,
) -> Result<(), ViewError> {
    let Some(plan) = plan_of(txn, landing)? else { return Ok(()) };
    for workstream in &plan.workstreams {
        let id = workstream.id.value.as_str();
        let mut progress = plans::progress(txn, id)?;
        let Some(index) = progress.landed.iter().position(|l| l.landing == landing.id) else { continue };
        let gone = progress.landed.remove(index);
        progress.stage = Stage::Submitted;
        if progress.submitted.is_none() {
            progress.submitted =
                Some(plans::Submitted { commit: gone.tip, tree: String::new(), at, by: landing.by.clone() });
        }
        if !progress.has_landed() {
            reopen(txn, &format!("workstream:{id}"))?;
        }
        txn.put_json(plans::progress_key(id), &progress);
    }
    if let Some(number) = landing.wave {
        let mut record = plans::wave(txn, number as usize)?;
        record.landings.retain(|l| *l != landing.id);
        record.rollbacks += 1;
        record.landed = None;
        reopen(txn, &format!("wave:{number}"))?;
        txn.put_json(plans::wave_key(number as usize), &record);
    }
    Ok(())
}

/// The plan, if the landing is on its integration branch.
fn plan_of(txn: &Txn<'_>, landing: &Landing) -> Result<Option<PlanFile>, ViewError> {
    let applied = plans::applied(txn)?.filter(|a| a.archived.is_none());
    Ok(applied
        .map(|a| a.plan)
        .filter(|plan| plan.plan.as_ref().is_some_and(|header| header.integration.value == landing.target)))
}

/// A wave has landed when each of its members has landed in it, or was dropped.
fn note_wave(
    txn: &mut Txn<'_>,
    plan: &PlanFile,
    number: u32,
    mut record: WaveRecord,
    at: Timestamp,
) -> Result<(), ViewError> {
    let Some(wave) = (number as usize).checked_sub(1).and_then(|n| plan.waves.get(n)) else { return Ok(()) };
    let mut complete = true;
    for member in &wave.merge {
        let progress = plans::progress(txn, &member.value)?;
        let here = progress.landed.iter().any(|l| l.wave == Some(number));
        complete &= here || progress.stage == Stage::Dropped;
    }
    if complete && record.landed.is_none() {
        record.landed = Some(at);
        close(txn, &format!("wave:{number}"))?;
    }
    txn.put_json(plans::wave_key(number as usize), &record);
    Ok(())
}

/// What needs this set is free of it.
fn close(txn: &mut Txn<'_>, set: &str) -> Result<(), ViewError> {
    let Ok(set) = ItemId::parse(set) else { return Ok(()) };
    if groups::get(txn, &set)?.is_open() {
        groups::put(txn, &set, groups::Set { total: 1, open: 0 });
        dependencies::release(txn, &set)?;
    }
    Ok(())
}

/// What needs this set waits again.
fn reopen(txn: &mut Txn<'_>, set: &str) -> Result<(), ViewError> {
    let Ok(set) = ItemId::parse(set) else { return Ok(()) };
    if !groups::get(txn, &set)?.is_open() {
        groups::put(txn, &set, groups::Set { total: 1, open: 1 });
        dependencies::reopen(txn, &set)?;
    }
    Ok(())
}
