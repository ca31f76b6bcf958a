//! The report: planned against actual, waves, hand-backs, rollbacks, targets. All of it is read from the
//! state, so that every clone has the same.

use jiff::Timestamp;
use serde::Serialize;

use crate::client::Client;
use crate::model::plan::{Limit, Progress};

use super::{PlanError, State, Status};

/// A figure that the plan is judged by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetRow {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    pub source: String,
    /// The value; `null`: unknown.
    pub value: Option<f64>,
    /// The allowed range.
    pub limit: Limit,
    /// `met`, `missed`, `unknown`.
    pub state: &'static str,
}

/// The report of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanReport {
    /// Workstreams, waves and what can start, as `plan status` has them.
    pub status: Status,
    /// The day of the last wave, as planned.
    pub planned_days: Option<u32>,
    /// The day on which the last wave landed.
    pub actual_days: Option<i64>,
    /// The sum of all estimates, lower and higher.
    pub sequence_days: [f64; 2],
    /// How often workstreams were handed back.
    pub hand_backs: u32,
    /// How often because of a conflict, as far as the last time of each says.
    pub conflicts: u32,
    /// How often a landing of a wave was rolled back.
    pub rollbacks: u32,
    /// The targets.
    pub targets: Vec<TargetRow>,
    /// The risks, as the plan has them.
    pub risks: Vec<crate::model::plan::Risk>,
}

/// Puts the report together.
///
/// # Errors
/// When a plan was never applied, or git or the store fails.
pub fn report(client: &Client, now: Timestamp) -> Result<PlanReport, PlanError> {
    let state = super::current(&client.store)?;
    let status = super::status(&client.place.repo, &client.store, now)?;
    let schedule = state.standing(now).schedule();
    let hand_backs = state.progress.values().map(|p| p.hand_backs).sum();
    let of_conflict = |p: &&Progress| p.handed_back.as_ref().is_some_and(|h| h.rule == "conflict");
    let conflicts = u32::try_from(state.progress.values().filter(of_conflict).count()).unwrap_or(u32::MAX);
    let rollbacks = state.waves.iter().map(|w| w.rollbacks).sum();
    let last = state
        .waves
        .iter()
        .all(|w| w.landed.is_some())
        .then(|| state.waves.iter().filter_map(|w| w.landed).max());
    Ok(PlanReport {
        planned_days: schedule.length_days.waves,
        actual_days: last.flatten().map(|at| state.day(at)),
        sequence_days: schedule.sequence_days,
        hand_backs,
        conflicts,
        rollbacks,
        targets: targets(&state, conflicts, rollbacks),
        risks: state.plan().risks.clone(),
        status,
    })
}

fn targets(state: &State, conflicts: u32, rollbacks: u32) -> Vec<TargetRow> {
    let row = |target: &crate::model::plan::Target| {
        let value = match target.value.as_str() {
            "plan:conflicts" => Some(f64::from(conflicts)),
            "plan:rollbacks" => Some(f64::from(rollbacks)),
            _ => None,
        };
        let fits =
            |v: f64| target.limit.min.is_none_or(|m| v >= m) && target.limit.max.is_none_or(|m| v <= m);
        let word = match value {
            Some(v) if fits(v) => "met",
            Some(_) => "missed",
            None => "unknown",
        };
        TargetRow {
            name: target.name.value.clone(),
            source: target.value.clone(),
            value,
            limit: target.limit,
            state: word,
        }
    };
    state.plan().targets.iter().map(row).collect()
}
