//! `next`, `done`, `fail`, `drop`, `renew`.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::model::filter::Filter;
use crate::model::op::{EmptyReason, Finish, RenewWhat, TakeNext};
use crate::model::{Item, ItemId, ItemState, Op, Outcome, QueueName};

use super::app::App;
use super::args::Ttl;
use super::error::{CliError, CliResult};
use super::output::{Answer, BAD, FAINT, GOOD, STRONG, WARN, paint};
use super::text;

/// See the command's help.
#[derive(Debug, Args)]
pub struct NextArgs {
    /// Take from this queue only; may be given several times
    #[arg(long = "queue", value_name = "Q")]
    queues: Vec<QueueName>,
    /// Take up to this many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    #[command(flatten)]
    ttl: Ttl,
    /// Stay in line until there is an item, at most this long
    #[arg(long, value_name = "D", value_parser = text::parse_duration)]
    wait: Option<u64>,
}

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

/// The content of an item for JSON, to which the caller adds where it stands.
pub fn item_json(item: &Item, queue: &QueueName, priority: u32) -> Map<String, Value> {
    let mut map = match serde_json::to_value(item) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    map.insert("queue".into(), json!(queue));
    map.insert("priority".into(), json!(priority));
    map.insert("files".into(), json!(item.files));
    map
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

/// Why there is nothing to take, in words.
fn reason_text(reason: &EmptyReason) -> String {
    match reason {
        EmptyReason::NoQueue => "there is no queue; fill one with: git coord queue import FILE".into(),
        EmptyReason::AllDone => "everything is finished".into(),
        EmptyReason::Waiting { claimed, blocked, files_held, outside_area } => {
            let part = |n: &u64, words: &str| (*n > 0).then(|| format!("{n} {words}"));
            let parts: Vec<String> = [
                part(claimed, "with other sessions or already yours"),
                part(blocked, "waiting for other items"),
                part(files_held, "on files that others hold"),
                part(outside_area, "outside this session's area"),
            ]
            .into_iter()
            .flatten()
            .collect();
            format!("nothing is free: {}", parts.join(", "))
        }
    }
}

/// Runs `next`.
pub fn next(app: &App, args: &NextArgs) -> CliResult<Answer> {
    let store = app.store()?;
    let session = app.session()?;
    let op = Op::Next(TakeNext {
        session: session.clone(),
        queues: args.queues.clone(),
        count: args.count as usize,
        ttl: args.ttl.ttl.unwrap_or(app.settings.ttl),
        filter: Filter::default(),
    });
    let outcome = app.submit(&store, &op, args.wait)?;
    store.touch_session(&session);
    let Outcome::Taken { items, reason } = outcome else { return Err(CliError::from_refusal(outcome)) };
    let mut lines = Vec::new();
    for taken in &items {
        let again = if taken.attempt > 1 { format!(", attempt {}", taken.attempt) } else { String::new() };
        let facts = format!("({}, for {}{again})", taken.queue, text::until(taken.expires));
        lines.push(format!(
            "{}  {} {}",
            paint(STRONG, &taken.item.id),
            taken.item.title,
            paint(FAINT, facts)
        ));
        lines.extend(taken.item.files.iter().map(|f| match taken.item.line {
            Some(line) if taken.item.files.first() == Some(f) => format!("    {f}:{line}"),
            _ => format!("    {f}"),
        }));
    }
    let list: Vec<Value> = items.iter().map(crate::runner::item_json).collect();
    let data = json!({ "items": list, "empty_reason": reason.as_ref().map(reason_text) });
    let answer = Answer::new(data, lines.join("\n"));
    Ok(match &reason {
        Some(reason) if items.is_empty() => answer.note(reason_text(reason)),
        _ => answer,
    })
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
    let op = Op::Finish { session: session.clone(), items: items.to_vec(), how };
    let outcome = app.submit(&store, &op, None)?;
    store.touch_session(&session);
    let Outcome::Finished { items, unblocked } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    let lines: Vec<String> =
        items.iter().map(|(id, state)| format!("{} {id}", paint(state_style(*state), state))).collect();
    let list: Vec<Value> = items.iter().map(|(id, state)| json!({ "id": id, "state": state })).collect();
    let answer = Answer::new(json!({ "items": list, "unblocked": unblocked }), lines.join("\n"));
    Ok(match unblocked.len() {
        0 => answer,
        n => answer.note(format!("{} can start now", text::count(n, "item"))),
    })
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
