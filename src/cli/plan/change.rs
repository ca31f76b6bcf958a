//! `plan pause`, `resume`, `drop`, `grant` and `archive`.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::Answer;
use crate::model::Op;
use crate::model::plan_op::PlanOp;

/// Pause a workstream: it is not offered to start
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// The workstream
    #[arg(value_name = "ID")]
    pub workstream: String,
}

/// Let a paused workstream go on
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The workstream
    #[arg(value_name = "ID")]
    pub workstream: String,
}

/// Give a workstream up; its branch and worktree stay
#[derive(Debug, Args)]
pub struct DropArgs {
    /// The workstream
    #[arg(value_name = "ID")]
    workstream: String,
}

/// Let a workstream edit paths that another one owns
#[derive(Debug, Args)]
pub struct GrantArgs {
    /// The workstream that may
    #[arg(value_name = "ID")]
    workstream: String,
    /// A path or pattern, from the top of the repository
    #[arg(value_name = "PATH")]
    path: String,
}

/// End the plan: it binds nobody from now on, and the next one may be applied
#[derive(Debug, Args)]
pub struct ArchiveArgs {}

/// Runs `plan pause` and `plan resume`.
pub fn pause(app: &App, workstream: &str, paused: bool) -> CliResult<Answer> {
    let (workstream, by) = (workstream.to_owned(), app.place.session_if_any()?);
    let text = format!("{} {workstream}", if paused { "paused" } else { "resumed" });
    carry_out(app, PlanOp::Pause { workstream, paused, by }, text)
}

/// Runs `plan drop`.
pub fn drop_workstream(app: &App, args: &DropArgs) -> CliResult<Answer> {
    let (workstream, by) = (args.workstream.clone(), app.place.session_if_any()?);
    let text = format!("dropped {workstream}; its branch stays");
    carry_out(app, PlanOp::Drop { workstream, by }, text)
}

/// Runs `plan grant`.
pub fn grant(app: &App, args: &GrantArgs) -> CliResult<Answer> {
    let (workstream, path) = (args.workstream.clone(), args.path.clone());
    let text = format!("{workstream} may edit {path}");
    carry_out(app, PlanOp::Grant { workstream, path, by: app.place.session_if_any()? }, text)
}

/// Runs `plan archive`.
pub fn archive(app: &App) -> CliResult<Answer> {
    carry_out(app, PlanOp::Archive { by: app.place.session_if_any()? }, "the plan is archived".to_owned())
}

fn carry_out(app: &App, op: PlanOp, text: String) -> CliResult<Answer> {
    let client = app.client()?;
    client.submit(&Op::Plan(op), None)?;
    let version = super::current(&client)?.applied.version;
    Ok(Answer::new(json!({ "version": version }), text))
}
