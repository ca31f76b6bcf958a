//! `done`, `fail`, `drop`, `renew`.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::model::op::{Finish, RenewWhat};
use crate::model::{ItemId, ItemState, Op, Outcome, why};

use super::app::App;
use super::args::Ttl;
use super::error::{CliError, CliResult};
use super::output::{Answer, BAD, GOOD, WARN, paint};
use super::text;

/// See the command's help.
#[derive(Debug, Args)]
pub struct DoneArgs {
    /// Items that this session holds
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<ItemId>,
}

/// See the command's help.
#[derive(Debug, Args)]
pub struct FailArgs {
    /// Items that this session holds
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<ItemId>,
    /// Say why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Allow no further attempt
    #[arg(long = "final")]
    last: bool,
}

/// See the command's help.
#[derive(Debug, Args)]
pub struct DropArgs {
    /// Items that this session holds
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<ItemId>,
}

/// See the command's help.
#[derive(Debug, Args)]
pub struct RenewArgs {
    /// Paths or items that this session holds
    #[arg(value_name = "PATH|ITEM")]
    what: Vec<String>,
    /// Everything that this session holds (also without any path or item)
    #[arg(long, conflicts_with = "what")]
    all: bool,
    #[command(flatten)]
    ttl: Ttl,
}

/// The style of a state.
pub fn state_style(state: ItemState) -> anstyle::Style {
    match state {
        ItemState::Pending => anstyle::Style::new(),
        ItemState::Blocked | ItemState::Claimed => WARN,
        ItemState::Done => GOOD,
        ItemState::Failed => BAD,
    }
}

/// Runs `done`.
pub fn done(app: &App, args: &DoneArgs) -> CliResult<Answer> {
    finish(app, &args.items, Finish::Done)
}

/// Runs `fail`.
pub fn fail(app: &App, args: &FailArgs) -> CliResult<Answer> {
    finish(app, &args.items, Finish::Fail { reason: args.reason.clone(), last: args.last })
}

/// Runs `drop`.
pub fn drop_items(app: &App, args: &DropArgs) -> CliResult<Answer> {
    finish(app, &args.items, Finish::Drop)
}

fn finish(app: &App, items: &[ItemId], how: Finish) -> CliResult<Answer> {
    let store = app.store()?;
    let session = app.session()?;
    let op = Op::Finish { session: session.clone(), items: items.to_vec(), how, lease: None };
    let outcome = app.submit(&store, &op, None)?;
    store.touch_session(&session);
    let Outcome::Finished { items, unblocked } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    let lines: Vec<String> =
        items.iter().map(|(id, state)| format!("{} {id}", paint(state_style(*state), state))).collect();
    let list: Vec<Value> = items.iter().map(|(id, state)| json!({ "id": id, "state": state })).collect();
    let mut answer = Answer::new(json!({ "items": list, "unblocked": unblocked }), lines);
    if !unblocked.is_empty() {
        answer = answer.note(format!("{} can start now", text::count(unblocked.len(), "item")));
    }
    // What waits for an item that was given up waits for ever, unless somebody is told.
    let failed = items.iter().filter(|(_, state)| *state == ItemState::Failed);
    let mut held_up = Map::new();
    for (id, _) in failed {
        let held = store.read(|view| why::held_up(view, id))?;
        if held.total > 0 {
            answer = answer.note(format!("{id} holds up {}", super::why::held_up_text(&held)));
            held_up.insert(id.to_string(), super::why::held_up_json(&held));
        }
    }
    if !held_up.is_empty() {
        answer.data["held_up"] = Value::Object(held_up);
    }
    Ok(answer)
}

/// Runs `renew`.
pub fn renew(app: &App, args: &RenewArgs) -> CliResult<Answer> {
    let store = app.store()?;
    let session = app.session()?;
    let what = if args.what.is_empty() {
        RenewWhat::All
    } else {
        let record = app.alive(&store, &session)?;
        let mut paths = Vec::new();
        let mut items = Vec::new();
        for word in &args.what {
            // An item that is held is meant before a path of the same name.
            match ItemId::parse(word) {
                Ok(id) if record.item_lease(&id).is_some() || record.item_loss(&id).is_some() => {
                    items.push(id)
                }
                _ => paths.push(app.repo.repo_path(Path::new(word))?),
            }
        }
        RenewWhat::These { paths, items }
    };
    let outcome =
        app.submit(&store, &Op::Renew { session: session.clone(), what, ttl: args.ttl.ttl }, None)?;
    store.touch_session(&session);
    let Outcome::Renewed { leases } = outcome else { return Err(CliError::from_refusal(outcome)) };
    let list: Vec<Value> =
        leases.iter().map(|(id, expires)| json!({ "lease": id, "expires": expires.to_string() })).collect();
    let text = match leases.iter().map(|(_, expires)| *expires).min() {
        Some(first) => {
            format!("renewed {}, for {}", text::count(leases.len(), "lease"), text::until(first))
        }
        None => "nothing to renew".to_owned(),
    };
    Ok(Answer::new(json!({ "renewed": list }), text))
}
