//! `submit`, `block` and `unblock`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, GOOD, STRONG, paint};
use crate::model::Op;
use crate::model::plan_op::PlanOp;
use crate::planning::{self, PlanError};

/// Say that the checked-out commit of this workstream is to be merged
///
/// The workstream's branch must be checked out, with nothing uncommitted, and change only paths
/// that other workstreams do not own.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// Take it back
    #[arg(long)]
    withdraw: bool,
}

/// Say what this workstream waits for
#[derive(Debug, Args)]
pub struct BlockArgs {
    /// What it is
    #[arg(value_name = "TEXT", value_parser = crate::cli::text::parse_line)]
    text: String,
    /// The workstream that it comes from
    #[arg(long, value_name = "ID")]
    by: Option<String>,
}

/// Say that this workstream goes on
#[derive(Debug, Args)]
pub struct UnblockArgs {}

/// Runs `submit`.
pub fn submit(app: &App, args: &SubmitArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let answer = if args.withdraw { planning::withdraw(&client)? } else { planning::submit(&client)? };
    let id = paint(STRONG, &answer.workstream);
    let text = match &answer.commit {
        Some(commit) => {
            format!("{} {id} at {}", paint(GOOD, "submitted"), commit.get(..10).unwrap_or(commit))
        }
        None => format!("{id} is not submitted any longer"),
    };
    Ok(Answer::new(json!(answer), text))
}

/// Runs `block`.
pub fn block(app: &App, args: &BlockArgs) -> CliResult<Answer> {
    set(app, Some(args.text.clone()), args.by.clone())
}

/// Runs `unblock`.
pub fn unblock(app: &App) -> CliResult<Answer> {
    set(app, None, None)
}

fn set(app: &App, text: Option<String>, by: Option<String>) -> CliResult<Answer> {
    let client = app.client()?;
    let state = super::plan::current(&client)?;
    if let Some(id) = by.as_ref().filter(|id| state.plan().workstream(id).is_none()) {
        return Err(PlanError::Unknown { what: "workstream", name: id.clone() }.into());
    }
    let (workstream, session) = (planning::workstream_of(&client, &state)?, client.session()?);
    let blocked = text.is_some();
    client.submit(&Op::Plan(PlanOp::Block { workstream: workstream.clone(), session, text, by }), None)?;
    let affected = state.standing(crate::clock::now()).affected(&workstream);
    let list: Vec<Value> = affected.iter().map(|id| json!({ "id": id })).collect();
    let text = match (blocked, affected.is_empty()) {
        (true, true) => format!("{workstream} is blocked; nothing waits for it"),
        (true, false) => format!("{workstream} is blocked, and with it {}", affected.join(", ")),
        (false, _) => format!("{workstream} goes on"),
    };
    Ok(Answer::new(json!({ "workstream": workstream, "affected": list }), text))
}
