//! Does a plan make sense: against itself, and against the repository.

mod example;
mod gates;
mod names;
mod order;
mod ownership;
mod references;

use std::collections::BTreeSet;

use super::problem::{Code, Problem, Problems};
use super::schedule::schedule;
use crate::model::plan::PlanFile;

/// What the repository says, as data.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The files of the plan's base.
    pub files: Vec<String>,
    /// Branches of workstreams that exist and do not belong to this plan.
    pub branches: BTreeSet<String>,
    /// Worktree folders of workstreams, as the plan has them, that exist and do not belong to it.
    pub folders: BTreeSet<String>,
    /// Prompt files that are not there.
    pub missing_prompts: BTreeSet<String>,
}

/// Everything that is wrong with a plan, and what is worth a warning, in the order of the text.
/// The problems that [`super::parse`] found come on top of these.
pub fn check(text: &str, plan: &PlanFile, facts: &Facts) -> Vec<Problem> {
    let mut problems = Problems::new(text);
    references::check(&mut problems, plan);
    order::check(&mut problems, plan);
    names::check(&mut problems, plan, facts);
    ownership::check(&mut problems, plan, facts);
    gates::check(&mut problems, plan);
    lengths(&mut problems, plan);
    problems.finish()
}

/// Warnings about days.
fn lengths(problems: &mut Problems<'_>, plan: &PlanFile) {
    let schedule = schedule(plan, &Default::default());
    if let Some(days) = schedule.target_days
        && schedule.length_days.estimates > f64::from(days)
    {
        let [low, high] = [schedule.length_days.estimates_low, schedule.length_days.estimates];
        let chain = schedule.critical.join(", ");
        problems.add(
            0,
            Code::DoesNotFit,
            "plan.days",
            format!("{} do not fit into {days} d: {chain}", crate::plan::range(low, high)),
        );
    }
    for row in schedule.rows.iter().filter(|row| row.late_wave) {
        let (Some(wave), Some(day)) = (plan.waves_of(&row.id).first().copied(), row.wave_day) else {
            continue;
        };
        let at = plan.waves[wave - 1].merge.iter().find(|m| m.value == row.id).map_or(0, |m| m.at);
        let ends = if row.end_low < row.end {
            format!("day {} to {}", row.end_low, row.end)
        } else {
            format!("day {}", row.end)
        };
        problems.add(
            at,
            Code::LateWave,
            format!("wave.{wave}.merge"),
            format!("{} ends on {ends} by its estimate, but wave {wave} is on day {day}", row.id),
        );
    }
}
