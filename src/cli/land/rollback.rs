//! `checkpoint` and `rollback`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, FAINT, GOOD, STRONG, WARN, paint};
use crate::cli::text;
use crate::land::{Back, BackReport, CheckpointLine, Later};

/// Keep the present commits of the target and of all sessions' branches, to return to
#[derive(Debug, Subcommand)]
pub enum CheckpointCommand {
    /// Make a checkpoint
    Create(CreateArgs),
    /// List checkpoints and landings, newest first
    List,
}

/// See the command's help.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name
    name: String,
    /// The target branch
    #[arg(long, value_name = "T")]
    into: Option<String>,
}

/// Go back to before a landing, or to a checkpoint
///
/// A branch that only this clone has is moved back, and what is taken off stays on a branch
/// coord/aside/…. A branch that was pushed is never moved back: commits are added that revert it.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// A landing (its id, such as L42) or a checkpoint
    #[arg(value_name = "LANDING|CHECKPOINT")]
    to: String,
    /// Take off what came later as well, or put it together again without this
    #[arg(long, value_name = "HOW")]
    later: Option<LaterArg>,
    /// Add commits that revert it, also where the branch could be moved back
    #[arg(long)]
    revert: bool,
    /// Only show what would happen
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LaterArg {
    Drop,
    Keep,
}

/// Runs `checkpoint`.
pub fn checkpoint(app: &App, command: &CheckpointCommand) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let integrator = super::integrator(app, store)?;
    match command {
        CheckpointCommand::Create(args) => {
            let made = integrator.make_checkpoint(&args.name, args.into.as_deref())?;
            let commit = super::short(&made.commit);
            let text = format!("{} {} at {commit}", paint(GOOD, "kept"), paint(STRONG, &made.name));
            Ok(Answer::new(json!({ "checkpoint": made }), text))
        }
        CheckpointCommand::List => {
            let list = integrator.list_checkpoints()?;
            let mut lines: Vec<String> = list.iter().map(line).collect();
            if lines.is_empty() {
                lines.push("nothing has landed yet, and no checkpoint was made".to_owned());
            }
            Ok(Answer::new(json!({ "checkpoints": list }), lines))
        }
    }
}

fn line(one: &CheckpointLine) -> String {
    let what = match (one.landing, one.undone) {
        (true, true) => "landing, rolled back",
        (true, false) => "before this landing",
        _ => "checkpoint",
    };
    let commit = super::short(&one.commit);
    let ago = paint(FAINT, text::ago(one.at));
    format!("{}  {} {commit}  {what}, by {}  {ago}", paint(STRONG, &one.name), one.target, one.by)
}

/// Runs `rollback`.
pub fn rollback(app: &App, args: &RollbackArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let integrator = super::integrator(app, store)?;
    let later = args.later.map(|later| match later {
        LaterArg::Drop => Later::Drop,
        LaterArg::Keep => Later::Keep,
    });
    let back = Back { to: args.to.clone(), later, revert: args.revert, dry_run: args.dry_run };
    let report = integrator.roll_back(&back)?;
    let data = serde_json::to_value(&report).unwrap_or_default();
    Ok(Answer::new(data, lines(&report, args)))
}

fn lines(report: &BackReport, args: &RollbackArgs) -> Vec<String> {
    let (from, to) = (super::short(&report.from), super::short(&report.to));
    if report.from == report.to {
        return vec![format!("{} is as it was before {} already", report.branch, args.to)];
    }
    let verb = match (args.dry_run, report.reverted) {
        (true, _) => "would roll back",
        (false, true) => "reverted",
        (false, false) => "rolled back",
    };
    let mut lines = vec![format!(
        "{} {}: {} is at {to}, was at {from}",
        paint(GOOD, verb),
        report.landings.join(", "),
        report.branch
    )];
    if !report.kept.is_empty() {
        lines.push(format!("kept {}", report.kept.join(", ")));
    }
    if let Some(aside) = report.aside.as_ref().filter(|_| !args.dry_run) {
        lines.push(format!("what was taken off stays on branch {aside}"));
    }
    if !report.reopened.is_empty() {
        let items: Vec<&str> = report.reopened.iter().map(|item| item.as_str()).collect();
        lines.push(format!("not landed again: {}", items.join(" ")));
    }
    for one in &report.infected {
        let name = one.session.as_deref().unwrap_or(&one.branch);
        let what = "has these commits and would land them again";
        lines.push(format!("{} {name} {what}", paint(WARN, "look out:")));
    }
    lines
}
