//! `plan apply`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, GOOD, STRONG, WARN, paint};
use crate::cli::{table, text};
use crate::model::plan_op::{ApplyPlan, PlanChange, PlanOp};
use crate::model::{Op, Outcome, plan_changes};

use super::check::{applied, read};
use super::error::line;

/// Put a plan into force, for all clones
///
/// The text is input: the plan that was applied counts, and is the same in every worktree and
/// clone. Applying again what is in force changes nothing.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The plan [default: coord.toml at the top of the repository]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Take the place of a plan that came from another file
    #[arg(long)]
    replace: bool,
}

/// Runs `plan apply`.
pub fn apply(app: &App, args: &ApplyArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    client.refresh_now()?;
    let before = applied(store)?;
    let read = read(app, args.file.as_deref(), before.as_ref())?.good()?;
    if read.plan.plan.is_none() {
        return Err(CliError::failed("bad-input", format!("{} does not have a [plan]", read.file))
            .hint("gates and conflict rules need not be applied: they are read from the target branch"));
    }
    let version = before.as_ref().map_or(0, |a| a.version);
    let (version, changes) = if args.dry_run {
        let binding = before.as_ref().filter(|a| a.archived.is_none());
        (version, plan_changes(binding.map(|a| &a.plan), &read.plan))
    } else {
        let words = ApplyPlan {
            by: app.place.session_if_any()?,
            based_on: version,
            replace: args.replace,
            file: read.file.clone(),
            plan: read.plan.clone(),
            source: read.text.clone(),
        };
        match client.submit(&Op::Plan(PlanOp::Apply(Box::new(words))), None)? {
            Outcome::PlanApplied { version, changes } => (version, changes),
            other => return Err(CliError::from_refusal(other)),
        }
    };
    let mut lines: Vec<String> = changes.iter().map(change_line).collect();
    lines.push(match (args.dry_run, changes.is_empty()) {
        (_, true) => format!("{} is in force as it is (version {version})", read.file),
        (true, false) => format!("{} would change; nothing was changed", text::count(changes.len(), "thing")),
        (false, false) => format!("{} {} is in force, version {version}", paint(GOOD, "✓"), read.file),
    });
    lines
        .extend(read.warnings.iter().map(|p| format!("{} {}", paint(WARN, "warning:"), line(&read.file, p))));
    let data = json!({ "version": version, "changes": changes, "warnings": read.warnings });
    let answer = Answer::new(data, lines);
    Ok(if args.dry_run {
        answer
    } else {
        answer.note("next: git coord plan ready, git coord launch --ready")
    })
}

/// `workstream TD1: estimate 2d -> 3d`.
fn change_line(change: &PlanChange) -> String {
    let name =
        if change.id.is_empty() { change.what.clone() } else { format!("{} {}", change.what, change.id) };
    let name = paint(STRONG, name);
    match &change.field {
        None if change.from.is_null() => format!("{name}: new"),
        None => format!("{name}: removed"),
        Some(field) => format!("{name}: {field} {} -> {}", shown(&change.from), shown(&change.to)),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    table::cut(&text, 60)
}
