//! Waves: an ordered landing of what its members have submitted, on the integration branch.
//!
//! What has landed is recorded with the landing itself, in one operation (`model::apply::plan`): a
//! wave that was cut off goes on where it stopped when it is integrated again.

use serde::Serialize;

use crate::client::Client;
use crate::land::{Back, BackReport, Chosen, Integrator, Later, Report, Request};
use crate::model::Op;
use crate::model::landing::{HandedBack, LandMode};
use crate::model::plan::{HandBack, Header, Stage, Wave, Workstream};
use crate::model::plan_op::PlanOp;

use super::{PlanError, State};

/// How a wave is to be integrated.
#[derive(Debug, Clone, Default)]
pub struct WaveRequest {
    /// The wave.
    pub number: usize,
    /// Only these members; empty: all.
    pub only: Vec<String>,
    /// Wait for other integrators for at most this long.
    pub wait: Option<std::time::Duration>,
    /// Only say what would land.
    pub dry_run: bool,
}

/// What integrating a wave came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaveAnswer {
    /// The wave.
    pub wave: usize,
    /// The landing; `null` when all of it had landed before.
    pub landing: Option<Report>,
    /// What can start now and could not before.
    pub ready_now: Vec<String>,
    /// The gates that the plan names for the wave: a landing does not run them.
    pub gates_not_run: Vec<String>,
    /// True when all of it had landed before.
    pub again: bool,
}

fn rule(rule: &'static str, message: String, hint: String) -> PlanError {
    PlanError::Rule { rule, message, hint, paths: Vec::new() }
}

/// Merges what the members of a wave have submitted into the integration branch, in order.
///
/// # Errors
/// When a member has not been submitted, the session is not an integrator of the plan, or the
/// landing fails. Members that cannot land are not an error: they are handed back.
pub fn integrate(
    client: &Client,
    integrator: &Integrator<'_>,
    request: &WaveRequest,
) -> Result<WaveAnswer, PlanError> {
    let state = super::current(&client.store)?;
    let (header, wave) = wave_of(&state, request.number)?;
    check_integrator(header, integrator)?;
    let ready_before = state.standing(crate::clock::now()).readiness().ready;
    let members = members(&state, header, wave, request)?;
    if members.is_empty() {
        return Ok(WaveAnswer {
            wave: request.number,
            landing: None,
            ready_now: Vec::new(),
            gates_not_run: Vec::new(),
            again: true,
        });
    }
    let commit = format!("{}^{{commit}}", header.base.value);
    let base = client.place.repo.git().args(["rev-parse", "--verify", "--end-of-options", &commit]).text()?;
    let base = base.trim().to_owned();
    let report = integrator.land(&Request {
        into: Some(header.integration.value.clone()),
        mode: LandMode::Merge,
        wait: request.wait,
        dry_run: request.dry_run,
        wave: u32::try_from(request.number).ok(),
        base: Some(base),
        members,
        ..Request::default()
    })?;
    if !request.dry_run {
        hand_back(client, &state, request.number, &report.handed_back)?;
    }
    let after = super::current(&client.store)?.standing(crate::clock::now()).readiness().ready;
    let ready_now = after.into_iter().filter(|id| !ready_before.contains(id)).collect();
    let gates_not_run = wave.before.iter().chain(&wave.gates).map(|gate| gate.value.clone()).collect();
    Ok(WaveAnswer { wave: request.number, landing: Some(report), ready_now, gates_not_run, again: false })
}

/// Takes the landings of a wave back, newest first.
///
/// # Errors
/// When nothing of it has landed, or a rollback is refused.
pub fn roll_back(
    client: &Client,
    integrator: &Integrator<'_>,
    (number, later, revert, dry_run): (usize, Option<Later>, bool, bool),
) -> Result<Vec<BackReport>, PlanError> {
    let state = super::current(&client.store)?;
    let (header, _) = wave_of(&state, number)?;
    check_integrator(header, integrator)?;
    let landings = state.waves.get(number - 1).map(|w| w.landings.clone()).unwrap_or_default();
    if landings.is_empty() {
        let hint = "see what has landed: git coord wave list".to_owned();
        return Err(rule("moved", format!("nothing of wave {number} has landed"), hint));
    }
    let mut reports = Vec::new();
    for landing in landings.iter().rev() {
        reports.push(integrator.roll_back(&Back { to: landing.clone(), later, revert, dry_run })?);
    }
    Ok(reports)
}

/// The plan's header and one of its waves.
pub(super) fn wave_of(state: &State, number: usize) -> Result<(&Header, &Wave), PlanError> {
    let unknown = || PlanError::Unknown { what: "wave", name: number.to_string() };
    let wave = number.checked_sub(1).and_then(|n| state.plan().waves.get(n)).ok_or_else(unknown)?;
    Ok((state.plan().plan.as_ref().ok_or(PlanError::None)?, wave))
}

/// Only the plan's integrators move its branches, where it names any.
pub(super) fn check_integrator(header: &Header, integrator: &Integrator<'_>) -> Result<(), PlanError> {
    let by = integrator.by.as_str();
    if header.integrators.is_empty() || header.integrators.iter().any(|name| name == by) {
        return Ok(());
    }
    let names = header.integrators.join(", ");
    let hint = format!("run it as one of them: git coord --session {} …", header.integrators[0]);
    Err(rule(
        "not-integrator",
        format!("{by} may not move {}: the plan leaves that to {names}", header.integration.value),
        hint,
    ))
}

/// What is to be merged, in order; what has landed in this wave before is left out.
fn members(
    state: &State,
    header: &Header,
    wave: &Wave,
    request: &WaveRequest,
) -> Result<Vec<Chosen>, PlanError> {
    let mut chosen = Vec::new();
    let mut missing = Vec::new();
    for (place, member) in wave.merge.iter().enumerate() {
        let id = member.value.as_str();
        if !request.only.is_empty() && !request.only.iter().any(|o| o == id) {
            continue;
        }
        let Some(workstream) = state.plan().workstream(id) else { continue };
        let progress = state.of(id);
        let here = |l: &crate::model::plan::LandedIn| l.wave == u32::try_from(request.number).ok();
        if progress.stage == Stage::Dropped || progress.landed.iter().any(here) {
            continue;
        }
        let Some(submitted) = &progress.submitted else {
            missing.push(id);
            continue;
        };
        chosen.push(Chosen {
            session: progress.sessions.last().cloned(),
            branch: workstream.branch.value.clone(),
            commit: submitted.commit.clone(),
            subject: Some(subject(header, wave, workstream, (request.number, place))),
        });
    }
    if missing.is_empty() {
        return Ok(chosen);
    }
    let message = format!("{} of wave {} did not submit a commit", missing.join(", "), request.number);
    let hint = format!(
        "in its worktree: git coord submit; or land the others: git coord wave integrate {} --only ID",
        request.number
    );
    Err(rule("not-submitted", message, hint))
}

/// The first line of a merge: the plan's message, filled in. Members have letters where there are several.
fn subject(header: &Header, wave: &Wave, workstream: &Workstream, (number, place): (usize, usize)) -> String {
    let letter = u8::try_from(place).ok().and_then(|n| b'a'.checked_add(n)).filter(u8::is_ascii_lowercase);
    let letter =
        letter.filter(|_| wave.merge.len() > 1).map(|c| char::from(c).to_string()).unwrap_or_default();
    header
        .message
        .replace("{wave}", &number.to_string())
        .replace("{letter}", &letter)
        .replace("{id}", &workstream.id.value)
        .replace("{title}", &workstream.title)
        .replace("{branch}", &workstream.branch.value)
}

/// Workstreams that did not land are active again, with the reason.
fn hand_back(client: &Client, state: &State, number: usize, list: &[HandedBack]) -> Result<(), PlanError> {
    for back in list {
        let mut workstreams = state.plan().workstreams.iter();
        let Some(workstream) = workstreams.find(|w| w.branch.value == back.branch) else { continue };
        let why = HandBack {
            rule: back.rule.clone(),
            reason: back.reason.clone(),
            files: back.files.clone(),
            log: back.log.clone(),
            at: crate::clock::now(),
        };
        let op = PlanOp::HandBack {
            workstream: workstream.id.value.clone(),
            wave: u32::try_from(number).ok(),
            why,
        };
        client.submit(&Op::Plan(op), None)?;
    }
    Ok(())
}
