//! `progress`.

use clap::Args;
use serde_json::{Map, json};

use crate::client::Client;
use crate::model::plan_op::PlanOp;
use crate::model::{ItemId, Op, Outcome, SessionName, item_index};
use crate::planning::{self, PlanError};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::hook::write_note;
use crate::cli::output::{Answer, GOOD, paint};

/// Record progress as a note on the current commit
#[derive(Debug, Args)]
pub struct ProgressArgs {
    /// What has been done, what comes next
    #[arg(value_name = "TEXT", required_unless_present_any = ["percent", "milestone"])]
    text: Option<String>,
    /// Percentage done
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: Option<u8>,
    /// A milestone of this session's workstream that is reached
    #[arg(long, value_name = "ID", conflicts_with = "item")]
    milestone: Option<String>,
    /// Which item it is about
    #[arg(long, value_name = "ITEM")]
    item: Option<ItemId>,
}

/// Runs `progress`.
pub fn progress(app: &App, args: &ProgressArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let name = app.place.session()?;
    let session = client.alive(&name)?;
    let item = args.item.as_ref().map(|word| client.held_item_id(Some(&session), word)).transpose()?;
    if let Some(item) = item.as_ref().filter(|i| session.item_lease(i).is_none()) {
        let known = store.read(|view| item_index::find(view, item))?.is_some();
        if !known {
            return Err(CliError::from_refusal(Outcome::Unknown {
                what: "item".into(),
                name: item.to_string(),
            }));
        }
    }
    let workstream = report(&client, args, &name)?;
    let commit = app.place.repo.git().args(["rev-parse", "--verify", "-q", "HEAD^{commit}"]).optional()?;
    let mut words = Vec::new();
    let mut data = Map::new();
    if let Some(item) = &item {
        words.push(format!("item {item}"));
        data.insert("items".into(), json!([item]));
    }
    if let Some(percent) = args.percent {
        words.push(format!("{percent}%"));
        data.insert("percent".into(), json!(percent));
    }
    if let Some(milestone) = &args.milestone {
        words.push(format!("reached {milestone}"));
    }
    if let Some(text) = &args.text {
        words.push(text.clone());
        data.insert("text".into(), json!(text));
    }
    if let Some(commit) = &commit {
        data.insert("commit".into(), json!(commit));
    }
    let said = words.join(" ").replace('\n', " ");
    client.record(&Op::Record {
        session: Some(name.clone()),
        event: crate::model::EventKind::Progress.into(),
        data,
    })?;
    if let Some(commit) = &commit {
        write_note(app, &name, commit, &format!("{} {name} progress: {said}", crate::clock::now()))?;
    }
    let text = format!("{} {said}", paint(GOOD, "noted"));
    let data = json!({
        "commit": commit, "text": args.text, "percent": args.percent, "item": item, "workstream": workstream,
    });
    Ok(Answer::new(data, text))
}

/// What is said about no item is said about the session's workstream, where a plan is in force.
fn report(client: &Client, args: &ProgressArgs, name: &SessionName) -> CliResult<Option<String>> {
    let state = match planning::current(&client.store) {
        Ok(state) if args.item.is_none() && state.applied.archived.is_none() => Some(state),
        Ok(_) | Err(PlanError::None) => None,
        Err(error) => return Err(error.into()),
    };
    let workstream = state.as_ref().and_then(|s| s.workstream_of(name)).map(str::to_owned);
    let Some(id) = &workstream else {
        if args.milestone.is_some() {
            return Err(PlanError::NoWorkstream { session: name.clone() }.into());
        }
        return Ok(None);
    };
    let report = PlanOp::Report {
        workstream: id.clone(),
        session: name.clone(),
        percent: args.percent.map(u32::from),
        text: args.text.clone(),
        milestone: args.milestone.clone(),
    };
    client.submit(&Op::Plan(report), None)?;
    Ok(workstream)
}
