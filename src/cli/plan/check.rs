//! `plan check`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, GOOD, WARN, paint};
use crate::cli::text;
use crate::model::plan::{self as plans, Applied};
use crate::planning::{self, PlanText};
use crate::store::{Store, StoreError};

use super::error::line;

/// Check a plan: every mistake, with line and column
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The plan [default: coord.toml at the top of the repository]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Check the plan in force: exit status 5 when something is late
    #[arg(long, conflicts_with = "file")]
    late: bool,
}

/// Runs `plan check`.
pub fn check(app: &App, args: &CheckArgs) -> CliResult<Answer> {
    if args.late {
        return late(app);
    }
    // A plan may be checked before anything is set up.
    let applied = match Store::open(&app.place.repo.common_dir, app.place.store_options()) {
        Ok(store) => applied(&store)?,
        Err(StoreError::Absent { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let read = read(app, args.file.as_deref(), applied.as_ref())?.good()?;
    let plan = &read.plan;
    let counts = [
        text::count(plan.workstreams.len(), "workstream"),
        text::count(plan.waves.len(), "wave"),
        text::count(plan.gates.len(), "gate"),
    ];
    let mut lines = vec![format!("{} {}: {}", paint(GOOD, "✓"), read.file, counts.join(", "))];
    lines
        .extend(read.warnings.iter().map(|p| format!("{} {}", paint(WARN, "warning:"), line(&read.file, p))));
    let data = json!({
        "workstreams": plan.workstreams.len(),
        "waves": plan.waves.len(),
        "gates": plan.gates.len(),
        "warnings": read.warnings,
    });
    Ok(Answer::new(data, lines))
}

/// Reads a plan, by default that at the top of the repository.
pub(super) fn read(app: &App, file: Option<&Path>, applied: Option<&Applied>) -> CliResult<PlanText> {
    let path = match file {
        Some(file) => app.place.repo.root.join(app.place.repo.prefix.to_native()).join(file),
        None => app.place.repo.root.join("coord.toml"),
    };
    Ok(planning::read_file(&app.place.repo, &path, applied)?)
}

/// The plan in force, if there is one.
pub(super) fn applied(store: &Store) -> CliResult<Option<Applied>> {
    Ok(store.read(|view| plans::applied(view))?)
}

/// What is late in the plan in force.
fn late(app: &App) -> CliResult<Answer> {
    let client = app.client()?;
    let state = super::current(&client)?;
    let standing = state.standing(crate::clock::now());
    let rows: Vec<(String, u32)> = state
        .plan()
        .workstreams
        .iter()
        .filter_map(|w| standing.late_days(w).map(|days| (w.id.value.clone(), days)))
        .collect();
    let list: Vec<Value> = rows.iter().map(|(id, days)| json!({ "id": id, "days": days })).collect();
    if rows.is_empty() {
        return Ok(Answer::new(json!({ "late": list }), "nothing is late"));
    }
    let lines: Vec<String> = rows.iter().map(|(id, days)| format!("{id} is late by {days}d")).collect();
    Err(CliError::refused(lines)
        .hint("see what moves with it: git coord plan schedule")
        .detail("rule", json!("late"))
        .detail("late", Value::Array(list)))
}
