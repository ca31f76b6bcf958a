//! Errors of plans in the form of the command line.

use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::output::Text;
use crate::cli::text;
use crate::plan::Problem;
use crate::planning::PlanError;

/// How many mistakes are shown to people; programs get all.
const SHOWN: usize = 20;

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        let message = Text::block(&error.to_string());
        match error {
            PlanError::Read { .. } => CliError::failed("io", message)
                .hint("name the plan's file, such as: git coord plan check coord.toml"),
            PlanError::Bad { file, problems } => bad(&file, &problems),
            PlanError::None => {
                CliError::failed("no-plan", message).hint("apply one with: git coord plan apply coord.toml")
            }
            PlanError::Unknown { what, name } => CliError::failed(&format!("unknown-{what}"), message)
                .hint("list them with: git coord plan show")
                .detail(what, Value::String(name)),
            PlanError::NeedsOpen { id, open } => CliError::refused(message)
                .hint("see what it waits for: git coord plan ready; a need that is not to be waited for: --despite ID")
                .detail("rule", json!("needs-open"))
                .detail("workstream", Value::String(id))
                .detail("for", json!(open)),
            PlanError::NoBase { branch } => CliError::failed("no-base", message)
                .hint(format!("make it, or name another in the plan: git branch {branch}")),
            PlanError::Tracked { .. } => CliError::refused(message)
                .hint("give it another name in the plan: start_file = \"BEGIN.md\"")
                .detail("rule", json!("tracked")),
            PlanError::Write { .. } | PlanError::Exclude { .. } | PlanError::Exec(_) => {
                CliError::failed("io", message).hint("check that the folder can be written, then run the command again")
            }
            PlanError::Window { .. } => CliError::failed("window", message)
                .hint("the workstream is launched; open a terminal in its worktree, or use: --open print"),
            PlanError::NoWorkstream { .. } => CliError::failed("no-workstream", message)
                .hint("run it in a workstream's worktree, or name its session: --session NAME"),
            PlanError::Rule { rule, hint, paths, .. } => CliError::refused(message)
                .hint(hint)
                .detail("rule", json!(rule))
                .detail("paths", json!(paths)),
            PlanError::Land(inner) => inner.into(),
            PlanError::Client(inner) => (*inner).into(),
            PlanError::Git(inner) => inner.into(),
            PlanError::Store(inner) => inner.into(),
            PlanError::View(inner) => inner.into(),
        }
    }
}

fn bad(file: &str, problems: &[Problem]) -> CliError {
    let mut lines = vec![format!("{file} has {} that must be fixed", text::count(problems.len(), "mistake"))];
    lines.extend(problems.iter().take(SHOWN).map(|p| line(file, p)));
    if problems.len() > SHOWN {
        lines.push(format!("and {} more", problems.len() - SHOWN));
    }
    CliError::failed("bad-input", lines)
        .hint("fix them, then check again: git coord plan check FILE")
        .detail("bad", json!(problems))
}

/// `coord.toml:31:1: what is wrong`.
pub(super) fn line(file: &str, problem: &Problem) -> String {
    format!("{file}:{}:{}: {}", problem.line, problem.column, problem.reason)
}
